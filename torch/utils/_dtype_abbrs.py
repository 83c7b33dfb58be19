"""Short names of dtypes: `f32`, `i64`, `bf16`."""

import torch


def _abbreviation(dtype):
    name = str(dtype).split(".")[-1]
    if dtype is torch.bool:
        return "b8"
    for long, short in (("bfloat", "bf"), ("float", "f"), ("complex", "c"), ("uint", "u"), ("int", "i")):
        if name.startswith(long):
            return short + name[len(long):]
    return name


dtype_abbrs = {dtype: _abbreviation(dtype) for dtype in vars(torch).values() if isinstance(dtype, torch.dtype)}
