"""Operators that tell complex numbers from real ones."""

import math

from .complexes import Complex
from .expr import *
from .language import *


def _sign(x):
    if x.type == "u64":
        return where(eq(x, 0), x, like(1, x))
    return where(x > 0, like(1, x), where(x < 0, like(-1, x), like(0, x)))


def _grad_sgn(grad, self, result):
    if not self.is_complex():
        return zeros_like(grad)  # noqa: F821
    size = self.abs()
    along = real(grad * result.conj())  # noqa: F821
    return ((grad - result * along) / size).masked_fill_(size == 0.0, 0.0)


@pointwise("sgn(Tensor self) -> Tensor", kinds=ALL, grad={"self": _grad_sgn}, jvp=None)
def sgn(x):
    """x / |x|, 0 at 0.

    >>> torch.sgn(torch.tensor([3 + 4j]))
    tensor([0.6000+0.8000j])
    """
    if isinstance(x, Expr):
        return _sign(x)
    size = hypot(x.re, x.im)
    scale = where(eq(size, 0), like(1, size), size)
    return Complex(x.re / scale, x.im / scale)


def _grad_angle(grad, self):
    if not self.is_complex():
        return zeros_like(self)  # noqa: F821
    x = real(self)  # noqa: F821
    y = imag(self)  # noqa: F821
    scale = grad / (x * x + y * y)
    slope = view_as_complex(stack([-y * scale, x * scale], -1))  # noqa: F821
    return slope.masked_fill(self == 0.0, 0.0)


@pointwise("_real_angle(Tensor self) -> Tensor", result=FLOAT, kinds=REALS, inplace=False, out=False, python="", grad=None)
def _real_angle(x):
    """pi where x is negative, else 0."""
    return where(x < 0, like(math.pi, x), where(isnan(x), x, like(0, x)))


@decomposed("angle(Tensor self) -> Tensor", out=True, grad={"self": _grad_angle}, jvp=None, out_dtype="cast")
def angle(self):
    """The angle of a complex number; of a real one 0, or pi where it is negative.

    >>> torch.angle(torch.tensor([1j, -1 + 0j]))
    tensor([1.5708, 3.1416])
    """
    return atan2(imag(self), real(self)) if self.is_complex() else _real_angle(self)  # noqa: F821


@pointwise("_conj_physical(Tensor self) -> Tensor", kinds=ALL, inplace=False, grad={"self": "grad.conj_physical()"}, python="function", jvp=None)
def _conj_physical(x):
    """The complex conjugate, computed at once."""
    return x.conj()


@composite("conj_physical(Tensor self) -> Tensor", out=True)
def conj_physical(self):
    """The complex conjugate, computed at once.

    >>> torch.conj_physical(torch.tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    return _conj_physical(self) if self.is_complex() else self


@composite("conj_physical_(Tensor(a!) self) -> Tensor(a!)")
def conj_physical_(self):
    """conj_physical in place."""
    return self.copy_(_conj_physical(self)) if self.is_complex() else self


@decomposed("complex(Tensor real, Tensor imag) -> Tensor", kinds=FLOATING_COMPLEX, without=(*FLOAT8, "bfloat16"), python="function", out=True, grad={"real": "real(grad)", "imag": "imag(grad)"}, jvp=None)
def complex(real, imag):
    """A complex tensor of two real ones.

    >>> torch.complex(torch.tensor([1.]), torch.tensor([2.]))
    tensor([1.+2.j])
    """
    if not real.is_floating_point() or not imag.is_floating_point():
        raise RuntimeError(f"Expected both inputs to be Half, Float or Double tensors but got {real.dtype} and {imag.dtype}")
    if real.dtype != imag.dtype:
        raise RuntimeError(f"Expected object of scalar type {real.dtype} but got scalar type {imag.dtype} for second argument")
    shape = common_shape([real, imag])  # noqa: F821
    return view_as_complex(stack([real.expand(shape), imag.expand(shape)], -1))  # noqa: F821


def _polar_grad(grad, result):
    turned = grad.conj()
    direction = result.sgn()
    to_abs = real(turned * direction)
    tangent = result * 1j
    return to_abs, real(turned * tangent)


@decomposed("polar(Tensor abs, Tensor angle) -> Tensor", kinds=FLOATING_COMPLEX, without=(*FLOAT8, "bfloat16"), python="function", out=True,
            grad={"abs, angle": _polar_grad}, jvp=None)
def polar(abs, angle):
    """The complex numbers of given modulus and angle.

    >>> torch.polar(torch.tensor([2.]), torch.tensor([0.]))
    tensor([2.+0.j])
    """
    if not abs.is_floating_point() or not angle.is_floating_point():
        raise RuntimeError(f"Expected both inputs to be Half, Float or Double tensors but got {abs.dtype} and {angle.dtype}")
    if abs.dtype != angle.dtype:
        raise RuntimeError(f"Expected object of scalar type {abs.dtype} but got scalar type {angle.dtype} for second argument")
    return complex(abs * angle.cos(), abs * angle.sin())
