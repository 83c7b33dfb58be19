"""Settings for reproducible runs."""

__all__ = ["fill_uninitialized_memory"]

fill_uninitialized_memory = True
