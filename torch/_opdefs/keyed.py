"""Random bits as a function of a key: Philox4x32-10.

J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from .expr import *
from .language import *

MASK = 0xFFFFFFFF
FACTORS = (0xD2511F53, 0xCD9E8D57)    # of the two multiplications of a round
STEPS = (0x9E3779B9, 0xBB67AE85)      # by which the two words of the key grow


def _words(x):
    """The low and the high 32 bits."""
    return x & MASK, shift_right_logical(x, 32) & MASK


@pointwise("_philox(Tensor key, Tensor stream, Tensor index) -> Tensor", kinds="us", grad=None, inplace=False, out=False, python="")
def _philox(key, stream, index):
    """Number `index` of the 64-bit numbers that the 64-bit words `key` and `stream` stand for: two to each block of four 32-bit words."""
    wide = [cast(x, "i64") for x in (key, stream, index)]
    k = list(_words(wide[0]))
    c = [*_words(shift_right_logical(wide[2], 1)), *_words(wide[1])]
    for number in range(10):
        low0, high0 = _words(c[0] * FACTORS[0])
        low1, high1 = _words(c[2] * FACTORS[1])
        keys = [(k[i] + number * STEPS[i]) & MASK for i in range(2)]
        c = [high1 ^ c[1] ^ keys[0], low1, high0 ^ c[3] ^ keys[1], low0]
    second = ne(wide[2] & 1, 0)
    low, high = where(second, c[2], c[0]), where(second, c[3], c[1])
    return cast(low | (high << 32), key.type)
