"""Context managers that also decorate functions, generators and classes."""

from __future__ import annotations

import functools
import sys
import warnings

__all__ = ["context_decorator"]


def _wrap_generator(make_context, func):
    """The context is on whenever the generator runs, and off between its yields."""

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        generator = func(*args, **kwargs)
        try:
            with make_context():
                response = generator.send(None)
            while True:
                try:
                    request = yield response
                except GeneratorExit:
                    with make_context():
                        generator.close()
                    raise
                except BaseException:
                    with make_context():
                        response = generator.throw(*sys.exc_info())
                else:
                    with make_context():
                        response = generator.send(request)
        except StopIteration as stop:
            return stop.value

    return wrapper


def _is_generator_function(func):
    while isinstance(func, functools.partial):
        func = func.func
    code = getattr(func, "__code__", None)
    return code is not None and bool(code.co_flags & 0x20)   # inspect.CO_GENERATOR; inspect itself is slow to import


def context_decorator(ctx, func):
    """`func` run inside of ``ctx``: a context manager, or a function that makes one for each call."""
    if callable(ctx) and hasattr(ctx, "__enter__"):
        raise TypeError(f"Passed in {ctx} is both callable and also a valid context manager (has __enter__), making it ambiguous which "
                        "interface to use. If you intended to pass a context manager factory, rewrite your call as "
                        "context_decorator(lambda: ctx()); if you intended to pass a context manager directly, rewrite your call as "
                        "context_decorator(lambda: ctx)")
    make_context = ctx if callable(ctx) else lambda: ctx
    if isinstance(func, type):
        raise RuntimeError("Cannot decorate classes; it is ambiguous whether or not only the constructor or all methods should have the "
                           "context manager applied; additionally, decorating a class at definition-site will prevent use of the "
                           "identifier as a conventional type. To specify which methods to decorate, decorate each of them individually.")
    if _is_generator_function(func):
        return _wrap_generator(make_context, func)

    @functools.wraps(func)
    def decorate_context(*args, **kwargs):
        with make_context():
            return func(*args, **kwargs)

    return decorate_context


class _DecoratorContextManager:
    """Base of context managers that may be used as decorators."""

    def __call__(self, orig_func):
        if isinstance(orig_func, type):
            warnings.warn("Decorating classes is deprecated and will be disabled in future versions. You should only decorate functions or "
                          "methods. To preserve the current behavior of class decoration, you can directly decorate the `__init__` method "
                          "and nothing else.", FutureWarning, stacklevel=2)
            func = lambda *args, **kwargs: orig_func(*args, **kwargs)  # noqa: E731
        else:
            func = orig_func
        return context_decorator(self.clone, func)

    def __enter__(self) -> None:
        raise NotImplementedError(f"{type(self).__name__} must define __enter__")

    def __exit__(self, exc_type, exc_value, traceback) -> None:
        raise NotImplementedError(f"{type(self).__name__} must define __exit__")

    def clone(self):
        """Another one with the same settings: each decorated call gets its own."""
        return self.__class__()


class _NoParamDecoratorContextManager(_DecoratorContextManager):
    """Likewise of those without parameters: ``@no_grad`` decorates as ``@no_grad()`` does."""

    def __new__(cls, orig_func=None):
        if orig_func is None:
            return super().__new__(cls)
        return cls()(orig_func)
