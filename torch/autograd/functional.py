"""Derivatives of functions: Jacobians, Hessians and their products with vectors."""

from __future__ import annotations

import torch

__all__ = ["vjp", "jvp", "jacobian", "hessian", "hvp", "vhp"]


def _tuple_of(value, what, function):
    single = not isinstance(value, tuple)
    values = (value,) if single else value
    for i, v in enumerate(values):
        if not isinstance(v, torch.Tensor):
            where = f"the value at index {i} in " if not single else ""
            raise TypeError(f"The {what} given to {function} must be either a Tensor or a tuple of Tensors but {where}the given {what} has type "
                            f"{type(v)}.")
    return single, values


def _fresh(inputs, create_graph):
    """Inputs to differentiate by: leaves of their own, or views of the given ones when the result is to be differentiated."""
    return tuple(t.view_as(t) if create_graph and t.requires_grad else t.detach().requires_grad_() for t in inputs)


def _check_vector(v, like, single):
    if len(v) != len(like):
        if single:
            raise RuntimeError("The given v is a tuple of invalid length: it should be a single Tensor.")
        raise RuntimeError(f"v is a tuple of invalid length: should be {len(like)} but got {len(v)}.")
    for i, (a, b) in enumerate(zip(v, like)):
        if a.size() != b.size():
            raise RuntimeError(f"Entry {i} in v has invalid size: should be {b.size()} but got {a.size()}.")


def _vector(v, like, single, what):
    """The vector of a product, or the number 1 when the function has a single element."""
    if v is not None:
        _, v = _tuple_of(v, "v", what)
        v = tuple(t.detach() if not t.requires_grad else t for t in v)
        _check_vector(v, like, single)
        return v
    if len(like) != 1 or like[0].nelement() != 1:
        raise RuntimeError("The vector v can only be None if the user-provided function returns a single Tensor with a single element."
                           if what in ("vjp", "vhp") else
                           "The vector v can only be None if the input to the user-provided function is a single Tensor with a single element.")
    return tuple(torch.ones_like(t) for t in like)


def _check_strict(tensors, strict, message):
    if strict:
        for i, t in enumerate(tensors):
            if t is None or not t.requires_grad:
                raise RuntimeError(message.format(i=i))


def _grad(outputs, inputs, weights, create_graph, batched=False):
    pairs = [(o, w) for o, w in zip(outputs, weights) if o is not None and o.requires_grad]
    if not pairs:
        return (None,) * len(inputs)
    return torch.autograd.grad([o for o, _ in pairs], inputs, [w for _, w in pairs], retain_graph=True, create_graph=create_graph, allow_unused=True,
                               is_grads_batched=batched)


def _filled(grads, like, strict, create_graph, message):
    filled = []
    for i, (g, t) in enumerate(zip(grads, like)):
        if g is None and strict:
            raise RuntimeError(message.format(i=i))
        if strict and create_graph and not g.requires_grad:
            raise RuntimeError(f"The jacobian of the user-provided function is independent of input {i}. This is not allowed in strict mode when "
                               "create_graph=True.")
        filled.append(torch.zeros_like(t) if g is None else g)
    return tuple(filled)


def _finish(values, single, create_graph):
    values = tuple(values) if create_graph else tuple(v.detach() for v in values)
    return values[0] if single else values


_UNUSED = "Output of the user-provided function is independent of input {i}. This is not allowed in strict mode."
_CONSTANT = "Output {i} of the user-provided function does not require gradients. The outputs must be computed in a differentiable manner " \
            "from the input when running in strict mode."


def vjp(func, inputs, v=None, create_graph=False, strict=False):
    """``(func(*inputs), v^T J)``: the product of a vector with the Jacobian.

    Args:
        func: maps tensors to a tensor or a tuple of tensors.
        inputs: a tensor or a tuple of tensors.
        v: of the shape of the output; None for a single element.
        create_graph: make the results differentiable.
        strict: RuntimeError where an output does not depend on an input, instead of zeros.
    """
    with torch.enable_grad():
        single_in, inputs = _tuple_of(inputs, "inputs", "vjp")
        inputs = _fresh(inputs, create_graph)
        single_out, outputs = _tuple_of(func(*inputs), "outputs of the user-provided function", "vjp")
        _check_strict(outputs, strict, _CONSTANT)
        weights = _vector(v, outputs, single_out, "vjp")
        grads = _filled(_grad(outputs, inputs, weights, create_graph), inputs, strict, create_graph, _UNUSED)
    return _finish(outputs, single_out, create_graph), _finish(grads, single_in, create_graph)


def jvp(func, inputs, v=None, create_graph=False, strict=False):
    """``(func(*inputs), J v)``: the product of the Jacobian with a vector of the shape of the inputs. Arguments as for `vjp`."""
    with torch.enable_grad():
        single_in, inputs = _tuple_of(inputs, "inputs", "jvp")
        inputs = _fresh(inputs, create_graph)
        direction = _vector(v, inputs, single_in, "jvp")
        single_out, outputs = _tuple_of(func(*inputs), "outputs of the user-provided function", "jvp")
        _check_strict(outputs, strict, _CONSTANT)
        # v^T J is linear in v: its own derivative with respect to v, applied to the direction, is J times the direction
        weights = tuple(torch.zeros_like(o, requires_grad=True) for o in outputs)
        rows = _filled(_grad(outputs, inputs, weights, True), inputs, strict, False, _UNUSED)
        grads = _filled(_grad(rows, weights, direction, create_graph), outputs, strict, create_graph, _UNUSED)
    return _finish(outputs, single_out, create_graph), _finish(grads, single_out, create_graph)


def _forward_jacobian(func, inputs):
    """Columns by forward mode, all at once. [output][input] of shape output + input."""
    from torch.func import jacfwd

    rows = jacfwd(func, tuple(range(len(inputs))))(*(t.detach() for t in inputs))
    single_out = isinstance(rows[0], torch.Tensor)
    return single_out, (rows,) if single_out else rows


def _rows(out, inputs, create_graph, strict, vectorize, i):
    """The Jacobian of one output, for each input a tensor whose first dimension counts the output's elements."""
    unused = f"Output {i} of the user-provided function is independent of input {{i}}. This is not allowed in strict mode."
    flat = out.reshape(-1)
    if vectorize and out.numel():
        basis = torch.eye(out.numel(), dtype=out.dtype, device=out.device)
        grads = _grad((flat,), inputs, (basis,), create_graph, batched=True)
        return [torch.zeros(out.numel(), *t.shape, dtype=t.dtype, device=t.device) if g is None else g for g, t in zip(grads, inputs)]
    parts: list = [[] for _ in inputs]
    for element in flat:
        grads = _grad((element,), inputs, (torch.ones_like(element),), create_graph)
        for part, g in zip(parts, _filled(grads, inputs, strict, create_graph, unused)):
            part.append(g)
    return [torch.stack(p) if p else t.new_zeros(0, *t.shape) for p, t in zip(parts, inputs)]


def jacobian(func, inputs, create_graph=False, strict=False, vectorize=False, strategy="reverse-mode"):
    """The Jacobian of `func` at `inputs`.

    Args:
        func: maps tensors to a tensor or a tuple of tensors.
        inputs: a tensor or a tuple of tensors.
        create_graph: make the result differentiable.
        strict: RuntimeError where an output does not depend on an input, instead of zeros.
        vectorize: compute all rows in one batch where possible.
        strategy: "reverse-mode" (by rows) or "forward-mode" (by columns; only with vectorize=True).

    Returns a tensor of shape ``output.shape + input.shape``; for tuples, a tuple over outputs of tuples over inputs.

    >>> torch.autograd.functional.jacobian(lambda x: x ** 2, torch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs than '
                             'inputs, "forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".')
    single_in, inputs = _tuple_of(inputs, "inputs", "jacobian")
    if strategy == "forward-mode":
        if create_graph:
            raise NotImplementedError("torch.autograd.functional.jacobian: `create_graph=True` and `strategy=\"forward-mode\"` are not supported "
                                      "together (yet). Please either set `create_graph=False` or `strategy=\"reverse-mode\"`.")
        if not vectorize:
            raise NotImplementedError("Computing Jacobian using forward-AD or forward-over-reverse Hessian is only implemented for "
                                      "`vectorize=True`.")
        if strict:
            raise RuntimeError("torch.autograd.functional.jacobian: `strict=True` and `strategy=\"forward-mode\"` are not supported together "
                               "(yet). Please either set `strict=False` or `strategy=\"reverse-mode\"`.")
        single_out, rows = _forward_jacobian(func, inputs)
        return _unnest(rows, single_out, single_in)
    if strict and vectorize:
        raise RuntimeError("torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported together. Please either "
                           "set `strict=False` or `vectorize=False`.")
    with torch.enable_grad():
        inputs = _fresh(inputs, create_graph)
        single_out, outputs = _tuple_of(func(*inputs), "outputs of the user-provided function", "jacobian")
        _check_strict(outputs, strict, _CONSTANT)
        rows = []
        for i, out in enumerate(outputs):
            stacks = _rows(out, inputs, create_graph, strict, vectorize, i)
            rows.append(tuple(s.view(out.size() + t.size()) for s, t in zip(stacks, inputs)))
    if not create_graph:
        rows = [tuple(t.detach() for t in row) for row in rows]
    return _unnest(tuple(rows), single_out, single_in)


def _unnest(rows, single_out, single_in):
    rows = tuple(row[0] if single_in else row for row in rows)
    return rows[0] if single_out else rows


def _scalar(func, function):
    def checked(*inputs):
        out = func(*inputs)
        if not isinstance(out, torch.Tensor):
            raise RuntimeError(f"The function given to {function} should return a single Tensor")
        if out.nelement() != 1:
            raise RuntimeError(f"The Tensor returned by the function given to {function} should contain a single element")
        return out.reshape(())
    return checked


def hessian(func, inputs, create_graph=False, strict=False, vectorize=False, outer_jacobian_strategy="reverse-mode"):
    """The Hessian of a function with a single element as its result: a tensor of shape ``input.shape + input.shape``, or a tuple of tuples.

    >>> torch.autograd.functional.hessian(lambda x: (x ** 3).sum(), torch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    single_in, inputs = _tuple_of(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')
    scalar = _scalar(func, "hessian")

    def gradient(*xs):
        if outer_jacobian_strategy == "forward-mode":
            xs = tuple(x if x.requires_grad else x.requires_grad_() for x in xs)
        rows = jacobian(scalar, xs, create_graph=True, strict=strict)
        _check_strict(rows, strict, "The jacobian of the user-provided function with respect to input {i} is independent of the input. This is "
                      "not allowed in strict mode.")
        return rows

    if outer_jacobian_strategy == "forward-mode" and not vectorize:
        raise NotImplementedError("Computing Jacobian using forward-AD or forward-over-reverse Hessian is only implemented for `vectorize=True`.")
    rows = jacobian(gradient, inputs, create_graph=create_graph, strict=strict, vectorize=vectorize, strategy=outer_jacobian_strategy)
    return rows[0][0] if single_in else rows


def vhp(func, inputs, v=None, create_graph=False, strict=False):
    """``(func(*inputs), v^T H)`` for a function with a single element as its result; v has the shape of the inputs."""
    with torch.enable_grad():
        single_in, inputs = _tuple_of(inputs, "inputs", "vhp")
        inputs = _fresh(inputs, create_graph)
        weights = _vector(v, inputs, single_in, "vhp")
        output = _scalar(func, "vhp")(*inputs)
        _check_strict((output,), strict, _CONSTANT)
        first = _filled(_grad((output,), inputs, (torch.ones_like(output),), True), inputs, strict, True, _UNUSED)
        second = _filled(_grad(first, inputs, weights, create_graph), inputs, strict, create_graph, _UNUSED)
    return _finish((output,), True, create_graph), _finish(second, single_in, create_graph)


def hvp(func, inputs, v=None, create_graph=False, strict=False):
    """``(func(*inputs), H v)`` for a function with a single element as its result. H is symmetric: `vhp` gives the same for less."""
    with torch.enable_grad():
        single_in, inputs = _tuple_of(inputs, "inputs", "hvp")
        inputs = _fresh(inputs, create_graph)
        direction = _vector(v, inputs, single_in, "hvp")
        output = _scalar(func, "hvp")(*inputs)
        _check_strict((output,), strict, _CONSTANT)
        first = _filled(_grad((output,), inputs, (torch.ones_like(output),), True), inputs, strict, True, _UNUSED)
        weights = tuple(torch.zeros_like(t, requires_grad=True) for t in inputs)
        rows = _filled(_grad(first, inputs, weights, True), inputs, strict, False, _UNUSED)
        second = _filled(_grad(rows, weights, direction, create_graph), inputs, strict, create_graph, _UNUSED)
    return _finish((output,), True, create_graph), _finish(second, single_in, create_graph)
