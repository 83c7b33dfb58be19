"""Weak references to tensors and other objects, compared by identity."""

import weakref
from collections.abc import MutableMapping
from weakref import ref

__all__ = ["TensorWeakRef", "WeakIdRef", "WeakIdKeyDictionary", "WeakTensorKeyDictionary"]


class WeakIdRef(weakref.ref):
    """A weak reference that is equal to another one when both are to the same object."""

    __slots__ = ["_id"]

    def __init__(self, key, callback=None):
        self._id = id(key)
        super().__init__(key, callback)

    def __hash__(self):
        return self._id

    def __eq__(self, other):
        mine, theirs = self(), other()
        return mine is theirs if mine is not None and theirs is not None else self is other


class WeakIdKeyDictionary(MutableMapping):
    """A dict whose keys are compared by identity and drop out when nothing else holds them."""

    def __init__(self, dict=None, ref_type=WeakIdRef):
        self.data, self.ref_type, own = {}, ref_type, ref(self)

        def remove(key):
            mapping = own()
            if mapping is not None:
                mapping.data.pop(key, None)

        self._remove = remove
        if dict is not None:
            self.update(dict)

    def __getitem__(self, key):
        return self.data[self.ref_type(key)]

    def __setitem__(self, key, value):
        self.data[self.ref_type(key, self._remove)] = value

    def __delitem__(self, key):
        del self.data[self.ref_type(key)]

    def __contains__(self, key):
        return self.ref_type(key) in self.data

    def __iter__(self):
        return (key for key in (reference() for reference in list(self.data)) if key is not None)

    def __len__(self):
        return sum(1 for _ in self)

    def keyrefs(self):
        """The weak references to the keys."""
        return list(self.data)

    def pop(self, key, *args):
        """Takes an entry out; the value, or the default given. KeyError without either."""
        return self.data.pop(self.ref_type(key), *args)

    def update(self, dict=None, **kwargs):
        """Takes over the entries of a mapping or of pairs."""
        for key, value in (dict.items() if hasattr(dict, "items") else dict or ()):
            self[key] = value
        for key, value in kwargs.items():
            self[key] = value

    def copy(self):
        """A dict of the same kind with the same entries."""
        return type(self)(self, self.ref_type)

    def __repr__(self):
        return f"<{type(self).__name__} at {hex(id(self))}>"


WeakTensorKeyDictionary = WeakIdKeyDictionary


class TensorWeakRef:
    """A weak reference to a tensor; calling it gives the tensor or None."""

    def __init__(self, tensor):
        self.ref = ref(tensor)

    def __call__(self):
        return self.ref()
