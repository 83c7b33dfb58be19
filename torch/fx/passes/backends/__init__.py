"""Partitions for particular backends."""
