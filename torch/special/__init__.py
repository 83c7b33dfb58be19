"""Special functions, element by element. Each is the operator `special_<name>`.

>>> torch.special.expit(torch.tensor([0.]))
tensor([0.5000])
"""

from torch import _C

_PREFIX = "special_"
_functions = {name.removeprefix(_PREFIX): getattr(_C._special, name) for name in dir(_C._special) if name.startswith(_PREFIX)}
globals().update(_functions)

__all__ = sorted(_functions)
