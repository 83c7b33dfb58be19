"""What generated code of traced functions with nested inputs calls."""

from torch.utils import _pytree as pytree

__all__ = ["tree_flatten_spec", "register_pytree_flatten_spec"]

_FLATTEN = {}


def register_pytree_flatten_spec(cls, flatten_fn_spec, flatten_fn_exact_match_spec=None):
    """How the children of a `cls` that are named in a TreeSpec are found: ``flatten_fn_spec(obj, spec) -> list``."""
    _FLATTEN[cls] = flatten_fn_spec


def tree_flatten_spec(tree, spec):
    """The leaves of `tree` where a tree of the shape `spec` has them; containers may hold more, which is left out.

    Raises RuntimeError for a container of another kind and KeyError or IndexError for missing members.
    """
    if spec.is_leaf():
        return [tree]
    if spec.type in _FLATTEN:
        children = _FLATTEN[spec.type](tree, spec)
    elif spec.type in (dict,):
        children = [tree[key] for key in spec.context]
    elif spec.type in (list, tuple):
        children = [tree[i] for i in range(spec.num_children)]
    else:
        if spec.type not in pytree.SUPPORTED_NODES:
            raise RuntimeError(f"{type(tree)} does not have a flatten_fn_spec associated with it.")
        children = pytree.SUPPORTED_NODES[spec.type].flatten_fn(tree)[0]
    return [leaf for child, child_spec in zip(children, spec.children_specs) for leaf in tree_flatten_spec(child, child_spec)]
