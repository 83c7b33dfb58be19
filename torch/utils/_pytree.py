"""Trees of containers: flatten a nesting of dicts, lists, tuples into its leaves, and put leaves back.

Example::

    >>> leaves, spec = tree_flatten({"a": [1, 2], "b": 3})
    >>> tree_unflatten([10 * x for x in leaves], spec)
    {'a': [10, 20], 'b': 30}
"""

import functools
import json
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable
from typing import Any

import torch

__all__ = [
    "PyTree", "Context", "FlattenFunc", "UnflattenFunc", "TreeSpec", "LeafSpec", "register_constant", "register_dataclass", "register_pytree_node", "is_constant_class", "tree_flatten",
    "tree_flatten_with_path", "tree_unflatten", "tree_iter", "tree_leaves", "tree_leaves_with_path", "tree_structure",
    "tree_map", "tree_map_with_path", "tree_map_", "tree_map_only", "tree_map_only_", "tree_all", "tree_any", "tree_all_only",
    "tree_any_only", "tree_is_leaf", "treespec_dumps", "treespec_loads", "treespec_pprint", "is_namedtuple", "is_namedtuple_class",
    "is_namedtuple_instance", "is_structseq", "is_structseq_class", "is_structseq_instance", "keystr", "key_get", "FlattenFn", "UnflattenFn",
    "DumpableContext", "ToDumpableContextFn", "FromDumpableContextFn", "PyTreeSpec",
]

PyTree = Context = DumpableContext = Any
FlattenFunc = FlattenFn = Callable[[PyTree], "tuple[list[Any], Context]"]
UnflattenFunc = UnflattenFn = Callable[[Iterable[Any], Context], PyTree]
ToDumpableContextFn = Callable[[Context], DumpableContext]
FromDumpableContextFn = Callable[[DumpableContext], Context]

NodeDef = namedtuple("NodeDef", ["type", "flatten_fn", "unflatten_fn", "flatten_with_keys_fn"])
SUPPORTED_NODES = {}
SUPPORTED_SERIALIZED_TYPES = {}
STANDARD_DICT_TYPES = frozenset({dict, OrderedDict, defaultdict})
_Serialization = namedtuple("_Serialization", ["name", "dump", "load"])


class SequenceKey(namedtuple("SequenceKey", ["idx"])):
    """The place ``[idx]`` of a list or tuple."""

    def __str__(self):
        return f"[{self.idx!r}]"

    def get(self, sequence):
        """The item at this place."""
        return sequence[self.idx]


class MappingKey(namedtuple("MappingKey", ["key"])):
    """The place ``[key]`` of a dict."""

    def __str__(self):
        return f"[{self.key!r}]"

    def get(self, mapping):
        """The item at this place."""
        return mapping[self.key]


class GetAttrKey(namedtuple("GetAttrKey", ["name"])):
    """The place ``.name`` of an object."""

    def __str__(self):
        return f".{self.name}"

    def get(self, obj):
        """The attribute at this place."""
        return getattr(obj, self.name)


def register_pytree_node(cls, flatten_fn, unflatten_fn, *, serialized_type_name=None, to_dumpable_context=None,
                         from_dumpable_context=None, flatten_with_keys_fn=None):
    """Make `cls` a container: ``flatten_fn(obj) -> (children, context)``, ``unflatten_fn(children, context) -> obj``."""
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    SUPPORTED_NODES[cls] = NodeDef(cls, flatten_fn, unflatten_fn, flatten_with_keys_fn)
    SUPPORTED_SERIALIZED_TYPES[cls] = _Serialization(serialized_type_name, to_dumpable_context, from_dumpable_context)


_register_pytree_node = register_pytree_node


def _sequence(cls, make=None):
    make = make or cls
    register_pytree_node(
        cls, lambda items: (list(items), None), lambda items, _: make(items), serialized_type_name=_builtin_name(cls),
        flatten_with_keys_fn=lambda items: ([(SequenceKey(i), item) for i, item in enumerate(items)], None))


def _builtin_name(cls):
    return f"{cls.__module__}.{cls.__qualname__}"


def _located(obj):
    return {"default_factory_module": obj.__module__, "default_factory_name": obj.__qualname__}


def _find(module, name):
    import importlib

    found = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _dump_namedtuple(cls):
    if cls not in SUPPORTED_SERIALIZED_TYPES or SUPPORTED_SERIALIZED_TYPES[cls].name is None:
        raise NotImplementedError(f"Can't serialize TreeSpec of namedtuple class {cls} because we didn't register a serializated_type_name. Please "
                                  "register it with a serialized_type_name")
    return SUPPORTED_SERIALIZED_TYPES[cls].name


def _load_namedtuple(name):
    return next(cls for cls, how in SUPPORTED_SERIALIZED_TYPES.items() if how.name == name)


def _mapping(cls, make):
    register_pytree_node(
        cls, lambda mapping: (list(mapping.values()), list(mapping)), lambda items, keys: make(zip(keys, items)),
        serialized_type_name=_builtin_name(cls),
        flatten_with_keys_fn=lambda mapping: ([(MappingKey(k), v) for k, v in mapping.items()], list(mapping)))


_sequence(list)
_sequence(tuple)
_sequence(torch.Size, tuple)
_mapping(dict, dict)
_mapping(OrderedDict, OrderedDict)
register_pytree_node(
    namedtuple, lambda items: (list(items), type(items)), lambda items, cls: cls(*items),
    serialized_type_name="collections.namedtuple", to_dumpable_context=_dump_namedtuple, from_dumpable_context=_load_namedtuple,
    flatten_with_keys_fn=lambda items: ([(GetAttrKey(name), getattr(items, name)) for name in items._fields], type(items)))
register_pytree_node(
    defaultdict, lambda mapping: (list(mapping.values()), [mapping.default_factory, list(mapping)]),
    lambda items, context: defaultdict(context[0], zip(context[1], items)), serialized_type_name="collections.defaultdict",
    to_dumpable_context=lambda context: {**_located(context[0]), "dict_context": context[1]},
    from_dumpable_context=lambda c: [_find(c["default_factory_module"], c["default_factory_name"]), c["dict_context"]],
    flatten_with_keys_fn=lambda mapping: ([(MappingKey(k), v) for k, v in mapping.items()],
                                          [mapping.default_factory, list(mapping)]))
register_pytree_node(
    deque, lambda items: (list(items), items.maxlen), lambda items, maxlen: deque(items, maxlen=maxlen), serialized_type_name="collections.deque",
    flatten_with_keys_fn=lambda items: ([(SequenceKey(i), item) for i, item in enumerate(items)], items.maxlen))

# Other packages flatten their own containers by the rules of these: _dict_flatten, _dict_unflatten, _dict_flatten_with_keys, ...
for _kind in (list, tuple, dict, OrderedDict, namedtuple, defaultdict, deque):
    _word, _definition = _kind.__name__.lower(), SUPPORTED_NODES[_kind]
    globals().update({f"_{_word}_flatten": _definition.flatten_fn, f"_{_word}_unflatten": _definition.unflatten_fn,
                      f"_{_word}_flatten_with_keys": _definition.flatten_with_keys_fn})


def register_dataclass(cls, *, field_names=None, drop_field_names=None, serialized_type_name=None):
    """Make a dataclass a container of its fields that are not None. `field_names` for the children, `drop_field_names` for those left to defaults.

    Raises ValueError unless the two name every field that __init__ takes, or where `cls` is no dataclass and there are no `field_names`.
    """
    import dataclasses

    dropped = list(drop_field_names or [])
    if field_names is None:
        if not dataclasses.is_dataclass(cls):
            raise ValueError(f"field_names must be specified with a list of all fields used to initialize {cls}, as it is not a dataclass.")
        field_names = [f.name for f in dataclasses.fields(cls) if f.init and f.name not in dropped]
    if dataclasses.is_dataclass(cls):
        wanted = {f.name for f in dataclasses.fields(cls) if f.init} - set(dropped)
        missing, unexpected = wanted - set(field_names), set(field_names) - wanted
        text = (f"Missing fields in `field_names`: {missing}. If you want to include these fields in the pytree, please add them to `field_names`, "
                "otherwise please add them to `drop_field_names`.\n" if missing else "")
        text += f"Unexpected fields in `field_names`: {unexpected}. Please remove these fields, or add them to `drop_field_names`.\n" if unexpected else ""
        if text:
            raise ValueError(f"field_names does not include all dataclass fields.\n{text}")

    def split(obj):
        values = [(name, getattr(obj, name)) for name in field_names]
        present = [(name, value) for name, value in values if value is not None]
        return present, [[name for name, _ in present], [name for name, value in values if value is None]]

    def flatten(obj):
        present, context = split(obj)
        return [value for _, value in present], context

    def flatten_with_keys(obj):
        present, context = split(obj)
        return [(GetAttrKey(name), value) for name, value in present], context

    def unflatten(values, context):
        return cls(**dict(zip(context[0], values)), **dict.fromkeys(context[1]))

    register_pytree_node(cls, flatten, unflatten, serialized_type_name=serialized_type_name, flatten_with_keys_fn=flatten_with_keys)


ConstantNode = namedtuple("ConstantNode", ["value"])
CONSTANT_NODES: set = set()


def register_constant(cls):
    """Make `cls` a container of nothing: its objects are part of the shape, and compared by their __eq__. TypeError without an __eq__ of its own."""
    if cls.__eq__ is object.__eq__:
        raise TypeError("register_constant(cls) expects `cls` to have a non-default `__eq__` implementation.")
    if cls.__hash__ is None:
        raise TypeError("register_constant(cls) expects `cls` to have a non-default `__hash__` implementation.")

    def unflatten(values, context):
        return context.value

    register_pytree_node(cls, lambda obj: ([], ConstantNode(obj)), unflatten, flatten_with_keys_fn=lambda obj: ([], ConstantNode(obj)))
    CONSTANT_NODES.add(cls)


def is_constant_class(cls):
    """Whether a class went through :func:`register_constant`."""
    return isinstance(cls, type) and cls in CONSTANT_NODES


def is_namedtuple(obj):
    """Whether `obj` is an instance, or a class, made by namedtuple."""
    return is_namedtuple_class(obj if isinstance(obj, type) else type(obj))


def is_namedtuple_instance(obj):
    """Whether `obj` is an instance of a class made by namedtuple."""
    return is_namedtuple_class(type(obj))


def is_namedtuple_class(cls):
    """Whether `cls` was made by namedtuple."""
    return isinstance(cls, type) and issubclass(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple) and cls.__bases__ == (tuple,)


def is_structseq(obj):
    """Whether `obj` is an instance, or a class, of C's named tuples, such as the results of torch.max."""
    return is_structseq_class(obj if isinstance(obj, type) else type(obj))


def is_structseq_instance(obj):
    """Whether `obj` is an instance of one of C's named tuples."""
    return is_structseq_class(type(obj))


def is_structseq_class(cls):
    """Whether `cls` is one of C's named tuples."""
    return isinstance(cls, type) and cls.__bases__ == (tuple,) and all(
        isinstance(getattr(cls, name, None), int) for name in ("n_fields", "n_sequence_fields", "n_unnamed_fields"))


def _node_type(tree):
    kind = type(tree)
    if kind in SUPPORTED_NODES or not issubclass(kind, tuple):
        return kind
    if is_namedtuple_class(kind):
        return namedtuple
    if kind.__module__ == "torch.return_types":
        from torch.return_types import pytree_register_structseq

        pytree_register_structseq(kind)
    return kind


def tree_is_leaf(tree, is_leaf=None):
    """Whether a tree is a single leaf."""
    return _node_type(tree) not in SUPPORTED_NODES or (is_leaf is not None and is_leaf(tree))


class TreeSpec:
    """The shape of a tree: type and context of each container, a :class:`LeafSpec` for each leaf."""

    __slots__ = ("type", "context", "children_specs", "num_leaves", "num_nodes")

    def __init__(self, type, context, children_specs):
        self.type, self.context, self.children_specs = type, context, children_specs
        self.num_leaves = sum(child.num_leaves for child in children_specs) if type is not None else 1
        self.num_nodes = 1 + sum(child.num_nodes for child in children_specs)

    @property
    def num_children(self):
        """Number of direct children."""
        return len(self.children_specs)

    def is_leaf(self):
        """Whether this is a single leaf."""
        return self.type is None

    def child(self, index):
        """The shape of a child."""
        return self.children_specs[index]

    def children(self):
        """The shapes of the children."""
        return list(self.children_specs)

    def unflatten(self, leaves):
        """The tree of this shape with the given leaves."""
        return tree_unflatten(leaves, self)

    def flatten_up_to(self, tree):
        """The subtrees of `tree` at the leaves of this shape. Raises ValueError where the shapes differ."""
        if self.is_leaf():
            return [tree]
        kind = _node_type(tree)
        dicts = self.type in STANDARD_DICT_TYPES and kind in STANDARD_DICT_TYPES
        if kind is not self.type and not dicts:
            raise ValueError(f"Node type mismatch; expected {self.type!r}, but got {type(tree)!r}.")
        children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
        if len(children) != self.num_children:
            raise ValueError(f"Node arity mismatch; expected {self.num_children}, but got {len(children)}.")
        if dicts:
            keys = self.context[1] if self.type is defaultdict else self.context
            if set(keys) != set(tree):
                missing, extra = set(keys) - set(tree), set(tree) - set(keys)
                raise ValueError(f"Node keys mismatch{f'; missing key(s): {missing}' if missing else ''}{f'; extra key(s): {extra}' if extra else ''}.")
            children = [tree[key] for key in keys]
        elif self.type is not deque and context != self.context:    # deques may differ in maxlen
            raise ValueError(f"Node context mismatch for custom node type {self.type!r}.")
        return [leaf for spec, child in zip(self.children_specs, children) for leaf in spec.flatten_up_to(child)]

    def __eq__(self, other):
        return (isinstance(other, TreeSpec) and self.type is other.type and self.context == other.context
                and self.children_specs == other.children_specs)

    def __hash__(self):
        return hash((self.type, repr(self.context), tuple(self.children_specs)))

    def __repr__(self):
        return self._text(0)

    def _text(self, indent):
        if self.is_leaf():
            return "*"
        indent += 2
        children = f",\n{' ' * indent}".join(child._text(indent) for child in self.children_specs)
        return f"TreeSpec({self.type.__name__}, {self.context}, [{children}])"


class LeafSpec(TreeSpec):
    """The shape of a single leaf."""

    def __init__(self):
        super().__init__(None, None, [])


PyTreeSpec = TreeSpec
_LEAF = LeafSpec()
_LEAF_SPEC = _LEAF


def tree_flatten(tree, is_leaf=None):
    """(leaves in order, TreeSpec); `is_leaf(node)` may stop the descent."""
    leaves = []
    return leaves, _flatten_into(tree, leaves, is_leaf)


def _flatten_into(tree, leaves, is_leaf):
    node = SUPPORTED_NODES.get(_node_type(tree))
    if node is None or (is_leaf is not None and is_leaf(tree)):
        leaves.append(tree)
        return _LEAF
    children, context = node.flatten_fn(tree)
    return TreeSpec(node.type, context, [_flatten_into(child, leaves, is_leaf) for child in children])


def _check_spec(treespec):
    if not isinstance(treespec, TreeSpec):
        raise TypeError(f"Expected `treespec` to be an instance of PyTreeSpec but got item of type {type(treespec)}.")


def tree_unflatten(leaves, treespec):
    """The tree of shape `treespec` with the given leaves. Raises ValueError for another number of leaves."""
    _check_spec(treespec)
    leaves = list(leaves)
    if len(leaves) != treespec.num_leaves:
        raise ValueError(f"treespec.unflatten(leaves): `leaves` has length {len(leaves)} but the spec refers to a pytree that holds "
                         f"{treespec.num_leaves} items ({treespec}).")
    return _unflatten_from(iter(leaves), treespec)


def _unflatten_from(rest, spec):   # no closure: a function that names itself would keep the leaves alive until the next collection
    if spec.is_leaf():
        return next(rest)
    return SUPPORTED_NODES[spec.type].unflatten_fn([_unflatten_from(rest, child) for child in spec.children_specs], spec.context)


def tree_iter(tree, is_leaf=None):
    """Iterate over the leaves."""
    node = SUPPORTED_NODES.get(_node_type(tree))
    if node is None or (is_leaf is not None and is_leaf(tree)):
        yield tree
        return
    for child in node.flatten_fn(tree)[0]:
        yield from tree_iter(child, is_leaf)


def tree_leaves(tree, is_leaf=None):
    """The leaves as a list."""
    return list(tree_iter(tree, is_leaf))


def tree_structure(tree, is_leaf=None):
    """The shape of a tree."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(func, tree, *rests, is_leaf=None):
    """The tree of ``func(leaf, ...)``; further trees must have the same shape down to the leaves of the first."""
    leaves, spec = tree_flatten(tree, is_leaf)
    return tree_unflatten(list(map(func, leaves, *(spec.flatten_up_to(rest) for rest in rests))), spec)


def tree_map_(func, tree, *rests, is_leaf=None):
    """Call `func` on every leaf for its effect; returns the tree."""
    leaves, spec = tree_flatten(tree, is_leaf)
    deque(map(func, leaves, *(spec.flatten_up_to(rest) for rest in rests)), maxlen=0)
    return tree


def map_only(type_or_types_or_pred, /):
    """Decorator: apply the function to values of the given types (or that fulfil a predicate), pass others through."""
    if isinstance(type_or_types_or_pred, (type, tuple)) or not callable(type_or_types_or_pred):
        def test(value):
            return isinstance(value, type_or_types_or_pred)
    else:
        test = type_or_types_or_pred

    def decorate(func):
        @functools.wraps(func)
        def wrapped(value):
            return func(value) if test(value) else value

        return wrapped

    return decorate


def tree_map_only(type_or_types_or_pred, /, func, tree, is_leaf=None):
    """`tree_map` over the leaves of the given types."""
    return tree_map(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_map_only_(type_or_types_or_pred, /, func, tree, is_leaf=None):
    """`tree_map_` over the leaves of the given types."""
    return tree_map_(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_all(pred, tree, is_leaf=None):
    """Whether `pred` holds for every leaf."""
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(pred, tree, is_leaf=None):
    """Whether `pred` holds for some leaf."""
    return any(map(pred, tree_iter(tree, is_leaf)))


def tree_all_only(type_or_types, /, pred, tree, is_leaf=None):
    """Whether `pred` holds for every leaf of the given types."""
    return all(pred(leaf) for leaf in tree_iter(tree, is_leaf) if isinstance(leaf, type_or_types))


def tree_any_only(type_or_types, /, pred, tree, is_leaf=None):
    """Whether `pred` holds for some leaf of the given types."""
    return any(pred(leaf) for leaf in tree_iter(tree, is_leaf) if isinstance(leaf, type_or_types))


def _broadcast_to_and_flatten(tree, treespec, is_leaf=None):
    """The leaves of `tree` repeated so that they fit the leaves of a larger shape; None when they can't."""
    if treespec.is_leaf():
        return [tree]
    kind = _node_type(tree)
    node = SUPPORTED_NODES.get(kind)
    if node is None or (is_leaf is not None and is_leaf(tree)):
        return [tree] * treespec.num_leaves
    if kind is not treespec.type:
        return None
    children, context = node.flatten_fn(tree)
    if len(children) != treespec.num_children or context != treespec.context:
        return None
    parts = [_broadcast_to_and_flatten(child, spec, is_leaf) for child, spec in zip(children, treespec.children_specs)]
    return None if any(part is None for part in parts) else [leaf for part in parts for leaf in part]


def tree_leaves_with_path(tree, is_leaf=None):
    """List of (path, leaf); a path is a tuple of keys."""
    result = []

    def walk(path, node):
        definition = SUPPORTED_NODES.get(_node_type(node))
        if definition is None or (is_leaf is not None and is_leaf(node)):
            result.append((path, node))
            return
        if definition.flatten_with_keys_fn is None:
            raise ValueError(f"Did not find a flatten_with_keys_fn for type: {definition.type}. Please pass a "
                             "flatten_with_keys_fn argument to register_pytree_node.")
        for key, child in definition.flatten_with_keys_fn(node)[0]:
            walk((*path, key), child)

    walk((), tree)
    return result


def tree_flatten_with_path(tree, is_leaf=None):
    """(list of (path, leaf), TreeSpec)."""
    return tree_leaves_with_path(tree, is_leaf), tree_structure(tree, is_leaf)


def tree_map_with_path(func, tree, *rests, is_leaf=None):
    """`tree_map` whose function gets the path first."""
    pairs, spec = tree_flatten_with_path(tree, is_leaf)
    others = [spec.flatten_up_to(rest) for rest in rests]
    return tree_unflatten([func(path, leaf, *rest) for (path, leaf), *rest in zip(pairs, *others)], spec)


def keystr(kp):
    """A path as text, such as ``['a'][0]``."""
    return "".join(map(str, kp))


def key_get(obj, kp):
    """What is at the path `kp` inside `obj`."""
    for key in kp:
        obj = key.get(obj)
    return obj


def treespec_dumps(treespec, protocol=None):
    """A shape as JSON text."""
    _check_spec(treespec)

    def encode(spec):
        if spec.is_leaf():
            return {"type": None, "context": None, "children_spec": []}
        how = SUPPORTED_SERIALIZED_TYPES[spec.type]
        if how.name is None:
            raise NotImplementedError(f"No registered serialization name for {spec.type} found. Please update your _register_pytree_node call with a "
                                      "`serialized_type_name` kwarg.")
        context = how.dump(spec.context) if how.dump else json.dumps(spec.context)
        return {"type": how.name, "context": context, "children_spec": [encode(c) for c in spec.children_specs]}

    return json.dumps([1 if protocol is None else protocol, encode(treespec)])


def treespec_loads(serialized):
    """The shape in JSON text made by :func:`treespec_dumps`."""
    known = {how.name: (cls, how.load) for cls, how in SUPPORTED_SERIALIZED_TYPES.items()}

    def decode(entry):
        if entry["type"] is None:
            return _LEAF
        if entry["type"] not in known:
            raise KeyError(f"no class is registered with the serialized_type_name {entry['type']!r}")
        cls, load = known[entry["type"]]
        context = load(entry["context"]) if load else json.loads(entry["context"])
        return TreeSpec(cls, context, [decode(child) for child in entry["children_spec"]])

    protocol, entry = json.loads(serialized)
    if protocol != 1:
        raise ValueError(f"Unknown protocol {protocol}. Available protocols: [1]")
    return decode(entry)


def treespec_pprint(treespec):
    """A shape as readable text."""
    return repr(tree_unflatten([_Star()] * treespec.num_leaves, treespec))


class _Star:
    def __repr__(self):
        return "*"
