"""Arm's KleidiAI kernels: not used by this build."""

__all__ = ["is_available"]


def is_available():
    """False."""
    return False
