"""Call a module with other parameters than its own."""

import contextlib

__all__ = ["functional_call"]


def _set(module, path, value):
    """Put `value` where the tensor `path` of the tree is; returns what was there."""
    owner_path, _, name = path.rpartition(".")
    owner = module.get_submodule(owner_path)
    for registry in (owner._parameters, owner._buffers):
        if name in registry:
            previous, registry[name] = registry[name], value
            return previous
    raise KeyError(path)


def _tied(module, named):
    """Give every other name of the same tensor the replacement too. Raises ValueError when two names disagree."""
    names = {}
    for iterator in (module.named_parameters, module.named_buffers):
        for name, tensor in iterator(remove_duplicate=False):
            names.setdefault(id(tensor), []).append(name)
    result = dict(named)
    for group in names.values():
        given = [name for name in group if name in named]
        if len({id(named[name]) for name in given}) > 1:
            raise ValueError(f"functional_call got multiple values for keys {sorted(given)}, which are tied. Consider using "
                             "tie_weights=False")
        for name in group if given else ():
            result.setdefault(name, named[given[0]])
    return result


@contextlib.contextmanager
def _reparametrize_module(module, parameters_and_buffers, *, tie_weights=False, strict=False, stack_weights=False):
    known = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    known |= {name for name, _ in module.named_buffers(remove_duplicate=False)}
    unexpected, missing = set(parameters_and_buffers) - known, known - set(parameters_and_buffers)
    if strict and (unexpected or missing):
        raise RuntimeError(f"Error(s) in reparametrizing for {type(module).__name__}: unexpected {sorted(unexpected)}, "
                           f"missing {sorted(missing)}")
    replaced = _tied(module, parameters_and_buffers) if tie_weights else dict(parameters_and_buffers)
    previous = {name: _set(module, name, tensor) for name, tensor in replaced.items() if name in known}
    try:
        yield
    finally:
        for name, tensor in previous.items():
            parameters_and_buffers_name = name in parameters_and_buffers
            current = _set(module, name, tensor)
            if parameters_and_buffers_name and isinstance(parameters_and_buffers, dict):
                parameters_and_buffers[name] = current


def functional_call(module, parameters_and_buffers, args=None, kwargs=None, *, tie_weights=True, strict=False):
    """`module(*args, **kwargs)` with the named parameters and buffers in place of its own.

    Args:
        parameters_and_buffers: a dict of dotted names, or a tuple of such dicts.
        tie_weights: a replacement counts for every name of the same tensor.
        strict: all names, and no others, must be given.
    """
    if isinstance(parameters_and_buffers, (tuple, list)):
        merged = {}
        for part in parameters_and_buffers:
            if repeated := merged.keys() & part.keys():
                raise ValueError(f"{next(iter(repeated))} appeared in multiple dictionaries; behavior of functional call is "
                                 "ambiguous")
            merged.update(part)
        parameters_and_buffers = merged
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _reparametrize_module(module, parameters_and_buffers, tie_weights=tie_weights, strict=strict):
        return module(*args, **(kwargs or {}))


