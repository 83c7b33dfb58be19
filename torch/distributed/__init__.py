"""Work in several processes. This build has no communication: the queries say so."""

__all__ = ["is_available", "is_initialized", "is_backend_available", "is_torchelastic_launched", "get_rank",
           "get_world_size", "init_process_group", "destroy_process_group"]


def is_available():
    """False."""
    return False


def is_initialized():
    """False: there is no process group."""
    return False


def is_backend_available(backend):
    """False for every backend."""
    return False


def is_torchelastic_launched():
    """Whether this process was started by torchrun."""
    import os

    return os.environ.get("TORCHELASTIC_RUN_ID") is not None


def get_rank(group=None):
    """Raises ValueError: there is no process group."""
    raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")


def get_world_size(group=None):
    """Raises ValueError: there is no process group."""
    return get_rank(group)


def init_process_group(*args, **kwargs):
    """Raises RuntimeError: this build has no communication between processes."""
    raise RuntimeError("torch.distributed is not available in this build; torch.distributed.is_available() tells")


def destroy_process_group(group=None):
    """Does nothing: there is no process group."""
