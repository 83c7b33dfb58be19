"""Newer parts of torch.fx, whose interfaces may change."""
