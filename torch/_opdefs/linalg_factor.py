"""Factorisations: Cholesky, QR, singular values, eigenvalues, LU. Kernels call LAPACK; gradients follow Giles (2008) and Townsend (2016)."""

from .language import UNKNOWN, composite, decomposed, kernel


@composite("_cholesky_grad(Tensor grad, Tensor factor, bool upper) -> Tensor", python="")
def _cholesky_grad(grad, factor, upper):
    """Gradient of the matrix of which factor is the Cholesky factor."""
    low = factor.mH if upper else factor
    g = grad.mH if upper else grad
    phi = low.mH.matmul(g).tril()
    phi = (phi + phi.tril(-1).mH) * 0.5
    right = aten.linalg_solve_triangular.default(low.mH, phi, upper=True, left=True)
    return aten.linalg_solve_triangular.default(low, right, upper=False, left=False)


@kernel(
    "linalg_cholesky_ex(Tensor self, *, bool upper=False, bool check_errors=False) -> (Tensor L, Tensor info)",
    python="linalg",
    out=["linalg_cholesky_ex.L(Tensor self, *, bool upper=False, bool check_errors=False, Tensor(a!) L, Tensor(b!) info) -> "
         "(Tensor(a!) L, Tensor(b!) info)"],
    grad={"self": "_cholesky_grad(grad, L, upper)"}, jvp="transposed",
)
def linalg_cholesky_ex():
    """Cholesky factor, and 0 or the order of the minor that is not positive."""


@composite(
    "linalg_cholesky(Tensor self, *, bool upper=False) -> Tensor",
    python="linalg",
    out=["linalg_cholesky.out(Tensor self, *, bool upper=False, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact",
)
def linalg_cholesky(self, upper):
    """Lower factor L of a Hermitian positive definite A = L L^H, or its upper transpose."""
    L, info = linalg_cholesky_ex(self, upper=upper, check_errors=False)
    _linalg_check_errors(info, "linalg.cholesky", is_matrix=self.ndim == 2)
    return L


@decomposed(
    "cholesky(Tensor self, bool upper=False) -> Tensor",
    python="function method",
    out=["cholesky.out(Tensor self, bool upper=False, *, Tensor(a!) out) -> Tensor(a!)"],
    grad={"self": "_cholesky_grad(grad, result, upper)"}, jvp="transposed", out_dtype="cast",
)
def cholesky(self, upper):
    """The older name of torch.linalg.cholesky."""
    L, info = linalg_cholesky_ex(self, upper=upper, check_errors=False)
    _linalg_check_errors(info, "cholesky", is_matrix=self.ndim == 2)
    return L


@kernel(
    "_cholesky_solve_helper(Tensor self, Tensor A, bool upper) -> Tensor",
    python="",
    out=["_cholesky_solve_helper.out(Tensor self, Tensor A, bool upper, *, Tensor(a!) out) -> Tensor(a!)"],
    grad=UNKNOWN, jvp=None,
)
def _cholesky_solve_helper():
    """Solution for matching batch shapes."""


def _cholesky_solve_grad(grad, self, input2, upper, result):
    back = cholesky_solve(grad, input2, upper)
    to_factor = None
    if needs("input2"):
        common = back.matmul(result.mH)
        common = common + common.mH
        to_factor = -input2.matmul(common) if upper else -common.matmul(input2)
    return back, to_factor


@decomposed(
    "cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor",
    python="function method",
    out=["cholesky_solve.out(Tensor self, Tensor input2, bool upper=False, *, Tensor(a!) out) -> Tensor(a!)"],
    grad={"self, input2": _cholesky_solve_grad}, jvp="transposed", out_dtype="cast",
)
def cholesky_solve(self, input2, upper):
    """Solution X of A X = self, where A has the Cholesky factor input2."""
    if self.ndim < 2:
        raise RuntimeError(f"b should have at least 2 dimensions, but has {self.ndim} dimensions instead")
    if input2.ndim < 2:
        raise RuntimeError(f"u should have at least 2 dimensions, but has {input2.ndim} dimensions instead")
    if input2.size(-1) != self.size(-2) or input2.size(-1) != input2.size(-2):
        raise RuntimeError(f"Incompatible matrix sizes for cholesky_solve: each A matrix is {input2.size(-2)} by {input2.size(-1)} "
                           f"but each b matrix is {self.size(-2)} by {self.size(-1)}")
    batch = broadcast_sizes(self.shape[:self.ndim - 2], input2.shape[:input2.ndim - 2])
    return _cholesky_solve_helper(self.expand(batch + self.shape[self.ndim - 2:]), input2.expand(batch + input2.shape[input2.ndim - 2:]), upper)


def _cholesky_inverse_grad(grad, self, upper, result):
    common = result.matmul(grad + grad.mH).matmul(result)
    return -self.matmul(common) if upper else -common.matmul(self)


@kernel(
    "cholesky_inverse(Tensor self, bool upper=False) -> Tensor",
    python="function method",
    out=["cholesky_inverse.out(Tensor self, bool upper=False, *, Tensor(a!) out) -> Tensor(a!)"],
    grad={"self": _cholesky_inverse_grad}, jvp="transposed", out_dtype="cast",
)
def cholesky_inverse():
    """Inverse of the matrix that has the Cholesky factor self."""


@composite("_qr_square_grad(Tensor? gQ, Tensor? gR, Tensor Q, Tensor R) -> Tensor", python="")
def _qr_square_grad(gQ, gR, Q, R):
    """Gradient of A = Q R for as many columns as R has rows."""
    if gR is None:
        inner = -Q.mH.matmul(gQ)
    else:
        inner = gR.matmul(R.mH)
        if gQ is not None:
            inner = inner - Q.mH.matmul(gQ)
    inner = inner.triu()
    inner = inner + inner.mH
    inner.diagonal(0, -2, -1).mul_(0.5)
    total = Q.matmul(inner)
    if gQ is not None:
        total = total + gQ
    return aten.linalg_solve_triangular.default(R.mH, total, upper=False, left=False)


def _qr_grad(grads, A, mode, Q, R):
    gQ = grads[0]
    gR = grads[1]
    if mode == "r":
        raise RuntimeError("The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use linalg.qr(A, mode='reduced') "
                           "if you are going to require the gradient of R")
    rows = A.size(-2)
    columns = A.size(-1)
    if mode == "complete" and rows > columns:
        raise RuntimeError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols")
    if rows >= columns:
        return _qr_square_grad(gQ, gR, Q, R)
    # A = Q [U | V]: V = Q^H A2 passes part of its gradient on to Q
    U = R.narrow(-1, 0, rows)
    V = R.narrow(-1, rows, columns - rows)
    gV = gR.narrow(-1, rows, columns - rows) if gR is not None else zeros_like(V)
    gU = gR.narrow(-1, 0, rows) if gR is not None else zeros_like(U)
    through = Q.matmul(V).matmul(gV.mH)
    inner = through if gQ is None else gQ + through
    return cat([_qr_square_grad(inner, gU, Q, U), Q.matmul(gV)], -1)


@kernel(
    'linalg_qr(Tensor A, str mode="reduced") -> (Tensor Q, Tensor R)',
    python="linalg",
    out=['linalg_qr.out(Tensor A, str mode="reduced", *, Tensor(a!) Q, Tensor(b!) R) -> (Tensor(a!) Q, Tensor(b!) R)'],
    grad={"A": _qr_grad}, jvp="transposed",
)
def linalg_qr():
    """A = Q R with orthonormal columns in Q and an upper triangle R."""


@composite(
    "qr(Tensor self, bool some=True) -> (Tensor Q, Tensor R)",
    python="function method",
    out=["qr.Q(Tensor self, bool some=True, *, Tensor(a!) Q, Tensor(b!) R) -> (Tensor(a!) Q, Tensor(b!) R)"], out_dtype="exact",
)
def qr(self, some):
    """The older name of torch.linalg.qr."""
    Q, R = linalg_qr(self, "reduced" if some else "complete")
    return Q, R


@kernel(
    "geqrf(Tensor self) -> (Tensor a, Tensor tau)",
    python="function method",
    out=["geqrf.a(Tensor self, *, Tensor(a!) a, Tensor(b!) tau) -> (Tensor(a!) a, Tensor(b!) tau)"],
    grad=UNKNOWN, jvp=None, out_dtype="cast",
)
def geqrf():
    """QR factorisation in LAPACK's packed form: R above, Householder vectors below, and their scales."""


@composite("_householder_walk(Tensor grad, Tensor input, Tensor tau, Tensor result) -> (Tensor, Tensor)", python="")
def _householder_walk(grad, input, tau, result):
    """Gradients of the packed reflections and their scales."""
    # Q = H_1 ... H_k I with H_i = 1 - tau_i v_i v_i^H; walking from the first factor on, K is the gradient with respect to the product before
    # the factor was applied and P the part of Q to its right
    columns = input.size(-1)
    count = tau.size(-1)
    if count == 0:
        return zeros_like(input), zeros_like(tau)
    v_all = input.narrow(-1, 0, count).tril(-1) + eye(input.size(-2), count, dtype=input.dtype, device=input.device)
    parts = []
    scales = []
    right = result
    K = grad
    for i in range(count):
        v = v_all.narrow(-1, i, 1)
        t = tau.narrow(-1, i, 1).unsqueeze(-1)
        # H_i is unitary up to rounding only for tau = 2 / |v|^2: its inverse is 1 - s v v^H with s = tau / (tau |v|^2 - 1)
        square = v.mH.matmul(v)
        inverse = t / (t * square - 1)
        right = right - inverse * v.matmul(v.mH.matmul(right))
        vk = v.mH.matmul(K)
        vr = v.mH.matmul(right)
        scales.append((-vk.matmul(vr.mH)).squeeze(-1))
        gv = -(K.matmul(vr.mH) * t.conj() + right.matmul(vk.mH) * t)
        below = ones_like(v).tril(-1 - i)
        parts.append(gv * below)
        K = K - t.conj() * v.matmul(vk)
    grad_input = cat(parts, -1)
    if columns > count:
        grad_input = cat([grad_input, zeros_like(input.narrow(-1, count, columns - count))], -1)
    return grad_input, cat(scales, -1)


def _ormqr_reflections_grad(grad, self, input2, input3, left, transpose):
    # the product is that of the full square Q, of which these are the first reflections
    m = self.size(-2)
    n = self.size(-1)
    packed = self
    if n > m:
        packed = self.narrow(-1, 0, m)
    elif n < m:
        packed = cat([self, self.new_zeros(self.shape[:self.ndim - 1] + [m - n])], -1)
    Q = linalg_householder_product(packed, input2)
    C = input3
    if left:
        gQ = C.matmul(grad.mH) if transpose else grad.matmul(C.mH)
    else:
        gQ = grad.mH.matmul(C) if transpose else C.mH.matmul(grad)
    to_packed, to_tau = _householder_walk(gQ, packed, input2, Q)
    if n > m:
        return cat([to_packed, zeros_like(self.narrow(-1, m, n - m))], -1), to_tau
    return to_packed.narrow(-1, 0, n), to_tau


@kernel(
    "linalg_householder_product(Tensor input, Tensor tau) -> Tensor",
    python="linalg",
    out=["linalg_householder_product.out(Tensor input, Tensor tau, *, Tensor(a!) out) -> Tensor(a!)"],
    grad={"input, tau": "_householder_walk(grad, input, tau, result)"}, jvp="transposed", out_dtype="cast",
)
def linalg_householder_product():
    """First columns of the product of Householder reflections that geqrf packs."""


@composite(
    "orgqr(Tensor self, Tensor input2) -> Tensor",
    python="function method",
    out=["orgqr.out(Tensor self, Tensor input2, *, Tensor(a!) out) -> Tensor(a!)"],
)
def orgqr(self, input2):
    """The older name of torch.linalg.householder_product."""
    return linalg_householder_product(self, input2)


@kernel(
    "ormqr(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False) -> Tensor",
    python="function method",
    out=["ormqr.out(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False, *, Tensor(a!) out) -> "
         "Tensor(a!)"],
    grad={"input3": "ormqr(self, input2, grad, left, not transpose)", "self, input2": _ormqr_reflections_grad}, jvp="transposed", out_dtype="cast",
)
def ormqr():
    """Product of the Q that geqrf packs, or of its adjoint, with a matrix, from the left or right."""


def _svd_grad(grads, A, full_matrices, compute_uv, U, S, Vh):
    gU = grads[0]
    gS = grads[1]
    gVh = grads[2]
    if not compute_uv:
        _u, _s, _vh = _linalg_svd(A, False, True)
        return _u.matmul(gS.to(A.dtype).unsqueeze(-1) * _vh)
    if gU is None and gVh is None:
        k = min(A.size(-2), A.size(-1))
        rows = Vh.narrow(-2, 0, k) if full_matrices else Vh
        scaled = gS.to(A.dtype).unsqueeze(-1) * rows
        return (U.narrow(-1, 0, k) if full_matrices else U).matmul(scaled)
    m = A.size(-2)
    n = A.size(-1)
    k = min(m, n)
    u = U.narrow(-1, 0, k) if full_matrices else U
    vh = Vh.narrow(-2, 0, k) if full_matrices else Vh
    square = S * S
    gap = square.unsqueeze(-2) - square.unsqueeze(-1)
    gap.diagonal(0, -2, -1).fill_(1)
    middle = zeros_like(gap).to(A.dtype)
    if gU is not None:
        inner = u.mH.matmul(gU.narrow(-1, 0, k) if full_matrices else gU)
        skew = inner - inner.mH
        middle = middle + skew / gap * S.unsqueeze(-2)
        if A.is_complex():
            middle = middle + (skew.diagonal(0, -2, -1) / (S * 2)).diag_embed()
    if gVh is not None:
        inner = vh.matmul((gVh.narrow(-2, 0, k) if full_matrices else gVh).mH)
        middle = middle + S.unsqueeze(-1) * ((inner - inner.mH) / gap)
    if gS is not None:
        middle = middle + gS.to(A.dtype).diag_embed()
    total = u.matmul(middle).matmul(vh)
    if m > k and gU is not None:
        scaled = gU.narrow(-1, 0, k) / S.unsqueeze(-2)
        total = total + (scaled - u.matmul(u.mH.matmul(scaled))).matmul(vh)
    if n > k and gVh is not None:
        scaled = gVh.narrow(-2, 0, k) / S.unsqueeze(-1)
        total = total + u.matmul(scaled - scaled.matmul(vh.mH).matmul(vh))
    return total


@kernel(
    "_linalg_svd(Tensor A, bool full_matrices=False, bool compute_uv=True, *, str? driver=None) -> (Tensor U, Tensor S, "
    "Tensor Vh)",
    python="function",
    out=["_linalg_svd.U(Tensor A, bool full_matrices=False, bool compute_uv=True, *, str? driver=None, Tensor(a!) U, Tensor(b!) "
         "S, Tensor(c!) Vh) -> (Tensor(a!) U, Tensor(b!) S, Tensor(c!) Vh)"],
    grad={"A": _svd_grad}, jvp="transposed",
)
def _linalg_svd():
    """Singular value decomposition A = U diag(S) Vh, thin unless full_matrices."""


@composite(
    "linalg_svd(Tensor A, bool full_matrices=True, *, str? driver=None) -> (Tensor U, Tensor S, Tensor Vh)",
    python="linalg",
    out=["linalg_svd.U(Tensor A, bool full_matrices=True, *, str? driver=None, Tensor(a!) U, Tensor(b!) S, Tensor(c!) Vh) -> "
         "(Tensor(a!) U, Tensor(b!) S, Tensor(c!) Vh)"], out_dtype="exact",
)
def linalg_svd(A, full_matrices, driver):
    """Singular value decomposition A = U diag(S) Vh; singular values descend."""
    U, S, Vh = _linalg_svd(A, full_matrices, True, driver=driver)
    return U, S, Vh


@composite(
    "linalg_svdvals(Tensor A, *, str? driver=None) -> Tensor",
    python="linalg",
    out=["linalg_svdvals.out(Tensor A, *, str? driver=None, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact",
)
def linalg_svdvals(A, driver):
    """Singular values, in descending order."""
    _, S, _ = _linalg_svd(A, False, A.requires_grad, driver=driver)
    return S


@composite(
    "svd(Tensor self, bool some=True, bool compute_uv=True) -> (Tensor U, Tensor S, Tensor V)",
    python="function method",
    out=["svd.U(Tensor self, bool some=True, bool compute_uv=True, *, Tensor(a!) U, Tensor(b!) S, Tensor(c!) V) -> (Tensor(a!) "
         "U, Tensor(b!) S, Tensor(c!) V)"], out_dtype="exact",
)
def svd(self, some, compute_uv):
    """The older form of torch.linalg.svd, which returns V instead of its adjoint."""
    if self.ndim < 2:
        raise RuntimeError("linalg.svd: The input tensor A must have at least 2 dimensions.")
    if not compute_uv:
        _, values, _ = _linalg_svd(self, False, False)
        shape = self.shape[:self.ndim - 2]
        rows = self.size(-2)
        columns = self.size(-1)
        return (aten.zeros.default(shape + [rows, rows], dtype=self.dtype, device=self.device), values,
                aten.zeros.default(shape + [columns, columns], dtype=self.dtype, device=self.device))
    U, S, Vh = _linalg_svd(self, not some, True)
    return U, S, Vh.mH


def _eigh_grad(grads, A, UPLO, compute_v, eigenvalues, eigenvectors):
    gL = grads[0]
    gV = grads[1]
    V = eigenvectors
    if not compute_v:
        _, V = _linalg_eigh(A, UPLO, True)
    if gV is None or not compute_v:
        return V.matmul(gL.to(V.dtype).unsqueeze(-1) * V.mH)
    inner = V.mH.matmul(gV)
    inner = (inner - inner.mH) * 0.5
    gap = eigenvalues.unsqueeze(-2) - eigenvalues.unsqueeze(-1)
    gap.diagonal(0, -2, -1).fill_(1)
    inner = inner / gap
    inner.diagonal(0, -2, -1).copy_(zeros_like(eigenvalues) if gL is None else gL)
    return V.matmul(inner).matmul(V.mH)


@kernel(
    '_linalg_eigh(Tensor A, str UPLO="L", bool compute_v=True) -> (Tensor eigenvalues, Tensor eigenvectors)',
    python="function",
    out=['_linalg_eigh.eigenvalues(Tensor A, str UPLO="L", bool compute_v=True, *, Tensor(a!) eigenvalues, Tensor(b!) '
         'eigenvectors) -> (Tensor(a!) eigenvalues, Tensor(b!) eigenvectors)'],
    grad={"A": _eigh_grad}, jvp="transposed",
)
def _linalg_eigh():
    """Eigenvalues, ascending, and eigenvectors of a Hermitian matrix given by one triangle."""


@composite(
    'linalg_eigh(Tensor self, str UPLO="L") -> (Tensor eigenvalues, Tensor eigenvectors)',
    python="linalg",
    out=['linalg_eigh.eigvals(Tensor self, str UPLO="L", *, Tensor(a!) eigvals, Tensor(b!) eigvecs) -> (Tensor(a!) eigenvalues, '
         'Tensor(b!) eigenvectors)'], out_dtype="exact",
)
def linalg_eigh(self, UPLO):
    """Eigenvalues, ascending, and eigenvectors of a Hermitian matrix, of which only the triangle UPLO is read."""
    values, vectors = _linalg_eigh(self, UPLO, True)
    return values, vectors


@composite(
    'linalg_eigvalsh(Tensor self, str UPLO="L") -> Tensor',
    python="linalg",
    out=['linalg_eigvalsh.out(Tensor self, str UPLO="L", *, Tensor(a!) out) -> Tensor(a!)'], out_dtype="exact",
)
def linalg_eigvalsh(self, UPLO):
    """Eigenvalues, ascending, of a Hermitian matrix."""
    values, _ = _linalg_eigh(self, UPLO, self.requires_grad)
    return values


def _eig_grad(grads, self, eigenvalues, eigenvectors):
    gL = grads[0]
    gV = grads[1]
    V = eigenvectors
    Vh = V.mH
    if gV is None:
        right = gL.unsqueeze(-1) * Vh
    else:
        inner = Vh.matmul(gV)
        inner = inner - Vh.matmul(V * real(inner.diagonal(0, -2, -1)).unsqueeze(-2))
        turned = eigenvalues.conj().resolve_conj()
        gap = turned.unsqueeze(-2) - turned.unsqueeze(-1)
        gap.diagonal(0, -2, -1).fill_(1)
        inner = inner / gap
        inner.diagonal(0, -2, -1).copy_(zeros_like(eigenvalues) if gL is None else gL)
        right = inner.matmul(Vh)
    g = linalg_solve(Vh, right)
    return g if self.is_complex() else real(g)


@kernel(
    "linalg_eig(Tensor self) -> (Tensor eigenvalues, Tensor eigenvectors)",
    python="linalg",
    out=["linalg_eig.out(Tensor self, *, Tensor(a!) eigenvalues, Tensor(b!) eigenvectors) -> (Tensor(a!) eigenvalues, "
         "Tensor(b!) eigenvectors)"],
    grad={"self": _eig_grad}, jvp="transposed", out_dtype="cast",
)
def linalg_eig():
    """Eigenvalues and right eigenvectors of unit length, complex."""


def _eigvals_grad(grad, self):
    _, V = linalg_eig(self)
    g = linalg_solve(V.mH, grad.unsqueeze(-1) * V.mH)
    return g if self.is_complex() else real(g)


@kernel(
    "_linalg_eigvals(Tensor self) -> Tensor",
    python="function",
    out=False,
    grad={"self": _eigvals_grad}, jvp="transposed",
)
def _linalg_eigvals():
    """Eigenvalues alone."""


@composite(
    "linalg_eigvals(Tensor self) -> Tensor",
    python="linalg",
    out=["linalg_eigvals.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_eigvals(self):
    """Eigenvalues of a square matrix, complex, in no order."""
    if self.requires_grad:
        values, _ = linalg_eig(self)
        return values
    return _linalg_eigvals(self)


@composite("_lu_grad(Tensor? gL, Tensor? gU, Tensor P, Tensor L, Tensor U) -> Tensor", python="")
def _lu_grad(gL, gU, P, L, U):
    """Gradient of A = P L U."""
    m = L.size(-2)
    n = U.size(-1)
    k = min(m, n)
    L1 = L.narrow(-2, 0, k) if m > k else L
    U1 = U.narrow(-1, 0, k) if n > k else U
    inner = L1.mH.matmul(gL.narrow(-2, 0, k) if m > k else gL) if gL is not None else zeros_like(U1)
    if n > k and gU is not None:
        inner = inner - gU.narrow(-1, k, n - k).matmul(U.narrow(-1, k, n - k).mH)
    inner = inner.tril(-1)
    outer = (gU.narrow(-1, 0, k) if n > k else gU).matmul(U1.mH) if gU is not None else zeros_like(U1)
    if m > k and gL is not None:
        outer = outer - L.narrow(-2, k, m - k).mH.matmul(gL.narrow(-2, k, m - k))
    inner = inner + outer.triu()
    g = aten.linalg_solve_triangular.default(U1.mH, inner, upper=False, left=False)
    if n > k:
        g = cat([g, zeros_like(U.narrow(-1, k, n - k)) if gU is None else gU.narrow(-1, k, n - k)], -1)
    g = aten.linalg_solve_triangular.default(L1.mH, g, upper=True, left=True, unitriangular=True)
    if m > k:
        low = zeros_like(L.narrow(-2, k, m - k)) if gL is None else gL.narrow(-2, k, m - k)
        g = cat([g, aten.linalg_solve_triangular.default(U1.mH, low, upper=False, left=False)], -2)
    return P.matmul(g)


def _lu_factor_grad(grad, LU, pivots):
    P, L, U = lu_unpack(LU, pivots)
    k = min(LU.size(-2), LU.size(-1))
    return _lu_grad(grad.narrow(-1, 0, k) if LU.size(-1) > k else grad, grad.narrow(-2, 0, k) if LU.size(-2) > k else grad, P, L, U)


@kernel(
    "linalg_lu_factor_ex(Tensor A, *, bool pivot=True, bool check_errors=False) -> (Tensor LU, Tensor pivots, Tensor info)",
    python="linalg",
    out=["linalg_lu_factor_ex.out(Tensor A, *, bool pivot=True, bool check_errors=False, Tensor(a!) LU, Tensor(b!) pivots, "
         "Tensor(c!) info) -> (Tensor(a!) LU, Tensor(b!) pivots, Tensor(c!) info)"],
    grad={"A": _lu_factor_grad}, jvp="transposed",
)
def linalg_lu_factor_ex():
    """Compact LU factors with row exchanges, and 0 or the index of a zero on the diagonal of U."""


@composite(
    "linalg_lu_factor(Tensor A, *, bool pivot=True) -> (Tensor LU, Tensor pivots)",
    python="linalg",
    out=["linalg_lu_factor.out(Tensor A, *, bool pivot=True, Tensor(a!) LU, Tensor(b!) pivots) -> (Tensor(a!) LU, Tensor(b!) "
         "pivots)"], out_dtype="exact",
)
def linalg_lu_factor(A, pivot):
    """Compact LU factors and row exchanges, as lu_solve takes them."""
    LU, pivots, info = linalg_lu_factor_ex(A, pivot=pivot, check_errors=False)
    _linalg_check_errors(info, "torch.linalg.lu_factor", is_matrix=A.ndim == 2)
    return LU, pivots


@composite(
    "_lu_with_info(Tensor self, bool pivot=True, bool check_errors=True) -> (Tensor LU, Tensor pivots, Tensor info)",
    python="function",
    out=False,
)
def _lu_with_info(self, pivot, check_errors):
    """The older form of linalg.lu_factor_ex."""
    LU, pivots, info = linalg_lu_factor_ex(self, pivot=pivot, check_errors=check_errors)
    return LU, pivots, info


@decomposed(
    "linalg_lu(Tensor A, *, bool pivot=True) -> (Tensor P, Tensor L, Tensor U)",
    python="linalg",
    out=["linalg_lu.out(Tensor A, *, bool pivot=True, Tensor(a!) P, Tensor(b!) L, Tensor(c!) U) -> (Tensor(a!) P, Tensor(b!) L, "
         "Tensor(c!) U)"],
    grad={"A": "_lu_grad(grads[1], grads[2], P, L, U)"}, jvp="transposed",
)
def linalg_lu(A, pivot):
    """A = P L U with a permutation P, unit lower triangle L and upper triangle U."""
    if A.ndim < 2:
        raise RuntimeError("linalg.lu: Expected tensor with 2 or more dimensions. Got size: ", A.shape, " instead")
    LU, pivots, _ = linalg_lu_factor_ex(A, pivot=pivot, check_errors=False)
    P, L, U = lu_unpack(LU, pivots)
    return P, L, U


def _lu_unpack_grad(grads, LU_data):
    gL = grads[1]
    gU = grads[2]
    m = LU_data.size(-2)
    n = LU_data.size(-1)
    k = min(m, n)
    g = gL
    if gL is not None:
        low = gL.tril(-1)
        g = cat([low, zeros_like(LU_data.narrow(-1, k, n - k))], -1) if n > k else low
    if gU is not None:
        high = gU.triu()
        if m > k:
            high = cat([high, zeros_like(LU_data.narrow(-2, k, m - k))], -2)
        g = high if gL is None else g + high
    return g


@kernel(
    "lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True) -> (Tensor P, Tensor L, "
    "Tensor U)",
    python="function",
    out=["lu_unpack.out(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True, *, Tensor(a!) P, "
         "Tensor(b!) L, Tensor(c!) U) -> (Tensor(a!) P, Tensor(b!) L, Tensor(c!) U)"],
    grad={"LU_data": _lu_unpack_grad}, jvp="transposed",
)
def lu_unpack():
    """Permutation, lower and upper factor of a compact LU factorisation."""
