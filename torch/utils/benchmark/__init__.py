"""Timing of small pieces of code: `Timer`, `Measurement`, `Compare`.

Example::

    timer = Timer("x @ x", setup="import torch; x = torch.ones(64, 64)")
    print(timer.blocked_autorange())
"""

from ._compare import Compare
from ._measurement import Measurement, TaskSpec, select_unit
from ._timer import Timer

__all__ = ["Compare", "Measurement", "TaskSpec", "Timer", "select_unit"]
