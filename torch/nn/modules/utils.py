"""Small helpers shared by the modules."""

from .._tuples import tuple_of

_ntuple = tuple_of
_single, _pair, _triple, _quadruple = (tuple_of(count) for count in (1, 2, 3, 4))


def _reverse_repeat_tuple(values, times):
    """(a, b) -> (b, b, a, a): padding of each dimension in the order `pad` wants it, last dimension first."""
    return tuple(value for value in reversed(values) for _ in range(times))


def consume_prefix_in_state_dict_if_present(state_dict, prefix):
    """Strip ``prefix`` from every key (and metadata key) of a state dict, in place.

    Useful for files saved from a wrapped model, whose keys start with ``module.``.
    """
    for key in list(state_dict):
        if key.startswith(prefix):
            state_dict[key[len(prefix):]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", {})
    for key in list(metadata):
        if key.startswith(prefix):
            metadata[key[len(prefix):]] = metadata.pop(key)
        elif key == prefix.replace(".", ""):
            metadata[""] = metadata.pop(key)
