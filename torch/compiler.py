"""Control of :func:`torch.compile`. This build runs compiled functions as they are written."""

import contextlib

__all__ = ["compile", "is_compiling", "is_dynamo_compiling", "is_exporting", "disable", "reset", "allow_in_graph",
           "assume_constant_result", "list_backends", "cudagraph_mark_step_begin", "set_stance"]


def compile(*args, **kwargs):
    """See :func:`torch.compile`."""
    import torch

    return torch.compile(*args, **kwargs)


def is_compiling():
    """Whether code is being compiled: no."""
    return False


def is_dynamo_compiling():
    """Whether code is being captured: no."""
    return False


def is_exporting():
    """Whether code is being exported: no."""
    return False


def disable(fn=None, recursive=True, *, reason=None):
    """Decorator: never compile this function."""
    return (lambda function: function) if fn is None else fn


def allow_in_graph(fn):
    """Decorator: take this function into graphs as a whole."""
    return fn


def assume_constant_result(fn):
    """Decorator: the function's result may be taken as constant."""
    return fn


def reset():
    """Forget all compiled code."""


def list_backends(exclude_tags=()):
    """Names of the backends."""
    return ["eager"]


def cudagraph_mark_step_begin():
    """Mark the start of a step."""


class set_stance(contextlib.ContextDecorator):
    """How functions under :func:`torch.compile` run; in this build always as written."""

    def __init__(self, stance="default", *, skip_guard_eval_unsafe=False, force_backend=None):
        self.stance = stance

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False
