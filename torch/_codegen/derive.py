"""Definitions that follow from others: fused gradients, and backward operators of element-wise definitions without a formula."""

from __future__ import annotations

from dataclasses import replace

from .._opdefs import expr as E
from .._opdefs.language import MISSING, UNKNOWN, Definition
from .diff import derivative
from .fuse import fused_gradients
from .overloads import expand
from .schema import parse

ORDERS = 3   # derivatives that a definition without formula gets


def complete(definitions, problem=None):
    """`definitions` and all that follows from them."""
    known = []
    for definition in definitions:
        known += with_backward(definition, ORDERS)
    return known + list(fused_gradients(expand(known, problem)).values())


def with_backward(definition, orders, linear=None):
    """The definition; if it has no formula but could have one, with backward operators made by differentiating its expression.

    It is linear in the argument `linear`: there the gradient is the operator itself.
    """
    options = definition.options
    schema = parse(definition.schemas[0])
    differentiable = (definition.family == "pointwise" and definition.grad is MISSING and "f" in options.get("kinds", "f")
                      and options.get("result", "Same") in ("Same", "Float") and len(schema.returns) == 1 and len(definition.schemas) == 1
                      and not options.get("store") and all(a.base in ("Tensor", "Scalar", "float") and not a.optional for a in schema.args))
    if not differentiable:
        return [definition]
    if orders == 0:
        return [replace(definition, grad=UNKNOWN)]
    tensors = [a.name for a in schema.args if a.is_tensor]
    made, formulas = [], {}
    for name in tensors:
        if name == linear:
            formulas[name] = f"{schema.name}({', '.join('grad' if a.name == linear else a.name for a in schema.args)})"
            continue
        backward = _backward(definition, schema, name, alone=len(set(tensors) - {linear}) == 1)
        made += with_backward(backward, orders - 1, linear=parse(backward.schemas[0]).args[0].name)
        formulas[name] = f"{backward.name}(grad, {', '.join(a.name for a in schema.args)})"
    return [replace(definition, grad=formulas), *made]


def _backward(definition, schema, name, alone):
    position = schema.index[name]

    def body(cotangent, *values):
        # differentiate at a fresh input: the argument itself may be an expression of others
        inputs = [E.input(f"@{i}", v.type) for i, v in enumerate(values)]
        slope = derivative(definition.body(*inputs), inputs[position])
        return cotangent * substitute(slope, dict(zip(inputs, values)))

    suffix = "backward" if alone else f"backward_{name}"
    arguments = ", ".join(f"{a.base} {a.name}" for a in schema.args)
    body.__doc__ = f"The gradient of {schema.name} for {name}."
    return Definition("pointwise", [f"{schema.name}_{suffix}(Tensor cotangent{'_' * schema.name.count('backward')}, {arguments}) -> Tensor"], body, body.__doc__,
                      definition.module, inplace=False, out=False, python="", options={"kinds": "f"})


def substitute(expression, values):
    """`expression` with inputs replaced."""
    done: dict = dict(values)

    def walk(node):
        if node not in done:
            args = tuple(map(walk, node.args))
            done[node] = E.Expr(node.op, args, node.type, node.attr)
        return done[node]

    return walk(expression)
