"""Blocks of quantized numbers in GGUF files: their sizes, and the numbers they stand for."""

import torch

from ._bytes import FormatError

# number: (name, numbers a block, bytes a block)
_KINDS = {
    2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 40), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292), 16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136), 29: ("IQ1_M", 256, 56), 34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17), 40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18),
}


def name_of(number):
    """The name of a quantization."""
    return _KINDS[number][0]


def size_of(number):
    """(numbers, bytes) of a block. Raises FormatError for unknown kinds."""
    if number not in _KINDS:
        raise FormatError(f"unknown type of tensor: {number}")
    return _KINDS[number][1:]


def dequantize(number, blocks):
    """The float32 numbers of rows of blocks. Raises NotImplementedError for kinds that are rarely met."""
    name, length, nbytes = _KINDS[number]
    if name not in _RULES:
        raise NotImplementedError(f"numbers quantized as {name} are not computed; load_gguf(dequantize=False) gives their blocks")
    return _RULES[name](blocks.reshape(-1, nbytes)).reshape(*blocks.shape[:-1], blocks.shape[-1] // nbytes * length)


def _fields(blocks, *widths):
    """Consecutive columns of the given widths."""
    return blocks.split(list(widths), dim=1)


def _half(column):
    return column.contiguous().view(torch.float16).float()


def _bits(column, shifts, mask):
    """Groups of a column at several shifts: (blocks, shifts, width)."""
    return (column[:, None, :] >> torch.tensor(shifts, dtype=torch.uint8)[:, None]) & mask


def _nibbles(column):
    """The low halves of all bytes, then the high ones."""
    return _bits(column, (0, 4), 15).flatten(1)


def _fifth_bits(column):
    """Bit i of a 32-bit word as 16 or 0."""
    places = torch.arange(32)
    return ((column[:, places // 8] >> (places % 8).to(torch.uint8)) & 1) << 4


def _q4_0(blocks):
    d, q = _fields(blocks, 2, 16)
    return _half(d) * (_nibbles(q).float() - 8)


def _q4_1(blocks):
    d, m, q = _fields(blocks, 2, 2, 16)
    return _half(d) * _nibbles(q).float() + _half(m)


def _q5_0(blocks):
    d, high, q = _fields(blocks, 2, 4, 16)
    return _half(d) * ((_nibbles(q) | _fifth_bits(high)).float() - 16)


def _q5_1(blocks):
    d, m, high, q = _fields(blocks, 2, 2, 4, 16)
    return _half(d) * (_nibbles(q) | _fifth_bits(high)).float() + _half(m)


def _q8_0(blocks):
    d, q = _fields(blocks, 2, 32)
    return _half(d) * q.contiguous().view(torch.int8).float()


def _pairs(column):
    """Two-bit numbers: of each half of the bytes, at shifts 0, 2, 4 and 6."""
    halves = column.reshape(-1, 2, 32)
    return ((halves[:, :, None, :] >> torch.tensor([0, 2, 4, 6], dtype=torch.uint8)[:, None]) & 3).flatten(1)


def _q2_k(blocks):
    scales, q, d, m = _fields(blocks, 16, 64, 2, 2)
    scale, least = _half(d) * (scales & 15).float(), _half(m) * (scales >> 4).float()
    return (scale[:, :, None] * _pairs(q).reshape(-1, 16, 16).float() - least[:, :, None]).flatten(1)


def _q3_k(blocks):
    mask, q, packed, d = _fields(blocks, 32, 64, 12, 2)
    low = _nibbles(packed[:, :8])
    high = _bits(packed[:, 8:], (0, 2, 4, 6), 3).flatten(1)
    scale = _half(d) * ((low | high << 4).float() - 32)
    third = _bits(mask, tuple(range(8)), 1).flatten(1) << 2
    return (scale[:, :, None] * ((_pairs(q) | third).float() - 4).reshape(-1, 16, 16)).flatten(1)


def _scales_and_least(packed):
    """Eight pairs of six-bit numbers in twelve bytes."""
    a, b, c = packed[:, :4], packed[:, 4:8], packed[:, 8:]
    return torch.cat([a & 63, (c & 15) | (a >> 6 << 4)], 1).float(), torch.cat([b & 63, (c >> 4) | (b >> 6 << 4)], 1).float()


def _four_bits(column):
    """Four-bit numbers: of each 32 bytes the low halves, then the high ones."""
    return _nibbles(column.reshape(-1, 32)).reshape(-1, 8, 32)


def _with_least(d, m, packed, q):
    scale, least = _scales_and_least(packed)
    return ((_half(d) * scale)[:, :, None] * q.float() - (_half(m) * least)[:, :, None]).flatten(1)


def _q4_k(blocks):
    d, m, packed, q = _fields(blocks, 2, 2, 12, 128)
    return _with_least(d, m, packed, _four_bits(q))


def _q5_k(blocks):
    d, m, packed, high, q = _fields(blocks, 2, 2, 12, 32, 128)
    return _with_least(d, m, packed, _four_bits(q) | _bits(high, tuple(range(8)), 1) << 4)


def _q6_k(blocks):
    low, high, scales, d = _fields(blocks, 128, 64, 16, 2)
    low = _nibbles(low.reshape(-1, 64)).reshape(-1, 256)
    q = (low | _pairs(high) << 4).float() - 32
    scale = _half(d) * scales.contiguous().view(torch.int8).float()
    return (scale[:, :, None] * q.reshape(-1, 16, 16)).flatten(1)


def _q8_k(blocks):
    d, q, _ = _fields(blocks, 4, 256, 32)
    return d.contiguous().view(torch.float32) * q.contiguous().view(torch.int8).float()


_RULES = {"Q4_0": _q4_0, "Q4_1": _q4_1, "Q5_0": _q5_0, "Q5_1": _q5_1, "Q8_0": _q8_0, "Q2_K": _q2_k, "Q3_K": _q3_k,
          "Q4_K": _q4_k, "Q5_K": _q5_k, "Q6_K": _q6_k, "Q8_K": _q8_k}
