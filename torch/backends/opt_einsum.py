"""The package opt_einsum, which finds good orders of contraction: not used by this build."""

__all__ = ["is_available", "get_opt_einsum"]

enabled = False
strategy = None


def is_available():
    """False."""
    return False


def get_opt_einsum():
    """None."""
    return None
