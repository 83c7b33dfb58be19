"""A reader of pickles that runs no code: it builds plain containers and tensors, and calls only what it knows.

Every opcode is interpreted here. A global is looked up in a table of allowed names; REDUCE, NEWOBJ and BUILD act on
nothing else. Whatever is not in the table raises :class:`pickle.UnpicklingError`.
"""

import struct
from collections import Counter, OrderedDict
from pickle import UnpicklingError

import torch

_user_globals = {}


def shown(item):
    """A damaged file's item in a message: never the whole of it, which may be endless."""
    return repr(item)[:80] if isinstance(item, (type, str, bytes, int, float)) or item is None else f"an object of type {type(item).__name__}"


def _name_of(item):
    return f"{item.__module__}.{getattr(item, '__qualname__', item.__name__)}"


def _add_safe_globals(items):
    for item in items:
        if isinstance(item, tuple):
            item, name = item
            _user_globals[name] = item
        else:
            _user_globals[_name_of(item)] = item


def _get_safe_globals():
    return list(_user_globals.values())


def _get_user_allowed_globals():
    """The names that were allowed, with what they stand for."""
    return dict(_user_globals)


def _clear_safe_globals():
    _user_globals.clear()


class _SafeGlobals:
    """Allow the given classes and functions within a ``with`` block."""

    def __init__(self, safe_globals):
        self.items = safe_globals

    def __enter__(self):
        self.before = dict(_user_globals)
        _add_safe_globals(self.items)

    def __exit__(self, *_):
        _clear_safe_globals()
        _user_globals.update(self.before)


def _encode(text, encoding):
    """What protocol 2 writes for bytes: text in Latin-1."""
    if encoding != "latin1":
        raise UnpicklingError(f"unexpected encoding {encoding}")
    return text.encode("latin1")


def _bytearray(*args):
    """A bytearray of bytes or text; a number would ask for that many zeros."""
    if args and not isinstance(args[0], (bytes, bytearray, str, list)):
        raise UnpicklingError(f"bytearray of {type(args[0]).__name__} is not data")
    return bytearray(*args)


def _like_stored(rebuild):
    """`rebuild(data, ...)`, which copies its tensor, only where that takes no more room than its storage has."""
    def checked(data, *args):
        if isinstance(data, torch.Tensor) and data.numel() * data.element_size() > data.untyped_storage().nbytes():
            raise UnpicklingError("an expanded tensor is not to be copied")
        return rebuild(data, *args)

    return checked


def _of_type(rebuild, *args):
    """A tensor of a subclass, from what rebuilds tensors and nothing else."""
    function = rebuild if any(rebuild is item for item in _user_globals.values()) else _calls.get(id(rebuild))
    if function is None or isinstance(function, type):
        raise UnpicklingError(f"{shown(rebuild)} does not rebuild tensors")
    return torch._tensor._rebuild_from_type_v2(function, *args)


_fixed_globals = {}
_calls = {}  # id of a known global -> what REDUCE calls; the other classes are only named, never called


def _get_allowed_globals():
    """Everything that files of weights need, by the name they use."""
    if _fixed_globals:
        return _fixed_globals
    utils = torch._utils
    table = {
        "collections.OrderedDict": OrderedDict, "collections.Counter": Counter, "_codecs.encode": _encode,
        "builtins.bytearray": bytearray, "builtins.set": set, "builtins.frozenset": frozenset, "builtins.complex": complex,
        "__builtin__.bytearray": bytearray, "__builtin__.set": set, "__builtin__.frozenset": frozenset,
        "__builtin__.complex": complex, "torch.Size": torch.Size, "torch.device": torch.device, "torch.Tensor": torch.Tensor,
        "torch.nn.parameter.Parameter": torch.nn.Parameter, "torch.serialization._get_layout": torch.serialization._get_layout,
        "torch._tensor._rebuild_from_type_v2": _of_type,
        "torch.UntypedStorage": torch.UntypedStorage, "torch.storage.UntypedStorage": torch.UntypedStorage,
        "torch.storage.TypedStorage": torch.storage.TypedStorage,
    }
    for name, value in vars(utils).items():
        if name.startswith("_rebuild_"):
            table[f"torch._utils.{name}"] = _like_stored(value) if name.startswith("_rebuild_device_") else value
    for name, value in vars(torch).items():
        if isinstance(value, torch.dtype):
            table[f"torch.{name}"] = value
    for name in torch.storage._dtype_to_storage_type_map().values():
        table[f"torch.{name}"] = getattr(torch, name)
    _fixed_globals.update(table)
    _calls.update({id(value): value for value in table.values() if callable(value) and not isinstance(value, type)})
    _calls.update({id(kind): kind for kind in (OrderedDict, Counter, set, frozenset, complex, torch.Size, torch.device)})
    _calls[id(bytearray)] = _bytearray
    return _fixed_globals


def _unsafe_names(data):
    """Names of all globals in a pickle that are not allowed."""
    import pickletools

    names, strings = [], []
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in ("GLOBAL", "INST"):
            names.append(argument.replace(" ", "."))
        elif opcode.name == "STACK_GLOBAL":
            names.append(".".join(strings[-2:]))
        elif isinstance(argument, str):
            strings.append(argument)
    known = _get_allowed_globals()
    return sorted({name for name in names if name not in known and name not in _user_globals})


class Unpickler:
    """Interprets one pickle after the other from a binary file object.

    Args:
        file: object with ``read`` (and optionally ``readline``).
        encoding: of the byte strings of Python 2.
    """

    def __init__(self, file, *, encoding="bytes"):
        self.read_bytes = file.read
        self.encoding = encoding
        self.memo = {}
        self.proto = 0
        self.read_so_far = self.given_so_far = 0
        self.known = _get_allowed_globals()

    def persistent_load(self, pid):
        """The object that a persistent id stands for; the caller provides it."""
        raise UnpicklingError("unsupported persistent id encountered")

    def load(self):
        """The object of the next pickle."""
        self.stack, self.marks = [], []
        try:
            while True:
                code = self.read(1)[0]
                if code == 0x2E:  # STOP
                    return self.stack.pop()
                action = _ACTIONS.get(code)
                if action is None:
                    raise UnpicklingError(f"Unsupported operand {code}")
                action(self)
        except (IndexError, KeyError, struct.error, TypeError, UnicodeDecodeError, AttributeError, OverflowError,
                ValueError, MemoryError) as error:
            raise UnpicklingError(f"the pickle is damaged: {type(error).__name__}: {error}") from error

    def read(self, count):
        data = self.read_bytes(count)
        self.read_so_far += count
        if len(data) != count:
            raise UnpicklingError("the pickle is cut short")
        return data

    def line(self):
        data = bytearray()
        while (byte := self.read(1)) != b"\n":
            data += byte
        return data.decode()

    def unpack(self, layout):
        return struct.unpack(layout, self.read(struct.calcsize(layout)))[0]

    def push(self, value):
        self.stack.append(value)

    def pop_mark(self):
        place = self.marks.pop()
        items = self.stack[place:]
        del self.stack[place:]
        return items

    def find(self, module, name):
        path = f"{module}.{name}"
        for table in (self.known, _user_globals):
            if path in table:
                return table[path]
        short = name.rpartition(".")[2]
        raise UnpicklingError(
            f"Unsupported global: GLOBAL {path} was not an allowed global by default. Please use "
            f"`torch.serialization.add_safe_globals([{short}])` or the `torch.serialization.safe_globals([{short}])` context "
            "manager to allowlist this global if you trust this class/function.")

    def callee(self, function):
        """What is called when the file calls `function`, or None."""
        known = _calls.get(id(function))
        return known if known is not None or not any(function is item for item in _user_globals.values()) else function

    def reduce(self):
        args, function = self.stack.pop(), self.stack[-1]
        call = self.callee(function)
        if not isinstance(args, tuple) or call is None:
            raise UnpicklingError(f"Trying to call reduce for unrecognized function {shown(function)}")
        for argument in args:  # calls may copy what they get, but not over and over
            if type(argument) in _COPIED:
                self.given_so_far += len(argument)
        if self.given_so_far > 4 * self.read_so_far:
            raise UnpicklingError("the pickle is damaged: it copies the same data many times")
        self.stack[-1] = call(*args)

    def new_object(self):
        args, cls = self.stack.pop(), self.stack.pop()
        if cls is torch.nn.Parameter:
            self.push(torch.nn.Parameter(*args))
        elif cls is torch.Tensor and not args or _calls.get(id(cls)) is cls or any(cls is item for item in _user_globals.values()):
            self.push(cls.__new__(cls, *args))
        else:
            raise UnpicklingError(f"Trying to call __new__ for unrecognized class {shown(cls)}")

    def build(self):
        state, target = self.stack.pop(), self.stack[-1]
        kind = type(target)
        if kind is torch.Tensor:
            target.set_(*state)
        elif kind is torch.nn.Parameter:
            target.__setstate__(state)
        elif kind is OrderedDict or kind is Counter:
            target.__dict__.update(state)
        elif any(kind is item for item in _user_globals.values()):
            if hasattr(target, "__setstate__"):
                target.__setstate__(state)
            elif isinstance(state, tuple) and len(state) == 2:
                torch._utils._set_obj_state(target, state)
            else:
                target.__dict__.update(state)
        else:
            raise UnpicklingError(f"Can only build Tensor, Parameter, OrderedDict or types allowlisted via "
                                  f"`add_safe_globals`, but got {kind}")

    def append(self, items):
        target = self.stack[-1]
        if not isinstance(target, list):
            raise UnpicklingError(f"Can only append to lists, but got {type(target)}")
        target.extend(items)

    def set_items(self, items):
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise UnpicklingError(f"Can only set items of dicts, but got {type(target)}")
        dict.update(target, zip(items[::2], items[1::2])) if type(target) is dict else \
            [target.__setitem__(key, value) for key, value in zip(items[::2], items[1::2])]

    def add_items(self, items):
        target = self.stack[-1]
        if not isinstance(target, set):
            raise UnpicklingError(f"Can only add items to sets, but got {type(target)}")
        target.update(items)

    def old_string(self, data):
        self.push(data if self.encoding == "bytes" else data.decode(self.encoding))

    def persistent(self):
        self.push(self.persistent_load(self.stack.pop()))

    def stack_global(self):
        name, module = self.stack.pop(), self.stack.pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise UnpicklingError("the name of a global is not text")
        self.push(self.find(module, name))

    def protocol(self):
        self.proto = self.read(1)[0]
        if self.proto > 5:
            raise UnpicklingError(f"unsupported pickle protocol: {self.proto}")

    def tuple_of(self, count):
        items = tuple(self.stack[-count:])
        if len(items) != count:
            raise UnpicklingError("the pickle is damaged: too few items for a tuple")
        del self.stack[-count:]
        self.push(items)

    def put(self, index):
        self.memo[index] = self.stack[-1]

    def text(self, layout):
        self.push(self.read(self.unpack(layout)).decode("utf-8", "surrogatepass"))


_COPIED = {bytes, bytearray, str, list, tuple, dict, set, frozenset, OrderedDict, Counter}


def _long(reader, layout):
    return int.from_bytes(reader.read(reader.unpack(layout)), "little", signed=True)


_ACTIONS = {ord(code): action for code, action in {
    "\x80": Unpickler.protocol,
    "\x95": lambda r: r.unpack("<Q"),
    "(": lambda r: r.marks.append(len(r.stack)),
    "0": lambda r: r.stack.pop(),
    "1": lambda r: r.pop_mark(),
    "2": lambda r: r.push(r.stack[-1]),
    "N": lambda r: r.push(None),
    "\x88": lambda r: r.push(True),
    "\x89": lambda r: r.push(False),
    "J": lambda r: r.push(r.unpack("<i")),
    "K": lambda r: r.push(r.read(1)[0]),
    "M": lambda r: r.push(r.unpack("<H")),
    "\x8a": lambda r: r.push(_long(r, "<B")),
    "\x8b": lambda r: r.push(_long(r, "<i")),
    "G": lambda r: r.push(r.unpack(">d")),
    "X": lambda r: r.text("<I"),
    "\x8c": lambda r: r.text("<B"),
    "\x8d": lambda r: r.text("<Q"),
    "U": lambda r: r.old_string(r.read(r.unpack("<B"))),
    "T": lambda r: r.old_string(r.read(r.unpack("<i"))),
    "C": lambda r: r.push(r.read(r.unpack("<B"))),
    "B": lambda r: r.push(r.read(r.unpack("<I"))),
    "\x8e": lambda r: r.push(r.read(r.unpack("<Q"))),
    "\x96": lambda r: r.push(bytearray(r.read(r.unpack("<Q")))),
    "]": lambda r: r.push([]),
    "}": lambda r: r.push({}),
    ")": lambda r: r.push(()),
    "\x8f": lambda r: r.push(set()),
    "\x91": lambda r: r.push(frozenset(r.pop_mark())),
    "a": lambda r: r.append([r.stack.pop()]),
    "e": lambda r: r.append(r.pop_mark()),
    "s": lambda r: r.set_items([r.stack.pop(), r.stack.pop()][::-1]),
    "u": lambda r: r.set_items(r.pop_mark()),
    "\x90": lambda r: r.add_items(r.pop_mark()),
    "t": lambda r: r.push(tuple(r.pop_mark())),
    "\x85": lambda r: r.tuple_of(1),
    "\x86": lambda r: r.tuple_of(2),
    "\x87": lambda r: r.tuple_of(3),
    "q": lambda r: r.put(r.read(1)[0]),
    "r": lambda r: r.put(r.unpack("<I")),
    "\x94": lambda r: r.put(len(r.memo)),
    "h": lambda r: r.push(r.memo[r.read(1)[0]]),
    "j": lambda r: r.push(r.memo[r.unpack("<I")]),
    "Q": Unpickler.persistent,
    "c": lambda r: r.push(r.find(r.line(), r.line())),
    "\x93": Unpickler.stack_global,
    "R": lambda r: r.reduce(),
    "\x81": lambda r: r.new_object(),
    "b": lambda r: r.build(),
}.items()}


def load(file, *, encoding="bytes", persistent_load=None):
    """Read one pickle."""
    unpickler = Unpickler(file, encoding=encoding)
    if persistent_load is not None:
        unpickler.persistent_load = persistent_load
    return unpickler.load()
