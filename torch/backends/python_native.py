"""Kernels written in Python: not used by this build."""
