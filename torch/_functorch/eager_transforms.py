"""Derivatives as transforms of functions: they nest, and leave no trace in their results.

A transform differentiates by aliases of its inputs: leaves of its own, or views of inputs that an outer transform (or the
caller's graph) already follows. What it returns keeps a history only if that leads to something outside. Forward mode has levels
of its own for each transform; under `vmap` each example has its own history and tangents, and so have the values below.
"""

from __future__ import annotations

import functools

import torch
from torch import _C
from torch._functorch.vmap import vmap
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

__all__ = ["grad", "grad_and_value", "vjp", "jvp", "jacrev", "jacfwd", "hessian", "linearize"]

_functorch = _C._functorch


# ---- inputs and results of a transform ----

def _track(tree, own):
    """The tree with tensors that can be differentiated by; those that are leaves of this transform are added to `own`."""
    def alias(x):
        if not isinstance(x, torch.Tensor):
            return x
        tracked = x.view_as(x)
        if not tracked.requires_grad:
            own.append(_functorch._require_grad(tracked))
        return tracked
    return tree_map(alias, tree)


def _reaches_outside(t, own):
    """Does the history of `t`, or of what it stands for, lead to something that is not `own`?"""
    return t.requires_grad and _C._depends_on_others((t,), own) or _functorch._value_requires_grad(t)


def _release(tree, own, keep):
    """Results as the caller sees them: with history only where it leads outside of the transform."""
    def one(x):
        if not isinstance(x, torch.Tensor) or not x.requires_grad:
            return x
        return x if keep and _C._depends_on_others((x,), own) else _functorch._drop_history(x)
    return tree_map(one, tree)


def _selected(args, argnums, function):
    """(the arguments at argnums, a function that puts others in their places)."""
    several = isinstance(argnums, tuple)
    numbers = argnums if several else (argnums,)
    for n in numbers:
        if not isinstance(n, int):
            raise RuntimeError(f"argnum must be int or Tuple[int, ...], got: {type(n)}")
        if not -len(args) <= n < len(args):
            raise RuntimeError(f"Got argnum={n}, but only {len(args)} positional inputs")
    numbers = tuple(n % len(args) for n in numbers)
    if len(set(numbers)) != len(numbers):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    chosen = tuple(args[n] for n in numbers)

    def replaced(values):
        full = list(args)
        for n, v in zip(numbers, values if several else (values,)):
            full[n] = v
        return full
    return chosen if several else chosen[0], replaced


def _gradients(outputs, inputs, weights, create_graph):
    """Zeros where an output does not depend on an input."""
    pairs = [(o, w) for o, w in zip(outputs, weights) if o.requires_grad]
    if not pairs:
        return [torch.zeros_like(x) for x in inputs]
    found = torch.autograd.grad([o for o, _ in pairs], inputs, [w for _, w in pairs], retain_graph=True, create_graph=create_graph,
                                allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for g, x in zip(found, inputs)]


# ---- reverse mode ----

def grad_and_value(func, argnums=0, has_aux=False):
    """``f`` such that ``f(*args)`` is (the gradient of func, its value). Arguments as for `grad`."""
    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        keep = torch.is_grad_enabled()
        own: list = []
        with torch.enable_grad():
            inputs, replaced = _selected(args, argnums, "grad")
            tracked = _track(inputs, own)
            out = func(*replaced(tracked), **kwargs)
            aux = None
            if has_aux:
                if not (isinstance(out, tuple) and len(out) == 2):
                    raise RuntimeError("grad_and_value(f)(*args): output of function f should be a tuple: (output, aux) if has_aux is True")
                out, aux = out
            if not isinstance(out, torch.Tensor):
                raise RuntimeError(f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(out)}")
            if out.dim() != 0:
                raise RuntimeError(f"grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor with {out.dim()} dims. "
                                   "Maybe you wanted to use the vjp or jacrev APIs instead?")
            leaves, spec = tree_flatten(tracked)
            create = keep and _reaches_outside(out, own)
            grads = tree_unflatten(_gradients((out,), leaves, (torch.ones_like(out),), create), spec)
        grads, out, aux = _release(grads, own, keep), _release(out, own, keep), _release(aux, own, keep)
        return (grads, (out, aux)) if has_aux else (grads, out)
    return wrapper


def grad(func, argnums=0, has_aux=False):
    """``f`` such that ``f(*args)`` is the gradient of `func`, a function with a scalar tensor as its result.

    Args:
        argnums: by which arguments, an int or a tuple of ints. They may be trees of tensors.
        has_aux: func returns (value, more); then f returns (gradient, more).

    >>> torch.func.grad(torch.func.grad(lambda x: x ** 3))(torch.tensor(2.0))
    tensor(12.)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        grads, value = both(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads
    return wrapper


def vjp(func, *primals, has_aux=False):
    """(func(*primals), a function from weights of the result to gradients of the primals); with has_aux also func's second result.

    >>> out, pull = torch.func.vjp(torch.sin, torch.zeros(2))
    >>> pull(torch.ones(2))
    (tensor([1., 1.]),)
    """
    keep = torch.is_grad_enabled()
    own: list = []
    with torch.enable_grad():
        tracked = _track(primals, own)
        out = func(*tracked)
        aux = None
        if has_aux:
            if not (isinstance(out, tuple) and len(out) == 2):
                raise RuntimeError("vjp(f, *primals): output of function f should be a tuple: (output, aux) if has_aux is True")
            out, aux = out
    outputs, out_spec = tree_flatten(out)
    if not outputs:
        raise RuntimeError("vjp(f, *primals): Expected f to be a function that has non-empty output (got output = ())")
    for o in outputs:
        if not isinstance(o, torch.Tensor):
            raise RuntimeError(f"vjp(f, *primals): Expected f(*primals) to return only tensors, got unsupported type {type(o)}")
    leaves, spec = tree_flatten(tracked)
    for x in leaves:
        if not isinstance(x, torch.Tensor):
            raise RuntimeError(f"vjp(f, *primals): Expected primals to be tensors, got {type(x)}")

    outside = keep and any(_reaches_outside(o, own) for o in outputs)

    def pull(*cotangents, retain_graph=True, create_graph=None):
        weights, weight_spec = tree_flatten(cotangents[0] if len(cotangents) == 1 else cotangents)
        if weight_spec != out_spec:
            raise RuntimeError(f"Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. cotangents: "
                               f"{weight_spec}, primal output: {out_spec}")
        create = create_graph
        if create is None:
            create = torch.is_grad_enabled() and (outside or any(w.requires_grad or _functorch._value_requires_grad(w) for w in weights))
        with torch.enable_grad():
            found = _gradients(outputs, leaves, weights, create)
        return tuple(_release(tree_unflatten(found, spec), own, create))

    result = _release(out, own, keep)
    return (result, pull, _release(aux, own, keep)) if has_aux else (result, pull)


# ---- Jacobians ----

def _basis(leaves, start, stop):
    """Rows start to stop of the identity matrix over all elements of `leaves`, cut and shaped like these."""
    parts, offset = [], 0
    for x in leaves:
        rows = torch.zeros(stop - start, x.numel(), dtype=x.dtype, device=x.device)
        first, last = max(start, offset), min(stop, offset + x.numel())
        if first < last:
            rows[first - start:last - start].diagonal(first - offset).fill_(1)
        parts.append(rows.view(stop - start, *x.shape))
        offset += x.numel()
    return parts


def _map_basis(function, leaves, chunk_size, randomness="error"):
    """The leaves of `function(basis vectors)` for the whole basis, as stacks; and what else `function` returns."""
    total = sum(x.numel() for x in leaves)
    size = chunk_size or max(total, 1)
    mapped = vmap(function, out_dims=(0, None), randomness=randomness)
    pieces = [mapped(*_basis(leaves, start, min(start + size, total))) for start in range(0, max(total, 1), size)]
    return [torch.cat(parts) if len(parts) > 1 else parts[0] for parts in zip(*(p for p, _ in pieces))], pieces[-1][1]


def jacrev(func, argnums=0, *, has_aux=False, chunk_size=None, _preallocate_and_copy=False):
    """``f`` such that ``f(*args)`` is the Jacobian of `func`, by rows: of shape output.shape + input.shape, in the tree of the outputs with
    the tree of the inputs in each leaf.

    Args:
        argnums: by which arguments, an int or a tuple of ints.
        has_aux: func returns (value, more); then f returns (Jacobian, more).
        chunk_size: how many rows may be computed at once.

    >>> torch.func.jacrev(torch.sin)(torch.zeros(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"jacrev: `chunk_size` should be greater than 0, got {chunk_size}.")

    @functools.wraps(func)
    def wrapper(*args):
        inputs, replaced = _selected(args, argnums, "jacrev")
        several = isinstance(argnums, tuple)
        out, pull, *aux = vjp(lambda *xs: func(*replaced(xs if several else xs[0])), *(inputs if several else (inputs,)), has_aux=has_aux)
        outputs, out_spec = tree_flatten(out)
        in_leaves, in_spec = tree_flatten(inputs)
        stacks, _ = _map_basis(lambda *weights: (tree_leaves(pull(tree_unflatten(weights, out_spec))), None), outputs, chunk_size)
        rows = zip(*(s.split([o.numel() for o in outputs]) for s in stacks))
        blocks = [tree_unflatten([r.reshape(*o.shape, *x.shape) for r, x in zip(row, in_leaves)], in_spec) for o, row in zip(outputs, rows)]
        jacobian = tree_unflatten(blocks, out_spec)
        return (jacobian, aux[0]) if has_aux else jacobian
    return wrapper


# ---- forward mode ----

def _unpacked(tree, level, strict=False):
    """(the tree without the tangents of a level, the tree of these tangents)."""
    leaves, spec = tree_flatten(tree)
    primals, tangents = [], []
    for x in leaves:
        primal, tangent = _functorch._unpack_dual(x, level)
        if tangent is None and strict:
            raise RuntimeError("jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not allowed with "
                               "strict=True.")
        primals.append(primal)
        tangents.append(torch.zeros_like(primal) if tangent is None else tangent)
    return tree_unflatten(primals, spec), tree_unflatten(tangents, spec)


def _check_tensors(tree, what):
    for x in tree_leaves(tree):
        if not isinstance(x, torch.Tensor):
            raise RuntimeError(f"jvp(f, primals, tangents): Expected {what} to be tensors, got unsupported type {type(x)}")


def jvp(func, primals, tangents, *, strict=False, has_aux=False):
    """(func(*primals), the derivative of that in the direction `tangents`); with has_aux also func's second result.

    Args:
        primals, tangents: tuples of one structure, whose leaves are tensors of the same shapes.
        strict: RuntimeError where a result does not depend on the primals, instead of zeros.

    >>> torch.func.jvp(torch.sin, (torch.zeros(2),), (torch.ones(2),))
    (tensor([0., 0.]), tensor([1., 1.]))
    """
    if not isinstance(primals, tuple):
        raise RuntimeError("jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to call f(*primals).")
    leaves, spec = tree_flatten(primals)
    directions, tangent_spec = tree_flatten(tangents)
    if spec != tangent_spec:
        raise RuntimeError("jvp(f, primals, tangents): Expected primals and tangents to have the same python structure. For example, if primals is a "
                           f"tuple of 3 tensors, tangents also must be. Got primals with structure {spec} and tangents with structure {tangent_spec}")
    _check_tensors(primals, "primals")
    _check_tensors(tangents, "tangents")
    level = _functorch._jvp_increment_nesting()
    enabled = _C._is_fwd_grad_enabled()
    try:
        _C._set_fwd_grad_enabled(True)
        out = func(*tree_unflatten([_functorch._make_dual(p, t, level) for p, t in zip(leaves, directions)], spec))
        aux = None
        if has_aux:
            if not (isinstance(out, tuple) and len(out) == 2):
                raise RuntimeError("jvp(f, primals, tangents): output of function f should be a tuple: (output, aux) if has_aux is True")
            out, aux = out
            aux = tree_map(lambda x: _functorch._unpack_dual(x, level)[0] if isinstance(x, torch.Tensor) else x, aux)
        _check_tensors(out, "f(*args) to return only tensors; outputs")
        result = _unpacked(out, level, strict)
    finally:
        _C._set_fwd_grad_enabled(enabled)
        _functorch._jvp_decrement_nesting(level)
    return (*result, aux) if has_aux else result


def jacfwd(func, argnums=0, has_aux=False, *, randomness="error"):
    """The same as `jacrev`, computed by columns: better where there are more outputs than inputs.

    Args:
        randomness: of the `vmap` over the columns: "error", "same" or "different".
    """
    @functools.wraps(func)
    def wrapper(*args):
        inputs, replaced = _selected(args, argnums, "jacfwd")
        leaves, in_spec = tree_flatten(inputs)
        spec_box: list = []

        def column(*direction):
            _, tangent, *aux = jvp(lambda *xs: func(*replaced(tree_unflatten(xs, in_spec))), tuple(leaves), direction, has_aux=has_aux)
            found, out_spec = tree_flatten(tangent)
            spec_box[:] = [out_spec]
            return found, aux
        stacks, aux = _map_basis(column, leaves, None, randomness)
        blocks = []
        for s in stacks:
            parts = s.movedim(0, -1).split([x.numel() for x in leaves], -1)
            blocks.append(tree_unflatten([p.reshape(*s.shape[1:], *x.shape) for p, x in zip(parts, leaves)], in_spec))
        jacobian = tree_unflatten(blocks, spec_box[0])
        return (jacobian, aux[0]) if has_aux else jacobian
    return wrapper


def hessian(func, argnums=0):
    """``f`` such that ``f(*args)`` is the Hessian of `func`: `jacfwd` of `jacrev`.

    >>> torch.func.hessian(lambda x: (x ** 3).sum())(torch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)


def linearize(func, *primals):
    """(func(*primals), the linear function from tangents of the primals to the derivative of the result).

    `func` runs once: u -> u^T J is linear in u, and its own derivative in u, in the direction of a tangent v, is J v.

    >>> out, push = torch.func.linearize(torch.sin, torch.zeros(2))
    >>> push(torch.ones(2))
    tensor([1., 1.])
    """
    out, pull = vjp(func, *primals)
    leaves, out_spec = tree_flatten(out)
    own: list = []
    with torch.enable_grad():
        weights = _track(tree_unflatten([torch.zeros_like(o) for o in leaves], out_spec), own)
        rows = tree_leaves(pull(weights, create_graph=True))
    primal_leaves, in_spec = tree_flatten(primals)

    def push(*tangents):
        directions, spec = tree_flatten(tangents)
        if spec != in_spec:
            raise RuntimeError(f"Expected the tangents {spec} to have the same argspec as the primals {in_spec}")
        for p, t in zip(primal_leaves, directions):
            if p.shape != t.shape or p.dtype != t.dtype:
                raise ValueError(f"Found a tangent of shape {tuple(t.shape)} and dtype {t.dtype} for a primal of shape {tuple(p.shape)} and dtype "
                                 f"{p.dtype} in linearized function: they should be the same")
        create = torch.is_grad_enabled() and any(t.requires_grad or _functorch._value_requires_grad(t) for t in (*primal_leaves, *directions))
        with torch.enable_grad():
            found = _gradients(rows, tree_leaves(weights), directions, create)
        return _release(tree_unflatten(found, out_spec), own, create)
    return out, push
