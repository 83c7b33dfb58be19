"""Checkpoints: gradients are those of the plain program, memory is not held, and what differs between the runs is told.
Counting of operations: by formulas that agree with arithmetic."""

import functools
import gc
import weakref

import pytest

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import (
    CheckpointError,
    CheckpointPolicy,
    GraphExecGroup,
    checkpoint,
    checkpoint_sequential,
    create_selective_checkpoint_contexts,
    set_checkpoint_debug_enabled,
    set_checkpoint_early_stop,
)
from torch.utils.flop_counter import FlopCounterMode, flop_registry, register_flop_formula
from torch.utils.module_tracker import ModuleTracker


def tensors(*shapes):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True) for shape in shapes]


def program(x, w, *, scale=1.0):
    y = torch.sigmoid(torch.mm(x, w)) * scale
    return nn.functional.dropout(y.sin(), 0.3) + y


class Operators(TorchDispatchMode):
    def __enter__(self):
        self.seen = []
        return super().__enter__()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen.append(func)
        return func(*args, **(kwargs or {}))


def gradients(f, *inputs):
    torch.manual_seed(3)
    out = f(*inputs)
    return [out, *torch.autograd.grad(out.square().sum(), inputs)]


@pytest.mark.parametrize("early_stop", [True, False])
def test_gradients_are_those_of_the_program(early_stop):
    x, w = tensors((3, 4), (4, 4))
    expected = gradients(program, x, w)
    for got in (gradients(lambda x, w: checkpoint(program, x, w, use_reentrant=False, early_stop=early_stop), x, w),
                gradients(lambda x, w: checkpoint(lambda x, w: checkpoint(program, x, w, use_reentrant=False), x, w, use_reentrant=False), x, w)):
        assert all(map(torch.equal, expected, got))
    torch.manual_seed(3)
    checkpoint(program, x, w, use_reentrant=True).square().sum().backward()
    assert torch.equal(x.grad, expected[1]) and torch.equal(w.grad, expected[2])
    with pytest.raises(RuntimeError, match="incompatible with .grad"):
        torch.autograd.grad(checkpoint(program, x, w, use_reentrant=True).sum(), x)
    assert torch.equal(checkpoint(program, x, w=w, scale=0.0, use_reentrant=False).detach(), torch.zeros(3, 4, dtype=torch.float64))


def test_second_derivatives_and_several_backwards():
    x, w = tensors((3, 4), (4, 4))
    f = lambda x, w: torch.tanh(x @ w)  # noqa: E731
    assert torch.autograd.gradgradcheck(lambda x, w: checkpoint(f, x, w, use_reentrant=False), (x, w))
    out = checkpoint(f, x, w, use_reentrant=False)
    first = torch.autograd.grad(out.sum(), (x, w), retain_graph=True)
    assert all(map(torch.equal, first, torch.autograd.grad(out.sum(), (x, w))))


def test_intermediate_results_are_not_held():
    x, = tensors((4, 4))
    alive = []

    def f(x):
        y = x.sin()
        alive.append(weakref.ref(y))
        return y.cos()

    out = checkpoint(f, x, use_reentrant=False)
    gc.collect()
    assert alive[0]() is None
    out.sum().backward()
    assert len(alive) == 2 and torch.allclose(x.grad, -x.sin().sin() * x.cos())


def test_a_group_recomputes_once():
    x, = tensors((4,))
    calls = []

    def f(x):
        calls.append(1)
        return x.sin(), x.cos()

    with set_checkpoint_early_stop(False):
        a, b = checkpoint(f, x, use_reentrant=False)
    with GraphExecGroup():
        a.sum().backward(retain_graph=True)
        b.sum().backward()
    assert len(calls) == 2 and torch.allclose(x.grad, x.cos() - x.sin())


def test_saved_tensors_are_unpacked_once():
    x, w = tensors((3, 4), (4, 4))
    packed, unpacked = [], []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: (packed.append(1), t)[1], lambda t: (unpacked.append(1), t)[1]):
        y = torch.sigmoid(x @ w)
    y.sum().backward()
    assert len(packed) == len(unpacked) == 3


@pytest.mark.parametrize("kept", [torch.ops.aten.mm.default, torch.ops.aten.sin.default, None])
def test_chosen_operators_are_not_computed_again(kept):
    x, w = tensors((3, 4), (4, 4))
    f = lambda x, w: (torch.mm(x, w).sin() * 2).cos().exp()  # noqa: E731
    contexts = functools.partial(create_selective_checkpoint_contexts, [kept] if kept else lambda ctx, op, *args, **kwargs: False)
    expected = gradients(f, x, w)
    out = checkpoint(f, x, w, use_reentrant=False, context_fn=contexts)
    with Operators() as operators:
        got = torch.autograd.grad(out.square().sum(), (x, w), retain_graph=True)
    assert all(map(torch.equal, expected[1:], got))
    mm = torch.ops.aten.mm.default
    assert operators.seen.count(mm) == 2 + (kept is not mm)
    with pytest.raises(RuntimeError, match="extra time"):
        out.sum().backward()


def test_policies():
    x, = tensors((4, 4))
    seen = []

    def policy(ctx, op, *args, **kwargs):
        seen.append((op, ctx.is_recompute))
        return CheckpointPolicy.MUST_SAVE

    contexts = functools.partial(create_selective_checkpoint_contexts, policy)
    checkpoint(lambda x: x.sin().cos(), x, use_reentrant=False, context_fn=contexts).sum().backward()
    assert seen == [(torch.ops.aten.sin.default, False), (torch.ops.aten.cos.default, False)]
    changed = checkpoint(lambda x: x.sin().mul_(2).cos(), x, use_reentrant=False, context_fn=contexts)
    with pytest.raises(RuntimeError, match="has been mutated"):
        changed.sum().backward()
    allowed = functools.partial(create_selective_checkpoint_contexts, policy, allow_cache_entry_mutation=True)
    checkpoint(lambda x: x.sin().mul_(2).cos(), x, use_reentrant=False, context_fn=allowed).sum().backward()
    with pytest.raises(ValueError, match="to be an OpOverload"):
        create_selective_checkpoint_contexts([torch.ops.aten.mm])
    with pytest.raises(TypeError):
        create_selective_checkpoint_contexts(3)


def changing(first, later):
    runs = []

    def f(x):
        runs.append(1)
        return first(x) if len(runs) == 1 else later(x)

    return f


def test_what_differs_is_told():
    x, = tensors((4, 4))
    more = lambda x: x.sin().cos().exp()  # noqa: E731
    with pytest.raises(CheckpointError, match="saved during forward: 3\nNumber of tensors saved during recomputation: 1"):
        checkpoint(changing(more, torch.sin), x, use_reentrant=False).sum().backward()
    shorter = changing(more, lambda x: more(x[:2]))
    with pytest.raises(CheckpointError, match="tensor at position 0:\nsaved metadata: {'shape': torch.Size..4, 4"):
        checkpoint(shorter, x, use_reentrant=False).sum().backward()
    for debugged in (lambda f: checkpoint(f, x, use_reentrant=False, debug=True), lambda f: checkpoint(f, x, use_reentrant=False)):
        with set_checkpoint_debug_enabled(True), pytest.raises(CheckpointError, match="original forward:(.|\n)*aten.exp.default"):
            debugged(changing(more, torch.sin)).sum().backward()


def test_arguments_are_checked():
    x, = tensors((4, 4))
    for call in (lambda: checkpoint(program, x, w=x, use_reentrant=True), lambda: checkpoint(program, x, x, use_reentrant=True, debug=True),
                 lambda: checkpoint(program, x, x, use_reentrant=False, determinism_check="x"), lambda: checkpoint_sequential([torch.sin], 2, x, False)):
        with pytest.raises(ValueError):
            call()
    with pytest.warns(UserWarning, match="use_reentrant"):
        checkpoint(torch.sin, x)
    with pytest.warns(UserWarning, match="None of the inputs"):
        checkpoint(torch.sin, x.detach(), use_reentrant=True)
    layers = [torch.sin, torch.cos, torch.exp, torch.tanh, torch.sin]
    assert torch.equal(checkpoint_sequential(layers, 2, x, use_reentrant=False), x.sin().cos().exp().tanh().sin())


def test_autocast_is_the_same_in_both_runs():
    layer, x = nn.Linear(4, 4), torch.ones(2, 4, requires_grad=True)
    dtypes = []

    def f(x):
        y = layer(x)
        dtypes.append(y.dtype)
        return y

    with torch.autocast("cpu", dtype=torch.bfloat16), set_checkpoint_early_stop(False):
        out = checkpoint(f, x, use_reentrant=False)
    out.sum().backward()
    assert dtypes == [torch.bfloat16] * 2


# ---- modules and operations ----

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.rest = nn.Linear(4, 8), nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, x):
        return self.rest(self.first(x))


def test_operations_by_module():
    net, x = Net(), torch.ones(3, 4, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        net(x).sum().backward()
    counts = counter.get_flop_counts()
    addmm, mm = torch.ops.aten.addmm, torch.ops.aten.mm
    first, middle, last = 2 * 3 * 4 * 8, 2 * 3 * 8 * 8, 2 * 3 * 8 * 2
    assert counts["Net.first"] == {addmm: first, mm: 2 * first} and counts["Net.rest.0"] == {addmm: middle, mm: 2 * middle}
    assert counts["Net"] == counts["Global"] == {addmm: first + middle + last, mm: 2 * (first + middle + last)}
    assert counter.get_total_flops() == 3 * (first + middle + last)
    table = counter.get_table(depth=3)
    assert "Net.rest.2" in table and "100.00%" in table and "aten.addmm" in table


def test_operations_of_operators():
    q = torch.ones(2, 3, 5, 8, requires_grad=True)
    x = torch.ones(2, 4, 6, 6, requires_grad=True)
    cases = [
        (lambda: torch.ones(2, 5, 3) @ torch.ones(2, 3, 7), 2 * 2 * 5 * 3 * 7),
        (lambda: torch.baddbmm(torch.ones(1), torch.ones(2, 5, 3), torch.ones(2, 3, 7)), 2 * 2 * 5 * 3 * 7),
        (lambda: nn.functional.scaled_dot_product_attention(q, q, q).sum().backward(), (2 + 5) * 2 * 6 * 5 * 5 * 8),
        (lambda: nn.functional.conv2d(x, torch.ones(6, 2, 3, 3, requires_grad=True), groups=2).sum().backward(), 3 * 2 * 2 * 16 * 6 * 2 * 9),
        (lambda: nn.functional.conv_transpose2d(x, torch.ones(4, 5, 3, 3), stride=2), 2 * 2 * 36 * 4 * 5 * 9),
    ]
    for call, expected in cases:
        with FlopCounterMode(display=False) as counter:
            call()
        assert counter.get_total_flops() == expected


def test_formulas_can_be_added(capsys):
    aten = torch.ops.aten
    try:
        @register_flop_formula(aten.cos)
        def cos_flop(shape, out_shape=None):
            return shape.numel()

        def sin_flop(tensor, out_val=None):
            return 10 * out_val.numel()

        sin_flop._get_raw = True
        with FlopCounterMode(custom_mapping={aten.sin: sin_flop}):
            torch.ones(3).cos().sin()
        assert "33" in capsys.readouterr().out
        with pytest.raises(RuntimeError, match="duplicate"):
            register_flop_formula(aten.cos)(cos_flop)
    finally:
        flop_registry.pop(aten.cos, None)
    with pytest.raises(ValueError, match="OpOverloadPacket"):
        register_flop_formula(3)


def test_which_module_runs():
    tracker, seen = ModuleTracker(), []

    class Probe(nn.Module):
        def forward(self, x):
            seen.append(("forward", set(tracker.parents), tracker.is_bw))
            y = x * 2
            y.register_hook(lambda grad: seen.append(("backward", set(tracker.parents), tracker.is_bw)))
            return y * 3

    with tracker:
        nn.Sequential(nn.Flatten(0), Probe())(torch.ones(2, requires_grad=True) * 1).sum().backward()
    names = {"Global", "Sequential", "Sequential.1"}
    assert seen == [("forward", names, False), ("backward", names, True)] and tracker.parents == {"Global"}
