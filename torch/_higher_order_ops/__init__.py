"""Control flow as operators: `cond`, `while_loop`, `scan`, `associative_scan`, `map`.

Each takes functions and tensors. Run eagerly, the functions are simply called, so that gradients, `vmap` and modes see the
operators inside. In a graph, `cond` and `while_loop` are nodes with graphs of their functions; the others, whose number of
steps a size tells, are the operators of all steps.
"""

from .branch import cond, cond_op
from .loop import map, while_loop, while_loop_op
from .scans import associative_scan, scan

__all__ = ["associative_scan", "cond", "map", "scan", "while_loop"]

OPERATORS = {operator.name(): operator for operator in (cond_op, while_loop_op)}   # of torch.ops.higher_order
