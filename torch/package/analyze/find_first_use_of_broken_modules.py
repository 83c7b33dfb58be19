"""Where an archive first needs a module that could not be packaged."""

__all__ = ["find_first_use_of_broken_modules"]


def find_first_use_of_broken_modules(exc):
    """{module: a chain of modules from what was saved to it} for the modules a `PackagingError` names. AssertionError for another exception."""
    from torch.package import PackagingError

    if not isinstance(exc, PackagingError):
        raise AssertionError(f"exc must be a PackagingError, but got {type(exc).__name__}")
    return {name: exc.dependency_graph.first_path(name) for name in exc.broken}
