"""Linear equations, inverses, determinants, least squares and pseudo-inverses."""

from .language import FLOAT8, FLOATING, FLOATING_COMPLEX, UNKNOWN, composite, decomposed
from .linalg_factor import lapack


def _lu_solve_factors_grad(grad, LU, pivots, B, left, adjoint, result):
    # X A = B is A^H X^H = B^H
    g = grad if left else grad.mH
    X = result if left else result.mH
    if left != adjoint:
        # gU = -U^-H g X^H, gL = L^-H gU U^H
        P, L, U = lu_unpack(LU, pivots, True, False)
        toU = -grad.matmul(X.mH) if left else -g.matmul(result)
        toU = aten.linalg_solve_triangular.default(U.mH, toU, upper=False)
        toL = toU.matmul(U.mH)
        toL = aten.linalg_solve_triangular.default(L.mH, toL, upper=True, unitriangular=True)
        low = toL.tril(-1)
        return low + toU.triu()
    # gL = -P^H X g^H P L^-H, gU = L^H gL U^-H
    P, L, U = lu_unpack(LU, pivots)
    Ph = P.mT
    product = Ph.matmul(X)
    toL = -product.matmul(g.mH if left else grad).matmul(P)
    toL = aten.linalg_solve_triangular.default(L.mH, toL, upper=True, left=False, unitriangular=True)
    toU = L.mH.matmul(toL)
    toU = aten.linalg_solve_triangular.default(U.mH, toU, upper=False, left=False)
    high = toU.triu()
    return toL.tril(-1) + high


@lapack(
    "linalg_lu_solve(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, bool adjoint=False) -> Tensor",
    python="linalg",
    out=["linalg_lu_solve.out(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, bool adjoint=False, Tensor(a!) out) -> "
         "Tensor(a!)"],
    grad={"B": "linalg_lu_solve(LU, pivots, grad, left=left, adjoint=not adjoint)", "LU": _lu_solve_factors_grad}, jvp="transposed", vmap="matrices",
)
def linalg_lu_solve():
    """Solution of A X = B, X A = B or the adjoint equations from the LU factors of A.

    >>> torch.linalg.lu_solve(*torch.linalg.lu_factor(2 * torch.eye(2)), torch.ones(2, 1))
    tensor([[0.5000],
            [0.5000]])
    """


@composite(
    "lu_solve(Tensor self, Tensor LU_data, Tensor LU_pivots) -> Tensor",
    python="function method",
    out=["lu_solve.out(Tensor self, Tensor LU_data, Tensor LU_pivots, *, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact",
)
def lu_solve(self, LU_data, LU_pivots):
    """The older form of torch.linalg.lu_solve.

    >>> torch.lu_solve(torch.ones(2, 1), *torch.linalg.lu_factor(2 * torch.eye(2)))
    tensor([[0.5000],
            [0.5000]])
    """
    return linalg_lu_solve(LU_data, LU_pivots, self)


def _solve_grad(grad, A, B, left, LU, pivots, result):
    vector = B.ndim == 1 or (A.ndim - 1 == B.ndim and B.shape == A.shape[:A.ndim - 1])
    g = grad.unsqueeze(-1) if vector else grad
    if grad_enabled():      # the factors carry no gradient
        back = linalg_solve(A.mH, g, left=left)
    else:
        back = linalg_lu_solve(LU, pivots, g, left=left, adjoint=True)
    X = result.unsqueeze(-1) if vector else result
    to_A = -back.matmul(X.mH) if left else -X.mH.matmul(back)
    return to_A, back.squeeze(-1) if vector else back


@lapack(
    "_linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False) -> (Tensor result, Tensor LU, Tensor "
    "pivots, Tensor info)",
    python="function",
    out=["_linalg_solve_ex.result(Tensor A, Tensor B, *, bool left=True, bool check_errors=False, Tensor(a!) result, Tensor(b!) "
         "LU, Tensor(c!) pivots, Tensor(d!) info) -> (Tensor(a!) result, Tensor(b!) LU, Tensor(c!) pivots, Tensor(d!) info)"],
    grad={"A, B": _solve_grad}, jvp="transposed",
    constant=(1, 2, 3), vmap="matrices",
)
def _linalg_solve_ex():
    """Solution of A X = B or X A = B with the LU factors it came from."""


@composite(
    "linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False) -> (Tensor result, Tensor info)",
    python="linalg",
    out=["linalg_solve_ex.out(Tensor A, Tensor B, *, bool left=True, bool check_errors=False, Tensor(a!) result, Tensor(b!) "
         "info) -> (Tensor(a!) result, Tensor(b!) info)"], out_dtype="exact",
)
def linalg_solve_ex(A, B, left, check_errors):
    """Solution of A X = B or X A = B, and 0 or the index of a zero pivot.

    >>> torch.linalg.solve_ex(2 * torch.eye(2), torch.ones(2)).result
    tensor([0.5000, 0.5000])
    """
    result, _, _, info = _linalg_solve_ex(A, B, left=left, check_errors=check_errors)
    return result, info


@composite(
    "linalg_solve(Tensor A, Tensor B, *, bool left=True) -> Tensor",
    python="linalg",
    out=["linalg_solve.out(Tensor A, Tensor B, *, bool left=True, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact",
)
def linalg_solve(A, B, left):
    """Solution X of A X = B (or X A = B) for square, invertible A; B may hold one vector for each matrix.

    >>> torch.linalg.solve(torch.tensor([[2., 0.], [0., 4.]]), torch.tensor([2., 4.]))
    tensor([1., 1.])
    """
    result, _, _, info = _linalg_solve_ex(A, B, left=left, check_errors=False)
    _linalg_check_errors(info, "torch.linalg.solve", is_matrix=A.ndim == 2)
    return result


@lapack(
    "linalg_inv_ex(Tensor A, *, bool check_errors=False) -> (Tensor inverse, Tensor info)",
    python="linalg",
    out=["linalg_inv_ex.inverse(Tensor A, *, bool check_errors=False, Tensor(a!) inverse, Tensor(b!) info) -> (Tensor(a!) "
         "inverse, Tensor(b!) info)"],
    grad={"A": "-inverse.mH.matmul(grad.matmul(inverse.mH))"}, jvp="transposed", vmap="shift",
)
def linalg_inv_ex():
    """Inverse, and 0 or the index of a zero pivot.

    >>> torch.linalg.inv_ex(torch.zeros(2, 2)).info
    tensor(1, dtype=torch.int32)
    """


@composite(
    "linalg_inv(Tensor A) -> Tensor",
    python="linalg",
    out=["linalg_inv.out(Tensor A, *, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact",
)
def linalg_inv(A):
    """Inverse of square matrices.

    >>> torch.linalg.inv(torch.tensor([[2., 0.], [0., 4.]]))
    tensor([[0.5000, -0.0000],
            [0.0000, 0.2500]])
    """
    result, info = linalg_inv_ex(A, check_errors=False)
    _linalg_check_errors(info, "linalg.inv", is_matrix=A.ndim == 2)
    return result


@composite(
    "inverse(Tensor self) -> Tensor",
    python="function method",
    out=["inverse.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact",
)
def inverse(self):
    """Alias of torch.linalg.inv."""
    return linalg_inv(self)


@composite("_adjoint_solve(Tensor A, Tensor LU, Tensor pivots, Tensor weights) -> Tensor", python="")
def _adjoint_solve(A, LU, pivots, weights):
    """A^-H weights from the factors of a determinant, which are those of A^T for a real, contiguous A."""
    return linalg_lu_solve(LU, pivots, weights, adjoint=A.is_complex() or not A.is_contiguous())


def _det_grad(grad, A, result0, LU, pivots):
    """grad conj(det) A^-H. A pivot of zero is replaced by a tiny one, so that singular matrices get a finite gradient."""
    if A.numel() == 0:
        return zeros_like(A)
    if A.size(-1) == 1:
        return grad.unsqueeze(-1).unsqueeze(-1).expand(A.shape)
    weights = (grad * result0.conj()).unsqueeze(-1).expand(pivots.shape).diag_embed().mT
    if grad_enabled():
        return linalg_solve(A.mH, weights)
    tiny = 2.220446049250313e-16 if LU.dtype == torch.float64 or LU.dtype == torch.complex128 else 1.1920928955078125e-07
    zero = LU.diagonal(0, -2, -1) == 0.0
    real_dtype = torch.float64 if LU.dtype == torch.float64 or LU.dtype == torch.complex128 else torch.float32
    nothing = aten.scalar_tensor.default(0.0, dtype=real_dtype, device=LU.device)
    safe = LU + where(zero, aten.scalar_tensor.default(tiny, dtype=real_dtype, device=LU.device), nothing).diag_embed()
    return _adjoint_solve(A, safe, pivots, weights)


@lapack(
    "_linalg_det(Tensor A) -> (Tensor result, Tensor LU, Tensor pivots)",
    python="function",
    out=["_linalg_det.result(Tensor A, *, Tensor(a!) result, Tensor(b!) LU, Tensor(c!) pivots) -> (Tensor(a!) result, "
         "Tensor(b!) LU, Tensor(c!) pivots)"],
    grad={"A": _det_grad}, jvp="transposed",
    constant=(1, 2), vmap="shift",
)
def _linalg_det():
    """Determinant with the LU factors it came from."""


@composite(
    "linalg_det(Tensor A) -> Tensor",
    python="linalg",
    out=["linalg_det.out(Tensor A, *, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact",
)
def linalg_det(A):
    """Determinant of square matrices.

    >>> torch.linalg.det(torch.tensor([[1., 2.], [3., 4.]])).round(decimals=4)
    tensor(-2.)
    """
    result, _, _ = _linalg_det(A)
    return result


@composite(
    "det(Tensor self) -> Tensor",
    python="function method",
    out=False,
)
def det(self):
    """Alias of torch.linalg.det."""
    return linalg_det(self)


def _slogdet_grad(grads, A, sign, LU, pivots):
    weight = grads[1]
    if A.is_complex():
        if weight is not None:
            weight = weight.to(A.dtype)
        if grads[0] is not None:
            turn = imag(grads[0].conj() * sign) * 1j
            weight = weight - turn if weight is not None else -turn
    if weight is None:
        return zeros_like(A)
    weights = weight.unsqueeze(-1).expand(pivots.shape).diag_embed().mT
    if grad_enabled():
        return linalg_solve(A.mH, weights)
    return _adjoint_solve(A, LU, pivots, weights)


@lapack(
    "_linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet, Tensor LU, Tensor pivots)",
    python="function",
    out=["_linalg_slogdet.sign(Tensor A, *, Tensor(a!) sign, Tensor(b!) logabsdet, Tensor(c!) LU, Tensor(d!) pivots) -> "
         "(Tensor(a!) sign, Tensor(b!) logabsdet, Tensor(c!) LU, Tensor(d!) pivots)"],
    grad={"A": _slogdet_grad}, jvp="transposed",
    constant=(2, 3), vmap="shift",
)
def _linalg_slogdet():
    """Sign and logarithm of the determinant with the LU factors they came from."""


@composite(
    "linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet)",
    python="linalg",
    out=["linalg_slogdet.out(Tensor A, *, Tensor(a!) sign, Tensor(b!) logabsdet) -> (Tensor(a!) sign, Tensor(b!) logabsdet)"], out_dtype="exact",
)
def linalg_slogdet(A):
    """Sign (or phase) of the determinant and logarithm of its absolute value.

    >>> torch.linalg.slogdet(-torch.eye(3)).sign
    tensor(-1.)
    """
    sign, logabsdet, _, _ = _linalg_slogdet(A)
    return sign, logabsdet


@composite(
    "slogdet(Tensor self) -> (Tensor sign, Tensor logabsdet)",
    python="function method",
    out=["slogdet.out(Tensor self, *, Tensor(a!) sign, Tensor(b!) logabsdet) -> (Tensor(a!) sign, Tensor(b!) logabsdet)"], out_dtype="exact",
)
def slogdet(self):
    """Alias of torch.linalg.slogdet."""
    sign, logabsdet = linalg_slogdet(self)
    return sign, logabsdet


@composite(
    "logdet(Tensor self) -> Tensor",
    python="function method",
    out=False,
)
def logdet(self):
    """Logarithm of the determinant: NaN where it is negative.

    >>> torch.logdet(torch.eye(2))
    tensor(0.)
    """
    if self.ndim < 2:
        raise RuntimeError("logdet: The input tensor A must have at least 2 dimensions.")
    if self.size(-1) != self.size(-2):
        raise RuntimeError(f"logdet: A must be batches of square matrices, but they are {self.size(-2)} by {self.size(-1)} matrices")
    sign, logabsdet = linalg_slogdet(self)
    if self.is_complex():
        return sign.log() + logabsdet
    negative = sign == -1
    return where(negative, aten.scalar_tensor.default(nan, dtype=logabsdet.dtype, device=logabsdet.device), logabsdet)


def _solve_triangular_grad(grad, self, upper, left, unitriangular, result):
    back = aten.linalg_solve_triangular.default(self.mH, grad, upper=not upper, left=left, unitriangular=unitriangular)
    to_matrix = None
    if needs("self"):
        to_matrix = -back.matmul(result.mH) if left else -result.mH.matmul(back)
        inset = 1 if unitriangular else 0
        to_matrix = to_matrix.triu(inset) if upper else to_matrix.tril(-inset)
    return to_matrix, back


@lapack(
    "linalg_solve_triangular(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False) -> Tensor",
    python="linalg",
    out=["linalg_solve_triangular.out(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False, "
         "Tensor(a!) out) -> Tensor(a!)"],
    grad={"self, B": _solve_triangular_grad}, jvp="transposed", vmap="broadcast",
)
def linalg_solve_triangular():
    """Solution of A X = B or X A = B for a triangular A, of which the other triangle is not read.

    >>> torch.linalg.solve_triangular(torch.tensor([[1., 1.], [0., 2.]]), torch.tensor([[3.], [4.]]), upper=True)
    tensor([[1.],
            [2.]])
    """


def _triangular_solve_grad(grads, self, A, upper, transpose, unitriangular, solution):
    g = grads[0]
    to_b = g
    to_A = grads[1]
    if g is not None:
        to_b, _ = triangular_solve(g, A.conj(), upper, not transpose, unitriangular)
        to_A = -solution.conj().matmul(to_b.transpose(-2, -1)) if transpose else -to_b.matmul(solution.mH)
        inset = 1 if unitriangular else 0
        to_A = to_A.triu(inset) if upper else to_A.tril(-inset)
        if grads[1] is not None:
            to_A = to_A + grads[1]
    return to_b, to_A


@decomposed(
    "triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False) -> (Tensor "
    "solution, Tensor cloned_coefficient)",
    python="function method",
    out=["triangular_solve.X(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False, *, "
         "Tensor(a!) X, Tensor(b!) M) -> (Tensor(a!) solution, Tensor(b!) cloned_coefficient)"],
    grad={"self, A": _triangular_solve_grad}, jvp="transposed",
)
def triangular_solve(self, A, upper, transpose, unitriangular):
    """The older form of torch.linalg.solve_triangular: the solution and a copy of A.

    >>> torch.triangular_solve(torch.tensor([[2.], [4.]]), torch.tensor([[1., 0.], [0., 2.]]))[0]
    tensor([[2.],
            [2.]])
    """
    if self.ndim < 2:
        raise RuntimeError(f"torch.triangular_solve: Expected b to have at least 2 dimensions, but it has {self.ndim} dimensions instead")
    if A.ndim < 2:
        raise RuntimeError(f"torch.triangular_solve: Expected A to have at least 2 dimensions, but it has {A.ndim} dimensions instead")
    batch = broadcast_sizes(self.shape[:self.ndim - 2], A.shape[:A.ndim - 2])
    matrix = A.transpose(-2, -1) if transpose else A
    X = aten.linalg_solve_triangular.default(matrix, self, upper=upper != transpose, left=True, unitriangular=unitriangular)
    return X, A.expand(batch + A.shape[A.ndim - 2:]).clone()


@lapack(
    "linalg_ldl_factor_ex(Tensor self, *, bool hermitian=False, bool check_errors=False) -> (Tensor LD, Tensor pivots, "
    "Tensor info)",
    python="linalg",
    out=["linalg_ldl_factor_ex.out(Tensor self, *, bool hermitian=False, bool check_errors=False, Tensor(a!) LD, Tensor(b!) "
         "pivots, Tensor(c!) info) -> (Tensor(a!) LD, Tensor(b!) pivots, Tensor(c!) info)"],
    grad=UNKNOWN, jvp=None, vmap="shift",
)
def linalg_ldl_factor_ex():
    """Compact LDL factors of a symmetric or Hermitian matrix, row exchanges, and 0 or the index of a zero block.

    >>> torch.linalg.ldl_factor_ex(torch.tensor([[2., 0.], [0., 4.]])).info
    tensor(0, dtype=torch.int32)
    """


@composite(
    "linalg_ldl_factor(Tensor self, *, bool hermitian=False) -> (Tensor LD, Tensor pivots)",
    python="linalg",
    out=["linalg_ldl_factor.out(Tensor self, *, bool hermitian=False, Tensor(a!) LD, Tensor(b!) pivots) -> (Tensor(a!) LD, "
         "Tensor(b!) pivots)"], out_dtype="exact",
)
def linalg_ldl_factor(self, hermitian):
    """Compact LDL factors of a symmetric (or Hermitian) matrix, given by its lower triangle, and row exchanges.

    >>> torch.linalg.ldl_factor(torch.tensor([[2., 0.], [0., 4.]])).LD
    tensor([[2., 0.],
            [0., 4.]])
    """
    LD, pivots, info = linalg_ldl_factor_ex(self, hermitian=hermitian, check_errors=False)
    _linalg_check_errors(info, "torch.linalg.ldl_factor", is_matrix=self.ndim == 2)
    return LD, pivots


@lapack(
    "linalg_ldl_solve(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False) -> Tensor",
    python="linalg",
    out=["linalg_ldl_solve.out(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False, Tensor(a!) out) -> Tensor(a!)"],
    grad=UNKNOWN, jvp=None, vmap="loop",
)
def linalg_ldl_solve():
    """Solution of A X = B from the LDL factors of A.

    >>> torch.linalg.ldl_solve(*torch.linalg.ldl_factor(2 * torch.eye(2)), torch.ones(2, 1))
    tensor([[0.5000],
            [0.5000]])
    """


@composite("_pinv_grad(Tensor grad, Tensor pinv, Tensor A) -> Tensor", python="")
def _pinv_grad(grad, pinv, A):
    """-P^H g P^H and the two terms that come from the projections A P and P A (Golub and Pereyra, 1973)."""
    Ph = pinv.mH
    gh = grad.mH
    if A.size(-2) <= A.size(-1):
        K = gh.matmul(pinv)
        KPh = K.matmul(Ph)
        outer = Ph.matmul(pinv)
        outer = outer.matmul(gh - K.matmul(A))
        inner = A.matmul(pinv).matmul(KPh)
        return -pinv.matmul(K).mH + KPh - inner + outer
    K = pinv.matmul(gh)
    PhK = Ph.matmul(K)
    inner = PhK.matmul(pinv).matmul(A)
    outer = (gh - A.matmul(K)).matmul(pinv).matmul(Ph)
    return -K.matmul(pinv).mH + outer + PhK - inner


def _lstsq_grad(grads, self, b, solution):
    vector = b.ndim == 1 or (self.ndim - 1 == b.ndim and b.shape == self.shape[:self.ndim - 1])
    b2 = b.unsqueeze(-1) if vector else b
    x2 = solution.unsqueeze(-1) if vector else solution
    to_A = None
    to_b = None
    if grads[0] is not None:
        g = grads[0].unsqueeze(-1) if vector else grads[0]
        pinv = aten.linalg_pinv.atol_rtol_tensor(self)
        to_A = _pinv_grad(g.matmul(b2.mH), pinv, self)
        to_b = pinv.mH.matmul(g)
    if grads[1] is not None:
        # the residual is least in the solution, so only its explicit dependence on A and B counts
        if grads[1].numel() > 0:
            weighted = (self.matmul(x2) - b2) * (grads[1] * 2).unsqueeze(-2)
            to_A = weighted.matmul(x2.mH) if to_A is None else to_A + weighted.matmul(x2.mH)
            to_b = -weighted if to_b is None else to_b - weighted
    if vector and to_b is not None:
        to_b = to_b.squeeze(-1)
    return to_A, to_b


@lapack(
    "linalg_lstsq(Tensor self, Tensor b, float? rcond=None, *, str? driver=None) -> (Tensor solution, Tensor residuals, "
    "Tensor rank, Tensor singular_values)",
    python="linalg",
    out=["linalg_lstsq.out(Tensor self, Tensor b, float? rcond=None, *, str? driver=None, Tensor(a!) solution, Tensor(b!) "
         "residuals, Tensor(c!) rank, Tensor(d!) singular_values) -> (Tensor(a!) solution, Tensor(b!) residuals, Tensor(c!) "
         "rank, Tensor(d!) singular_values)"],
    grad={"self, b": _lstsq_grad}, jvp="transposed",
    constant=(2, 3), vmap="loop",
)
def linalg_lstsq():
    """Least-squares solution of A X = B, its residuals, and the rank and singular values where the driver finds them.

    >>> torch.linalg.lstsq(torch.eye(2), torch.tensor([[1.], [2.]])).solution
    tensor([[1.],
            [2.]])
    """


@decomposed(
    "linalg_pinv.atol_rtol_tensor(Tensor self, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) -> Tensor",
    kinds=FLOATING_COMPLEX, python="linalg",
    out=["linalg_pinv.atol_rtol_tensor_out(Tensor self, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False, "
         "Tensor(a!) out) -> Tensor(a!)"],
    grad={"self": "_pinv_grad(grad, result, self)"}, jvp="transposed", out_dtype="cast",
)
def linalg_pinv_atol_rtol_tensor(self, atol, rtol, hermitian):
    """Moore-Penrose inverse; singular values up to max(atol, rtol * largest) count as zero."""
    if self.ndim < 2 or not (self.is_floating_point() or self.is_complex()):
        raise RuntimeError("linalg.pinv(", self.dtype, "{", self.shape, "}): expected a tensor with 2 or more dimensions of float, double, cfloat or cdouble types")
    if self.numel() == 0:
        return aten.empty.memory_format(self.shape[:self.ndim - 2] + [self.size(-1), self.size(-2)], dtype=self.dtype, device=self.device)
    default = 0.0 if atol is not None else default_rtol(self)
    if hermitian:
        values, V = linalg_eigh(self)
        size = values.abs()
    else:
        U, values, Vh = _linalg_svd(self, False, True)
        V = Vh.mH
        size = values
    largest = size.amax([-1], True)
    cut = largest * (rtol.unsqueeze(-1) if rtol is not None else aten.scalar_tensor.default(default, dtype=size.dtype, device=self.device))
    if atol is not None:
        cut = cut.maximum(atol.unsqueeze(-1))
    inverse = where(size > cut, values.reciprocal(), zeros_like(values))
    left = V * inverse.unsqueeze(-2)
    return left.matmul(V.mH) if hermitian else left.matmul(U.mH)


@composite("_as_tolerances(Tensor A, float? atol, float? rtol) -> (Tensor, Tensor)", python="")
def _as_tolerances(A, atol, rtol):
    """Both tolerances as tensors, where one is given; an absolute one alone leaves the other 0."""
    absolute = aten.full.default([], atol if atol is not None else 0.0, dtype=torch.float64, device=A.device)
    relative = 0.0
    if rtol is not None:
        relative = rtol
    elif atol is not None:
        relative = 0.0 if atol > 0 else default_rtol(A)
    return absolute, aten.full.default([], relative, dtype=torch.float64, device=A.device)


@composite(
    "linalg_pinv.atol_rtol_float(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False) -> Tensor",
    kinds=FLOATING_COMPLEX, python="linalg",
    out=["linalg_pinv.atol_rtol_float_out(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False, Tensor(a!) "
         "out) -> Tensor(a!)"],
)
def linalg_pinv_atol_rtol_float(self, atol, rtol, hermitian):
    """Moore-Penrose inverse.

    >>> torch.linalg.pinv(torch.tensor([[2., 0.], [0., 0.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    if atol is None and rtol is None:
        return aten.linalg_pinv.atol_rtol_tensor(self, hermitian=hermitian)
    a, r = _as_tolerances(self, atol, rtol)
    return aten.linalg_pinv.atol_rtol_tensor(self, atol=a, rtol=r, hermitian=hermitian)


@composite(
    "linalg_pinv(Tensor self, float rcond, bool hermitian=False) -> Tensor",
    kinds=FLOATING_COMPLEX, without=FLOAT8, python="linalg",
    out=["linalg_pinv.out(Tensor self, float rcond, bool hermitian=False, *, Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_pinv(self, rcond, hermitian):
    """Moore-Penrose inverse.

    >>> torch.linalg.pinv(torch.tensor([[2., 0.], [0., 0.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    return aten.linalg_pinv.atol_rtol_float(self, atol=0.0, rtol=rcond, hermitian=hermitian)


@composite(
    "linalg_pinv.rcond_tensor(Tensor self, Tensor rcond, bool hermitian=False) -> Tensor",
    kinds=FLOATING_COMPLEX, without=FLOAT8, python="linalg",
    out=["linalg_pinv.out_rcond_tensor(Tensor self, Tensor rcond, bool hermitian=False, *, Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_pinv_rcond_tensor(self, rcond, hermitian):
    """Moore-Penrose inverse."""
    a = aten.zeros.default([], dtype=torch.float64, device=self.device)
    return aten.linalg_pinv.atol_rtol_tensor(self, atol=a, rtol=rcond, hermitian=hermitian)


@composite(
    "pinverse(Tensor self, float rcond=1.0000000000000001e-15) -> Tensor",
    kinds=FLOATING_COMPLEX, without=FLOAT8, python="function method",
    out=False,
)
def pinverse(self, rcond):
    """Alias of torch.linalg.pinv."""
    return aten.linalg_pinv.default(self, rcond, False)


@composite(
    "linalg_matrix_rank.atol_rtol_tensor(Tensor input, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) -> "
    "Tensor",
    kinds=FLOATING_COMPLEX, without=FLOAT8, python="linalg",
    out=["linalg_matrix_rank.atol_rtol_tensor_out(Tensor input, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False, "
         "Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_matrix_rank_atol_rtol_tensor(input, atol, rtol, hermitian):
    """Number of singular values above max(atol, rtol * largest)."""
    if input.ndim < 2:
        raise RuntimeError("torch.linalg.matrix_rank: The input tensor input must have at least 2 dimensions.")
    rank = aten.empty.memory_format(input.shape[:input.ndim - 2], dtype=torch.int64, device=input.device)
    absolute = atol
    relative = rtol
    if atol is None:
        absolute = aten.zeros.default([], dtype=torch.float64, device=input.device)
    if rtol is None:
        relative = aten.full.default([], default_rtol(input), dtype=torch.float64, device=input.device)
        if atol is not None:
            nothing = aten.zeros.default([], dtype=torch.float64, device=input.device)
            relative = where(atol > 0, nothing, relative)
    if input.numel() == 0:
        return rank.fill_(0)
    if hermitian:
        values = linalg_eigvalsh(input).abs()
        largest = values.amax([-1], True)
    else:
        values = linalg_svdvals(input)
        largest = values.narrow(-1, 0, 1)
    scaled = relative.unsqueeze(-1) * largest
    cut = absolute.unsqueeze(-1).maximum(scaled)
    return (values > cut).sum([-1])


@composite(
    "linalg_matrix_rank.atol_rtol_float(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False) -> "
    "Tensor",
    kinds=FLOATING_COMPLEX, without=FLOAT8, python="linalg",
    out=["linalg_matrix_rank.atol_rtol_float_out(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False, "
         "Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_matrix_rank_atol_rtol_float(self, atol, rtol, hermitian):
    """Number of singular values above max(atol, rtol * largest)."""
    if atol is None and rtol is None:
        return aten.linalg_matrix_rank.atol_rtol_tensor(self, hermitian=hermitian)
    a, r = _as_tolerances(self, atol, rtol)
    return aten.linalg_matrix_rank.atol_rtol_tensor(self, atol=a, rtol=r, hermitian=hermitian)


@composite(
    "linalg_matrix_rank(Tensor self, float tol, bool hermitian=False) -> Tensor",
    kinds=FLOATING_COMPLEX, without=FLOAT8, python="linalg",
    out=["linalg_matrix_rank.out(Tensor self, float tol, bool hermitian=False, *, Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_matrix_rank(self, tol, hermitian):
    """Number of singular values above tol.

    >>> torch.linalg.matrix_rank(torch.ones(2, 2))
    tensor(1)
    """
    return aten.linalg_matrix_rank.atol_rtol_float(self, atol=tol, rtol=0.0, hermitian=hermitian)


@composite(
    "linalg_matrix_rank.tol_tensor(Tensor input, Tensor tol, bool hermitian=False) -> Tensor",
    kinds=FLOATING, python="linalg",
    out=["linalg_matrix_rank.out_tol_tensor(Tensor input, Tensor tol, bool hermitian=False, *, Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_matrix_rank_tol_tensor(input, tol, hermitian):
    """Number of singular values above tol."""
    r = aten.zeros.default([], dtype=tol.dtype, device=tol.device)
    return aten.linalg_matrix_rank.atol_rtol_tensor(input, atol=tol, rtol=r, hermitian=hermitian)
