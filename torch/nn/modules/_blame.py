"""Errors raised inside modules tell in which: the path of the innermost one from the outermost that was called."""

import dis
import os
import weakref

_KINDS = (RuntimeError, ValueError, IndexError, TypeError, AssertionError)
_RAISE = dis.opmap["RAISE_VARARGS"]
_HERE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep


class _Blame:
    """What is kept with an error while it passes through the calls of modules."""

    def __init__(self, module, error):
        self.module = weakref.ref(module)
        self.described = _described(module)
        self.message = error.args[0] if _is_ours(error) else None  # None: the message is not ours to change

    def show(self, error, place):
        """Put the place into the message, or into a note of the error where Python has notes."""
        if self.message is not None:
            error.args = (f"{self.message}\n(in {place})",)
        elif hasattr(error, "add_note"):
            notes = [note for note in getattr(error, "__notes__", ()) if note is not getattr(self, "note", None)]
            self.note = f"(in {place})"
            error.__notes__ = [*notes, self.note]


def _described(module):
    try:
        extra = module.extra_repr()
    except Exception:
        extra = "..."
    text = f"{type(module).__name__}({extra})"
    return text if len(text) <= 120 and "\n" not in text else type(module).__name__


def _is_ours(error):
    """Whether an operator or this package raised the error, and its message is a plain text."""
    if type(error) not in _KINDS or len(error.args) != 1 or not isinstance(error.args[0], str):
        return False
    trace = error.__traceback__
    if trace is None:   # not even a frame of Python between the module and the operator
        return True
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    return code.co_filename.startswith(_HERE) or code.co_code[trace.tb_lasti] != _RAISE


def tell(module, error):
    """Note that `error` left the forward of `module`."""
    if not isinstance(error, _KINDS):
        return
    blame = error.__dict__.get("_module")
    if blame is None:
        blame = error._module = _Blame(module, error)
        blame.show(error, blame.described)
        return
    innermost = blame.module()
    path = next((name for name, part in module.named_modules() if part is innermost), None)
    if path:
        blame.show(error, f"{path} of {type(module).__name__}: {blame.described}")
