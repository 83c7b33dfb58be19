"""Calls of Python functions are noted by `with_stack`; there is no tracer of its own."""
