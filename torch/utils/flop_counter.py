"""FlopCounterMode: counts multiplications and additions of matrix products, convolutions and attention, module by module."""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from typing import Any, Callable

import torch

from . import _pytree as pytree
from ._python_dispatch import TorchDispatchMode
from .module_tracker import ModuleTracker

__all__ = ["FlopCounterMode", "register_flop_formula"]

aten = torch.ops.aten
flop_registry: dict[Any, Callable] = {}


def _shape(value: Any) -> Any:
    return value.shape if isinstance(value, torch.Tensor) else value


def _by_shapes(formula: Callable) -> Callable:
    @functools.wraps(formula)
    def counted(*args, out_val=None, **kwargs):
        args, kwargs, out_shape = pytree.tree_map(_shape, (args, kwargs, out_val))
        return formula(*args, out_shape=out_shape, **kwargs)

    return counted


def register_flop_formula(targets: Any, get_raw: bool = False) -> Callable:
    """Decorator: the function tells how many operations a call of an operator takes.

    Args:
        targets: an operator such as ``torch.ops.aten.mm`` (a packet, all its overloads), or a list of them.
        get_raw: call it with the tensors, and the result as `out_val`; by default with shapes in their place, and `out_shape`.

    Raises ValueError for other targets.
    """
    targets = list(targets) if isinstance(targets, (list, tuple)) else [targets]
    for target in targets:
        if not isinstance(target, torch._ops.OpOverloadPacket) and not hasattr(target, "is_higher_order"):
            raise ValueError("register_flop_formula(targets): expected each target to be OpOverloadPacket (i.e. torch.ops.mylib.foo), "
                             f"JitFunction, or HigherOrderOperator, got {target} which is of type {type(target)}")

    def register(formula):
        for target in targets:
            if target in flop_registry:
                raise RuntimeError(f"duplicate registrations for {target}")
            flop_registry[target] = formula if get_raw else _by_shapes(formula)
        return formula

    return register


# ---- formulas: a product of (n, k) and (k, m) matrices takes 2 n k m operations ----

@register_flop_formula(aten.mm)
def mm_flop(a_shape, b_shape, *args, out_shape=None, **kwargs) -> int:
    """Operations of a matrix product."""
    return 2 * a_shape[0] * a_shape[1] * b_shape[1]


@register_flop_formula(aten.addmm)
def addmm_flop(self_shape, a_shape, b_shape, out_shape=None, **kwargs) -> int:
    """Operations of a matrix product that is added to something."""
    return mm_flop(a_shape, b_shape)


@register_flop_formula(aten.bmm)
def bmm_flop(a_shape, b_shape, out_shape=None, **kwargs) -> int:
    """Operations of a batch of matrix products."""
    return a_shape[0] * mm_flop(a_shape[1:], b_shape[1:])


@register_flop_formula(aten.baddbmm)
def baddbmm_flop(self_shape, a_shape, b_shape, out_shape=None, **kwargs) -> int:
    """Operations of a batch of matrix products that is added to something."""
    return bmm_flop(a_shape, b_shape)


def conv_flop_count(x_shape, w_shape, out_shape, transposed: bool = False) -> int:
    """Operations of a convolution: every weight is used once for each position of the smaller side."""
    positions = math.prod((x_shape if transposed else out_shape)[2:])
    return 2 * x_shape[0] * positions * math.prod(w_shape)


@register_flop_formula([aten.convolution, aten._convolution])
def conv_flop(x_shape, w_shape, _bias, _stride, _padding, _dilation, transposed, *args, out_shape=None, **kwargs) -> int:
    """Operations of a convolution."""
    return conv_flop_count(x_shape, w_shape, out_shape, transposed)


@register_flop_formula(aten.convolution_backward)
def conv_backward_flop(grad_out_shape, x_shape, w_shape, _bias, _stride, _padding, _dilation, transposed, _output_padding, _groups, output_mask,
                       out_shape=None) -> int:
    """Operations of the gradients of a convolution: as many again for the input, and for the weight."""
    return (output_mask[0] + output_mask[1]) * conv_flop_count(x_shape, w_shape, grad_out_shape, transposed)


def sdpa_flop_count(query_shape, key_shape, value_shape) -> int:
    """Operations of attention: query times key, and the result times value."""
    *batch, queries, width = query_shape
    return 2 * math.prod(batch) * queries * key_shape[-2] * (width + value_shape[-1])


def sdpa_backward_flop_count(grad_out_shape, query_shape, key_shape, value_shape) -> int:
    """Operations of the gradients of attention: the scores again, and the gradients of scores, value, query and key."""
    *batch, queries, width = query_shape
    return 2 * math.prod(batch) * queries * key_shape[-2] * (3 * width + 2 * value_shape[-1])


def _packets(names: str) -> list[Any]:
    return [getattr(aten, name) for name in names.split() if hasattr(aten, name)]


@register_flop_formula(_packets("_scaled_dot_product_flash_attention _scaled_dot_product_flash_attention_for_cpu "
                                "_scaled_dot_product_efficient_attention _scaled_dot_product_cudnn_attention"))
def sdpa_flop(query_shape, key_shape, value_shape, *args, out_shape=None, **kwargs) -> int:
    """Operations of attention."""
    return sdpa_flop_count(query_shape, key_shape, value_shape)


@register_flop_formula(_packets("_scaled_dot_product_flash_attention_backward _scaled_dot_product_flash_attention_for_cpu_backward "
                                "_scaled_dot_product_efficient_attention_backward _scaled_dot_product_cudnn_attention_backward"))
def sdpa_backward_flop(grad_out_shape, query_shape, key_shape, value_shape, *args, out_shape=None, **kwargs) -> int:
    """Operations of the gradients of attention."""
    return sdpa_backward_flop_count(grad_out_shape, query_shape, key_shape, value_shape)


# ---- the mode ----

_SUFFIXES = ["", "K", "M", "B", "T"]


class FlopCounterMode:
    """Counts, inside its ``with`` block, the operations of everything that runs, forward and backward.

    Args:
        mods: not needed any more.
        depth: how many levels of modules the table shows.
        display: print the table at the end of the block.
        custom_mapping: {operator: function} of further formulas; a function with an attribute `_get_raw` gets tensors, others shapes.

    >>> with torch.utils.flop_counter.FlopCounterMode(display=False) as counter:
    ...     _ = torch.ones(2, 3) @ torch.ones(3, 4)
    >>> counter.get_total_flops()
    48
    """

    def __init__(self, mods: Any = None, depth: int = 2, display: bool = True, custom_mapping: dict[Any, Callable] | None = None):
        if mods is not None:
            import warnings

            warnings.warn("mods argument is not needed anymore, you can stop passing it", stacklevel=2)
        self.flop_counts: dict[str, dict[Any, int]] = {}
        self.depth, self.display = depth, display
        self.flop_registry = dict(flop_registry)
        for target, formula in (custom_mapping or {}).items():
            self.flop_registry[target] = formula if getattr(formula, "_get_raw", False) else _by_shapes(formula)
        self.mod_tracker = ModuleTracker()
        self.mode: _Counting | None = None

    def get_total_flops(self) -> int:
        """The number of operations."""
        return sum(self.flop_counts.get("Global", {}).values())

    def get_flop_counts(self) -> dict[str, dict[Any, int]]:
        """{name of a module: {operator: number of operations}}; "Global" for everything."""
        return {name: dict(counts) for name, counts in self.flop_counts.items()}

    def get_table(self, depth: int | None = None) -> str:
        """The numbers as a table, `depth` levels of modules deep."""
        depth = self.depth if depth is None else depth
        total = self.get_total_flops()
        unit = max(0, min(len(_SUFFIXES) - 1, (len(str(total)) - 2) // 3))

        def row(label, count):
            share = f"{count / total:.2%}" if total else "0%"
            return [label, f"{count / 1000 ** unit:.3f}{_SUFFIXES[unit]}" if unit else str(count), share]

        rows = []
        names = sorted(name for name in self.flop_counts if name != "Global" and name.count(".") + 1 <= depth)
        for name in ["Global", *names]:
            counts = self.flop_counts.get(name, {})
            indent = " " * (0 if name == "Global" else name.count(".") + 1)
            rows.append(row(indent + name, sum(counts.values())))
            rows += [row(f"{indent} - {target}", count) for target, count in counts.items()]
        rows = [["Module", "FLOP", "% Total"], *rows]
        widths = [max(map(len, column)) for column in zip(*rows)]
        rows.insert(1, ["-" * width for width in widths])
        return "\n".join(f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows)

    def _count(self, target: Any, formula: Callable, args, kwargs, out):
        count = formula(*args, **kwargs, out_val=out)
        for name in self.mod_tracker.parents:
            self.flop_counts[name][target] += count

    def __enter__(self):
        self.flop_counts = defaultdict(lambda: defaultdict(int))
        self.mod_tracker.__enter__()
        self.mode = _Counting(self)
        self.mode.__enter__()
        return self

    def __exit__(self, *details):
        self.mode.__exit__(*details)
        self.mode = None
        self.mod_tracker.__exit__(*details)
        self.flop_counts = self.get_flop_counts()
        if self.display:
            print(self.get_table(self.depth))


class _Counting(TorchDispatchMode):
    """Hands every operator that has a formula to the counter."""

    def __init__(self, counter: FlopCounterMode):
        super().__init__()
        self.counter = counter

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        formula = self.counter.flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.counter._count(func._overloadpacket, formula, args, kwargs, out)
        return out
