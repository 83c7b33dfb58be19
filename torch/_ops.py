"""`torch.ops`: every operator by its schema name, such as ``torch.ops.aten.add.Tensor``.

Packets and overloads are made when they are first asked for, from the tables of `torch._C` (namespace `aten`) or from what
`torch.library` registered.
"""

from __future__ import annotations

import operator
import types
from typing import Any

from torch import _C

__all__ = ["HigherOrderOperator", "OpOverload", "OpOverloadPacket", "ops"]


class OperatorBase:
    """What can be called below autograd by name."""

    def __init__(self):
        self.python_key_table: dict = {}

    def name(self) -> str:
        """The qualified name."""
        raise AttributeError(f"{type(self).__name__} has no name")


class OpOverload(OperatorBase):
    """One overload of an operator.

    >>> torch.ops.aten.add.Tensor(torch.ones(2), 1)
    tensor([2., 2.])
    >>> str(torch.ops.aten.add.Tensor)
    'aten.add.Tensor'
    """

    def __init__(self, packet, op, schema_text, overload):
        super().__init__()
        self._op = op
        self._overloadpacket = packet
        self._overloadname = overload or "default"
        self._schema_text = schema_text
        self._namespace, self._opname = packet._qualified_op_name.split("::")
        self._name = f"{packet._qualified_op_name}.{overload}" if overload else packet._qualified_op_name
        self.__name__ = f"{packet.__name__}.{self._overloadname}"
        self.__qualname__ = self._name
        self.__module__ = packet.__module__
        self.__doc__ = getattr(op, "__doc__", None)
        self.functorch_table: dict = {}

    def __call__(self, /, *args, **kwargs):
        return self._op(*args, **kwargs)

    def redispatch(self, keyset, /, *args, **kwargs):
        """The call below autograd."""
        return self._op.below_autograd(*args, **kwargs)

    def __getattr__(self, name):
        if name == "_schema":
            from torch._schema import parse_schema

            self._schema = schema = parse_schema(self._schema_text)
            return schema
        if name in ("tags", "_tags"):
            self.tags = self._tags = tags = self._find_tags()
            return tags
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def _find_tags(self):
        if self._namespace == "aten":
            from torch._tags import tags_of

            return tags_of(self)
        return list(getattr(self._op, "tags", ()))

    def _sibling(self, name):
        """The overload of this name (or the first one) of another operator of the namespace; None if there is none."""
        packet = getattr(getattr(ops, self._namespace), name, None)
        return packet and (getattr(packet, self._overloadname, None) or getattr(packet, packet.overloads()[0]))

    def name(self) -> str:
        return self._name

    @property
    def _nondeterministic_seeded(self):
        from torch._tags import Tag

        return Tag.nondeterministic_seeded in self.tags

    @property
    def namespace(self):
        """The part before `::`, "aten"."""
        return self._namespace

    @property
    def op(self):
        """The C function under this overload."""
        return self._op

    @property
    def overloadpacket(self):
        """The packet of all overloads of this name."""
        return self._overloadpacket

    @property
    def is_view(self):
        """Does the result share memory with an argument that is not written?"""
        return any(r.alias_info is not None and not r.alias_info.is_write for r in self._schema.returns)

    def _can_decompose(self):
        return getattr(self._op, "is_composite", False)

    def decompose(self, *args, **kwargs):
        """The call, one level down; NotImplemented unless the operator is written in other operators."""
        return self._op(*args, **kwargs) if self._can_decompose() else NotImplemented

    def has_kernel_for_dispatch_key(self, key):
        """Is there a kernel of its own for this dispatch key?"""
        return not self._can_decompose() or str(key).endswith("CompositeImplicitAutograd")

    def __repr__(self):
        return f"<OpOverload(op='{self._overloadpacket._qualified_op_name.replace('::', '.')}', overload='{self._overloadname}')>"

    def __str__(self):
        return "{}.{}.{}".format(*self._overloadpacket._qualified_op_name.split("::"), self._overloadname)

    def __hash__(self):
        return hash(self._name)

    def __eq__(self, other):
        return self is other

    def __copy__(self):
        return self

    def __deepcopy__(self, memo=None):
        return self

    def __reduce__(self):
        return _by_name, (self._namespace, self._opname, self._overloadname)


class OpOverloadPacket(OperatorBase):
    """All overloads of a name; calling it picks the one that fits the arguments."""

    def __init__(self, qualified_name, name, overloads, make):
        super().__init__()
        self._qualified_op_name = qualified_name
        self.__name__ = name
        self.__module__ = f"torch.ops.{qualified_name.split('::')[0]}"
        self.__qualname__ = name
        self._overload_names = overloads
        self._make = make

    def __getattr__(self, key):
        overload = "" if key == "default" else key
        if overload not in self.__dict__.get("_overload_names", ()):
            raise AttributeError(f"The underlying op of '{self}' has no overload name '{key}'")
        made = OpOverload(self, *self._make(overload), overload)
        setattr(self, key, made)
        return made

    def __call__(self, /, *args, **kwargs):
        relevant = (*args, *kwargs.values())
        if _C._has_torch_function(relevant):
            return _C._handle_torch_function(self, relevant, *args, **kwargs)
        names = self._overload_names
        if len(names) == 1:
            return getattr(self, names[0] or "default")(*args, **kwargs)
        errors = []
        for name in names:
            overload = getattr(self, name or "default")
            if _fits(overload, args, kwargs):
                try:
                    return overload(*args, **kwargs)
                except TypeError as error:
                    errors.append(str(error))
        detail = "\n".join(str(getattr(self, n or "default")._schema) for n in names)
        raise TypeError(f"{self}: no overload takes these arguments. The overloads are:\n{detail}" + ("\n" + errors[-1] if errors else ""))

    @property
    def op(self):
        """Itself: what is called when no overload is named."""
        return self

    def __reduce__(self):
        return _by_name, tuple(self._qualified_op_name.split("::"))

    @property
    def _schemas(self):
        return {name: getattr(self, name or "default")._schema for name in self._overload_names}

    def overloads(self):
        """Names of the overloads; the nameless one is called "default"."""
        return [n or "default" for n in self._overload_names]

    def __iter__(self):
        return iter(self.overloads())

    def __dir__(self):
        return [*super().__dir__(), *self.overloads()]

    def __repr__(self):
        return f"<OpOverloadPacket(op='{self._qualified_op_name.replace('::', '.')}')>"

    def __str__(self):
        return self._qualified_op_name.replace("::", ".")

    def __hash__(self):
        return hash(self._qualified_op_name)

    def __eq__(self, other):
        return self is other

    def __copy__(self):
        return self

    def __deepcopy__(self, memo=None):
        return self


def _fits(overload, args, kwargs):
    """Could these arguments be meant for the overload, by number and name?"""
    arguments = overload._schema.arguments
    positional = [a for a in arguments if not a.kwarg_only]
    if len(args) > len(positional):
        return False
    given = {a.name for a in positional[: len(args)]} | set(kwargs)
    return set(kwargs) <= {a.name for a in arguments} and all(a.has_default or a.name in given for a in arguments)


class HigherOrderOperator(OperatorBase):
    """An operator that takes functions: what a graph shows of control flow, under ``torch.ops.higher_order``.

    `run` is what a call does; torch._higher_order_ops has the operators and the functions that make calls of them.
    """

    is_higher_order = True

    def __init__(self, name, run):
        super().__init__()
        self._name = self.__name__ = self.__qualname__ = name
        self.__module__, self.namespace = "torch.ops.higher_order", "higher_order"
        self.__doc__ = run.__doc__
        self._run = run

    def __call__(self, /, *args, **kwargs):
        return self._run(*args, **kwargs)

    def name(self) -> str:
        return self._name

    def __str__(self):
        return self._name

    def __reduce__(self):
        return _by_name, (self.namespace, self._name)


class _OpNamespace(types.ModuleType):
    """The operators of one namespace: ``torch.ops.aten``."""

    def __init__(self, name):
        super().__init__("torch.ops." + name)
        self.name = name
        self._dir: list = []

    def __iter__(self):
        return iter(self._dir)

    def __getattr__(self, op_name: str) -> Any:
        packet = self._find(op_name)
        if packet is None:
            raise AttributeError(f"'_OpNamespace' '{self.name}' object has no attribute '{op_name}'")
        setattr(self, op_name, packet)
        self._dir.append(op_name)
        return packet

    def _find(self, op_name):
        qualified = f"{self.name}::{op_name}"
        if self.name == "aten":
            overloads = _C._op_overloads(op_name)
            if overloads:
                def make(overload):
                    op = _C._get_op(op_name, overload)
                    return op, op.schema
                return OpOverloadPacket(qualified, op_name, overloads, make)
        if op_name.startswith("__"):    # Python asks for attributes of modules: nothing to load the registry for
            return None
        if self.name == "prim" and op_name in _PRIMS:
            return OpOverloadPacket(qualified, op_name, ("",), lambda overload: _PRIMS[op_name])
        if self.name == "higher_order":
            from torch import _higher_order_ops

            return _higher_order_ops.OPERATORS.get(op_name)
        from torch import library

        registered = library._registered(qualified)
        return OpOverloadPacket(qualified, op_name, *registered) if registered else None


class _Ops(types.ModuleType):
    """``torch.ops``: namespaces by name."""

    __file__ = "_ops.py"

    def __init__(self):
        super().__init__("torch.ops")
        self.loaded_libraries: set = set()

    def __getattr__(self, name: str) -> _OpNamespace:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(f"module 'torch.ops' has no attribute '{name}'")
        namespace = _OpNamespace(name)
        setattr(self, name, namespace)
        return namespace

    def load_library(self, path):
        """Loads a shared library that registers operators when it is loaded. Raises OSError where there is none."""
        import ctypes
        import os

        ctypes.CDLL(os.path.abspath(path))
        self.loaded_libraries.add(os.path.abspath(path))

    def import_module(self, module):
        """Imports a module that registers operators."""
        import importlib

        importlib.import_module(module)


ops = _Ops()

# What a subclass with dispatch_device or dispatch_layout is asked.
_PRIMS = {"device": (operator.attrgetter("device"), "prim::device(Tensor a) -> Device"),
          "layout": (operator.attrgetter("layout"), "prim::layout(Tensor a) -> Layout")}


def _by_name(namespace, name, overload=None):
    packet = getattr(getattr(ops, namespace), name)
    return packet if overload is None else getattr(packet, overload)


def _metadata_operator(name, overload):
    namespace, _, op_name = name.rpartition("::")
    return _by_name(namespace or "aten", op_name, overload)


def _overload_object(name, overload):
    return getattr(getattr(ops.aten, name), overload or "default")
