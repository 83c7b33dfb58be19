"""Containers of modules and parameters."""

import operator
import warnings
from collections.abc import Iterable, Mapping
from itertools import chain, islice

import torch

from ..parameter import Parameter
from .module import Module, _addindent

__all__ = ["Container", "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"]


class Container(Module):
    """Deprecated: a module made of keyword arguments."""

    def __init__(self, **kwargs):
        warnings.warn("`nn.Container` is deprecated. All of its functionality is now implemented in `nn.Module`. Subclass that "
                      "instead.", FutureWarning, stacklevel=2)
        super().__init__()
        for name, module in kwargs.items():
            self.add_module(name, module)


def _position(index, length):
    """A list index as a non-negative number. Raises IndexError outside the list."""
    index = operator.index(index)
    if not -length <= index < length:
        raise IndexError(f"index {index} is out of range")
    return index % length if length else index


class _Indexed(Module):
    """Modules under the names "0", "1", ...: what Sequential and ModuleList share."""

    def _item(self, index):
        return next(islice(self._modules.values(), _position(index, len(self)), None))

    def _name(self, index):
        return next(islice(self._modules, _position(index, len(self)), None))

    def _renumber(self, modules):
        self._modules = {str(i): module for i, module in enumerate(modules)}

    def __setitem__(self, index, module):
        setattr(self, self._name(index), module)

    def __delitem__(self, index):
        names = list(self._modules)[index] if isinstance(index, slice) else [self._name(index)]
        for name in names:
            delattr(self, name)
        self._renumber(self._modules.values())

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules.values())

    def __dir__(self):
        return [name for name in super().__dir__() if not name.isdigit()]

    def append(self, module):
        """Add a module at the end; returns self."""
        self.add_module(str(len(self)), module)
        return self

    def insert(self, index, module):
        """Put a module before position `index`."""
        modules = list(self._modules.values())
        modules.insert(index, module)
        self._renumber(modules)

    def pop(self, key):
        """Remove and return the module at a position."""
        module = self[key]
        del self[key]
        return module


class Sequential(_Indexed):
    """Modules applied one after the other, given as arguments or as an OrderedDict of names.

    Example::

        >>> torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())(torch.zeros(1, 2)).shape
        torch.Size([1, 3])
    """

    def __init__(self, *args):
        super().__init__()
        if len(args) == 1 and isinstance(args[0], dict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for i, module in enumerate(args):
                self.add_module(str(i), module)

    def forward(self, input):
        """The result of the last module."""
        for module in self._modules.values():
            input = module(input)
        return input

    def __getitem__(self, index):
        if isinstance(index, slice):
            return type(self)(dict(list(self._modules.items())[index]))
        return self._item(index)

    def __delitem__(self, index):
        named = list(self._modules) != [str(i) for i in range(len(self))]
        if not named:
            super().__delitem__(index)
            return
        for name in list(self._modules)[index] if isinstance(index, slice) else [self._name(index)]:
            delattr(self, name)

    def insert(self, index, module):
        """Put a module before position `index`; returns self."""
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        if not -len(self) <= index <= len(self):
            raise IndexError(f"Index out of range: {index}")
        super().insert(index if index >= 0 else index + len(self), module)
        return self

    def extend(self, sequential):
        """Add the modules of an iterable at the end; returns self."""
        for module in list(sequential):
            self.append(module)
        return self

    def __add__(self, other):
        if not isinstance(other, Sequential):
            raise ValueError("add operator supports only objects of Sequential class, but "
                             f"{type(other)} is given.")
        return Sequential(*chain(self, other))

    def __iadd__(self, other):
        if not isinstance(other, Sequential):
            raise ValueError("add operator supports only objects of Sequential class, but "
                             f"{type(other)} is given.")
        return self.extend(other)

    def __mul__(self, other):
        if not isinstance(other, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(other)}")
        if other <= 0:
            raise ValueError(f"Non-positive multiplication factor {other} for {type(self)}")
        return Sequential(*(module for _ in range(other) for module in self))

    __rmul__ = __mul__

    def __imul__(self, other):
        self._renumber(list((self * other)._modules.values()))
        return self


class ModuleList(_Indexed):
    """A list of modules, registered so that their parameters are found; it has no forward of its own."""

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self += modules

    def __getitem__(self, index):
        if isinstance(index, slice):
            return type(self)(list(self._modules.values())[index])
        return self._item(index)

    def extend(self, modules):
        """Add the modules of an iterable at the end; returns self. Raises TypeError unless iterable."""
        if not isinstance(modules, Iterable):
            raise TypeError("ModuleList.extend should be called with an iterable, but got " + type(modules).__name__)
        for module in list(modules):
            self.append(module)
        return self

    __iadd__ = extend

    def __add__(self, other):
        return ModuleList(chain(self, other))

    def __repr__(self):
        """Equal neighbours are folded: ``(0-3): 4 x Linear(...)``."""
        runs = []
        for i, text in enumerate(repr(module) for module in self):
            if runs and runs[-1][2] == text:
                runs[-1][1] = i
            else:
                runs.append([i, i, text])
        lines = [f"({first}): {_addindent(text, 2)}" if first == last
                 else f"({first}-{last}): {last - first + 1} x {_addindent(text, 2)}" for first, last, text in runs]
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)" if lines else f"{self._get_name()}()"


class _Dictionary:
    """The mapping methods that follow from `keys`, `__getitem__`, `__setitem__` and `__delitem__`."""

    def items(self):
        """(name, value) pairs."""
        return ((name, self[name]) for name in self.keys())

    def values(self):
        """The values."""
        return (self[name] for name in self.keys())

    def pop(self, key):
        """Remove and return an entry. Raises KeyError."""
        value = self[key]
        del self[key]
        return value

    def clear(self):
        """Remove all entries."""
        for name in list(self.keys()):
            del self[name]

    def __len__(self):
        return len(self.keys())

    def __iter__(self):
        return iter(self.keys())

    def __contains__(self, key):
        return key in self.keys()

    def update(self, entries):
        """Add the entries of a mapping or of an iterable of pairs. Raises TypeError or ValueError for anything else."""
        name = type(self).__name__
        if not isinstance(entries, Iterable):
            raise TypeError(f"{name}.update should be called with an iterable of key/value pairs, but got "
                            + type(entries).__name__)
        if isinstance(entries, (Mapping, _Dictionary)):
            entries = entries.items()
        for position, pair in enumerate(entries):
            if not isinstance(pair, Iterable):
                raise TypeError(f"{name} update sequence element #{position} should be Iterable; is " + type(pair).__name__)
            pair = tuple(pair)
            if len(pair) != 2:
                raise ValueError(f"{name} update sequence element #{position} has length {len(pair)}; 2 is required")
            self[pair[0]] = pair[1]


class ModuleDict(_Dictionary, Module):
    """A dict of modules, registered so that their parameters are found; it has no forward of its own."""

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key):
        return self._modules[key]

    def __setitem__(self, key, module):
        self.add_module(key, module)

    def __delitem__(self, key):
        del self._modules[key]

    def keys(self):
        """The names."""
        return self._modules.keys()


class _ParameterContainer(Module):
    def _shown(self):
        """Lines of repr: (key, text)."""
        for key, value in self._entries():
            if isinstance(value, torch.Tensor):
                size = "x".join(str(n) for n in value.size())
                kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
                place = "" if value.device.type != "cuda" else f" (GPU {value.get_device()})"
                yield key, f"{kind} containing: [{torch.typename(value)} of size {size}{place}]"
            else:
                yield key, f"Object of type: {type(value).__name__}"

    def extra_repr(self):
        return "\n".join(f"({key}): {text}" for key, text in self._shown())

    def __call__(self, *args, **kwargs):
        raise RuntimeError(f"{type(self).__name__} should not be called.")

    @staticmethod
    def _as_parameter(value):
        return Parameter(value) if isinstance(value, torch.Tensor) and not isinstance(value, Parameter) else value


class ParameterList(_ParameterContainer):
    """A list of parameters; tensors put into it become parameters, other values are kept as they are."""

    def __init__(self, values=None):
        super().__init__()
        self._size = 0
        if values is not None:
            self += values

    def _entries(self):
        return enumerate(self)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return type(self)(self[i] for i in range(*index.indices(len(self))))
        return getattr(self, str(_position(index, self._size)))

    def __setitem__(self, index, value):
        setattr(self, str(_position(index, self._size)), self._as_parameter(value))

    def __len__(self):
        return self._size

    def __iter__(self):
        return (getattr(self, str(i)) for i in range(self._size))

    def append(self, value):
        """Add a value at the end; returns self."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values):
        """Add the values of an iterable at the end; returns self. Raises TypeError unless iterable."""
        if not isinstance(values, Iterable) or isinstance(values, torch.Tensor):
            raise TypeError("ParameterList.extend should be called with an iterable, but got " + type(values).__name__)
        for value in list(values):
            self.append(value)
        return self

    __iadd__ = extend


class ParameterDict(_Dictionary, _ParameterContainer):
    """A dict of parameters; tensors put into it become parameters, other values are kept as they are."""

    def __init__(self, parameters=None):
        super().__init__()
        self._keys = {}
        if parameters is not None:
            self.update(parameters)

    def _entries(self):
        return self.items()

    def __getitem__(self, key):
        return getattr(self, self._attribute(key))

    def __setitem__(self, key, value):
        name = self._attribute(key)
        self._keys[key] = None
        setattr(self, name, self._as_parameter(value))

    def __delitem__(self, key):
        del self._keys[key]
        delattr(self, self._attribute(key))

    @staticmethod
    def _attribute(key):
        if not isinstance(key, str):
            raise TypeError("Index given to ParameterDict cannot be used as a key as it is not a string (type is "
                            f"'{type(key).__name__}'). Open an issue on github if you need non-string keys.")
        return key

    def keys(self):
        """The names."""
        return self._keys.keys()

    def __reversed__(self):
        return reversed(list(self._keys))

    def copy(self):
        """A new ParameterDict with the same values."""
        return ParameterDict(dict(self.items()))

    def setdefault(self, key, default=None):
        """The value of `key`, put there first when missing."""
        if key not in self:
            self[key] = default
        return self[key]

    def get(self, key, default=None):
        """The value of `key`, or `default`."""
        return self[key] if key in self else default

    def popitem(self):
        """Remove and return the entry added last."""
        key = next(reversed(self))
        return key, self.pop(key)

    def fromkeys(self, keys, default=None):
        """A new ParameterDict with the same value for each key."""
        return ParameterDict({key: default for key in keys})

    def __or__(self, other):
        return ParameterDict({**dict(self.items()), **dict(other.items())})

    def __ior__(self, other):
        self.update(other)
        return self
