"""Checking gradients against finite differences."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable

import torch

__all__ = ["gradcheck", "gradgradcheck", "GradcheckError", "get_numerical_jacobian", "get_analytical_jacobian",
           "get_numerical_jacobian_wrt_specific_input"]


class GradcheckError(RuntimeError):
    """A gradient is wrong."""


def _as_tuple(x):
    if isinstance(x, tuple):
        return x
    return tuple(x) if isinstance(x, list) else (x,)


def _differentiable(t):
    return isinstance(t, torch.Tensor) and (t.is_floating_point() or t.is_complex())


def _inputs_to_check(inputs):
    return [t for t in inputs if isinstance(t, torch.Tensor) and t.requires_grad]


def _outputs_of(func, inputs):
    outputs = [o for o in _as_tuple(func(*inputs)) if _differentiable(o)]
    if any(o.layout != torch.strided for o in outputs):
        raise ValueError("Expects all tensors to have the same, strided layout")
    return outputs


# ---- numerical derivatives ----

def _perturbed_difference(evaluate, x, index, step):
    """(f(x + step) - f(x - step)) / (2 |step|) with one element of `x` changed in place."""
    original = x[index].item()
    x[index] = original - step
    before = [o.clone() for o in evaluate()]
    x[index] = original + step
    after = [o.clone() for o in evaluate()]
    x[index] = original
    return [(b - a) / (2 * abs(step)) for a, b in zip(before, after)]


def _numerical_columns(func, inputs, x, eps):
    """d outputs / d x: for each output a matrix, input elements by output elements (Wirtinger's for complex inputs: conj derivative)."""
    def evaluate():   # func may itself differentiate: grad mode stays on
        return [o.detach() for o in _as_tuple(func(*inputs)) if _differentiable(o)]

    data = x.data
    matrices = None
    for row, index in enumerate(itertools.product(*(range(n) for n in x.shape))):
        real = _perturbed_difference(evaluate, data, index, eps)
        if x.is_complex():
            imaginary = _perturbed_difference(evaluate, data, index, eps * 1j)
        else:
            imaginary = [None] * len(real)
        if matrices is None:
            matrices = [[torch.zeros(x.numel(), r.numel(), dtype=r.dtype) for _ in range(2)] for r in real]
        for pair, a, b in zip(matrices, real, imaginary):
            pair[0][row] = a.reshape(-1)
            if b is not None:
                pair[1][row] = b.reshape(-1)
    if matrices is None:
        matrices = [[torch.zeros(0, o.numel(), dtype=o.dtype) for _ in range(2)] for o in evaluate()]
    return matrices


def _numerical_jacobians(func, inputs, eps):
    """[input][output] -> (derivative by the real part, derivative by the imaginary part)."""
    return [_numerical_columns(func, inputs, x, eps) for x in _inputs_to_check(inputs)]


def _expected_gradient(pair, complex_input, weight):
    """What backward gives each input element for the output weight: of L = Re(conj(weight) f), dL/d re + i dL/d im."""
    by_real, by_imaginary = pair
    weight = weight.reshape(-1)

    def project(matrix):
        product = matrix * weight.conj() if matrix.is_complex() or weight.is_complex() else matrix * weight
        total = product.sum(1)
        return total.real if total.is_complex() else total
    if complex_input:
        return torch.complex(project(by_real), project(by_imaginary))
    return project(by_real)


# ---- analytical derivatives ----

def _weights(output):
    """Weights that pick each element of an output, its real and its imaginary part."""
    flat = torch.zeros(output.numel(), dtype=output.dtype)
    for i in range(output.numel()):
        for value in (1, 1j) if output.is_complex() else (1,):
            flat.zero_()
            flat[i] = value
            yield flat.clone().view(output.shape)


def _analytic(output, inputs, weight):
    return torch.autograd.grad(output, inputs, weight, retain_graph=True, allow_unused=True)


def _close(a, b, rtol, atol):
    return torch.allclose(a.to(b.dtype) if a.dtype != b.dtype else a, b, rtol, atol, equal_nan=True)


def _report(kind, o, i, found, expected):
    return (f"Jacobian mismatch for output {o} with respect to input {i},\n{kind}numerical:{expected}\nanalytical:{found}\n"
            f"Greatest difference: {(found - expected).abs().max().item() if found.numel() else 0}\n")


def _check_row(outputs, o, inputs, numerical, weight, rtol, atol, nondet_tol):
    grads = _analytic(outputs[o], inputs, weight)
    again = _analytic(outputs[o], inputs, weight)
    for i, (x, g, h) in enumerate(zip(inputs, grads, again)):
        found = torch.zeros_like(x) if g is None else g
        if found.shape != x.shape:
            raise GradcheckError(f"Analytical gradient has incorrect size: expected {x.shape}, got {found.shape}")
        if g is not None and not torch.allclose(found, h, rtol=0, atol=nondet_tol, equal_nan=True):
            raise GradcheckError("Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives different "
                                 f"values, although analytical gradient matches numerical gradient. The tolerance for nondeterminism was {nondet_tol}.")
        expected = _expected_gradient(numerical[i][o], x.is_complex(), weight)
        if not _close(found.reshape(-1), expected.to(found.device), rtol, atol):
            raise GradcheckError(_report("", o, i, found.reshape(-1), expected))


def _slow_check(func, inputs, tensors, outputs, eps, atol, rtol, nondet_tol):
    numerical = _numerical_jacobians(func, inputs, eps)
    for o, output in enumerate(outputs):
        for weight in _weights(output):
            _check_row(outputs, o, tensors, numerical, weight, rtol, atol, nondet_tol)


def _random_like(t, generator):
    """A random direction of length 1."""
    def draw():
        return torch.randn(t.shape, generator=generator, dtype=torch.float64)
    v = torch.complex(draw(), draw()) if t.is_complex() else draw()
    length = v.norm()
    v = v / length if length > 0 else v
    return v.to(t.dtype).to(t.device)


def _difference_along(func, inputs, x, v, eps):
    """(f(x + eps v) - f(x - eps v)) / (2 eps) of every output."""
    original = x.detach().clone()

    def at(step):
        x.data.copy_(original + step * v)
        found = [o.detach().clone() for o in func(*inputs)]
        x.data.copy_(original)
        return found
    return [(b - a) / (2 * eps) for a, b in zip(at(-eps), at(eps))]


def _inner(a, b):
    """The real inner product, complex numbers taken as pairs."""
    total = (a.conj() * b).sum() if a.is_complex() or b.is_complex() else (a * b).sum()
    return total.real if total.is_complex() else total


def _fast_check(func, inputs, tensors, outputs, eps, atol, rtol, nondet_tol):
    """Compares u^T J v for random u and v, where the slow check compares each element of J."""
    generator = torch.Generator().manual_seed(0)
    directions = [_random_like(t, generator) for t in tensors]
    for i, (x, v) in enumerate(zip(tensors, directions)):
        differences = _difference_along(func, inputs, x, v, eps)
        for o, output in enumerate(outputs):
            u = _random_like(output, generator)
            grads, again = _analytic(output, [x], u)[0], _analytic(output, [x], u)[0]
            found = torch.zeros_like(x) if grads is None else grads
            if grads is not None and not torch.allclose(found, again, rtol=0, atol=nondet_tol, equal_nan=True):
                raise GradcheckError("Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives "
                                     f"different values, although analytical gradient matches numerical gradient. The tolerance for "
                                     f"nondeterminism was {nondet_tol}.")
            numerical, analytical = _inner(u, differences[o]), _inner(found, v)
            # a sum of n terms may be off by more than one of them
            scale = max(1.0, float(x.numel()) ** 0.5)
            if not _close(analytical.reshape(1), numerical.reshape(1).to(analytical.dtype), rtol, atol * scale):
                raise GradcheckError(f"Jacobian computed with {'complex' if output.is_complex() else 'real'} values mismatch for output {o} with "
                                     f"respect to input {i},\nnumerical:{numerical}\nanalytical:{analytical}\n"
                                     "The above quantities relating the numerical and analytical jacobians are computed in fast mode.")


# ---- further checks ----

def _tangents(func, inputs, x, direction):
    """The tangents of the outputs where `x` alone has one, zeros where there is none."""
    import torch.autograd.forward_ad as fwAD

    with fwAD.dual_level():
        duals = [fwAD.make_dual(t.detach(), direction) if t is x else t for t in inputs]
        found = [fwAD.unpack_dual(o) for o in func(*duals)]
    return [torch.zeros_like(dual.primal) if dual.tangent is None else dual.tangent for dual in found]


def _check_forward(func, inputs, tensors, eps, atol, rtol):
    """Tangents of forward mode against finite differences along each element of each input."""
    numerical = _numerical_jacobians(func, inputs, eps)
    for i, x in enumerate(tensors):
        for row in range(x.numel()):
            for part in (1, 1j) if x.is_complex() else (1,):
                direction = torch.zeros(x.numel(), dtype=x.dtype)
                direction[row] = part
                for o, tangent in enumerate(_tangents(func, inputs, x, direction.view(x.shape))):
                    expected = numerical[i][o][0 if part == 1 else 1][row]
                    if not _close(tangent.reshape(-1), expected, rtol, atol):
                        raise GradcheckError("Forward mode: " + _report("", o, i, tangent.reshape(-1), expected))


def _fast_check_forward(func, inputs, tensors, eps, atol, rtol):
    """Tangents of forward mode against finite differences along one random direction of each input."""
    generator = torch.Generator().manual_seed(0)
    for i, x in enumerate(tensors):
        direction = _random_like(x, generator)
        differences = _difference_along(func, inputs, x, direction, eps)
        for o, (tangent, expected) in enumerate(zip(_tangents(func, inputs, x, direction), differences)):
            if not _close(tangent, expected, rtol, atol * max(1.0, float(x.numel()) ** 0.5)):
                raise GradcheckError("Forward mode: " + _report("", o, i, tangent, expected))


def _check_undefined(func, inputs, tensors):
    """Backward must accept that some gradients are missing (None), and take them for zeros."""
    outputs = func(*inputs)

    class Drop(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *ts):
            return tuple(t.view_as(t) for t in ts)

        @staticmethod
        def backward(ctx, *grads):
            return tuple(None if i in dropped else g for i, g in enumerate(grads))

    if not outputs:
        return
    for dropped in [set(range(len(outputs)))] + ([{i} for i in range(len(outputs))] if len(outputs) > 1 else []):
        passed = Drop.apply(*outputs)
        grads = torch.autograd.grad(passed, tensors, [torch.zeros_like(o) for o in passed], allow_unused=True, retain_graph=True)
        if any(g is not None and not (g == 0).all() for g in grads):
            raise GradcheckError("Expected all inputs' gradients to be undefined or zero where the outputs' gradients are undefined")


def _check_inputs(inputs):
    tensors = _inputs_to_check(inputs)
    if not any(t.requires_grad for t in tensors):
        raise ValueError("gradcheck expects at least one input tensor to require gradient, but none of the them have requires_grad=True.")
    for i, t in enumerate(inputs):
        if not (isinstance(t, torch.Tensor) and t.requires_grad):
            continue
        if t.dtype not in (torch.float64, torch.complex128):
            warnings.warn(f"Input #{i} requires gradient and is not a double precision floating point or complex. This check will likely fail if "
                          "all the inputs are not of double precision floating point or complex. ", stacklevel=3)
        if any(stride == 0 and size > 1 for stride, size in zip(t.stride(), t.shape)):
            raise RuntimeError(f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping to be "
                               "able to compute the numerical gradients correctly. You should call .contiguous on the input before passing it "
                               "to gradcheck.")
        t.retain_grad()
    return tensors


def _check_constant(func, inputs, outputs, eps, atol):
    """Outputs without a graph must not depend on the inputs."""
    if not outputs:
        return
    for pairs in _numerical_jacobians(func, inputs, eps):
        for o, pair in enumerate(pairs):
            if not outputs[o].requires_grad and any(m.abs().max() > atol for m in pair if m.numel()):
                raise GradcheckError(f"Numerical gradient for function expected to be zero: output {o} depends on the inputs but does not require a "
                                     "gradient")


def _run(func, inputs, *, eps, atol, rtol, nondet_tol, check_undefined_grad, check_grad_dtypes, check_forward_ad, check_backward_ad, fast_mode):
    inputs = _as_tuple(inputs)
    tensors = _check_inputs(inputs)
    with torch.enable_grad():
        outputs = _outputs_of(func, inputs)
        tracked = [i for i, o in enumerate(outputs) if o.requires_grad]
        if not tracked:
            _check_constant(func, inputs, outputs, eps, atol)
            return

        def checked(*args):   # the outputs that have a graph; what became of the others is not for this check
            found = _outputs_of(func, args)
            return tuple(found[i] for i in tracked)
        outputs = [outputs[i] for i in tracked]
        if check_backward_ad:
            (_fast_check if fast_mode else _slow_check)(checked, inputs, tensors, outputs, eps, atol, rtol, nondet_tol)
            if check_grad_dtypes:
                for o in outputs:
                    for x, g in zip(tensors, _analytic(o, tensors, torch.ones_like(o))):
                        if g is not None and g.dtype != x.dtype:
                            raise GradcheckError(f"Gradient has dtype {g.dtype} but its input has {x.dtype}")
            if check_undefined_grad:
                _check_undefined(checked, inputs, tensors)
        if check_forward_ad:
            (_fast_check_forward if fast_mode else _check_forward)(checked, inputs, tensors, eps, atol, rtol)


def gradcheck(func, inputs, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3, raise_exception: bool = True, nondet_tol: float = 0.0,
              check_undefined_grad: bool = True, check_grad_dtypes: bool = False, check_batched_grad: bool = False,
              check_batched_forward_grad: bool = False, check_forward_ad: bool = False, check_backward_ad: bool = True, fast_mode: bool = False,
              masked: bool | None = None) -> bool:
    """Compares the gradients of `func` with finite differences.

    Args:
        func: maps tensors to a tensor or a tuple of tensors.
        inputs: its arguments; those that require a gradient are checked, and should be float64 or complex128.
        eps: step of the finite differences. atol, rtol: tolerances.
        raise_exception: raise GradcheckError with the Jacobians, instead of returning False.
        nondet_tol: how much two runs of backward may differ.
        check_undefined_grad: also check that missing gradients count as zeros.
        check_forward_ad, check_backward_ad: which modes to check.
        fast_mode: compare along random directions only.

    >>> torch.autograd.gradcheck(torch.sin, torch.ones(2, dtype=torch.float64, requires_grad=True))
    True
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    try:
        _run(func, inputs, eps=eps, atol=atol, rtol=rtol, nondet_tol=nondet_tol, check_undefined_grad=check_undefined_grad,
             check_grad_dtypes=check_grad_dtypes, check_forward_ad=check_forward_ad, check_backward_ad=check_backward_ad, fast_mode=fast_mode)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(func, inputs, grad_outputs=None, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3,
                  gen_non_contig_grad_outputs: bool = False, raise_exception: bool = True, nondet_tol: float = 0.0,
                  check_undefined_grad: bool = True, check_grad_dtypes: bool = False, check_batched_grad: bool = False,
                  check_fwd_over_rev: bool = False, check_rev_over_rev: bool = True, fast_mode: bool = False, masked: bool = False) -> bool:
    """Compares the second derivatives of `func` with finite differences of the first. Arguments as for `gradcheck`.

    Args:
        grad_outputs: weights of the outputs, which are differentiated by as well; None: random ones.
        gen_non_contig_grad_outputs: make the random ones not contiguous.
    """
    if not (check_fwd_over_rev or check_rev_over_rev):
        raise AssertionError("Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True")
    inputs = _as_tuple(inputs)
    if grad_outputs is None:
        outputs = [o for o in _outputs_of(func, inputs) if o.requires_grad]
        grad_outputs = []
        for o in outputs:
            shape = (*o.shape, 2) if gen_non_contig_grad_outputs and o.dim() else o.shape
            g = torch.randn(shape, dtype=o.dtype if o.dtype in (torch.float64, torch.complex128) else torch.float64)
            g = g[..., 0] if gen_non_contig_grad_outputs and o.dim() else g
            grad_outputs.append(g.to(o.dtype).detach().requires_grad_())
    grad_outputs = _as_tuple(grad_outputs)
    n = len(grad_outputs)

    def first_derivative(*args):
        xs, weights = args[:-n], args[-n:]
        outputs = [o for o in _outputs_of(func, xs) if o.requires_grad]
        wanted = [x for x in xs if isinstance(x, torch.Tensor) and x.requires_grad]
        grads = torch.autograd.grad(outputs, wanted, weights, create_graph=True, allow_unused=True)
        return tuple(g for g in grads if g is not None)

    return gradcheck(first_derivative, (*inputs, *grad_outputs), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
                     nondet_tol=nondet_tol, check_undefined_grad=check_undefined_grad, check_grad_dtypes=check_grad_dtypes,
                     check_forward_ad=check_fwd_over_rev, check_backward_ad=check_rev_over_rev, fast_mode=fast_mode, masked=masked)


def _detached_weights(grad_out):
    if grad_out != 1.0:
        raise ValueError("Expected grad_out to be 1.0")


def get_numerical_jacobian(fn, inputs, target=None, eps=1e-3, grad_out=1.0):
    """Finite differences of the first output of `fn`: for each input a matrix, input elements by output elements."""
    _detached_weights(grad_out)
    inputs = _as_tuple(inputs)
    return tuple(pairs[0][0] for pairs in _numerical_jacobians(fn, inputs, eps))


def get_numerical_jacobian_wrt_specific_input(fn, input_idx, inputs, outputs, eps, input=None, is_forward_ad=False):
    """Finite differences of each output by one of the inputs: matrices, input elements by output elements."""
    x = inputs[input_idx] if input is None else input
    return tuple(pair[0] for pair in _numerical_columns(fn, inputs, x, eps))


def get_analytical_jacobian(inputs, output, nondet_tol=0.0, grad_out=1.0):
    """(Jacobians by backward, one for each input, is backward deterministic?, are sizes right?, are dtypes right?)."""
    _detached_weights(grad_out)
    tensors = [t for t in (inputs if isinstance(inputs, Iterable) and not isinstance(inputs, torch.Tensor) else (inputs,)) if t.requires_grad]
    matrices = [torch.zeros(x.numel(), output.numel(), dtype=x.dtype) for x in tensors]
    same, sizes, types = True, True, True
    for column, weight in enumerate(w for w in _weights(output) if not (w.is_complex() and (w.imag != 0).any())):
        grads, again = _analytic(output, tensors, weight), _analytic(output, tensors, weight)
        for m, x, g, h in zip(matrices, tensors, grads, again):
            if g is None:
                continue
            sizes &= g.shape == x.shape
            types &= g.dtype == x.dtype
            same &= torch.allclose(g, h, rtol=0, atol=nondet_tol)
            m[:, column] = g.reshape(-1)
    return tuple(matrices), same, sizes, types
