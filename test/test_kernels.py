"""Emitted kernels stay inside their operands, and training stays inside its memory."""

import gc
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import torch

HERE = Path(__file__).resolve().parent

TAILS = """
import sys
sys.path.insert(0, {here!r})
import torch
from test_ops import POINTWISE, dtypes_of, operator, sample
for row in POINTWISE:
    dtypes = dtypes_of(row)
    for dtype in dict.fromkeys([dtypes[0], dtypes[-1], torch.float32 if torch.float32 in dtypes else dtypes[0]]):
        for n in [*range(0, 20), 31, 32, 33, 47, 63, 64, 65, 127, 129]:
            operator(row)(*sample(row, dtype, (n,)))
for reduce in (torch.sum, torch.mean, torch.amax, torch.argmax, torch.logsumexp, torch.var):
    for n in [*range(1, 20), 31, 33, 63, 65, 129, 4097]:
        x = torch.randn(3, n)
        reduce(x, 1), reduce(x, 0), reduce(x.t(), 1)
for n in [*range(1, 20), 33, 65, 1000]:
    torch.softmax(torch.randn(3, n), 1), torch.cumsum(torch.randn(3, n), 1), torch.nn.functional.layer_norm(torch.randn(3, n), (n,))
print("inside")
"""


def run(script, **environment):
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600,
                          env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path), **environment))
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr[-2000:]}"
    return done.stdout


def test_every_tail_length_between_guard_pages():
    assert "inside" in run(TAILS.format(here=str(HERE)), KINDLING_GUARD_PAGES="1")


BITS = """
import hashlib, torch
torch.manual_seed(0)
x, y = torch.randn(1000, 37), torch.randn(1000, 37)
digest = hashlib.sha256()
for f in (torch.exp, torch.tanh, torch.sin, torch.nn.functional.gelu, torch.sum, torch.mean, lambda v: v.sum(0), lambda v: v.sum(1), lambda v: v.var(0),
          lambda v: v.logsumexp(1), lambda v: v.softmax(1), lambda v: v.cumsum(0), lambda v: v * y + x.t().reshape(1000, 37)):
    digest.update(f(x).numpy().tobytes())
print(digest.hexdigest())
"""


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("isa", ["avx2", "avx512"])
def test_same_bits_for_every_instruction_set_and_thread_count(isa, threads):
    expected = run("import torch; torch.set_num_threads(1)\n" + BITS.strip(), KINDLING_ISA="avx2")
    assert run(f"import torch; torch.set_num_threads({threads})\n" + BITS.strip(), KINDLING_ISA=isa) == expected


@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="the address sanitizer keeps freed memory for a while")
def test_training_runs_in_flat_memory():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(20, 32), torch.nn.ReLU(), torch.nn.LayerNorm(32), torch.nn.Linear(32, 4))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    x, y = torch.randn(16, 20), torch.randint(0, 4, (16,))

    def step():
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    for _ in range(100):
        step()
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(1000):
        step()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 1024, f"{grown} KiB more after 1000 steps"
