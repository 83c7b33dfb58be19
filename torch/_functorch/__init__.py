"""Transforms of functions, behind `torch.func`."""
