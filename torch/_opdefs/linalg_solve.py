"""Linear equations, inverses, determinants, least squares and pseudo-inverses."""

from .language import UNKNOWN, composite, decomposed, kernel


def _lu_solve_factors_grad(grad, LU, pivots, B, left, adjoint, result):
    P, L, U = lu_unpack(LU, pivots)
    X = result
    g = grad
    flip = adjoint
    if not left:
        X = result.mH
        g = grad.mH
        flip = not adjoint
    back = linalg_lu_solve(LU, pivots, g, left=True, adjoint=not flip)
    Ph = P.transpose(-2, -1)
    if flip:
        Z = Ph.matmul(X)
        gL = -Z.matmul(U.matmul(back).mH)
        gU = -L.mH.matmul(Z).matmul(back.mH)
    else:
        W = Ph.matmul(back)
        gL = -W.matmul(U.matmul(X).mH)
        gU = -L.mH.matmul(W).matmul(X.mH)
    return gL.tril(-1) + gU.triu()


@kernel(
    "linalg_lu_solve(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, bool adjoint=False) -> Tensor",
    python="linalg",
    out=["linalg_lu_solve.out(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, bool adjoint=False, Tensor(a!) out) -> "
         "Tensor(a!)"],
    grad={"B": "linalg_lu_solve(LU, pivots, grad, left=left, adjoint=not adjoint)", "LU": _lu_solve_factors_grad}, jvp="transposed",
)
def linalg_lu_solve():
    """Solution of A X = B, X A = B or the adjoint equations from the LU factors of A."""


@composite(
    "lu_solve(Tensor self, Tensor LU_data, Tensor LU_pivots) -> Tensor",
    python="function method",
    out=["lu_solve.out(Tensor self, Tensor LU_data, Tensor LU_pivots, *, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact",
)
def lu_solve(self, LU_data, LU_pivots):
    """The older form of torch.linalg.lu_solve."""
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


@kernel(
    "_linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False) -> (Tensor result, Tensor LU, Tensor "
    "pivots, Tensor info)",
    python="function",
    out=["_linalg_solve_ex.result(Tensor A, Tensor B, *, bool left=True, bool check_errors=False, Tensor(a!) result, Tensor(b!) "
         "LU, Tensor(c!) pivots, Tensor(d!) info) -> (Tensor(a!) result, Tensor(b!) LU, Tensor(c!) pivots, Tensor(d!) info)"],
    grad={"A, B": _solve_grad}, jvp="transposed",
    constant=(1, 2, 3),
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
    """Solution of A X = B or X A = B, and 0 or the index of a zero pivot."""
    result, _, _, info = _linalg_solve_ex(A, B, left=left, check_errors=check_errors)
    return result, info


@composite(
    "linalg_solve(Tensor A, Tensor B, *, bool left=True) -> Tensor",
    python="linalg",
    out=["linalg_solve.out(Tensor A, Tensor B, *, bool left=True, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact",
)
def linalg_solve(A, B, left):
    """Solution X of A X = B (or X A = B) for square, invertible A; B may hold one vector for each matrix."""
    result, _, _, info = _linalg_solve_ex(A, B, left=left, check_errors=False)
    _linalg_check_errors(info, "torch.linalg.solve", is_matrix=A.ndim == 2)
    return result


@kernel(
    "linalg_inv_ex(Tensor A, *, bool check_errors=False) -> (Tensor inverse, Tensor info)",
    python="linalg",
    out=["linalg_inv_ex.inverse(Tensor A, *, bool check_errors=False, Tensor(a!) inverse, Tensor(b!) info) -> (Tensor(a!) "
         "inverse, Tensor(b!) info)"],
    grad={"A": "-inverse.mH.matmul(grad.matmul(inverse.mH))"}, jvp="transposed",
)
def linalg_inv_ex():
    """Inverse, and 0 or the index of a zero pivot."""


@composite(
    "linalg_inv(Tensor A) -> Tensor",
    python="linalg",
    out=["linalg_inv.out(Tensor A, *, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact",
)
def linalg_inv(A):
    """Inverse of square matrices."""
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


@composite("_det_grad(Tensor grad, Tensor det, Tensor LU, Tensor pivots) -> Tensor", python="")
def _det_grad(grad, det, LU, pivots):
    """grad conj(det) A^-H. A pivot of zero is replaced by a tiny one, so that singular matrices get a finite gradient."""
    tiny = 2.220446049250313e-16 if LU.dtype == torch.float64 or LU.dtype == torch.complex128 else 1.1920928955078125e-07
    weight = (grad * det.conj()).unsqueeze(-1).expand(pivots.shape).diag_embed()
    safe = LU + where(LU.diagonal(0, -2, -1) == 0, tiny, 0.0).diag_embed()
    return linalg_lu_solve(safe, pivots, weight, adjoint=True)


def _det_formula(grad, A, result0, LU, pivots):
    if A.numel() == 0:
        return zeros_like(A)
    if grad_enabled():
        return linalg_solve(A.mH, (grad * result0.conj()).unsqueeze(-1).expand(pivots.shape).diag_embed())
    return _det_grad(grad, result0, LU, pivots)


@kernel(
    "_linalg_det(Tensor A) -> (Tensor result, Tensor LU, Tensor pivots)",
    python="function",
    out=["_linalg_det.result(Tensor A, *, Tensor(a!) result, Tensor(b!) LU, Tensor(c!) pivots) -> (Tensor(a!) result, "
         "Tensor(b!) LU, Tensor(c!) pivots)"],
    grad={"A": _det_formula}, jvp="transposed",
    constant=(1, 2),
)
def _linalg_det():
    """Determinant with the LU factors it came from."""


@composite(
    "linalg_det(Tensor A) -> Tensor",
    python="linalg",
    out=["linalg_det.out(Tensor A, *, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact",
)
def linalg_det(A):
    """Determinant of square matrices."""
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
    if grads[0] is not None and A.is_complex():
        turn = imag(grads[0].conj() * sign)
        turned = complex(zeros_like(turn), -turn)
        weight = turned if weight is None else weight + turned
    if weight is None:
        return zeros_like(A)
    weights = weight.to(A.dtype).unsqueeze(-1).expand(pivots.shape).diag_embed()
    if grad_enabled():
        return linalg_solve(A.mH, weights)
    return linalg_lu_solve(LU, pivots, weights, adjoint=True)


@kernel(
    "_linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet, Tensor LU, Tensor pivots)",
    python="function",
    out=["_linalg_slogdet.sign(Tensor A, *, Tensor(a!) sign, Tensor(b!) logabsdet, Tensor(c!) LU, Tensor(d!) pivots) -> "
         "(Tensor(a!) sign, Tensor(b!) logabsdet, Tensor(c!) LU, Tensor(d!) pivots)"],
    grad={"A": _slogdet_grad}, jvp="transposed",
    constant=(2, 3),
)
def _linalg_slogdet():
    """Sign and logarithm of the determinant with the LU factors they came from."""


@composite(
    "linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet)",
    python="linalg",
    out=["linalg_slogdet.out(Tensor A, *, Tensor(a!) sign, Tensor(b!) logabsdet) -> (Tensor(a!) sign, Tensor(b!) logabsdet)"], out_dtype="exact",
)
def linalg_slogdet(A):
    """Sign (or phase) of the determinant and logarithm of its absolute value."""
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
    """Logarithm of the determinant: NaN where it is negative."""
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


@kernel(
    "linalg_solve_triangular(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False) -> Tensor",
    python="linalg",
    out=["linalg_solve_triangular.out(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False, "
         "Tensor(a!) out) -> Tensor(a!)"],
    grad={"self, B": _solve_triangular_grad}, jvp="transposed",
)
def linalg_solve_triangular():
    """Solution of A X = B or X A = B for a triangular A, of which the other triangle is not read."""


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
    """The older form of torch.linalg.solve_triangular: the solution and a copy of A."""
    if self.ndim < 2:
        raise RuntimeError(f"torch.triangular_solve: Expected b to have at least 2 dimensions, but it has {self.ndim} dimensions instead")
    if A.ndim < 2:
        raise RuntimeError(f"torch.triangular_solve: Expected A to have at least 2 dimensions, but it has {A.ndim} dimensions instead")
    batch = broadcast_sizes(self.shape[:self.ndim - 2], A.shape[:A.ndim - 2])
    matrix = A.transpose(-2, -1) if transpose else A
    X = aten.linalg_solve_triangular.default(matrix, self, upper=upper != transpose, left=True, unitriangular=unitriangular)
    return X, A.expand(batch + A.shape[A.ndim - 2:]).clone()


@kernel(
    "linalg_ldl_factor_ex(Tensor self, *, bool hermitian=False, bool check_errors=False) -> (Tensor LD, Tensor pivots, "
    "Tensor info)",
    python="linalg",
    out=["linalg_ldl_factor_ex.out(Tensor self, *, bool hermitian=False, bool check_errors=False, Tensor(a!) LD, Tensor(b!) "
         "pivots, Tensor(c!) info) -> (Tensor(a!) LD, Tensor(b!) pivots, Tensor(c!) info)"],
    grad=UNKNOWN, jvp=None,
)
def linalg_ldl_factor_ex():
    """Compact LDL factors of a symmetric or Hermitian matrix, row exchanges, and 0 or the index of a zero block."""


@composite(
    "linalg_ldl_factor(Tensor self, *, bool hermitian=False) -> (Tensor LD, Tensor pivots)",
    python="linalg",
    out=["linalg_ldl_factor.out(Tensor self, *, bool hermitian=False, Tensor(a!) LD, Tensor(b!) pivots) -> (Tensor(a!) LD, "
         "Tensor(b!) pivots)"], out_dtype="exact",
)
def linalg_ldl_factor(self, hermitian):
    """Compact LDL factors of a symmetric (or Hermitian) matrix, given by its lower triangle, and row exchanges."""
    LD, pivots, info = linalg_ldl_factor_ex(self, hermitian=hermitian, check_errors=False)
    _linalg_check_errors(info, "torch.linalg.ldl_factor", is_matrix=self.ndim == 2)
    return LD, pivots


@kernel(
    "linalg_ldl_solve(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False) -> Tensor",
    python="linalg",
    out=["linalg_ldl_solve.out(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False, Tensor(a!) out) -> Tensor(a!)"],
    grad=UNKNOWN, jvp=None,
)
def linalg_ldl_solve():
    """Solution of A X = B from the LDL factors of A."""


@composite("_pinv_grad(Tensor grad, Tensor pinv, Tensor A) -> Tensor", python="")
def _pinv_grad(grad, pinv, A):
    """-P^H g P^H and the two terms that come from the projections A P and P A (Golub and Pereyra, 1973)."""
    Ph = pinv.mH
    gh = grad.mH
    if A.size(-2) <= A.size(-1):
        K = gh.matmul(pinv)
        KPh = K.matmul(Ph)
        total = -pinv.matmul(K).mH + KPh - A.matmul(pinv).matmul(KPh)
        PPhg = Ph.matmul(pinv.matmul(gh))
        return total + PPhg - PPhg.matmul(pinv).matmul(A)
    K = pinv.matmul(gh)
    PhK = Ph.matmul(K)
    total = -K.matmul(pinv).mH + PhK - PhK.matmul(pinv).matmul(A)
    gPPh = gh.matmul(pinv).matmul(Ph)
    return total + gPPh - A.matmul(pinv.matmul(gPPh))


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


@kernel(
    "linalg_lstsq(Tensor self, Tensor b, float? rcond=None, *, str? driver=None) -> (Tensor solution, Tensor residuals, "
    "Tensor rank, Tensor singular_values)",
    python="linalg",
    out=["linalg_lstsq.out(Tensor self, Tensor b, float? rcond=None, *, str? driver=None, Tensor(a!) solution, Tensor(b!) "
         "residuals, Tensor(c!) rank, Tensor(d!) singular_values) -> (Tensor(a!) solution, Tensor(b!) residuals, Tensor(c!) "
         "rank, Tensor(d!) singular_values)"],
    grad={"self, b": _lstsq_grad}, jvp="transposed",
    constant=(2, 3),
)
def linalg_lstsq():
    """Least-squares solution of A X = B, its residuals, and the rank and singular values where the driver finds them."""


@decomposed(
    "linalg_pinv.atol_rtol_tensor(Tensor self, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) -> Tensor",
    python="linalg",
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
    double_precision = self.dtype == torch.float64 or self.dtype == torch.complex128
    default = (0.0 if atol is not None else (2.220446049250313e-16 if double_precision else 1.1920928955078125e-07) * max(self.size(-1), self.size(-2)))
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


@composite(
    "linalg_pinv.atol_rtol_float(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False) -> Tensor",
    python="linalg",
    out=["linalg_pinv.atol_rtol_float_out(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False, Tensor(a!) "
         "out) -> Tensor(a!)"],
)
def linalg_pinv_atol_rtol_float(self, atol, rtol, hermitian):
    """Moore-Penrose inverse."""
    a = aten.scalar_tensor.default(atol, dtype=torch.float64, device=self.device) if atol is not None else None
    r = aten.scalar_tensor.default(rtol, dtype=torch.float64, device=self.device) if rtol is not None else None
    return aten.linalg_pinv.atol_rtol_tensor(self, atol=a, rtol=r, hermitian=hermitian)


@composite(
    "linalg_pinv(Tensor self, float rcond, bool hermitian=False) -> Tensor",
    python="linalg",
    out=["linalg_pinv.out(Tensor self, float rcond, bool hermitian=False, *, Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_pinv(self, rcond, hermitian):
    """Moore-Penrose inverse."""
    return aten.linalg_pinv.atol_rtol_float(self, atol=0.0, rtol=rcond, hermitian=hermitian)


@composite(
    "linalg_pinv.rcond_tensor(Tensor self, Tensor rcond, bool hermitian=False) -> Tensor",
    python="linalg",
    out=["linalg_pinv.out_rcond_tensor(Tensor self, Tensor rcond, bool hermitian=False, *, Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_pinv_rcond_tensor(self, rcond, hermitian):
    """Moore-Penrose inverse."""
    return aten.linalg_pinv.atol_rtol_tensor(self, atol=zeros_like(rcond), rtol=rcond, hermitian=hermitian)


@composite(
    "pinverse(Tensor self, float rcond=1.0000000000000001e-15) -> Tensor",
    python="function method",
    out=False,
)
def pinverse(self, rcond):
    """Alias of torch.linalg.pinv."""
    return aten.linalg_pinv.default(self, rcond, False)


@composite(
    "linalg_matrix_rank.atol_rtol_tensor(Tensor input, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) -> "
    "Tensor",
    python="linalg",
    out=["linalg_matrix_rank.atol_rtol_tensor_out(Tensor input, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False, "
         "Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_matrix_rank_atol_rtol_tensor(input, atol, rtol, hermitian):
    """Number of singular values above max(atol, rtol * largest)."""
    if input.ndim < 2:
        raise RuntimeError("torch.linalg.matrix_rank: The input tensor input must have at least 2 dimensions.")
    shape = input.shape[:input.ndim - 2]
    if input.numel() == 0:
        return aten.zeros.default(shape, dtype=torch.int64, device=input.device)
    double_precision = input.dtype == torch.float64 or input.dtype == torch.complex128
    default = (0.0 if atol is not None else (2.220446049250313e-16 if double_precision else 1.1920928955078125e-07) * max(input.size(-1), input.size(-2)))
    size = linalg_eigvalsh(input).abs() if hermitian else linalg_svdvals(input)
    cut = size.amax([-1], True) * (rtol.unsqueeze(-1) if rtol is not None else aten.scalar_tensor.default(default, dtype=size.dtype, device=input.device))
    if atol is not None:
        cut = cut.maximum(atol.unsqueeze(-1))
    return (size > cut).sum([-1])


@composite(
    "linalg_matrix_rank.atol_rtol_float(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False) -> "
    "Tensor",
    python="linalg",
    out=["linalg_matrix_rank.atol_rtol_float_out(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False, "
         "Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_matrix_rank_atol_rtol_float(self, atol, rtol, hermitian):
    """Number of singular values above max(atol, rtol * largest)."""
    a = aten.scalar_tensor.default(atol, dtype=torch.float64, device=self.device) if atol is not None else None
    r = aten.scalar_tensor.default(rtol, dtype=torch.float64, device=self.device) if rtol is not None else None
    return aten.linalg_matrix_rank.atol_rtol_tensor(self, atol=a, rtol=r, hermitian=hermitian)


@composite(
    "linalg_matrix_rank(Tensor self, float tol, bool hermitian=False) -> Tensor",
    python="linalg",
    out=["linalg_matrix_rank.out(Tensor self, float tol, bool hermitian=False, *, Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_matrix_rank(self, tol, hermitian):
    """Number of singular values above tol."""
    return aten.linalg_matrix_rank.atol_rtol_float(self, atol=tol, rtol=0.0, hermitian=hermitian)


@composite(
    "linalg_matrix_rank.tol_tensor(Tensor input, Tensor tol, bool hermitian=False) -> Tensor",
    python="linalg",
    out=["linalg_matrix_rank.out_tol_tensor(Tensor input, Tensor tol, bool hermitian=False, *, Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_matrix_rank_tol_tensor(input, tol, hermitian):
    """Number of singular values above tol."""
    return aten.linalg_matrix_rank.atol_rtol_tensor(input, atol=tol, rtol=zeros_like(tol), hermitian=hermitian)
