"""From what a definition returns to primitive nodes: transcendental functions expanded, a fixed order of evaluation."""

from __future__ import annotations

from .._opdefs import expr as E


def rebuild(node, args):
    """`node` with other arguments."""
    return node if all(a is b for a, b in zip(args, node.args)) else E.Expr(node.op, args, node.type, node.attr)


def post_order(roots, known=()):
    """Every node reachable from `roots` but not through `known` ones, arguments before users, each once."""
    done, order = set(known), []
    stack = [(root, False) for root in reversed(list(roots))]
    while stack:
        node, ready = stack.pop()
        if node in done:
            continue
        if ready:
            done.add(node)
            order.append(node)
        else:
            stack.append((node, True))
            stack.extend((a, False) for a in reversed(node.args) if a not in done)
    return order


def expand(roots):
    """`roots` with every `fn` node replaced by its expansion (which may name further functions)."""
    memo = {}

    def value(node):
        stack = [node]
        while stack:
            n = stack[-1]
            if n in memo:
                stack.pop()
                continue
            missing = [a for a in n.args if a not in memo]
            if missing:
                stack.extend(missing)
                continue
            args = tuple(memo[a] for a in n.args)
            if n.op == "fn":
                from . import mathlib

                expansion = mathlib.expand(n.attr, args)
                if expansion not in memo:
                    memo[expansion] = value(expansion) if any(m.op == "fn" for m in post_order([expansion])) else expansion
                memo[n] = memo[expansion]
            else:
                memo[n] = rebuild(n, args)
            stack.pop()
        return memo[node]

    return [value(root) for root in roots]


def substitute(roots, replacements):
    """`roots` with the nodes that are keys of `replacements` replaced."""
    memo = dict(replacements)
    for node in post_order(roots):
        if node not in memo:
            memo[node] = rebuild(node, tuple(memo[a] for a in node.args))
    return [memo[root] for root in roots]


# what a node costs beside an addition, roughly
_COST = {"const": 0, "input": 0, "cast": 1, "bitcast": 0, "div": 4, "sqrt": 4, "rem": 20, "call": 50}


def weight(roots):
    """Rough number of instructions: light bodies are emitted two vectors wide."""
    return sum(_COST.get(n.op, 1) for n in post_order(roots))
