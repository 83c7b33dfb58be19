"""Descriptions of operators for tests: names, dtypes, sample inputs."""

from torch.testing._internal.opinfo import core

__all__ = ["core"]
