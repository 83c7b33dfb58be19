"""Marks of how stable a public function is."""

import textwrap

_MARKED_WITH_COMPATIBILITY = {}


def compatibility(is_backward_compatible):
    """Decorator that notes in the docstring whether a function's signature will stay."""
    def mark(function):
        text = textwrap.dedent(function.__doc__ or "").rstrip()
        note = ("Backwards-compatibility for this API is guaranteed." if is_backward_compatible else
                "This API is experimental and is *NOT* backward-compatible.")
        function.__doc__ = f"{text}\n\n.. note::\n    {note}\n"
        _MARKED_WITH_COMPATIBILITY[function] = is_backward_compatible
        return function

    return mark
