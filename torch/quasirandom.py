"""Sobol' sequences: points that fill the unit cube more evenly than random ones (Sobol', 1967; Joe and Kuo, 2008).

The direction numbers are new-joe-kuo-6.21201 of Joe and Kuo (https://web.maths.unsw.edu.au/~fkuo/sobol/, BSD licence): for each dimension a
primitive polynomial and initial numbers, stored as little-endian uint32, the polynomials first.
"""

from __future__ import annotations

import functools

import torch

__all__ = ["SobolEngine"]

_DIMENSIONS, _INITIAL = 21201, 18


@functools.cache
def _table():
    """(polynomials, initial numbers by column)."""
    import lzma
    import os
    from array import array

    with lzma.open(os.path.join(os.path.dirname(__file__), "_sobol_directions.xz")) as file:
        numbers = array("I", file.read())
    return numbers[:_DIMENSIONS], numbers[_DIMENSIONS:]


def _directions(dimension, bits):
    """Direction numbers (dimension, bits), the j-th shifted so that its leading bit is bit (bits - j) of the fraction.

    m_k = m_{k-s} ^ 2^s m_{k-s} ^ (the terms 2^i m_{k-i} of the polynomial of degree s).
    """
    polynomials, initial = _table()
    rows = []
    for d in range(dimension):
        if d == 0:
            m = [1] * bits
        else:
            polynomial = polynomials[d]
            s = polynomial.bit_length() - 1
            m = [initial[k * _DIMENSIONS + d] for k in range(s)]
            for k in range(s, bits):
                new = m[k - s] ^ m[k - s] << s
                for i in range(1, s):
                    if polynomial >> s - i & 1:
                        new ^= m[k - i] << i
                m.append(new)
        rows.append([m[k] << bits - 1 - k for k in range(bits)])
    return torch.tensor(rows, dtype=torch.int64)


class SobolEngine:
    """Points of a Sobol' sequence in `dimension` dimensions, up to 21201.

    With `scramble` the sequence is scrambled (Owen, 1998) by a random lower triangular matrix and a shift, from `seed` if given.

    >>> torch.quasirandom.SobolEngine(2).draw(3)
    tensor([[0.0000, 0.0000],
            [0.5000, 0.5000],
            [0.7500, 0.2500]])
    """

    MAXBIT = 30
    MAXDIM = _DIMENSIONS

    def __init__(self, dimension, scramble=False, seed=None):
        if not 1 <= dimension <= self.MAXDIM:
            raise ValueError(f"Supported range of dimensionality for SobolEngine is [1, {self.MAXDIM}]")
        self.dimension, self.scramble, self.seed = dimension, scramble, seed
        self.sobolstate = _directions(dimension, self.MAXBIT)
        self.shift = torch.zeros(dimension, dtype=torch.int64)
        if scramble:
            self._scramble()
        self.num_generated = 0

    def _scramble(self):
        bits = self.MAXBIT
        generator = None
        if self.seed is not None:
            generator = torch.Generator()
            generator.manual_seed(self.seed)
        powers = 1 << torch.arange(bits)
        self.shift = (torch.randint(2, (self.dimension, bits), generator=generator) * powers).sum(1)
        lower = torch.randint(2, (self.dimension, bits, bits), generator=generator).tril()
        lower.diagonal(dim1=-2, dim2=-1).fill_(1)
        # row i of the matrix acts on the bits from the most significant on: bit i of the result is the parity of the product
        columns = (self.sobolstate.unsqueeze(-1) >> torch.arange(bits - 1, -1, -1)) & 1      # (dimension, number, bit from the top)
        mixed = (columns @ lower.mT) & 1
        self.sobolstate = (mixed << torch.arange(bits - 1, -1, -1)).sum(-1)

    def _points(self, n, dtype):
        """The next n points: the k-th is the sum (by exclusive or) of the direction numbers of the bits of Gray's code of k."""
        k = torch.arange(self.num_generated, self.num_generated + n)
        gray = k ^ k >> 1
        total = self.shift.expand(n, self.dimension).clone()
        for bit in range(self.MAXBIT):
            if not (gray >> bit).any():
                break
            chosen = (gray >> bit & 1).bool().unsqueeze(1)
            total ^= torch.where(chosen, self.sobolstate[:, bit], 0)
        self.num_generated += n
        return total.to(dtype) * 2.0**-self.MAXBIT

    def draw(self, n=1, out=None, dtype=None):
        """The next `n` points, (n, dimension)."""
        points = self._points(n, torch.get_default_dtype() if dtype is None else dtype)
        return points if out is None else out.resize_(points.shape).copy_(points)

    def draw_base2(self, m, out=None, dtype=None):
        """The next 2**m points. ValueError unless their number with those drawn before is a power of two, which keeps the points balanced."""
        n = 2**m
        total = self.num_generated + n
        if total & total - 1:
            raise ValueError(f"The balance properties of Sobol' points require n to be a power of 2. {self.num_generated} points have been previously "
                             f"generated, then: n={self.num_generated}+2**{m}={total}. If you still want to do this, please use "
                             "'SobolEngine.draw()' instead.")
        return self.draw(n, out, dtype)

    def reset(self):
        """Goes back to the first point. Returns self."""
        self.num_generated = 0
        return self

    def fast_forward(self, n):
        """Leaves out the next `n` points. Returns self."""
        self.num_generated += n
        return self

    def __repr__(self):
        options = [f"dimension={self.dimension}"]
        options += ["scramble=True"] if self.scramble else []
        options += [f"seed={self.seed}"] if self.seed is not None else []
        return f"{type(self).__name__}({', '.join(options)})"
