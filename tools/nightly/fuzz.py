"""Calls operators with random dtypes, layouts and shapes, and compares with what they must give.

    python tools/nightly/fuzz.py --minutes 10 [--seed N] [--only add conv2d]
    python tools/nightly/fuzz.py --case 123456          # one case again, with the traceback

A case is a number: it draws an operator, a dtype that torch.support() claims, a sample of its arguments and a twist for each tensor:
other strides, a storage offset, stride zero, a lazy negative or conjugate bit, indices that count from the end, no elements, no
dimensions, more elements. The result must be that of contiguous operands without lazy bits; that of float64, complex128 or int64 up
to the dtype's rounding; and in shape, dtype and strides that of the meta device. Batches of cases run in
processes of their own between guard pages, so that a crash is a finding like any other.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2] / "test"
sys.path.insert(0, str(TESTS))

import definitions  # noqa: E402
from samples import samples  # noqa: E402

import torch  # noqa: E402

CLEAN = (RuntimeError, TypeError, ValueError, IndexError)   # how an operator may refuse
WIDE = {torch.float16: torch.float64, torch.bfloat16: torch.float64, torch.float32: torch.float64, torch.complex32: torch.complex128, torch.complex64: torch.complex128,
        torch.float8_e5m2: torch.float64, torch.float8_e4m3fn: torch.float64, torch.float8_e5m2fnuz: torch.float64, torch.float8_e4m3fnuz: torch.float64,
        torch.uint8: torch.int64, torch.int8: torch.int64, torch.int16: torch.int64, torch.int32: torch.int64, torch.uint16: torch.int64, torch.uint32: torch.int64}
ELEMENTWISE = ("pointwise", "reduction", "scan")
# results that random numbers, a choice of basis or the bits themselves decide, or uninitialised memory
FREE = {"fake_quantize_per_tensor_affine_cachemask", "as_strided_copy", "as_strided_scatter", "view_as_complex", "view_as_complex_copy", "view_as_real", "view_as_real_copy", "empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided", "resize", "view", "view_copy", "nextafter", "frexp", "_fused_sdp_choice", "result_type",
        "linalg_svd", "svd", "_linalg_svd", "linalg_eig", "linalg_eigh", "_linalg_eigh", "linalg_qr", "qr", "geqrf", "linalg_lstsq", "linalg_eigvals", "_linalg_eigvals",
        "linalg_matrix_rank", "linalg_cond", "linalg_pinv", "pinverse", "lobpcg", "sort", "argsort", "topk", "kthvalue", "median", "nanmedian", "mode", "histc", "histogram"}
COUNTING_FROM_END = ("index", "index_put", "take", "put")


# ---- twists: the same values, laid out otherwise ----

def permuted(x, rng):
    order = rng.sample(range(x.dim()), x.dim())
    return x.permute(order).contiguous().permute([order.index(d) for d in range(x.dim())])


def stepped(x, rng):
    return torch.stack([x, x], -1)[..., rng.randrange(2)]


def offset(x, rng):
    flat = x.reshape(-1)
    return torch.cat([flat[:1], flat])[min(1, flat.numel()):].view(x.shape)


def channels_last(x, rng):
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


def lazily_negative(x, rng):
    signed = (x.dtype.is_floating_point or x.dtype.is_complex) and x.dtype != torch.float8_e8m0fnu
    return torch._neg_view(x.neg()) if signed else x


def lazily_conjugate(x, rng):
    return x.conj_physical().conj()


TWISTS = (permuted, stepped, offset, channels_last, lazily_negative, lazily_conjugate)


# ---- changes: other values or shapes, for operators whose operands broadcast ----

def repeated(x, rng):
    """Stride zero: the first slice in place of all."""
    d = rng.randrange(x.dim()) if x.dim() else 0
    return x.narrow(d, 0, 1).expand_as(x) if x.numel() else x


def emptied(x, rng):
    return x[:0] if x.dim() else x


def scalar(x, rng):
    return x.reshape(-1)[0]


def lengthened(x, rng):
    return x.repeat([5] * x.dim())


CHANGES = (repeated, emptied, scalar, lengthened)


@dataclass
class Case:
    """One call: `plain` with contiguous tensors, `twisted` with the same values laid out otherwise."""

    seed: int
    plain: object
    twisted: object
    twists: str

    def __str__(self):
        return f"case {self.seed}: {self.plain} {self.twists}"


def rows(only=()):
    """The rows that only compute: no in-place ones, none that draw random numbers."""
    return [r for r in definitions.rows() if r.role == "functional" and not any(a.type == "Generator" for a in r.schema.args)
            and (not only or r.schema.name in only) and "rand" not in r.schema.name and "dropout" not in r.schema.name and not any(a.write for a in r.schema.args)
            and (r.schema.name.startswith("__") or not r.schema.name.startswith("_"))]


def overload(row):
    """The name of one overload, "add.Tensor" or "relu.default"."""
    return f"{row.schema.name}.{row.schema.overload or 'default'}"


def make(seed, choices):
    """The case of a number, or None where the operator has no dtype or no tensor."""
    rng = random.Random(seed)
    row = rng.choice(choices)
    claimed = sorted(torch.support(overload(row))["cpu"], key=str)
    if not claimed:
        return None
    plain = rng.choice(samples(row, rng.choice(claimed), seed=rng.randrange(1 << 16)))
    if not plain.paths:
        return None
    said = []
    if row.family in ELEMENTWISE and rng.random() < 0.4:
        change = rng.choice(CHANGES)
        plain = plain.map(lambda x: change(x, rng).contiguous())
        said.append(change.__name__)
    if row.schema.name in COUNTING_FROM_END and rng.random() < 0.5:
        plain = plain.with_tensors({path: x - from_end(plain, path) for path, x in plain.paths.items() if x.dtype == torch.int64 and path != (0,)})
        said.append("from the end")
    tensors = {}
    for path, x in plain.paths.items():
        twist = rng.choice(TWISTS)
        tensors[path] = twist(x, rng)
        said.append(twist.__name__)
    return Case(seed, plain, plain.with_tensors(tensors), f"({', '.join(said)})")


def from_end(sample, path):
    """What an index may be lowered by: the size that it counts along."""
    x = sample.tensors[0]
    return x.size(path[1]) if len(path) > 1 and x.dim() > path[1] else x.numel()


# ---- what must hold ----

def flat(value):
    """The tensors in a result."""
    if isinstance(value, torch.Tensor):
        return [value]
    return [x for v in value for x in flat(v)] if isinstance(value, (tuple, list)) else []


def epsilon(dtype):
    return 2.0**-10 if dtype == torch.complex32 else torch.finfo(dtype).eps


def distance(got, want, unit=0.0):
    """The largest error, in units of the last place of the largest value (or in `unit`, if that is more)."""
    if not (got.dtype.is_floating_point or got.dtype.is_complex):
        return 0.0 if torch.equal(got.to(torch.int64), want.to(got.dtype).to(torch.int64)) else float("inf")
    x, y = got.to(torch.complex128), want.to(got.dtype).to(torch.complex128)
    differs = ~((x == y) | (x.isnan() & y.isnan()))
    if not differs.any():
        return 0.0
    size = y.abs()[y.isfinite()]
    scale = max(float(size.max()) if size.numel() else 0.0, epsilon(got.dtype))
    error = float((x - y).abs()[differs].max()) / scale / max(unit, epsilon(got.dtype))
    return float("inf") if error != error else error


def refused(call):
    """(result, None) or (None, the error with which it was refused)."""
    try:
        return call(), None
    except CLEAN as e:
        return None, e


def problems(case):
    """What is wrong with a case, a sentence each."""
    row = case.plain.row
    want, error = refused(case.plain)
    got, twisted_error = refused(case.twisted)
    if (error is None) != (twisted_error is None) and row.schema.name not in FREE:
        yield f"contiguous operands: {error or 'a result'}, twisted ones: {twisted_error or 'a result'}"
    if error or twisted_error:
        return
    want, got = flat(want), flat(got)
    if row.schema.name not in FREE or row.schema.name in ("sort", "topk", "median"):
        if [(x.shape, x.dtype) for x in got] != [(x.shape, x.dtype) for x in want]:
            yield f"the layout changed what comes out: {got} instead of {want}"
            return
        if row.schema.name not in FREE:
            worst = max([distance(a.resolve_conj(), b) for a, b in zip(got, want)], default=0)
            if worst > 64:
                yield f"the layout changed the values, by {worst:.3g} units"
    yield from wide_problems(case, want)
    meta, error = refused(lambda: case.twisted.map(lambda x: x.to("meta"))())
    if error is None:
        for a, b in zip(flat(meta), got):
            if (a.shape, a.dtype) != (b.shape, b.dtype):
                yield f"meta gives {a.dtype} {list(a.shape)}, the real one {b.dtype} {list(b.shape)}"


def wide_problems(case, want):
    """Compares with the same operator in the widest dtype of the kind."""
    sample = case.plain
    wide = WIDE.get(sample.dtype)
    schema = sample.row.schema
    compares_number = "Scalar" in schema.overload and any(x.dtype == torch.bool for x in want)   # the number is rounded to the dtype first
    below_zero = not sample.dtype.is_signed and sample.row.family in ("composite", "decomposed")   # may wrap around on the way
    if wide is None or below_zero or schema.name in FREE or compares_number or any(a.name == "dtype" for a in schema.args):
        return
    exact, error = refused(sample.map(lambda x: x.to(wide) if x.dtype == sample.dtype else x))
    if error is None:
        pairs = [(a, b) for a, b in zip(want, flat(exact)) if a.shape == b.shape]
        unit = 0.0 if sample.dtype in (torch.bool, *WIDE) and wide == torch.int64 else epsilon(sample.dtype)
        worst = max([distance(a, b, unit) for a, b in pairs], default=0)
        if worst > 64 and not overflows(pairs):
            yield f"{worst:.3g} units from {str(wide).removeprefix('torch.')}"


def overflows(pairs):
    """A result beyond the range, or an intermediate one: the narrow dtype cannot be right."""
    for got, exact in pairs:
        if got.dtype.is_floating_point or got.dtype.is_complex:
            limit = 65504.0 if got.dtype == torch.complex32 else torch.finfo(got.dtype).max
            if not bool((got.to(torch.complex128).abs() <= limit / 16).all()) or not bool((exact.to(torch.complex128).abs() <= limit / 16).all()):
                return True
        elif exact.numel() and got.dtype != torch.bool:
            values, holds = exact.to(torch.int64), torch.iinfo(got.dtype)
            if int(values.max()) > holds.max or int(values.min()) < holds.min:
                return True
    return False


# ---- running ----

def batch(first, count, only):
    """Runs cases, telling of each before it starts, so that the last one told is the one that crashed."""
    choices = rows(only)
    for seed in range(first, first + count):
        print("start", seed, flush=True)
        case = make(seed, choices)
        if case is not None:
            for text in problems(case):
                print(f"found {case}: {text}", flush=True)
    print("end", flush=True)


def run_batch(first, count, only=()):
    """Findings of a batch in a child process, and how many cases it came through."""
    command = [sys.executable, "-W", "ignore", __file__, "--batch", str(first), "--count", str(count), *(["--only", *only] if only else [])]
    environment = dict(os.environ, KINDLING_GUARD_PAGES="1", PYTHONPATH=os.pathsep.join(sys.path))
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30 + count / 20)
        output, errors, end = done.stdout, done.stderr, f"exit {done.returncode}" if done.returncode >= 0 else f"signal {-done.returncode}"
    except subprocess.TimeoutExpired as e:
        output, errors, end = (e.stdout or b"").decode(), "", "no end in sight"
    lines = output.splitlines()
    found = [line.removeprefix("found ") for line in lines if line.startswith("found ")]
    started = [int(line.split()[1]) for line in lines if line.startswith("start ")]
    if "end" not in lines:
        last = started[-1] if started else first
        tail = errors.strip().splitlines()[-1:] or [""]
        return [*found, f"case {last}: {end} {tail[0]}"], last - first + 1
    return found, count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0, help="the first case")
    parser.add_argument("--count", type=int, default=1000, help="cases of a batch")
    parser.add_argument("--only", nargs="+", default=(), help="names of operators")
    parser.add_argument("--case", type=int)
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.batch is not None:
        return batch(args.batch, args.count, args.only)
    if args.case is not None:
        case = make(args.case, rows(args.only))
        print(case)
        try:
            print(*problems(case), sep="\n")
        except Exception:
            traceback.print_exc()
        return None
    end, first, total = time.time() + 60 * args.minutes, args.seed, 0
    while time.time() < end:
        found, ran = run_batch(first, args.count, args.only)
        first += ran
        total += len(found)
        print(*found, sep="\n" if found else "", end="\n" if found else "", flush=True)
    print(f"{first - args.seed} cases, {total} findings")
    return total


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
