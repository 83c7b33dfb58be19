"""Derivatives as transforms of functions: they nest, and leave no trace in their results.

A transform differentiates by aliases of its inputs: leaves of its own, or views of inputs that an outer transform (or the
caller's graph) already follows. What it returns keeps a history only if that leads to something outside.
"""

from __future__ import annotations

import functools

import torch
import torch.autograd.forward_ad as fwAD
from torch import _C
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

__all__ = ["grad", "grad_and_value", "vjp", "jvp", "jacrev", "jacfwd", "hessian", "linearize"]


# ---- inputs and results of a transform ----

def _track(tree, own):
    """The tree with tensors that can be differentiated by; those that are leaves of this transform are added to `own`."""
    def alias(x):
        if not isinstance(x, torch.Tensor):
            return x
        tracked = x.view_as(x)
        if not tracked.requires_grad:
            tracked.requires_grad_()
            own.append(tracked)
        return tracked
    return tree_map(alias, tree)


def _detach(t):
    """Without history; a tangent of an enclosing forward mode stays."""
    if fwAD._current_level < 0:
        return t.detach()
    primal, tangent = fwAD.unpack_dual(t)
    return primal.detach() if tangent is None else fwAD.make_dual(primal.detach(), tangent.detach() if not tangent.requires_grad else tangent)


def _release(tree, own, keep):
    """Results as the caller sees them: with history only where it leads outside of the transform."""
    def one(x):
        if not isinstance(x, torch.Tensor) or not x.requires_grad:
            return x
        return x if keep and _C._depends_on_others((x,), own) else _detach(x)
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
            outer = keep and out.requires_grad and _C._depends_on_others((out,), own)
            create = outer or fwAD._current_level >= 0
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

    def pull(*cotangents, retain_graph=True, create_graph=None):
        weights, weight_spec = tree_flatten(cotangents[0] if len(cotangents) == 1 else cotangents)
        if weight_spec != out_spec:
            raise RuntimeError(f"Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. cotangents: "
                               f"{weight_spec}, primal output: {out_spec}")
        create = torch.is_grad_enabled() if create_graph is None else create_graph
        with torch.enable_grad():
            found = _gradients(outputs, leaves, weights, create)
        return tuple(_release(tree_unflatten(found, spec), own, create))

    result = _release(out, own, keep)
    return (result, pull, _release(aux, own, keep)) if has_aux else (result, pull)


def _flat_basis(x):
    """For each element of x the tensor of its shape that is 1 there and 0 elsewhere."""
    for i in range(x.numel()):
        e = torch.zeros(x.numel(), dtype=x.dtype, device=x.device)
        e[i] = 1
        yield e.view(x.shape)


def jacrev(func, argnums=0, *, has_aux=False, chunk_size=None, _preallocate_and_copy=False):
    """``f`` such that ``f(*args)`` is the Jacobian of `func`, by rows: of shape output.shape + input.shape, in the tree of the outputs with
    the tree of the inputs in each leaf.

    Args:
        argnums: by which arguments, an int or a tuple of ints.
        has_aux: func returns (value, more); then f returns (Jacobian, more).
        chunk_size: how many rows may be computed at once.
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"jacrev: `chunk_size` should be greater than 0, got {chunk_size}.")

    @functools.wraps(func)
    def wrapper(*args):
        inputs, replaced = _selected(args, argnums, "jacrev")
        several = isinstance(argnums, tuple)
        aux_box = []

        def of_inputs(*xs):
            out = func(*replaced(xs if several else xs[0]))
            if has_aux:
                out, aux = out
                aux_box.append(aux)
            return (out, aux_box[-1]) if has_aux else out
        parts = vjp(of_inputs, *(inputs if several else (inputs,)), has_aux=has_aux)
        out, pull = parts[:2]
        outputs, out_spec = tree_flatten(out)
        in_leaves, in_spec = tree_flatten(inputs)
        blocks = []
        for k, o in enumerate(outputs):
            rows = []
            for e in _flat_basis(o):
                weights = tree_unflatten([e if j == k else torch.zeros_like(p) for j, p in enumerate(outputs)], out_spec)
                rows.append(tree_leaves(pull(weights)))
            columns = [torch.stack(c) for c in zip(*rows)] if rows else [x.new_zeros((0, *x.shape)) for x in in_leaves]
            blocks.append(tree_unflatten([c.view(*o.shape, *x.shape) for c, x in zip(columns, in_leaves)], in_spec))
        jacobian = tree_unflatten(blocks, out_spec)
        return (jacobian, parts[2]) if has_aux else jacobian
    return wrapper


# ---- forward mode ----

def _transposed_jvp(func, primals, tangents):
    """By two reverse passes, for use inside of another forward mode: v -> J v is the derivative of u -> u^T J."""
    outputs, pull = vjp(func, *primals)
    leaves, spec = tree_flatten(outputs)
    own: list = []
    with torch.enable_grad():
        dummies = _track(tree_unflatten([torch.zeros_like(o) for o in leaves], spec), own)
        rows = tree_leaves(pull(dummies, create_graph=True))
        found = _gradients(rows, tree_leaves(dummies), tree_leaves(tangents), torch.is_grad_enabled())
    return outputs, _release(tree_unflatten(found, spec), own, True)


def jvp(func, primals, tangents, *, strict=False, has_aux=False):
    """(func(*primals), the derivative of that in the direction `tangents`); with has_aux also func's second result.

    >>> torch.func.jvp(torch.sin, (torch.zeros(2),), (torch.ones(2),))
    (tensor([0., 0.]), tensor([1., 1.]))
    """
    if not isinstance(primals, tuple):
        raise RuntimeError("jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to call f(*primals).")
    if len(primals) != len(tangents):
        raise RuntimeError("jvp(f, primals, tangents): Expected primals and tangents to have the same python structure.")
    aux_box = []

    def plain(*xs):
        out = func(*xs)
        if has_aux:
            out, aux = out
            aux_box[:] = [aux]
        return out
    if fwAD._current_level >= 0:
        out, tangent = _transposed_jvp(plain, primals, tangents)
    else:
        with fwAD.dual_level():
            leaves, spec = tree_flatten(primals)
            duals = tree_unflatten([fwAD.make_dual(p, t) for p, t in zip(leaves, tree_leaves(tangents))], spec)
            pairs = tree_map(fwAD.unpack_dual, plain(*duals))
            is_pair = lambda x: isinstance(x, fwAD.UnpackedDualTensor)  # noqa: E731
            out = tree_map(lambda p: p.primal, pairs, is_leaf=is_pair)
            tangent = tree_map(lambda p: torch.zeros_like(p.primal) if p.tangent is None else p.tangent, pairs, is_leaf=is_pair)
            aux_box[:] = [tree_map(lambda x: fwAD.unpack_dual(x).primal if isinstance(x, torch.Tensor) else x, a) for a in aux_box]
    return (out, tangent, aux_box[0]) if has_aux else (out, tangent)


def jacfwd(func, argnums=0, has_aux=False, *, randomness="error"):
    """The same as `jacrev`, computed by columns: better where there are more outputs than inputs."""
    @functools.wraps(func)
    def wrapper(*args):
        inputs, replaced = _selected(args, argnums, "jacfwd")
        leaves, in_spec = tree_flatten(inputs)
        aux_box: list = []
        columns = []      # of each input leaf: [output leaf] -> tensor of shape output.shape + input.shape
        out_spec = None
        for k, x in enumerate(leaves):
            per_element = []
            for e in _flat_basis(x):
                def of_leaf(v, k=k):
                    out = func(*replaced(tree_unflatten([v if j == k else y for j, y in enumerate(leaves)], in_spec)))
                    if has_aux:
                        out, aux = out
                        aux_box[:] = [aux]
                    return out
                tangents, out_spec = tree_flatten(jvp(of_leaf, (x,), (e,))[1])
                per_element.append(tangents)
            columns.append([torch.stack(parts, -1).reshape(*parts[0].shape, *x.shape) for parts in zip(*per_element)])
        blocks = [tree_unflatten([c[o] for c in columns], in_spec) for o in range(len(columns[0]))]
        jacobian = tree_unflatten(blocks, out_spec)
        return (jacobian, tree_map(lambda a: a.detach() if isinstance(a, torch.Tensor) else a, aux_box[0])) if has_aux else jacobian
    return wrapper


def hessian(func, argnums=0):
    """``f`` such that ``f(*args)`` is the Hessian of `func`: `jacfwd` of `jacrev`."""
    return jacfwd(jacrev(func, argnums), argnums)


def linearize(func, *primals):
    """(func(*primals), the linear function from tangents of the primals to the derivative of the result)."""
    out = func(*primals)
    return out, lambda *tangents: jvp(func, primals, tangents)[1]
