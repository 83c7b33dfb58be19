"""Linear algebra: factorisations and what they solve. Kernels call LAPACK; gradients follow Giles (2008) and Townsend (2016)."""

from .language import composite, decomposed, kernel


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
    grad={"self": "_cholesky_grad(grad, L, upper)"}, jvp=None,
)
def linalg_cholesky_ex():
    """Cholesky factor, and 0 or the order of the minor that is not positive."""


@composite(
    "linalg_cholesky(Tensor self, *, bool upper=False) -> Tensor",
    python="linalg",
    out=["linalg_cholesky.out(Tensor self, *, bool upper=False, Tensor(a!) out) -> Tensor(a!)"],
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
    grad={"self": "_cholesky_grad(grad, result, upper)"}, jvp=None,
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
    grad=None, differentiable=False, jvp=None,
)
def _cholesky_solve_helper():
    """Solution for matching batch shapes."""


def _cholesky_solve_factor(grad, self, input2, upper, result):
    back = cholesky_solve(grad, input2, upper)
    common = back.matmul(result.mH)
    common = common + common.mH
    return -input2.matmul(common) if upper else -common.matmul(input2)


@decomposed(
    "cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor",
    python="function method",
    out=["cholesky_solve.out(Tensor self, Tensor input2, bool upper=False, *, Tensor(a!) out) -> Tensor(a!)"],
    grad={"self": "cholesky_solve(grad, input2, upper)", "input2": _cholesky_solve_factor}, jvp=None,
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
    grad={"self": _cholesky_inverse_grad}, jvp=None,
)
def cholesky_inverse():
    """Inverse of the matrix that has the Cholesky factor self."""


@composite("_qr_square_grad(Tensor? gQ, Tensor? gR, Tensor Q, Tensor R) -> Tensor", python="")
def _qr_square_grad(gQ, gR, Q, R):
    """Gradient of A = Q R for as many columns as R has rows."""
    inner = gR.matmul(R.mH) if gR is not None else zeros_like(R)
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
    grad={"A": _qr_grad}, jvp=None,
)
def linalg_qr():
    """A = Q R with orthonormal columns in Q and an upper triangle R."""


@composite(
    "qr(Tensor self, bool some=True) -> (Tensor Q, Tensor R)",
    python="function method",
    out=["qr.Q(Tensor self, bool some=True, *, Tensor(a!) Q, Tensor(b!) R) -> (Tensor(a!) Q, Tensor(b!) R)"],
)
def qr(self, some):
    """The older name of torch.linalg.qr."""
    Q, R = linalg_qr(self, "reduced" if some else "complete")
    return Q, R


@kernel(
    "geqrf(Tensor self) -> (Tensor a, Tensor tau)",
    python="function method",
    out=["geqrf.a(Tensor self, *, Tensor(a!) a, Tensor(b!) tau) -> (Tensor(a!) a, Tensor(b!) tau)"],
    grad=None, differentiable=False, jvp=None,
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
    grad={"input, tau": "_householder_walk(grad, input, tau, result)"}, jvp=None,
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
    grad={"input3": "ormqr(self, input2, grad, left, not transpose)", "self, input2": _ormqr_reflections_grad}, jvp=None,
)
def ormqr():
    """Product of the Q that geqrf packs, or of its adjoint, with a matrix, from the left or right."""


def _svd_grad(grads, A, full_matrices, compute_uv, U, S, Vh):
    gU = grads[0]
    gS = grads[1]
    gVh = grads[2]
    if gU is None and gVh is None:
        if not compute_uv:
            _u, _s, _vh = _linalg_svd(A, False, True)
            return _u.matmul(gS.to(A.dtype).unsqueeze(-1) * _vh)
        k = min(A.size(-2), A.size(-1))
        return U.narrow(-1, 0, k).matmul(gS.to(A.dtype).unsqueeze(-1) * Vh.narrow(-2, 0, k))
    m = A.size(-2)
    n = A.size(-1)
    k = min(m, n)
    u = U.narrow(-1, 0, k)
    vh = Vh.narrow(-2, 0, k)
    gap = S.unsqueeze(-2) * S.unsqueeze(-2) - (S * S).unsqueeze(-1)
    gap = gap.clone()
    gap.diagonal(0, -2, -1).fill_(1)
    middle = zeros_like(gap).to(A.dtype)
    if gU is not None:
        inner = u.mH.matmul(gU.narrow(-1, 0, k))
        skew = inner - inner.mH
        middle = middle + skew / gap * S.unsqueeze(-2)
        if A.is_complex():
            middle = middle + (skew.diagonal(0, -2, -1) / (S * 2)).diag_embed()
    if gVh is not None:
        inner = vh.matmul(gVh.narrow(-2, 0, k).mH)
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
    grad={"A": _svd_grad}, jvp=None,
)
def _linalg_svd():
    """Singular value decomposition A = U diag(S) Vh, thin unless full_matrices."""


@composite(
    "linalg_svd(Tensor A, bool full_matrices=True, *, str? driver=None) -> (Tensor U, Tensor S, Tensor Vh)",
    python="linalg",
    out=["linalg_svd.U(Tensor A, bool full_matrices=True, *, str? driver=None, Tensor(a!) U, Tensor(b!) S, Tensor(c!) Vh) -> "
         "(Tensor(a!) U, Tensor(b!) S, Tensor(c!) Vh)"],
)
def linalg_svd(A, full_matrices, driver):
    """Singular value decomposition A = U diag(S) Vh; singular values descend."""
    U, S, Vh = _linalg_svd(A, full_matrices, True, driver=driver)
    return U, S, Vh


@composite(
    "linalg_svdvals(Tensor A, *, str? driver=None) -> Tensor",
    python="linalg",
    out=["linalg_svdvals.out(Tensor A, *, str? driver=None, Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_svdvals(A, driver):
    """Singular values, in descending order."""
    _, S, _ = _linalg_svd(A, False, A.requires_grad, driver=driver)
    return S


@composite(
    "svd(Tensor self, bool some=True, bool compute_uv=True) -> (Tensor U, Tensor S, Tensor V)",
    python="function method",
    out=["svd.U(Tensor self, bool some=True, bool compute_uv=True, *, Tensor(a!) U, Tensor(b!) S, Tensor(c!) V) -> (Tensor(a!) "
         "U, Tensor(b!) S, Tensor(c!) V)"],
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
    if gV is None:
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
    grad={"A": _eigh_grad}, jvp=None,
)
def _linalg_eigh():
    """Eigenvalues, ascending, and eigenvectors of a Hermitian matrix given by one triangle."""


@composite(
    'linalg_eigh(Tensor self, str UPLO="L") -> (Tensor eigenvalues, Tensor eigenvectors)',
    python="linalg",
    out=['linalg_eigh.eigvals(Tensor self, str UPLO="L", *, Tensor(a!) eigvals, Tensor(b!) eigvecs) -> (Tensor(a!) eigenvalues, '
         'Tensor(b!) eigenvectors)'],
)
def linalg_eigh(self, UPLO):
    """Eigenvalues, ascending, and eigenvectors of a Hermitian matrix, of which only the triangle UPLO is read."""
    values, vectors = _linalg_eigh(self, UPLO, True)
    return values, vectors


@composite(
    'linalg_eigvalsh(Tensor self, str UPLO="L") -> Tensor',
    python="linalg",
    out=['linalg_eigvalsh.out(Tensor self, str UPLO="L", *, Tensor(a!) out) -> Tensor(a!)'],
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
    grad={"self": _eig_grad}, jvp=None,
)
def linalg_eig():
    """Eigenvalues and right eigenvectors of unit length, complex."""


@kernel(
    "_linalg_eigvals(Tensor self) -> Tensor",
    python="function",
    out=False,
    grad=None, differentiable=False, jvp=None,
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
    L1 = L.narrow(-2, 0, k)
    U1 = U.narrow(-1, 0, k)
    inner = zeros_like(U1)
    if gL is not None:
        inner = L1.mH.matmul(gL.narrow(-2, 0, k))
    if n > k and gU is not None:
        inner = inner - gU.narrow(-1, k, n - k).matmul(U.narrow(-1, k, n - k).mH)
    inner = inner.tril(-1)
    outer = zeros_like(U1)
    if gU is not None:
        outer = gU.narrow(-1, 0, k).matmul(U1.mH)
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
    return _lu_grad(grad.narrow(-1, 0, k), grad.narrow(-2, 0, k), P, L, U)


@kernel(
    "linalg_lu_factor_ex(Tensor A, *, bool pivot=True, bool check_errors=False) -> (Tensor LU, Tensor pivots, Tensor info)",
    python="linalg",
    out=["linalg_lu_factor_ex.out(Tensor A, *, bool pivot=True, bool check_errors=False, Tensor(a!) LU, Tensor(b!) pivots, "
         "Tensor(c!) info) -> (Tensor(a!) LU, Tensor(b!) pivots, Tensor(c!) info)"],
    grad={"A": _lu_factor_grad}, jvp=None,
)
def linalg_lu_factor_ex():
    """Compact LU factors with row exchanges, and 0 or the index of a zero on the diagonal of U."""


@composite(
    "linalg_lu_factor(Tensor A, *, bool pivot=True) -> (Tensor LU, Tensor pivots)",
    python="linalg",
    out=["linalg_lu_factor.out(Tensor A, *, bool pivot=True, Tensor(a!) LU, Tensor(b!) pivots) -> (Tensor(a!) LU, Tensor(b!) "
         "pivots)"],
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
    grad={"A": "_lu_grad(grads[1], grads[2], P, L, U)"}, jvp=None,
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
    g = zeros_like(LU_data)
    if gL is not None:
        low = gL.tril(-1)
        g = g + (cat([low, zeros_like(LU_data.narrow(-1, k, n - k))], -1) if n > k else low)
    if gU is not None:
        high = gU.triu()
        g = g + (cat([high, zeros_like(LU_data.narrow(-2, k, m - k))], -2) if m > k else high)
    return g


@kernel(
    "lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True) -> (Tensor P, Tensor L, "
    "Tensor U)",
    python="function",
    out=["lu_unpack.out(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True, *, Tensor(a!) P, "
         "Tensor(b!) L, Tensor(c!) U) -> (Tensor(a!) P, Tensor(b!) L, Tensor(c!) U)"],
    grad={"LU_data": _lu_unpack_grad}, jvp=None,
)
def lu_unpack():
    """Permutation, lower and upper factor of a compact LU factorisation."""


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
    grad={"B": "linalg_lu_solve(LU, pivots, grad, left=left, adjoint=not adjoint)", "LU": _lu_solve_factors_grad}, jvp=None,
)
def linalg_lu_solve():
    """Solution of A X = B, X A = B or the adjoint equations from the LU factors of A."""


@composite(
    "lu_solve(Tensor self, Tensor LU_data, Tensor LU_pivots) -> Tensor",
    python="function method",
    out=["lu_solve.out(Tensor self, Tensor LU_data, Tensor LU_pivots, *, Tensor(a!) out) -> Tensor(a!)"],
)
def lu_solve(self, LU_data, LU_pivots):
    """The older form of torch.linalg.lu_solve."""
    return linalg_lu_solve(LU_data, LU_pivots, self)


def _solve_grad(grad, A, B, left, LU, pivots, result):
    vector = B.ndim == 1 or (A.ndim - 1 == B.ndim and B.shape == A.shape[:A.ndim - 1])
    g = grad.unsqueeze(-1) if vector else grad
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
    grad={"A, B": _solve_grad}, jvp=None,
    constant=(1, 2, 3),
)
def _linalg_solve_ex():
    """Solution of A X = B or X A = B with the LU factors it came from."""


@composite(
    "linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False) -> (Tensor result, Tensor info)",
    python="linalg",
    out=["linalg_solve_ex.out(Tensor A, Tensor B, *, bool left=True, bool check_errors=False, Tensor(a!) result, Tensor(b!) "
         "info) -> (Tensor(a!) result, Tensor(b!) info)"],
)
def linalg_solve_ex(A, B, left, check_errors):
    """Solution of A X = B or X A = B, and 0 or the index of a zero pivot."""
    result, _, _, info = _linalg_solve_ex(A, B, left=left, check_errors=check_errors)
    return result, info


@composite(
    "linalg_solve(Tensor A, Tensor B, *, bool left=True) -> Tensor",
    python="linalg",
    out=["linalg_solve.out(Tensor A, Tensor B, *, bool left=True, Tensor(a!) out) -> Tensor(a!)"],
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
    grad={"A": "-inverse.mH.matmul(grad.matmul(inverse.mH))"}, jvp=None,
)
def linalg_inv_ex():
    """Inverse, and 0 or the index of a zero pivot."""


@composite(
    "linalg_inv(Tensor A) -> Tensor",
    python="linalg",
    out=["linalg_inv.out(Tensor A, *, Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_inv(A):
    """Inverse of square matrices."""
    result, info = linalg_inv_ex(A, check_errors=False)
    _linalg_check_errors(info, "linalg.inv", is_matrix=A.ndim == 2)
    return result


@composite(
    "inverse(Tensor self) -> Tensor",
    python="function method",
    out=["inverse.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)"],
)
def inverse(self):
    """Alias of torch.linalg.inv."""
    return linalg_inv(self)


@composite("_det_grad(Tensor grad, Tensor det, Tensor LU, Tensor pivots) -> Tensor", python="")
def _det_grad(grad, det, LU, pivots):
    """grad conj(det) A^-H. A pivot of zero is replaced by a tiny one, and the determinant with it: their quotient stays the cofactor."""
    diagonal = LU.diagonal(0, -2, -1)
    tiny = 2.220446049250313e-16 if LU.dtype == torch.float64 or LU.dtype == torch.complex128 else 1.1920928955078125e-07
    tiny_diagonal = where(diagonal == 0, aten.full_like.default(diagonal, tiny), diagonal)
    safe = LU + (tiny_diagonal - diagonal).diag_embed()
    parity = where(diagonal == 0, zeros_like(diagonal), ones_like(diagonal)).prod(-1)
    exchanged = arange(1, LU.size(-1) + 1, dtype=torch.int32, device=LU.device) != pivots
    sign = 1 - 2 * exchanged.sum(-1).remainder(2)
    filled = where(parity == 0, tiny_diagonal.prod(-1) * sign, det)
    weight = (grad * filled.conj()).unsqueeze(-1).expand(pivots.shape).diag_embed()
    return linalg_lu_solve(safe, pivots, weight, adjoint=True)


@kernel(
    "_linalg_det(Tensor A) -> (Tensor result, Tensor LU, Tensor pivots)",
    python="function",
    out=["_linalg_det.result(Tensor A, *, Tensor(a!) result, Tensor(b!) LU, Tensor(c!) pivots) -> (Tensor(a!) result, "
         "Tensor(b!) LU, Tensor(c!) pivots)"],
    grad={"A": "_det_grad(grad, result0, LU, pivots) if A.numel() > 0 else zeros_like(A)"}, jvp=None,
    constant=(1, 2),
)
def _linalg_det():
    """Determinant with the LU factors it came from."""


@composite(
    "linalg_det(Tensor A) -> Tensor",
    python="linalg",
    out=["linalg_det.out(Tensor A, *, Tensor(a!) out) -> Tensor(a!)"],
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
    weight = zeros_like(sign)
    if grads[1] is not None:
        weight = weight + grads[1]
    if grads[0] is not None and A.is_complex():
        turn = imag(grads[0].conj() * sign)
        weight = weight - complex(zeros_like(turn), turn)
    return linalg_lu_solve(LU, pivots, weight.unsqueeze(-1).expand(pivots.shape).diag_embed(), adjoint=True)


@kernel(
    "_linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet, Tensor LU, Tensor pivots)",
    python="function",
    out=["_linalg_slogdet.sign(Tensor A, *, Tensor(a!) sign, Tensor(b!) logabsdet, Tensor(c!) LU, Tensor(d!) pivots) -> "
         "(Tensor(a!) sign, Tensor(b!) logabsdet, Tensor(c!) LU, Tensor(d!) pivots)"],
    grad={"A": _slogdet_grad}, jvp=None,
    constant=(2, 3),
)
def _linalg_slogdet():
    """Sign and logarithm of the determinant with the LU factors they came from."""


@composite(
    "linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet)",
    python="linalg",
    out=["linalg_slogdet.out(Tensor A, *, Tensor(a!) sign, Tensor(b!) logabsdet) -> (Tensor(a!) sign, Tensor(b!) logabsdet)"],
)
def linalg_slogdet(A):
    """Sign (or phase) of the determinant and logarithm of its absolute value."""
    sign, logabsdet, _, _ = _linalg_slogdet(A)
    return sign, logabsdet


@composite(
    "slogdet(Tensor self) -> (Tensor sign, Tensor logabsdet)",
    python="function method",
    out=["slogdet.out(Tensor self, *, Tensor(a!) sign, Tensor(b!) logabsdet) -> (Tensor(a!) sign, Tensor(b!) logabsdet)"],
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
    return where(sign == -1, aten.scalar_tensor.default(nan, dtype=logabsdet.dtype, device=logabsdet.device), logabsdet)


def _solve_triangular_matrix_grad(grad, self, upper, left, unitriangular, result):
    back = aten.linalg_solve_triangular.default(self.mH, grad, upper=not upper, left=left, unitriangular=unitriangular)
    g = -back.matmul(result.mH) if left else -result.mH.matmul(back)
    inset = 1 if unitriangular else 0
    return g.triu(inset) if upper else g.tril(-inset)


@kernel(
    "linalg_solve_triangular(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False) -> Tensor",
    python="linalg",
    out=["linalg_solve_triangular.out(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False, "
         "Tensor(a!) out) -> Tensor(a!)"],
    grad={"B": "aten.linalg_solve_triangular.default(self.mH, grad, upper=not upper, left=left, unitriangular=unitriangular)", "self": _solve_triangular_matrix_grad}, jvp=None,
)
def linalg_solve_triangular():
    """Solution of A X = B or X A = B for a triangular A, of which the other triangle is not read."""


def _triangular_solve_grad(grads, self, A, upper, transpose, unitriangular, solution):
    g = grads[0]
    to_b = zeros_like(self)
    to_A = zeros_like(A)
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
    grad={"self, A": _triangular_solve_grad}, jvp=None,
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
    grad=None, differentiable=False, jvp=None,
)
def linalg_ldl_factor_ex():
    """Compact LDL factors of a symmetric or Hermitian matrix, row exchanges, and 0 or the index of a zero block."""


@composite(
    "linalg_ldl_factor(Tensor self, *, bool hermitian=False) -> (Tensor LD, Tensor pivots)",
    python="linalg",
    out=["linalg_ldl_factor.out(Tensor self, *, bool hermitian=False, Tensor(a!) LD, Tensor(b!) pivots) -> (Tensor(a!) LD, "
         "Tensor(b!) pivots)"],
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
    grad=None, differentiable=False, jvp=None,
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
    to_A = zeros_like(self)
    to_b = zeros_like(b2)
    if grads[0] is not None:
        g = grads[0].unsqueeze(-1) if vector else grads[0]
        pinv = aten.linalg_pinv.atol_rtol_tensor(self)
        to_A = _pinv_grad(g.matmul(b2.mH), pinv, self)
        to_b = pinv.mH.matmul(g)
    if grads[1] is not None:
        # the residual is least in the solution, so only its explicit dependence on A and B counts
        if grads[1].numel() > 0:
            weighted = (self.matmul(x2) - b2) * (grads[1] * 2).unsqueeze(-2)
            to_A = to_A + weighted.matmul(x2.mH)
            to_b = to_b - weighted
    return to_A, to_b.squeeze(-1) if vector else to_b


@kernel(
    "linalg_lstsq(Tensor self, Tensor b, float? rcond=None, *, str? driver=None) -> (Tensor solution, Tensor residuals, "
    "Tensor rank, Tensor singular_values)",
    python="linalg",
    out=["linalg_lstsq.out(Tensor self, Tensor b, float? rcond=None, *, str? driver=None, Tensor(a!) solution, Tensor(b!) "
         "residuals, Tensor(c!) rank, Tensor(d!) singular_values) -> (Tensor(a!) solution, Tensor(b!) residuals, Tensor(c!) "
         "rank, Tensor(d!) singular_values)"],
    grad={"self, b": _lstsq_grad}, jvp=None,
    constant=(2, 3),
)
def linalg_lstsq():
    """Least-squares solution of A X = B, its residuals, and the rank and singular values where the driver finds them."""


@decomposed(
    "linalg_pinv.atol_rtol_tensor(Tensor self, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) -> Tensor",
    python="linalg",
    out=["linalg_pinv.atol_rtol_tensor_out(Tensor self, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False, "
         "Tensor(a!) out) -> Tensor(a!)"],
    grad={"self": "_pinv_grad(grad, result, self)"}, jvp=None,
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


@composite(
    "linalg_matrix_norm(Tensor self, Scalar ord, int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None) -> "
    "Tensor",
    python="linalg",
    out=["linalg_matrix_norm.out(Tensor self, Scalar ord, int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None, "
         "Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_matrix_norm(self, ord, dim, keepdim, dtype):
    """Norm of matrices in two dimensions: "fro", "nuc", 1, -1, 2, -2, inf or -inf."""
    if self.ndim < 2:
        raise RuntimeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    if not (self.is_floating_point() or self.is_complex()):
        raise RuntimeError("linalg.matrix_norm: Expected a floating point or complex tensor as input. Got ", self.dtype)
    if len(dim) != 2:
        raise RuntimeError("linalg.matrix_norm: dim must be a 2-tuple. Got ", dim)
    p = float(ord)
    size = p if p >= 0 else -p
    if size != 1 and size != 2 and size != inf:
        raise RuntimeError(f"linalg.matrix_norm: Order {p} not supported.")
    x = self.to(dtype) if dtype is not None else self
    d0 = dim[0] if dim[0] >= 0 else dim[0] + self.ndim
    d1 = dim[1] if dim[1] >= 0 else dim[1] + self.ndim
    if d0 == d1:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    if p > 0 and x.numel() == 0 and (self.size(d0) == 0 or self.size(d1) == 0):
        return aten.linalg_vector_norm.default(x, 2.0, dim, keepdim)
    if size == 2:
        values = linalg_svdvals(_matrix_dims_last(x, d0, d1))
        found = values.amax([-1]) if p > 0 else values.amin([-1])
        return found if not keepdim else _restore_dims(found, d0, d1)
    if size == inf:
        swap = d0
        d0 = d1
        d1 = swap
    inner = d1
    if not keepdim and d1 > d0:
        inner = d1 - 1
    sums = aten.linalg_vector_norm.default(x, 1.0, [d0], keepdim)
    return sums.amax([inner], keepdim) if p > 0 else sums.amin([inner], keepdim)


@composite("_matrix_dims_last(Tensor self, int d0, int d1) -> Tensor", python="")
def _matrix_dims_last(self, d0, d1):
    """self with dimensions d0 and d1 (not negative) moved to the end."""
    order = []
    for i in range(self.ndim):
        if i != d0 and i != d1:
            order.append(i)
    order.append(d0)
    order.append(d1)
    return self.permute(order)


@composite("_restore_dims(Tensor self, int d0, int d1) -> Tensor", python="")
def _restore_dims(self, d0, d1):
    """self with dimensions of size 1 put in at d0 and d1."""
    return self.unsqueeze(min(d0, d1)).unsqueeze(max(d0, d1))


@composite(
    'linalg_matrix_norm.str_ord(Tensor self, str ord="fro", int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? '
    'dtype=None) -> Tensor',
    python="linalg",
    out=['linalg_matrix_norm.str_ord_out(Tensor self, str ord="fro", int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? '
         'dtype=None, Tensor(a!) out) -> Tensor(a!)'],
)
def linalg_matrix_norm_str_ord(self, ord, dim, keepdim, dtype):
    """Frobenius or nuclear norm of matrices in two dimensions."""
    if self.ndim < 2:
        raise RuntimeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    if ord != "fro" and ord != "nuc":
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    if len(dim) != 2:
        raise RuntimeError("linalg.matrix_norm: dim must be a 2-tuple. Got ", dim)
    if ord == "fro":
        return aten.linalg_vector_norm.default(self, 2.0, dim, keepdim, dtype=dtype)
    x = self.to(dtype) if dtype is not None else self
    d0 = dim[0] if dim[0] >= 0 else dim[0] + self.ndim
    d1 = dim[1] if dim[1] >= 0 else dim[1] + self.ndim
    if d0 == d1:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    total = linalg_svdvals(_matrix_dims_last(x, d0, d1)).sum([-1])
    return _restore_dims(total, d0, d1) if keepdim else total


@composite(
    "linalg_norm(Tensor self, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    python="linalg",
    out=["linalg_norm.out(Tensor self, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None, "
         "Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_norm(self, ord, dim, keepdim, dtype):
    """Norm of vectors or matrices, by the number of dimensions."""
    if dim is not None:
        if len(dim) != 1 and len(dim) != 2:
            raise RuntimeError("linalg.norm: If dim is specified, it must be of length 1 or 2. Got ", dim)
    elif ord is not None:
        if self.ndim != 1 and self.ndim != 2:
            raise RuntimeError(f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {self.ndim}D.")
    if ord is not None and (dim is not None and len(dim) == 2 or dim is None and self.ndim == 2):
        return aten.linalg_matrix_norm.default(self, ord, dim if dim is not None else [0, 1], keepdim, dtype=dtype)
    return aten.linalg_vector_norm.default(self, ord if ord is not None else Scalar(2.0), dim, keepdim, dtype=dtype)


@composite(
    "linalg_norm.ord_str(Tensor self, str ord, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    python="linalg",
    out=["linalg_norm.ord_str_out(Tensor self, str ord, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None, "
         "Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_norm_ord_str(self, ord, dim, keepdim, dtype):
    """Frobenius or nuclear norm of matrices."""
    return aten.linalg_matrix_norm.str_ord(self, ord, dim if dim is not None else [0, 1], keepdim, dtype=dtype)


@composite(
    "nuclear_norm(Tensor self, bool keepdim=False) -> Tensor",
    python="function",
    out=["nuclear_norm.out(Tensor self, bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)"],
)
def nuclear_norm(self, keepdim):
    """Sum of the singular values."""
    return aten.linalg_matrix_norm.str_ord(self, "nuc", [-2, -1], keepdim)


@composite(
    "nuclear_norm.dim(Tensor self, int[2] dim, bool keepdim=False) -> Tensor",
    python="function",
    out=["nuclear_norm.dim_out(Tensor self, int[2] dim, bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)"],
)
def nuclear_norm_dim(self, dim, keepdim):
    """Sum of the singular values of matrices in two dimensions."""
    return aten.linalg_matrix_norm.str_ord(self, "nuc", dim, keepdim)


@composite(
    "frobenius_norm.dim(Tensor self, int[1] dim, bool keepdim=False) -> Tensor",
    python="function",
    out=["frobenius_norm.out(Tensor self, int[1] dim, bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)"],
)
def frobenius_norm_dim(self, dim, keepdim):
    """Root of the sum of squares over dimensions."""
    return aten.linalg_vector_norm.default(self, 2.0, dim, keepdim)


@composite(
    "linalg_cond(Tensor self, Scalar? p=None) -> Tensor",
    python="linalg",
    out=["linalg_cond.out(Tensor self, Scalar? p=None, *, Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_cond(self, p):
    """Condition number in the norm p, by default the ratio of the extreme singular values."""
    if self.ndim < 2:
        raise RuntimeError("linalg.cond: The input tensor A must have at least 2 dimensions.")
    order = float(p) if p is not None else 2.0
    if order == 2 or order == -2:
        if self.numel() == 0:
            return aten.zeros.default(self.shape[:self.ndim - 2], dtype=self.dtype, device=self.device)
        values = linalg_svdvals(self)
        largest = values.narrow(-1, 0, 1)
        smallest = values.narrow(-1, values.size(-1) - 1, 1)
        return (largest / smallest if order == 2 else smallest / largest).squeeze(-1)
    if self.size(-1) != self.size(-2):
        raise RuntimeError(f"linalg.cond(ord={order}): A must be batches of square matrices, but they are {self.size(-2)} by {self.size(-1)} matrices")
    inverse, info = linalg_inv_ex(self, check_errors=False)
    found = aten.linalg_matrix_norm.default(self, p, [-2, -1]) * aten.linalg_matrix_norm.default(inverse, p, [-2, -1])
    return found.masked_fill(info != 0, inf)


@composite(
    "linalg_cond.p_str(Tensor self, str p) -> Tensor",
    python="linalg",
    out=["linalg_cond.p_str_out(Tensor self, str p, *, Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_cond_p_str(self, p):
    """Condition number in the Frobenius or nuclear norm."""
    if p != "fro" and p != "nuc":
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    if self.size(-1) != self.size(-2):
        raise RuntimeError(f"linalg.cond(ord={p}): A must be batches of square matrices, but they are {self.size(-2)} by {self.size(-1)} matrices")
    inverse, info = linalg_inv_ex(self, check_errors=False)
    found = aten.linalg_matrix_norm.str_ord(self, p, [-2, -1]) * aten.linalg_matrix_norm.str_ord(inverse, p, [-2, -1])
    return found.masked_fill(info != 0, inf)


@decomposed(
    "linalg_cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor",
    python="linalg",
    out=["linalg_cross.out(Tensor self, Tensor other, *, int dim=-1, Tensor(a!) out) -> Tensor(a!)"],
    grad={"self": "linalg_cross(other.conj(), grad, dim=dim)", "other": "linalg_cross(grad, self.conj(), dim=dim)"}, jvp=None,
)
def linalg_cross(self, other, dim):
    """Cross product of vectors of length 3 along dim."""
    if self.ndim != other.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    if self.size(dim) != 3 or other.size(dim) != 3:
        raise RuntimeError(f"linalg.cross: inputs dimension {dim} must have length 3. Got {self.size(dim)} and {other.size(dim)}")
    a0 = self.select(dim, 0)
    a1 = self.select(dim, 1)
    a2 = self.select(dim, 2)
    b0 = other.select(dim, 0)
    b1 = other.select(dim, 1)
    b2 = other.select(dim, 2)
    return stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], dim)


@composite(
    "cross(Tensor self, Tensor other, int? dim=None) -> Tensor",
    python="function method",
    out=["cross.out(Tensor self, Tensor other, int? dim=None, *, Tensor(a!) out) -> Tensor(a!)"],
)
def cross(self, other, dim):
    """Cross product along dim, by default the first dimension of size 3."""
    at = -1
    if dim is not None:
        at = dim
    else:
        found = False
        for d in range(self.ndim):
            if not found and self.size(d) == 3:
                at = d
                found = True
        if not found:
            raise RuntimeError("no dimension of size 3 in input")
    return linalg_cross(self, other, dim=at)


def _matrix_exp_grad(self, grad):
    # the upper right block of exp([[A^H, g], [0, A^H]]) (Higham, Functions of Matrices, 2008)
    n = self.size(-1)
    Ah = self.mH
    block = cat([cat([Ah, grad], -1), cat([zeros_like(Ah), Ah], -1)], -2)
    return linalg_matrix_exp(block).narrow(-2, 0, n).narrow(-1, n, n)


@kernel(
    "linalg_matrix_exp(Tensor self) -> Tensor",
    python="linalg",
    out=["linalg_matrix_exp.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)"],
    grad={"self": _matrix_exp_grad}, jvp=None,
)
def linalg_matrix_exp():
    """Exponential of square matrices."""


@composite(
    "matrix_exp(Tensor self) -> Tensor",
    python="function method",
    out=False,
)
def matrix_exp(self):
    """Alias of torch.linalg.matrix_exp."""
    return linalg_matrix_exp(self)


@composite(
    "linalg_tensorinv(Tensor self, int ind=2) -> Tensor",
    python="linalg",
    out=["linalg_tensorinv.out(Tensor self, int ind=2, *, Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_tensorinv(self, ind):
    """Inverse of the map that tensordot over the last dimensions of A makes."""
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    rows = 1
    columns = 1
    for d in range(self.ndim):
        if d < ind:
            rows = rows * self.size(d)
        else:
            columns = columns * self.size(d)
    if rows != columns:
        raise RuntimeError("Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got ", columns, " != ", rows)
    inverse, info = linalg_inv_ex(self.reshape([rows, columns]), check_errors=False)
    _linalg_check_errors(info, "inv", is_matrix=True)
    return inverse.reshape(self.shape[ind:] + self.shape[:ind])


@composite(
    "linalg_tensorsolve(Tensor self, Tensor other, int[]? dims=None) -> Tensor",
    python="linalg",
    out=["linalg_tensorsolve.out(Tensor self, Tensor other, int[]? dims=None, *, Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_tensorsolve(self, other, dims):
    """Solution X of tensordot(A, X) = B."""
    A = self
    if dims is not None:
        order = []
        for d in range(self.ndim):
            moved = False
            for i in range(len(dims)):
                if (dims[i] if dims[i] >= 0 else dims[i] + self.ndim) == d:
                    moved = True
            if not moved:
                order.append(d)
        for i in range(len(dims)):
            order.append(dims[i])
        A = self.permute(order)
    rows = 1
    columns = 1
    for d in range(A.ndim):
        if d < other.ndim:
            rows = rows * A.size(d)
        else:
            columns = columns * A.size(d)
    if rows != columns:
        raise RuntimeError("Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but got ", columns,
                           " != ", rows)
    return linalg_solve(A.reshape([rows, columns]), other.reshape([-1])).reshape(A.shape[other.ndim:])


@composite(
    "linalg_vander(Tensor x, *, SymInt? N=None) -> Tensor",
    python="linalg",
    out=False,
)
def linalg_vander(x, N):
    """Vandermonde matrices: the powers 0, ..., N - 1 of every element of x."""
    if x.is_complex():
        base = x
    else:
        base = x if x.is_floating_point() else x.to(torch.int64)
    count = N if N is not None else (x.size(-1) if x.ndim > 0 else 1)
    if count <= 1:
        raise RuntimeError("N must be greater than 1.")
    column = base.unsqueeze(0) if base.ndim == 0 else base
    column = column.unsqueeze(-1)
    powers = column.expand(column.shape[:column.ndim - 1] + [count - 1]).cumprod(-1)
    return cat([column.new_ones(column.shape), powers], -1)


@kernel("_linalg_check_errors(Tensor info, str api_name, *, bool is_matrix) -> ()", python="function", out=False, grad=None, jvp=None)
def _linalg_check_errors():
    """LinAlgError that says what a nonzero status of LAPACK means."""


@composite("linalg_diagonal(Tensor(a) A, *, int offset=0, int dim1=-2, int dim2=-1) -> Tensor(a)", python="linalg")
def linalg_diagonal(A, offset, dim1, dim2):
    """View of the diagonals of A, by default of its last two dimensions."""
    return A.diagonal(offset, dim1, dim2)
