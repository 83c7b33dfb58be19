"""Cutting a joint graph of forward and backward in two: what is computed in the forward, what is saved, what is computed again."""

from __future__ import annotations

import operator
from collections import deque

import torch
import torch.fx as fx

__all__ = ["default_partition", "min_cut_rematerialization_partition"]

aten = torch.ops.aten


def _inputs_and_outputs(joint, num_fwd_outputs):
    """(primals, tangents, outputs of the forward, gradients) of a joint graph."""
    placeholders = joint.graph.find_nodes(op="placeholder")
    tangents = [n for n in placeholders if "tangents" in n.target]
    primals = [n for n in placeholders if "tangents" not in n.target]
    (output,) = joint.graph.find_nodes(op="output")
    results = list(output.args[0])
    return primals, tangents, results[:num_fwd_outputs], results[num_fwd_outputs:]


def _extract(joint, inputs, outputs, name):
    """The part of a graph that computes `outputs` from `inputs`, as a module."""
    graph, copies = fx.Graph(), {}
    for node in inputs:
        copies[node] = copy = graph.placeholder(node.name)
        copy.meta = dict(node.meta)
    wanted = _ancestors([n for n in outputs if isinstance(n, fx.Node)], set(inputs))
    for node in joint.graph.nodes:
        if node in copies or node not in wanted:
            continue
        if node.op == "placeholder":
            raise RuntimeError(f"{name}: the input {node.name} is needed but not given to this part")
        copies[node] = graph.node_copy(node, copies.__getitem__)
    graph.output(tuple(copies[n] if isinstance(n, fx.Node) else n for n in outputs))
    return fx.GraphModule(joint, graph, name)


def _ancestors(nodes, stop):
    """The nodes that these depend on, themselves too, not beyond `stop`."""
    found, stack = set(), list(nodes)
    while stack:
        node = stack.pop()
        if node in found:
            continue
        found.add(node)
        if node not in stop:
            stack.extend(node.all_input_nodes)
    return found


def _descendants(nodes):
    found, stack = set(), list(nodes)
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack.extend(node.users)
    return found


def _writes(joint, backward):
    """The writes to inputs that belong to the forward."""
    return [n for n in joint.graph.nodes if n.op == "call_function" and n.target is aten.copy_.default and n not in backward]


def _split(joint, saved, num_fwd_outputs, backward):
    primals, tangents, outputs, gradients = _inputs_and_outputs(joint, num_fwd_outputs)
    numbers = [n for n in saved if not isinstance(n.meta.get("val"), torch.Tensor) and not isinstance(n.meta.get("val"), (tuple, list))]
    saved = [n for n in saved if n not in numbers] + numbers
    forward = _extract_with_writes(joint, primals, [*outputs, *saved], _writes(joint, backward))
    return forward, _extract(joint, [*saved, *tangents], gradients, "backward")


def _extract_with_writes(joint, primals, outputs, writes):
    module = _extract(joint, primals, [*outputs, *writes], "forward")
    (output,) = module.graph.find_nodes(op="output")
    output.args = (output.args[0][:len(outputs)],)
    module.recompile()
    return module


def default_partition(joint_module, _joint_inputs, *, num_fwd_outputs, static_lifetime_input_indices=None, static_lifetime_input_nodes=None):
    """(forward, backward): everything that does not depend on gradients is computed in the forward, and saved where the backward uses it."""
    _, tangents, outputs, _ = _inputs_and_outputs(joint_module, num_fwd_outputs)
    backward = _descendants(tangents)
    needed = _needed_by_forward(joint_module, outputs, backward)
    saved = _expanded([n for n in joint_module.graph.nodes if n in needed and any(u in backward or u not in needed for u in n.users if u.op != "output")
                       or n in needed and _is_gradient(joint_module, n, num_fwd_outputs)], backward, needed)
    return _split(joint_module, saved, num_fwd_outputs, backward)


def _is_gradient(joint, node, num_fwd_outputs):
    """Is the node, which needs no tangent, a gradient as it is?"""
    return any(g is node for g in _inputs_and_outputs(joint, num_fwd_outputs)[3])


def _needed_by_forward(joint, outputs, backward):
    roots = [n for n in outputs if isinstance(n, fx.Node)]
    return {n for n in _ancestors([*roots, *_writes(joint, backward)], set()) if n not in backward} | set(
        n for n in joint.graph.find_nodes(op="placeholder") if n not in backward)


def _expanded(nodes, backward, needed):
    """Results in a tuple are saved by element."""
    out: dict = {}
    for n in nodes:
        if isinstance(n.meta.get("val"), (tuple, list)):
            out.update(dict.fromkeys(u for u in n.users if u.target is operator.getitem))
        else:
            out[n] = None
    return list(out)


# ---- recomputing what is cheap ----

def _recomputable(node):
    """May the backward compute it again? Pointwise operators, views and factories; no products, reductions or random numbers."""
    if node.op != "call_function":
        return False
    target = node.target
    if target is operator.getitem:
        return False
    if not isinstance(target, torch._ops.OpOverload):
        return True
    tags = target.tags
    if torch.Tag.nondeterministic_seeded in tags or target._schema.is_mutable:
        return False
    return torch.Tag.pointwise in tags or target.is_view or target._opname in _CHEAP


_CHEAP = frozenset("clone expand cat stack full zeros ones full_like zeros_like ones_like arange scalar_tensor _to_copy masked_fill select_scatter slice_scatter "
                   "constant_pad_nd where embedding view _unsafe_view reshape".split())


def _bytes(node):
    val = node.meta.get("val")
    if not isinstance(val, torch.Tensor):
        return 1
    from torch.fx.experimental.symbolic_shapes import hint_int

    return max(hint_int(val.numel(), fallback=4096) * val.element_size(), 1)


def min_cut_rematerialization_partition(joint_module, _joint_inputs, compiler="inductor", *, num_fwd_outputs, static_lifetime_input_indices=None):
    """(forward, backward) that saves as few bytes as can be: cheap operators are computed again in the backward.

    What is saved is a minimal cut, by bytes, between what must be computed in the forward and what the backward uses.
    """
    primals, tangents, outputs, _ = _inputs_and_outputs(joint_module, num_fwd_outputs)
    backward = _descendants(tangents)
    gradients = [n for n in _inputs_and_outputs(joint_module, num_fwd_outputs)[3] if isinstance(n, fx.Node)]
    used = _ancestors(gradients, set())
    forward = {n for n in used if n not in backward}
    edge = [n for n in forward if any(u in backward for u in n.users) or n in gradients]
    flow = _Flow()
    for n in forward:
        costly = isinstance(n.meta.get("val"), (tuple, list))
        flow.add((n, "in"), (n, "out"), _INFINITE if costly else _bytes(n))
        for u in n.users:
            if u in forward:
                flow.add((n, "out"), (u, "in"), _INFINITE)
        if not _recomputable(n):
            flow.add("source", (n, "in"), _INFINITE)
    for n in edge:
        flow.add((n, "out"), "sink", _INFINITE)
    reached = flow.cut("source", "sink")
    saved = [n for n in joint_module.graph.nodes if n in forward and (n, "in") in reached and (n, "out") not in reached]
    return _split(joint_module, saved, num_fwd_outputs, backward)


_INFINITE = 1 << 60


class _Flow:
    """Maximal flow by shortest augmenting paths (Edmonds and Karp, 1972)."""

    def __init__(self):
        self.capacity: dict = {}

    def add(self, a, b, capacity):
        """An edge from a to b."""
        ahead = self.capacity.setdefault(a, {})
        ahead[b] = ahead.get(b, 0) + capacity
        self.capacity.setdefault(b, {}).setdefault(a, 0)

    def _paths(self, source):
        before, queue = {source: None}, deque([source])
        while queue:
            a = queue.popleft()
            for b, left in self.capacity.get(a, {}).items():
                if left > 0 and b not in before:
                    before[b] = a
                    queue.append(b)
        return before

    def cut(self, source, sink):
        """The nodes on the side of the source of a minimal cut."""
        while True:
            before = self._paths(source)
            if sink not in before:
                return set(before)
            path, b = [], sink
            while before[b] is not None:
                path.append((before[b], b))
                b = before[b]
            amount = min(self.capacity[a][b] for a, b in path)
            if amount >= _INFINITE:
                raise RuntimeError("something that cannot be saved must be: a result in a tuple is used whole by the backward")
            for a, b in path:
                self.capacity[a][b] -= amount
                self.capacity[b][a] += amount
