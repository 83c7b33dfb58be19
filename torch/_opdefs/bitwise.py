"""Operators on the bits of integers, shifts, and the greatest common divisor."""

from .expr import *
from .language import *

BITS = {"i32": 32, "i64": 64, "u64": 64}


def _bitwise(name, op, meaning, shown):
    def body(x, y):
        return binary(op, x, y)
    body.__doc__ = f"{meaning} of the bits of x and y; of booleans, of their truth.\n\n    >>> torch.bitwise_{name}(torch.tensor([6]), 3)\n" \
                   f"    tensor([{shown}])\n    "
    body.__name__ = f"bitwise_{name}"
    full = f"bitwise_{name}"
    pointwise(f"{full}.Tensor(Tensor self, Tensor other) -> Tensor", f"{full}.Scalar(Tensor self, Scalar other) -> Tensor", kinds=INTEGRAL, grad=None,
              out=[f"{full}.Tensor_out(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)",
                   f"{full}.Scalar_out(Tensor self, Scalar other, *, Tensor(a!) out) -> Tensor(a!)"])(body)

    def of_number(x, y):
        return binary(op, x, y)
    of_number.__doc__ = f"{meaning} of the bits of a number and of y."
    pointwise(f"{full}.Scalar_Tensor(Scalar self, Tensor other) -> Tensor", kinds=INTEGRAL, operands=("self",), grad=None, inplace=False, python="function")(of_number)
    aliases(full, f"__{name}__", inplace=f"__i{name}__", python="method", overloads=(".Tensor", ".Scalar"), out=False)


for _row in (("and", "and", "The conjunction", "2"), ("or", "or", "The disjunction", "7"), ("xor", "xor", "The exclusive disjunction", "5")):
    _bitwise(*_row)


@decomposed("bitwise_not(Tensor self) -> Tensor", grad=None, inplace=True, out=True)
def bitwise_not(self):
    """The complement of every bit; of booleans, their negation.

    >>> torch.bitwise_not(torch.tensor([0, 5]))
    tensor([-1, -6])
    """
    if self.is_floating_point() or self.is_complex():
        raise NotImplementedError(f"\"bitwise_not_cpu\" not implemented for '{self.dtype:ScalarType}'")
    if self.dtype == torch.bool:  # noqa: F821
        return logical_not(self)  # noqa: F821
    return bitwise_xor(self, -1)  # noqa: F821


def _shift_left(x, y):
    """x * 2**y; a count outside the width of the computation shifts everything out."""
    valid = (y >= 0) & (y < BITS[x.type])
    return where(valid, x << where(valid, y, like(0, y)), like(0, x))


def _shift_right(x, y):
    """x // 2**y with the sign kept; a count too large shifts everything but the sign out."""
    last = BITS[x.type] - 1
    valid = (y >= 0) & (y <= last)
    return x >> where(valid, y, like(last, y))


def _shift(name, body, meaning, shown):
    full = f"bitwise_{name}_shift"

    def of_tensor(x, y):
        return body(x, y)
    of_tensor.__doc__ = f"{meaning}\n\n    >>> torch.{full}(torch.tensor([-8]), torch.tensor([1]))\n    tensor([{shown}])\n    "
    pointwise(f"{full}.Tensor(Tensor self, Tensor other) -> Tensor", f"{full}.Tensor_Scalar(Tensor self, Scalar other) -> Tensor", kinds="us", grad=None,
              out=[f"{full}.Tensor_out(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)",
                   f"{full}.Tensor_Scalar_out(Tensor self, Scalar other, *, Tensor(a!) out) -> Tensor(a!)"])(of_tensor)

    def of_number(x, y):
        return body(x, y)
    of_number.__doc__ = f"{meaning} x is a number."
    pointwise(f"{full}.Scalar_Tensor(Scalar self, Tensor other) -> Tensor", kinds="us", operands=("self",), grad=None, inplace=False, python="function")(of_number)
    dunder = {"left": "lshift", "right": "rshift"}[name]

    def short(x, y):
        return body(x, y)
    short.__doc__ = meaning
    pointwise(f"__{dunder}__.Tensor(Tensor self, Tensor other) -> Tensor", f"__{dunder}__.Scalar(Tensor self, Scalar other) -> Tensor", kinds="us", grad=None,
              python="method",
              inplace=[f"__i{dunder}__.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)", f"__i{dunder}__.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)"],
              out=[f"__{dunder}__.Tensor_out(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)",
                   f"__{dunder}__.Scalar_out(Tensor self, Scalar other, *, Tensor(a!) out) -> Tensor(a!)"])(short)


_shift("left", _shift_left, "x times 2 to the power y.", "-16")
_shift("right", _shift_right, "x divided by 2 to the power y, rounded down.", "-4")


def _gcd(x, y):
    """Euclid's loop has no fixed length, so it is a C++ function, which takes 64-bit integers in the bits of doubles."""
    wide = [bitcast(cast(v, "i64"), "f64") for v in (x, y)]
    return cast(bitcast(call("kd_gcd", *wide), "i64"), x.type)


@pointwise("gcd(Tensor self, Tensor other) -> Tensor", kinds="us", grad=None)
def gcd(x, y):
    """The greatest common divisor, not negative; gcd(0, 0) is 0.

    >>> torch.gcd(torch.tensor([12, 10]), torch.tensor([8, 15]))
    tensor([4, 5])
    """
    return _gcd(x, y)


@pointwise("lcm(Tensor self, Tensor other) -> Tensor", kinds="us", grad=None)
def lcm(x, y):
    """The least common multiple, not negative.

    >>> torch.lcm(torch.tensor([4, 6]), torch.tensor([6, 15]))
    tensor([12, 30])
    """
    divisor = _gcd(x, y)
    product = x / where(eq(divisor, 0), like(1, x), divisor) * y
    return product if x.type == "u64" else abs(product)
