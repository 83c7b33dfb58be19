"""Passes, their manager, and partitioning."""
