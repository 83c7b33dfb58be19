"""Every operator works in the dtypes that torch.support() claims for it, and in no others."""

import subprocess
import sys
from pathlib import Path

import definitions
import pytest
from samples import samples

import torch

TOOLS = Path(__file__).resolve().parents[1] / "tools"
sys.path.insert(0, str(TOOLS / "nightly"))
import fuzz  # noqa: E402

ROWS = [r for r in definitions.rows() if r.role == "functional" and (r.schema.name.startswith("__") or not r.schema.name.startswith("_"))
        and any(a.base == "Tensor" for a in r.schema.args) and not any(a.write for a in r.schema.args) and not r.hidden
        and r.schema.key not in ("view.dtype", "view_copy.dtype")]   # samples read as a wider dtype, which not every width allows
DTYPES = [*fuzz.WIDE, torch.bool, torch.int64, torch.uint64, torch.float64, torch.complex128, torch.float8_e8m0fnu]


def claimed(row):
    """The dtypes of one overload."""
    return torch.support(fuzz.overload(row))["cpu"]


def runs(row, dtype):
    try:
        for sample in samples(row, dtype):
            sample()
    except fuzz.CLEAN:
        return False
    return True


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_what_is_claimed_is_what_runs(dtype):
    wrong = [(row.schema.key, "claimed" if said else "runs") for row in ROWS if (said := dtype in claimed(row)) != runs(row, dtype)]
    assert not wrong


@pytest.mark.parametrize("dtype", fuzz.WIDE, ids=str)
def test_values_are_those_of_the_widest_dtype(dtype):
    wrong = []
    for row in fuzz.rows():
        if row in ROWS and dtype in claimed(row):
            for sample in samples(row, dtype):
                case = fuzz.Case(0, sample, sample, "")
                wrong += [f"{sample}: {text}" for text in fuzz.wide_problems(case, fuzz.flat(sample()))]
    assert not wrong, "\n".join(wrong)


def test_random_calls():
    """Some of the nightly's cases."""
    found, ran = fuzz.run_batch(0, 300)
    assert ran == 300 and not found, "\n".join(found)


def test_support_is_found_by_name_overload_and_function():
    expected = torch.support("linalg_svd")
    assert torch.support(torch.linalg.svd) == torch.support(torch.ops.aten.linalg_svd) == torch.support("aten::linalg_svd") == expected
    assert torch.support(torch.ops.aten.add.Tensor) == torch.support("add.Tensor")
    assert torch.support(torch.Tensor.relu)["cpu"] == torch.support()["relu"]["cpu"]
    assert {torch.float16, torch.bfloat16, torch.complex64} <= expected["cpu"] and torch.int64 not in expected["cpu"]
    with pytest.raises(ValueError, match="no operator"):
        torch.support("no_such_operator")


def test_the_table_in_the_documentation_is_up_to_date():
    subprocess.run([sys.executable, TOOLS / "support_table.py", "--check"], check=True)


# ---- conversion of operands ----

@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_a_kernel_for_wider_dtypes_rounds_once(dtype):
    x = (torch.rand(3, 3, generator=torch.Generator().manual_seed(0)) + torch.eye(3)).to(dtype)
    for function in (torch.linalg.inv, torch.linalg.svdvals, torch.linalg.det, lambda t: torch.cdist(t, t), torch.fft.fft):
        narrow, wide = function(x), function(x.float())
        assert torch.equal(narrow, wide.to(narrow.dtype))


def test_wide_unsigned_products_wrap_around():
    a = torch.tensor([[2**63, 1]], dtype=torch.uint64)
    b = torch.tensor([[3], [2]], dtype=torch.uint64)
    assert (a @ b).item() == (3 * 2**63 + 2) % 2**64
    assert (torch.tensor([[65535]], dtype=torch.uint16) @ torch.tensor([[2]], dtype=torch.uint16)).item() == 65534


def test_narrow_operands_are_written_in_place():
    x = torch.zeros(3, dtype=torch.float8_e5m2)
    assert x.index_add_(0, torch.tensor([1, 1]), torch.ones(2, dtype=torch.float8_e5m2)) is x
    assert x.tolist() == [0, 2, 0]


def test_mixed_dtypes_are_refused_as_ever():
    with pytest.raises(RuntimeError, match="same dtype"):
        torch.mm(torch.ones(2, 2, dtype=torch.float16), torch.ones(2, 2))
    with pytest.raises(RuntimeError, match="Promotion for uint16"):
        torch.ones(2, dtype=torch.uint16) + torch.ones(2, dtype=torch.int32)
    with pytest.raises(RuntimeError, match="Promotion for Float8"):
        torch.ones(2).to(torch.float8_e5m2) + torch.ones(2)
    with pytest.raises(RuntimeError, match="complex"):
        torch.sort(torch.ones(2, dtype=torch.complex64))


def test_bytes_of_another_width_are_not_read():
    with pytest.raises(RuntimeError, match="expected scalar type"):
        torch.ops.aten._standard_gamma_grad(torch.ones(3, dtype=torch.float64), torch.ones(3, dtype=torch.float32))


def test_values_that_decide_the_result_are_missed_on_meta():
    for call in (lambda x: torch.bincount(x), lambda x: torch.unique_consecutive(x), lambda x: torch.masked_select(x, x > 0)):
        with pytest.raises(NotImplementedError, match="meta"):
            call(torch.ones(3, dtype=torch.int64, device="meta"))


FIRST_LAPACK = "import torch; torch.set_num_threads(4); torch.linalg.qr(torch.rand(16, 3, 3)); print('done')"


def test_lapack_is_opened_by_the_caller_and_not_by_its_threads():
    """Finding the library takes Python's lock, which the caller holds while it waits for the threads."""
    for _ in range(3):
        assert subprocess.run([sys.executable, "-c", FIRST_LAPACK], capture_output=True, timeout=60).stdout == b"done\n"


def test_kernels_resolve_lazy_negatives():
    x, y = torch.randn(4, 3, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64)
    negative = torch._neg_view(-y)
    assert torch.equal(torch.cdist(x, negative), torch.cdist(x, y))
    a, tau = torch.geqrf(x)
    assert torch.equal(torch.ormqr(a, torch._neg_view(-tau), x), torch.ormqr(a, tau, x))
