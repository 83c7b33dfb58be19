"""Modules that are a function and its arguments: declared in one line, the methods written from it."""

from .module import Module


def _write(cls, name, text, names):
    """Define method `name` of `cls` from source `text`, so that its signature is the declared one."""
    exec(text, names)
    method = names[name]
    method.__qualname__ = f"{cls.__qualname__}.{name}"
    method.__module__ = cls.__module__
    setattr(cls, name, method)


class Declared(Module):
    """Base of ``class ELU(Declared, function=F.elu, alpha=1.0, inplace=False)``.

    The keyword arguments of the class statement are the constructor's, in order and with their defaults; each becomes
    an attribute of the same name, is passed to `function` by that name and shown by ``repr``. `inputs` are the
    arguments of forward.
    """

    _declared = ()
    _buffer_fields = frozenset()

    def __init_subclass__(cls, function=None, inputs=("input",), **fields):
        super().__init_subclass__()
        if function is None:
            return
        cls._declared = tuple(fields)
        names = {f"default_{name}": value for name, value in fields.items()}
        names.update(cls=cls, function=function)
        if fields:
            signature = "".join(f", {name}=default_{name}" for name in fields)
            _write(cls, "__init__", f"def __init__(self{signature}):\n super(cls, self).__init__()\n"
                   + cls._assignments(fields), names)
            cls.__init__.__doc__ = f"Set {', '.join(fields)}; see the class."
        passed = "".join(f", {name}=self.{name}" for name in cls._passed(fields))
        given = ", ".join(inputs)
        _write(cls, "forward", f"def forward(self, {given}):\n return function({given}{passed})\n", names)
        cls.forward.__doc__ = cls.__doc__

    @classmethod
    def _assignments(cls, fields):
        return "".join(f" self.{name} = {name}\n" for name in fields)

    @classmethod
    def _passed(cls, fields):
        return fields

    def extra_repr(self):
        """The arguments as ``name=value``; `inplace` only when it is on."""
        values = {name: getattr(self, name) for name in self._declared}
        return ", ".join(f"{name}={value!r}" for name, value in values.items() if name != "inplace" or value)
