"""Matrix products agree with NumPy for every layout, dtype and size, and no bit depends on the number of threads."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest

import torch

SIZES = [(1, 1, 1), (4, 4, 4), (1, 40, 30), (40, 1, 30), (3, 5, 7), (17, 33, 300), (64, 65, 513), (600, 70, 30), (2, 3, 0)]
DTYPES = [torch.float32, torch.float64, torch.complex64, torch.complex128, torch.int32, torch.int64, torch.bfloat16, torch.float16]
TOLERANCE = {torch.float32: 1e-4, torch.complex64: 1e-3, torch.float64: 1e-10, torch.complex128: 1e-10, torch.bfloat16: 0.5, torch.float16: 0.05}


def random(*shape, dtype=torch.float64):
    values = np.random.default_rng(0).uniform(-2, 2, shape)
    if dtype.is_complex:
        values = values + 1j * np.random.default_rng(1).uniform(-2, 2, shape)
    return torch.from_numpy(np.asarray(values)).to(dtype)


def as_numpy(t):
    return t.to(torch.float64).numpy() if t.dtype in (torch.bfloat16, torch.float16) else t.resolve_conj().numpy()


def transposed(t):
    return t.transpose(-2, -1).contiguous().transpose(-2, -1)


def spread(t):
    """The same values with no stride of one."""
    wide = t.new_zeros([2 * n for n in t.shape])
    view = wide[tuple(slice(None, None, 2) for _ in t.shape)]
    return view.copy_(t)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("m, n, k", SIZES)
def test_mm_is_numpys(m, n, k, dtype):
    a, b = random(m, k, dtype=dtype), random(k, n, dtype=dtype)
    want = as_numpy(a) @ as_numpy(b)
    for left, right in itertools.product((a, transposed(a), spread(a)), (b, transposed(b), spread(b))):
        np.testing.assert_allclose(as_numpy(left.mm(right)), want, atol=TOLERANCE.get(dtype, 0), rtol=1e-2 if dtype.itemsize == 2 else 0)


@pytest.mark.parametrize("alpha, beta", [(1, 1), (2.5, 0.5), (1, 0), (0, 1), (-1, 2)])
def test_addmm_scales_and_broadcasts(alpha, beta):
    a, b = random(20, 300), random(300, 33)
    for base in (random(20, 33), random(33), random(20, 1), random(1, 33), torch.tensor(2.0, dtype=torch.float64)):
        want = beta * base.numpy() + alpha * (a.numpy() @ b.numpy())
        np.testing.assert_allclose(torch.addmm(base, a, b, alpha=alpha, beta=beta).numpy(), want, atol=1e-10)


def test_beta_zero_ignores_nan():
    a = torch.full((3, 3), float("nan"))
    assert torch.addmm(a, torch.ones(3, 2), torch.ones(2, 3), beta=0).equal(torch.full((3, 3), 2.0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("m, n, k", [(300, 200, 700), (5, 900, 600), (900, 5, 600), (1, 3000, 2000), (3000, 1, 2000)])
def test_bits_do_not_depend_on_threads(m, n, k, dtype):
    a, b = random(m, k, dtype=dtype), random(n, k, dtype=dtype).t()
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = a.mm(b)
        torch.set_num_threads(3)
        assert a.mm(b).equal(one)
    finally:
        torch.set_num_threads(before)


SHAPES = [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((2, 3), (3, 4)), ((5, 2, 3), (3,)), ((5, 2, 3), (3, 4)), ((3,), (5, 3, 4)), ((2, 3), (5, 3, 4)),
          ((5, 2, 3), (5, 3, 4)), ((5, 2, 3), (1, 3, 4)), ((1, 2, 3), (5, 3, 4)), ((6, 5, 2, 3), (5, 3, 4)), ((6, 1, 2, 3), (1, 5, 3, 4)), ((6, 5, 2, 3), (3,))]


@pytest.mark.parametrize("left, right", SHAPES)
def test_matmul_broadcasts_as_numpy(left, right):
    a, b = random(*left), random(*right)
    for x, y in ((a, b), (a.clone().requires_grad_(), b), (a, b.clone().requires_grad_())):
        got = torch.matmul(x, y).detach().numpy()
        want = np.matmul(a.numpy(), b.numpy())
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, atol=1e-12)


@pytest.mark.parametrize("left, right", SHAPES)
def test_matmul_gradient(left, right):
    assert torch.autograd.gradcheck(torch.matmul, (random(*left).requires_grad_(), random(*right).requires_grad_()))


@pytest.mark.parametrize("function, shapes", [
    (torch.mm, [(3, 4), (4, 2)]), (torch.bmm, [(2, 3, 4), (2, 4, 2)]), (torch.mv, [(3, 4), (4,)]), (torch.dot, [(3,), (3,)]), (torch.vdot, [(3,), (3,)]),
    (torch.addmm, [(2,), (3, 4), (4, 2)]), (torch.addmv, [(3,), (3, 4), (4,)]), (torch.baddbmm, [(2, 3, 2), (2, 3, 4), (2, 4, 2)]),
    (torch.addbmm, [(3, 2), (2, 3, 4), (2, 4, 2)]), (torch.addr, [(3, 2), (3,), (2,)]), (torch.outer, [(3,), (2,)]), (torch.inner, [(2, 3), (4, 3)]),
    (torch.kron, [(2, 3), (3, 2)]), (torch.cdist, [(3, 2), (4, 2)]), (torch.nn.functional.bilinear, [(3, 2), (3, 4), (5, 2, 4), (5,)]),
    (torch.nn.functional.linear, [(2, 3, 4), (5, 4), (5,)])], ids=lambda f: getattr(f, "__name__", ""))
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_gradients(function, shapes, dtype):
    if dtype.is_complex and function is torch.cdist:
        pytest.skip("distances are real")
    inputs = [random(*s, dtype=dtype).requires_grad_() for s in shapes]
    assert torch.autograd.gradcheck(function, inputs)


@pytest.mark.parametrize("equation, shapes", [
    ("ij,jk->ik", [(2, 3), (3, 4)]), ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]), ("i,j", [(2,), (3,)]), ("ii->i", [(3, 3)]), ("ii", [(3, 3)]), ("ij->ji", [(2, 3)]),
    ("ij->", [(2, 3)]), ("...ij,...jk->...ik", [(2, 1, 3, 4), (5, 4, 2)]), ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]), ("bhid,bhjd->bhij", [(2, 3, 4, 5), (2, 3, 6, 5)]),
    ("i,i,i->i", [(3,), (3,), (3,)]), ("ijk,k->ij", [(2, 3, 4), (4,)]), ("ij,kj->", [(2, 3), (4, 3)]), ("...,...", [(2, 3), (3,)])])
def test_einsum_is_numpys(equation, shapes):
    operands = [random(*s) for s in shapes]
    np.testing.assert_allclose(torch.einsum(equation, *operands).numpy(), np.einsum(equation, *(x.numpy() for x in operands)), atol=1e-12)


@pytest.mark.parametrize("equation, shapes", [("ij,jk", [(2, 3), (4, 5)]), ("ij", [(2,)]), ("i->j", [(2,)]), ("i,j->ij", [(2,)]), ("i1->i", [(2, 2)]), ("i->ii", [(2,)])])
def test_einsum_refuses(equation, shapes):
    with pytest.raises(RuntimeError, match="einsum"):
        torch.einsum(equation, *(random(*s) for s in shapes))


def test_multi_dot_in_any_order():
    parts = [random(*s) for s in ((10, 100), (100, 5), (5, 50), (50, 1))]
    want = np.linalg.multi_dot([p.numpy() for p in parts])
    np.testing.assert_allclose(torch.linalg.multi_dot(parts).numpy(), want, atol=1e-9)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 8, -1, -3])
def test_matrix_power(n):
    a = random(3, 3) + 4 * torch.eye(3, dtype=torch.float64)
    np.testing.assert_allclose(torch.matrix_power(a, n).numpy(), np.linalg.matrix_power(a.numpy(), n), rtol=1e-9)


@pytest.mark.parametrize("call, text", [
    (lambda: torch.mm(torch.ones(2, 3), torch.ones(4, 5)), r"mat1 and mat2 shapes cannot be multiplied \(2x3 and 4x5\)"),
    (lambda: torch.mm(torch.ones(2, 3), torch.ones(3, 2).double()), "expected m1 and m2 to have the same dtype, but got: float != double"),
    (lambda: torch.bmm(torch.ones(2, 3), torch.ones(3, 2)), "batch1 must be a 3D tensor"),
    (lambda: torch.dot(torch.ones(2), torch.ones(3)), "inconsistent tensor size"),
    (lambda: torch.matmul(torch.tensor(1.0), torch.ones(3)), "at least 1D")])
def test_errors_name_the_shapes(call, text):
    with pytest.raises(RuntimeError, match=text):
        call()


# ---- attention ----

def plain_attention(q, k, v, mask=None, causal=False, scale=None):
    weights = q @ k.transpose(-2, -1) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if causal:
        mask = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).tril()
    if mask is not None:
        weights = weights.masked_fill(~mask, float("-inf")) if mask.dtype == torch.bool else weights + mask
    return torch.softmax(weights, -1) @ v


@pytest.mark.parametrize("queries, keys", [(3, 6), (70, 70), (130, 600)])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", ["", "bool", "float"])
def test_fused_attention_is_plain_attention(queries, keys, causal, masked):
    if causal and masked:
        return
    q, k, v = (random(2, 3, n, 8) * s for n, s in ((queries, 1.0), (keys, 0.9), (keys, 1.1)))
    mask = None if not masked else random(queries, keys) if masked == "float" else random(queries, keys) > -1
    inputs = [x.clone().requires_grad_() for x in (q, k, v)]
    others = [x.clone().requires_grad_() for x in (q, k, v)]
    got = torch.nn.functional.scaled_dot_product_attention(*inputs, attn_mask=mask, is_causal=causal)
    want = plain_attention(*others, mask, causal)
    torch.testing.assert_close(got, want)
    weight = random(*got.shape)
    got.backward(weight)
    want.backward(weight)
    for a, b in zip(inputs, others):
        torch.testing.assert_close(a.grad, b.grad)


def test_rows_that_see_nothing_are_zero():
    q = random(1, 1, 2, 4)
    mask = torch.tensor([[True, False], [False, False]])
    out = torch.nn.functional.scaled_dot_product_attention(q, q, q, attn_mask=mask)
    assert out[0, 0, 1].eq(0).all()


def test_bits_do_not_depend_on_the_instruction_set():
    code = """
import torch
values = lambda *s: (torch.arange(torch.Size(s).numel()).mul(7919).remainder(1009).float() / 500 - 1).reshape(s)
found = [values(33, 300) @ values(300, 70), values(1, 333) @ values(50, 333).t(), torch.dot(values(1237), values(1237) * 3)]
q = values(1, 2, 70, 16)
found.append(torch.nn.functional.scaled_dot_product_attention(q, q * 0.9, q * 1.1, is_causal=True))
found.append(torch.nn.functional.batch_norm(values(3, 4, 37), None, None, training=True))
print([x.flatten().view(torch.int32).sum().item() for x in found])
"""
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        pytest.skip("needs both instruction sets")
    runs = [subprocess.run([sys.executable, "-c", code], env={**os.environ, "KINDLING_ISA": isa}, capture_output=True, text=True, check=True).stdout
            for isa in ("avx2", "avx512")]
    assert runs[0] == runs[1]
