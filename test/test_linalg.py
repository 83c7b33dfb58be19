"""Factorisations multiply back, solutions solve, gradients agree with finite differences, and errors are LinAlgError."""

import numpy as np
import pytest

import torch
from torch import linalg

DTYPES = [torch.float64, torch.complex128, torch.float32, torch.complex64]
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
every_shape = pytest.mark.parametrize("shape", [(3, 3), (4, 3), (3, 4), (2, 3, 4), (2, 0, 3, 3), (0, 0), (1, 1)])


def random(*shape, dtype=torch.float64):
    generator = np.random.default_rng(sum(shape))
    values = generator.uniform(-1, 1, shape)
    return torch.from_numpy(values + 1j * generator.uniform(-1, 1, shape) if dtype.is_complex else values).to(dtype)


def positive(*shape, dtype=torch.float64):
    a = random(*shape, dtype=dtype)
    return a @ a.mH + torch.eye(shape[-1], dtype=dtype)


def close(a, b):
    torch.testing.assert_close(a, b.expand_as(a), atol=1e-4 if a.dtype in (torch.float32, torch.complex64) else 1e-10, rtol=1e-4)


@every_dtype
@every_shape
def test_qr(shape, dtype):
    a = random(*shape, dtype=dtype)
    for mode in ("reduced", "complete"):
        q, r = linalg.qr(a, mode)
        close(q @ r, a)
        close(q.mH @ q, torch.eye(q.shape[-1], dtype=dtype))
        assert r.equal(r.triu())


@every_dtype
@every_shape
def test_svd(shape, dtype):
    a = random(*shape, dtype=dtype)
    for full in (False, True):
        u, s, vh = linalg.svd(a, full)
        k = min(shape[-2:])
        close(u[..., :k] * s.unsqueeze(-2).to(dtype) @ vh[..., :k, :], a)
        close(u.mH @ u, torch.eye(u.shape[-1], dtype=dtype))
        assert s.equal(s.sort(-1, descending=True).values)
    close(linalg.svdvals(a), s)


@every_dtype
@every_shape
def test_lu(shape, dtype):
    a = random(*shape, dtype=dtype)
    p, low, high = linalg.lu(a)
    close(p @ low @ high, a)
    factors, pivots = linalg.lu_factor(a) if shape[-1] == shape[-2] else linalg.lu_factor_ex(a)[:2]
    for x, y in zip(torch.lu_unpack(factors, pivots), (p, low, high)):
        close(x, y)


@every_dtype
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3), (0, 0), (2, 0, 3, 3)])
def test_square(shape, dtype):
    a = positive(*shape, dtype=dtype)
    eye = torch.eye(shape[-1], dtype=dtype)
    low = linalg.cholesky(a)
    close(low @ low.mH, a)
    close(linalg.cholesky(a, upper=True), low.mH)
    close(linalg.inv(a) @ a, eye)
    close(torch.cholesky_inverse(low) @ a, eye)
    values, vectors = linalg.eigh(a)
    close(vectors * values.unsqueeze(-2) @ vectors.mH, a)
    close(linalg.eigvalsh(a), values)
    values, vectors = linalg.eig(a)
    close(a.to(values.dtype) @ vectors, vectors * values.unsqueeze(-2))
    sign, logabs = linalg.slogdet(a)
    close(sign * logabs.exp(), linalg.det(a))
    b = random(*shape[:-1], 2, dtype=dtype)
    close(a @ linalg.solve(a, b), b)
    close(linalg.solve(a, b.mT, left=False) @ a, b.mT)
    close(a @ torch.cholesky_solve(b, low), b)
    close(low @ linalg.solve_triangular(low, b, upper=False), b)
    factors, pivots = linalg.lu_factor(a)
    close(a @ linalg.lu_solve(factors, pivots, b), b)
    close(a.mH @ linalg.lu_solve(factors, pivots, b, adjoint=True), b)
    if a.numel():
        close(a @ linalg.ldl_solve(*linalg.ldl_factor(a, hermitian=True), b, hermitian=True), b)


@every_dtype
@pytest.mark.parametrize("driver", ["gels", "gelsy", "gelsd", "gelss"])
def test_least_squares_residual_is_orthogonal(driver, dtype):
    a, b = random(2, 5, 3, dtype=dtype), random(2, 5, 2, dtype=dtype)
    x = linalg.lstsq(a, b, driver=driver).solution
    close(a.mH @ (a @ x - b), torch.zeros(1, dtype=dtype))


@every_dtype
@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (2, 3, 5)])
def test_pinv_is_penroses(shape, dtype):
    a = random(*shape, dtype=dtype)
    p = linalg.pinv(a)
    close(a @ p @ a, a)
    close(p @ a @ p, p)
    close((a @ p).mH, a @ p)
    close((p @ a).mH, p @ a)


def test_rank_and_norms_are_numpys():
    a = random(4, 3)
    singular = torch.outer(a[:, 0], a[0])
    assert linalg.matrix_rank(a) == 3 and linalg.matrix_rank(singular) == 1 and linalg.matrix_rank(torch.zeros(2, 2)) == 0
    for order in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
        np.testing.assert_allclose(linalg.matrix_norm(a, order).item(), np.linalg.norm(a.numpy(), order))
        np.testing.assert_allclose(linalg.cond(a[:3], order).item(), np.linalg.cond(a[:3].numpy(), order))
        assert linalg.matrix_norm(random(2, 3, 4), order, (2, 0), keepdim=True).shape == (1, 3, 1)


@every_dtype
def test_matrix_exp(dtype):
    a = random(2, 3, 3, dtype=dtype) * 1.5
    close(linalg.matrix_exp(a) @ linalg.matrix_exp(-a), torch.eye(3, dtype=dtype))
    nilpotent = torch.tensor([[0.0, 2.0], [0.0, 0.0]], dtype=dtype)
    close(linalg.matrix_exp(nilpotent), torch.eye(2, dtype=dtype) + nilpotent)


def test_tensor_equations():
    a = random(2, 3, 6)
    b = random(2, 3)
    torch.testing.assert_close(torch.tensordot(a, linalg.tensorsolve(a, b), 1), b)
    inverse = linalg.tensorinv(a, ind=2)
    torch.testing.assert_close(torch.tensordot(inverse, b, 2), linalg.tensorsolve(a, b))


def hermitian(f):
    return lambda a: f(a + a.mH)


GRADIENTS = {
    "inv": linalg.inv, "det": linalg.det, "slogdet": lambda a: linalg.slogdet(a)[1], "cholesky": hermitian(lambda a: linalg.cholesky(a @ a.mH + torch.eye(3))),
    "qr": linalg.qr, "svdvals": linalg.svdvals, "svd": lambda a: (lambda u, s, v: (u.abs(), s, v.abs()))(*linalg.svd(a, False)),
    "eigvalsh": hermitian(linalg.eigvalsh), "eigh": hermitian(lambda a: (lambda w, v: (w, v.abs()))(*linalg.eigh(a))), "eigvals": linalg.eigvals,
    "eig": lambda a: (lambda w, v: (w, v.abs()))(*linalg.eig(a)), "lu": lambda a: linalg.lu(a)[1:], "lu_factor": lambda a: linalg.lu_factor(a)[0],
    "pinv": linalg.pinv, "matrix_exp": linalg.matrix_exp, "solve": lambda a: linalg.solve(a, a[:, :2] + 1), "solve right": lambda a: linalg.solve(a, a + 1, left=False),
    "solve_triangular": lambda a: linalg.solve_triangular(a, a[:, :2], upper=True), "lstsq": lambda a: linalg.lstsq(a, a[:, :2] + 1).solution,
    "lu_solve": lambda a: linalg.lu_solve(*linalg.lu_factor(a), a + 1), "lu_solve adjoint": lambda a: linalg.lu_solve(*linalg.lu_factor(a), a, adjoint=True),
    "lu_solve right": lambda a: linalg.lu_solve(*linalg.lu_factor(a), a, left=False), "cholesky_solve": lambda a: torch.cholesky_solve(a, a.tril()),
    "cholesky_inverse": lambda a: torch.cholesky_inverse(linalg.cholesky(a @ a.mH + torch.eye(3))), "householder_product": lambda a: linalg.householder_product(a.tril(-1), a[0, :2]),
    "nuclear norm": lambda a: linalg.matrix_norm(a, "nuc"), "cross": lambda a: linalg.cross(a, a.mT),
}


@pytest.mark.parametrize("name", GRADIENTS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=str)
def test_gradients(name, dtype):
    a = random(3, 3, dtype=dtype) + torch.diag(torch.tensor([3.0, 2.0, 1.0])).to(dtype)
    assert torch.autograd.gradcheck(GRADIENTS[name], a.requires_grad_())


@pytest.mark.parametrize("name", ["qr", "svdvals", "svd", "lu", "pinv"])
@pytest.mark.parametrize("shape", [(4, 2), (2, 4)])
def test_gradients_of_rectangles(name, shape):
    assert torch.autograd.gradcheck(GRADIENTS[name], random(*shape).requires_grad_())


@pytest.mark.parametrize("call, text", [
    (lambda: linalg.cholesky(-torch.eye(2)), "not positive-definite"), (lambda: linalg.inv(torch.zeros(2, 2)), "singular"),
    (lambda: linalg.solve(torch.zeros(2, 2, 2), torch.ones(2, 2, 1)), r"\(Batch element 0\)"),
    (lambda: linalg.svd(torch.full((2, 2), float("nan"))), "non-finite")])
def test_failures_are_linalg_errors(call, text):
    with pytest.raises(linalg.LinAlgError, match=text):
        call()


@pytest.mark.parametrize("call, text", [
    (lambda: linalg.inv(torch.ones(2, 3)), "batches of square matrices, but they are 2 by 3"), (lambda: linalg.qr(torch.ones(3)), "at least 2 dimensions"),
    (lambda: linalg.solve(torch.eye(3), torch.ones(4, 2)), "Incompatible shapes"), (lambda: linalg.det(torch.ones(2, 2).long()), "floating point or complex")])
def test_misuse_is_explained(call, text):
    with pytest.raises(RuntimeError, match=text):
        call()
