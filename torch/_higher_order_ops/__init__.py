"""Control flow as operators: `cond`, `while_loop`, `scan`, `associative_scan`, `map`.

Each takes functions and tensors. Run eagerly, the functions are simply called, so that gradients, `vmap` and modes see the
operators inside.
"""

from .branch import cond
from .loop import map, while_loop
from .scans import associative_scan, scan

__all__ = ["associative_scan", "cond", "map", "scan", "while_loop"]
