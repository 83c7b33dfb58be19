"""Factorisations: Cholesky, QR, singular values, eigenvalues, LU. Kernels call LAPACK; gradients follow Giles (2008) and Townsend (2016)."""

from functools import partial

from .language import FLOATING_COMPLEX, HALF, SINGLE, UNKNOWN, composite, decomposed, kernel

lapack = partial(kernel, kinds=FLOATING_COMPLEX, compute=SINGLE)


@composite("_cholesky_grad(Tensor grad, Tensor factor, bool upper) -> Tensor", python="")
def _cholesky_grad(grad, factor, upper):
    """Gradient of the matrix of which factor is the Cholesky factor."""
    low = factor.mH if upper else factor
    g = grad.mH if upper else grad
    phi = low.mH.matmul(g).tril()
    phi = (phi + phi.tril(-1).mH) * 0.5
    right = aten.linalg_solve_triangular.default(low.mH, phi, upper=True, left=True)
    return aten.linalg_solve_triangular.default(low, right, upper=False, left=False)


@lapack(
    "linalg_cholesky_ex(Tensor self, *, bool upper=False, bool check_errors=False) -> (Tensor L, Tensor info)",
    python="linalg",
    out=["linalg_cholesky_ex.L(Tensor self, *, bool upper=False, bool check_errors=False, Tensor(a!) L, Tensor(b!) info) -> "
         "(Tensor(a!) L, Tensor(b!) info)"],
    grad={"self": "_cholesky_grad(grad, L, upper)"}, jvp="transposed", vmap="shift",
)
def linalg_cholesky_ex():
    """Cholesky factor, and 0 or the order of the minor that is not positive.

    >>> torch.linalg.cholesky_ex(-torch.eye(2)).info
    tensor(1, dtype=torch.int32)
    """


@composite(
    "linalg_cholesky(Tensor self, *, bool upper=False) -> Tensor",
    python="linalg",
    out=["linalg_cholesky.out(Tensor self, *, bool upper=False, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact",
)
def linalg_cholesky(self, upper):
    """Lower factor L of a Hermitian positive definite A = L L^H, or its upper transpose.

    >>> torch.linalg.cholesky(torch.tensor([[4., 2.], [2., 5.]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
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
    """The older name of torch.linalg.cholesky.

    >>> torch.cholesky(torch.tensor([[4., 2.], [2., 5.]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    L, info = linalg_cholesky_ex(self, upper=upper, check_errors=False)
    _linalg_check_errors(info, "cholesky", is_matrix=self.ndim == 2)
    return L


@lapack(
    "_cholesky_solve_helper(Tensor self, Tensor A, bool upper) -> Tensor",
    python="",
    out=["_cholesky_solve_helper.out(Tensor self, Tensor A, bool upper, *, Tensor(a!) out) -> Tensor(a!)"],
    grad=UNKNOWN, jvp=None, vmap="matrices",
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
    """Solution X of A X = self, where A has the Cholesky factor input2.

    >>> torch.cholesky_solve(torch.tensor([[4.], [1.]]), torch.tensor([[2., 0.], [0., 1.]]))
    tensor([[1.],
            [1.]])
    """
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


@lapack(
    "cholesky_inverse(Tensor self, bool upper=False) -> Tensor",
    python="function method",
    out=["cholesky_inverse.out(Tensor self, bool upper=False, *, Tensor(a!) out) -> Tensor(a!)"],
    grad={"self": _cholesky_inverse_grad}, jvp="transposed", vmap="shift", out_dtype="cast",
)
def cholesky_inverse():
    """Inverse of the matrix that has the Cholesky factor self.

    >>> torch.cholesky_inverse(torch.tensor([[2., 0.], [0., 1.]]))
    tensor([[0.2500, -0.0000],
            [-0.0000, 1.0000]])
    """


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
    inner = None
    if gQ is not None:
        inner = Q.mH.matmul(gQ)
    if gR is not None:
        outer = gR.matmul(R.mH)
        inner = outer if inner is None else outer - inner
    else:
        inner = -inner
    if rows >= columns:     # Q (U + U^H / 2 diagonals) R^-H, U the upper triangle
        inner = inner.triu()
        inner = inner + inner.mH
        part = inner.diagonal(0, -2, -1)
        if part.is_complex():
            part = real(part)
        part.mul_(0.5)
        total = Q.matmul(inner)
        if gQ is not None:
            total = total + gQ
        return aten.linalg_solve_triangular.default(R.mH, total, upper=False, left=False)
    # A = [A1 | A2] = Q [R1 | R2]: Q comes from A1 alone and A2 only passes through it
    inner = -inner
    inner = (inner - inner.mH).tril()
    if inner.is_complex():
        imag(inner.diagonal(0, -2, -1)).mul_(0.5)
    total = Q.matmul(inner)
    total = aten.linalg_solve_triangular.default(R.narrow(-1, 0, rows).mH, total, upper=False, left=False)
    total = cat([total, total.new_zeros(total.shape[:total.ndim - 1] + [columns - rows])], -1)
    return total if gR is None else total + Q.matmul(gR)


@lapack(
    'linalg_qr(Tensor A, str mode="reduced") -> (Tensor Q, Tensor R)',
    python="linalg",
    out=['linalg_qr.out(Tensor A, str mode="reduced", *, Tensor(a!) Q, Tensor(b!) R) -> (Tensor(a!) Q, Tensor(b!) R)'],
    grad={"A": _qr_grad}, jvp="transposed", vmap="shift",
)
def linalg_qr():
    """A = Q R with orthonormal columns in Q and an upper triangle R.

    >>> torch.linalg.qr(torch.tensor([[3.], [4.]])).R.abs()
    tensor([[5.]])
    """


@composite(
    "qr(Tensor self, bool some=True) -> (Tensor Q, Tensor R)",
    python="function method",
    out=["qr.Q(Tensor self, bool some=True, *, Tensor(a!) Q, Tensor(b!) R) -> (Tensor(a!) Q, Tensor(b!) R)"], out_dtype="exact",
)
def qr(self, some):
    """The older name of torch.linalg.qr.

    >>> torch.qr(torch.eye(2))[1].shape
    torch.Size([2, 2])
    """
    Q, R = linalg_qr(self, "reduced" if some else "complete")
    return Q, R


@lapack(
    "geqrf(Tensor self) -> (Tensor a, Tensor tau)",
    python="function method",
    out=["geqrf.a(Tensor self, *, Tensor(a!) a, Tensor(b!) tau) -> (Tensor(a!) a, Tensor(b!) tau)"],
    grad=UNKNOWN, jvp=None, vmap="shift", out_dtype="cast",
)
def geqrf():
    """QR factorisation in LAPACK's packed form: R above, Householder vectors below, and their scales.

    >>> torch.geqrf(torch.tensor([[3.], [4.]])).a[0].abs()
    tensor([5.])
    """


@composite("_reflect_left(Tensor v, Tensor scale, Tensor(a!) K, int i) -> Tensor", python="")
def _reflect_left(v, scale, K, i):
    """(1 - scale v v^H) K for a v that starts in row i; in place where the step itself is not recorded."""
    rows = v.size(-2) - i
    low = v.narrow(-2, i, rows)
    adjoint = v.narrow(-2, i, rows).mH
    product = adjoint.matmul(K.narrow(-2, i, rows))
    if grad_enabled():
        return K - scale.unsqueeze(-1) * v * product
    part = K.narrow(-2, i, rows)
    step = scale.unsqueeze(-1) * low
    part.sub_(step * product)
    return K


@composite("_reflect_right(Tensor v, Tensor scale, Tensor(a!) K, int i) -> Tensor", python="")
def _reflect_right(v, scale, K, i):
    """K (1 - scale v v^H) for a v that starts in row i; in place where the step itself is not recorded."""
    rows = v.size(-2) - i
    low = v.narrow(-2, i, rows)
    columns = K.narrow(-1, i, rows)
    scaled = v.narrow(-2, i, rows)
    scaled = scale.unsqueeze(-1) * scaled
    product = columns.matmul(scaled)
    if grad_enabled():
        return K - product * v.mH
    part = K.narrow(-1, i, rows)
    part.sub_(product * low.mH)
    return K


@composite("_reflection_grad(Tensor v, Tensor tau, Tensor K, int i) -> (Tensor, Tensor)", python="")
def _reflection_grad(v, tau, K, i):
    """Gradients of v and tau in 1 - tau v v^H, where K is the adjoint of the gradient with respect to it."""
    rows = v.size(-2) - i
    low = v.narrow(-2, i, rows)
    adjoint = low.mH
    vK = adjoint.matmul(K.narrow(-2, i, rows))
    Kv = K.narrow(-1, i, rows).matmul(low)
    scale = tau.unsqueeze(-1)
    right = (scale * Kv).squeeze(-1)
    left = (-scale * vK).conj().squeeze(-2)
    grad_v = left - right
    grad_tau = -vK.narrow(-1, i, rows).matmul(low).conj()
    return grad_v.unsqueeze(-1), grad_tau.squeeze(-1)


@composite("_householder_grad(Tensor grad, Tensor result, Tensor input, Tensor tau, bool flip) -> (Tensor, Tensor)", python="")
def _householder_grad(grad, result, input, tau, flip):
    """Gradients of the packed reflections H_i = 1 - tau_i v_i v_i^H and their scales, for result = H_1 ... H_k C.

    A walk over the factors, from the last where flip is set, in which K is the adjoint of the gradient with respect to the
    factor at hand. Away from unit reflections the inverse of a factor is 1 - s v v^H with s = tau / (tau |v|^2 - 1).
    """
    count = tau.size(-1)
    if input.numel() == 0 or tau.numel() == 0:
        return None, None
    packed = input.tril(-1)
    packed.diagonal(0, -2, -1).fill_(1.0)
    vectors = packed.narrow(-1, 0, count)
    square = (vectors * vectors.conj()).sum([-2])
    inverse = tau / (tau * square - 1.0)
    parts = [packed for i in range(count)]
    scales = [tau for i in range(count)]
    K = result.matmul(grad.mH)
    v = packed
    t = tau
    for step in range(0, count):
        i = count - 1 - step if flip else step
        s = inverse.narrow(-1, i, 1)
        after = packed.narrow(-1, i, 1)
        if flip:
            K = _reflect_right(after, s, K, i)
            if step > 0:
                K = _reflect_left(v, t, K, i + 1)
        else:
            K = _reflect_left(after, s, K, i)
            if step > 0:
                K = _reflect_right(v, t, K, i - 1)
        v = packed.narrow(-1, i, 1)
        t = tau.narrow(-1, i, 1)
        gv, gt = _reflection_grad(v, t, K, i)
        parts[i] = gv
        scales[i] = gt
    rest = input.size(-1) - count
    if rest > 0:
        parts.append(aten.zeros.default(input.shape[:input.ndim - 1] + [rest], dtype=input.dtype, device=input.device))
    grad_input = cat(parts, -1)
    grad_tau = cat(scales, -1)
    return grad_input.tril(-1) if grad_enabled() else grad_input.tril_(-1), grad_tau


def _ormqr_reflections_grad(grad, self, input2, input3, left, transpose, result):
    to_product = ormqr(self, input2, grad, left, not transpose) if needs("input3") else None
    product = result if left else result.mH
    g = grad if left else grad.mH
    if left != transpose:
        to_packed, to_tau = _householder_grad(g, product, self, input2, False)
    else:
        to_packed, to_tau = _householder_grad(product, g, self, input2, True)
    return to_packed, to_tau, to_product


@lapack(
    "linalg_householder_product(Tensor input, Tensor tau) -> Tensor",
    python="linalg",
    out=["linalg_householder_product.out(Tensor input, Tensor tau, *, Tensor(a!) out) -> Tensor(a!)"],
    grad={"input, tau": "_householder_grad(grad, result, input, tau, False)"}, jvp="transposed", vmap="shift", out_dtype="cast",
)
def linalg_householder_product():
    """First columns of the product of Householder reflections that geqrf packs.

    >>> torch.linalg.householder_product(*torch.geqrf(-torch.eye(2)))
    tensor([[1., 0.],
            [0., 1.]])
    """


@composite(
    "orgqr(Tensor self, Tensor input2) -> Tensor",
    python="function method",
    out=["orgqr.out(Tensor self, Tensor input2, *, Tensor(a!) out) -> Tensor(a!)"],
)
def orgqr(self, input2):
    """The older name of torch.linalg.householder_product.

    >>> torch.orgqr(*torch.geqrf(-torch.eye(2)))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return linalg_householder_product(self, input2)


@lapack(
    "ormqr(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False) -> Tensor",
    python="function method",
    out=["ormqr.out(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False, *, Tensor(a!) out) -> "
         "Tensor(a!)"],
    grad={"self, input2, input3": _ormqr_reflections_grad}, jvp="transposed", vmap="shift", out_dtype="cast",
)
def ormqr():
    """Product of the Q that geqrf packs, or of its adjoint, with a matrix, from the left or right.

    >>> torch.ormqr(*torch.geqrf(torch.eye(2)), torch.ones(2, 1)).abs()
    tensor([[1.],
            [1.]])
    """


def _svd_grad(grads, A, full_matrices, compute_uv, U, S, Vh):
    gU = grads[0]
    gS = grads[1]
    gVh = grads[2]
    m = A.size(-2)
    n = A.size(-1)
    k = min(m, n)
    u = U
    vh = Vh
    if not compute_uv:      # U and Vh are empty, and so are their gradients
        u, _s, vh = _linalg_svd(A, False, True)
        gU = None
        gVh = None
    if full_matrices:
        vh = vh.narrow(-2, 0, k)
        u = u.narrow(-1, 0, k)
        if gVh is not None:
            gVh = gVh.narrow(-2, 0, k)
        if gU is not None:
            gU = gU.narrow(-1, 0, k)
    if gU is None and gVh is None:
        weight = gS.to(A.dtype)
        if m >= n:
            return u.matmul(weight.unsqueeze(-1) * vh)
        return (u * weight.unsqueeze(-2)).matmul(vh)
    skew_u = None
    skew_v = None
    if gU is not None:
        skew_u = u.mH.matmul(gU)
        skew_u = skew_u - skew_u.mH
    if gVh is not None:
        skew_v = vh.matmul(gVh.mH)
        skew_v = skew_v - skew_v.mH
    if A.is_complex():      # a phase of u that vh takes back does not count
        turn_u = imag(skew_u.diagonal(0, -2, -1)) if gU is not None else None
        turn_v = -imag(skew_v.diagonal(0, -2, -1)) if gVh is not None else zeros_like(turn_u)
        if turn_u is None:
            turn_u = zeros_like(turn_v)
        if not turn_u.allclose(turn_v, 0.01, 0.01):
            raise RuntimeError("svd_backward: The singular vectors in the complex case are specified up to multiplication by e^{i phi}. "
                               "The specified loss function depends on this phase term, making it ill-defined.")
    square = S * S
    column = square.unsqueeze(-1)
    gap = square.unsqueeze(-2) - column
    gap.diagonal(0, -2, -1).fill_(1)
    middle = None
    if gU is not None and gVh is not None:
        right = S.unsqueeze(-1) * skew_v
        middle = (skew_u * S.unsqueeze(-2) + right) / gap
    elif gU is not None:
        row = S.unsqueeze(-2)
        middle = skew_u / gap * row
    else:
        quotient = skew_v / gap
        middle = S.unsqueeze(-1) * quotient
    if gS is not None:
        middle = middle + gS.to(A.dtype).diag_embed()
    if A.is_complex() and gU is not None:
        double = S * 2.0
        middle = middle + (skew_u.diagonal(0, -2, -1) / double).diag_embed()
    # outside the span of u (or of vh) the vectors turn by gU / S
    if m > k and gU is not None:
        inside = u.matmul(middle)
        scaled = gU / S.unsqueeze(-2)
        projected = u.matmul(u.mH.matmul(scaled))
        return (inside + scaled - projected).matmul(vh)
    if n > k and gVh is not None:
        inside = middle.matmul(vh)
        scaled = gVh / S.unsqueeze(-1)
        projected = scaled.matmul(vh.mH).matmul(vh)
        return u.matmul(inside + scaled - projected)
    return u.matmul(middle.matmul(vh)) if m <= n or gU is None else u.matmul(middle).matmul(vh)


@lapack(
    "_linalg_svd(Tensor A, bool full_matrices=False, bool compute_uv=True, *, str? driver=None) -> (Tensor U, Tensor S, "
    "Tensor Vh)",
    python="function",
    out=["_linalg_svd.U(Tensor A, bool full_matrices=False, bool compute_uv=True, *, str? driver=None, Tensor(a!) U, Tensor(b!) "
         "S, Tensor(c!) Vh) -> (Tensor(a!) U, Tensor(b!) S, Tensor(c!) Vh)"],
    grad={"A": _svd_grad}, jvp="transposed", vmap="shift",
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
    """Singular value decomposition A = U diag(S) Vh; singular values descend.

    >>> torch.linalg.svd(torch.tensor([[0., 2.], [1., 0.]])).S
    tensor([2., 1.])
    """
    U, S, Vh = _linalg_svd(A, full_matrices, True, driver=driver)
    return U, S, Vh


@composite(
    "linalg_svdvals(Tensor A, *, str? driver=None) -> Tensor",
    python="linalg",
    out=["linalg_svdvals.out(Tensor A, *, str? driver=None, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact",
)
def linalg_svdvals(A, driver):
    """Singular values, in descending order.

    >>> torch.linalg.svdvals(torch.tensor([[0., 2.], [1., 0.]]))
    tensor([2., 1.])
    """
    _, S, _ = _linalg_svd(A, False, A.requires_grad, driver=driver)
    return S


@composite(
    "svd(Tensor self, bool some=True, bool compute_uv=True) -> (Tensor U, Tensor S, Tensor V)",
    python="function method",
    out=["svd.U(Tensor self, bool some=True, bool compute_uv=True, *, Tensor(a!) U, Tensor(b!) S, Tensor(c!) V) -> (Tensor(a!) "
         "U, Tensor(b!) S, Tensor(c!) V)"], out_dtype="exact",
)
def svd(self, some, compute_uv):
    """The older form of torch.linalg.svd, which returns V instead of its adjoint.

    >>> torch.svd(torch.tensor([[0., 2.], [1., 0.]]))[1]
    tensor([2., 1.])
    """
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
    if not compute_v:       # the vectors are empty, and so is their gradient
        _, V = _linalg_eigh(A, UPLO, True)
        gV = None
    Vh = V.mH
    if gV is None or not compute_v:
        return (V * gL.to(V.dtype).unsqueeze(-2)).matmul(Vh)
    inner = Vh.matmul(gV)
    require_real(inner.diagonal(0, -2, -1), "linalg_eigh_backward: The eigenvectors in the complex case are specified up to multiplication by e^{i phi}. "
                 "The specified loss function depends on this quantity, so it is ill-defined.")
    inner = (inner - inner.mH) * 0.5
    column = eigenvalues.unsqueeze(-1)
    gap = eigenvalues.unsqueeze(-2) - column
    gap.diagonal(0, -2, -1).fill_(1.0)
    inner = inner / gap if grad_enabled() else inner.div_(gap)
    if gL is not None:
        inner = inner.diagonal_scatter(gL, 0, -2, -1)
    return V.matmul(inner.matmul(V.mH))


@lapack(
    '_linalg_eigh(Tensor A, str UPLO="L", bool compute_v=True) -> (Tensor eigenvalues, Tensor eigenvectors)',
    python="function",
    out=['_linalg_eigh.eigenvalues(Tensor A, str UPLO="L", bool compute_v=True, *, Tensor(a!) eigenvalues, Tensor(b!) '
         'eigenvectors) -> (Tensor(a!) eigenvalues, Tensor(b!) eigenvectors)'],
    grad={"A": _eigh_grad}, jvp="transposed", vmap="shift",
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
    """Eigenvalues, ascending, and eigenvectors of a Hermitian matrix, of which only the triangle UPLO is read.

    >>> torch.linalg.eigh(torch.tensor([[2., 0.], [0., 1.]])).eigenvalues
    tensor([1., 2.])
    """
    values, vectors = _linalg_eigh(self, UPLO, True)
    return values, vectors


@composite(
    'linalg_eigvalsh(Tensor self, str UPLO="L") -> Tensor',
    python="linalg",
    out=['linalg_eigvalsh.out(Tensor self, str UPLO="L", *, Tensor(a!) out) -> Tensor(a!)'], out_dtype="exact",
)
def linalg_eigvalsh(self, UPLO):
    """Eigenvalues, ascending, of a Hermitian matrix.

    >>> torch.linalg.eigvalsh(torch.tensor([[2., 0.], [0., 1.]]))
    tensor([1., 2.])
    """
    values, _ = _linalg_eigh(self, UPLO, self.requires_grad)
    return values


def _eig_grad(grads, self, eigenvalues, eigenvectors):
    gL = grads[0]
    gV = grads[1]
    V = eigenvectors
    if gV is None:
        adjoint = V.mH
        right = gL.unsqueeze(-1) * adjoint
    else:
        inner = V.mH.matmul(gV)
        part = inner.diagonal(0, -2, -1)
        if self.is_complex():
            require_real(part, "linalg_eig_backward: The eigenvectors in the complex case are specified up to multiplication by e^{i phi}. "
                         "The specified loss function depends on this quantity, so it is ill-defined.")
        scaled = V * real(part).unsqueeze(-2)
        inner = inner - V.mH.matmul(scaled)
        turned = eigenvalues.conj()
        column = turned.unsqueeze(-1)
        gap = turned.unsqueeze(-2) - column
        gap.diagonal(0, -2, -1).fill_(1.0)
        inner = inner / gap if grad_enabled() else inner.div_(gap)
        if gL is not None:
            inner = inner.diagonal_scatter(gL, 0, -2, -1)
        right = inner.matmul(V.mH)
    g = linalg_solve(V.mH, right)
    return g if self.is_complex() else real(g)


@lapack(
    "linalg_eig(Tensor self) -> (Tensor eigenvalues, Tensor eigenvectors)",
    python="linalg",
    out=["linalg_eig.out(Tensor self, *, Tensor(a!) eigenvalues, Tensor(b!) eigenvectors) -> (Tensor(a!) eigenvalues, "
         "Tensor(b!) eigenvectors)"],
    grad={"self": _eig_grad}, jvp="transposed", vmap="shift", out_dtype="cast",
)
def linalg_eig():
    """Eigenvalues and right eigenvectors of unit length, complex.

    >>> torch.linalg.eig(torch.tensor([[0., 1.], [-1., 0.]])).eigenvalues.imag.sort().values
    tensor([-1.,  1.])
    """

def _eigvals_grad(grad, self):
    _, V = linalg_eig(self)
    adjoint = V.mH
    g = linalg_solve(adjoint, grad.unsqueeze(-1) * adjoint)
    return g if self.is_complex() else real(g)


@lapack(
    "_linalg_eigvals(Tensor self) -> Tensor",
    python="function",
    out=False,
    grad={"self": _eigvals_grad}, jvp="transposed", vmap="shift",
)
def _linalg_eigvals():
    """Eigenvalues alone."""


@composite(
    "linalg_eigvals(Tensor self) -> Tensor",
    python="linalg",
    out=["linalg_eigvals.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_eigvals(self):
    """Eigenvalues of a square matrix, complex, in no order.

    >>> torch.linalg.eigvals(torch.tensor([[2., 0.], [0., 1.]])).real.sort().values
    tensor([1., 2.])
    """
    if self.requires_grad:
        values, _ = linalg_eig(self)
        return values
    return _linalg_eigvals(self)


@composite("_lu_grad(Tensor? gL, Tensor? gU, Tensor P, Tensor L, Tensor U) -> Tensor", python="")
def _lu_grad(gL, gU, P, L, U):
    """Gradient of A = P L U: P L^-H (tril(L^H gL, -1) + triu(gU U^H)) U^-H, where the factors are square."""
    m = L.size(-2)
    n = U.size(-1)
    if m == n:
        low = L.mH.matmul(gL).tril(-1) if gL is not None else None
        high = gU.matmul(U.mH).triu() if gU is not None else None
        inner = low
        if high is not None:
            inner = high if low is None else low + high
        g = aten.linalg_solve_triangular.default(U.mH, inner, upper=False, left=False)
        return P.matmul(aten.linalg_solve_triangular.default(L.mH, g, upper=True, unitriangular=True))
    if m < n:   # the right of U is L^-1 P^T A2: it passes its gradient through L
        inner = L.mH.matmul(gL) if gL is not None else None
        if gU is not None:
            outer = gU.triu().matmul(U.mH)
            inner = inner - outer if gL is not None else -outer
        inner = inner.tril(-1)
        square = U.narrow(-1, 0, m).mH
        g = aten.linalg_solve_triangular.default(square, inner, upper=False, left=False)
        if gU is not None:
            g = g + gU.narrow(-1, 0, m).triu()
            g = cat([g, gU.narrow(-1, m, n - m)], -1)
            return P.matmul(aten.linalg_solve_triangular.default(L.mH, g, upper=True, unitriangular=True))
        g = aten.linalg_solve_triangular.default(L.mH, g, upper=True, unitriangular=True)
        return P.matmul(cat([g, zeros_like(U.narrow(-1, m, n - m))], -1))
    inner = gU.matmul(U.mH) if gU is not None else None
    if gL is not None:
        adjoint = L.mH
        outer = adjoint.matmul(gL.tril(-1))
        inner = inner - outer if gU is not None else -outer
    inner = inner.triu()
    square = L.narrow(-2, 0, n).mH
    g = aten.linalg_solve_triangular.default(square, inner, upper=True, unitriangular=True)
    if gL is not None:
        g = g + gL.narrow(-2, 0, n).tril(-1)
        g = cat([g, gL.narrow(-2, n, m - n)], -2)
        return P.matmul(aten.linalg_solve_triangular.default(U.mH, g, upper=False, left=False))
    g = aten.linalg_solve_triangular.default(U.mH, g, upper=False, left=False)
    return P.matmul(cat([g, zeros_like(L.narrow(-2, n, m - n))], -2))


def _lu_factor_grad(grad, LU, pivots):
    P, L, U = lu_unpack(LU, pivots)
    k = min(LU.size(-2), LU.size(-1))
    low = grad.narrow(-1, 0, k)
    high = grad.narrow(-2, 0, k)
    return _lu_grad(low, high, P, L, U)


@lapack(
    "linalg_lu_factor_ex(Tensor A, *, bool pivot=True, bool check_errors=False) -> (Tensor LU, Tensor pivots, Tensor info)",
    python="linalg",
    out=["linalg_lu_factor_ex.out(Tensor A, *, bool pivot=True, bool check_errors=False, Tensor(a!) LU, Tensor(b!) pivots, "
         "Tensor(c!) info) -> (Tensor(a!) LU, Tensor(b!) pivots, Tensor(c!) info)"],
    grad={"A": _lu_factor_grad}, jvp="transposed", vmap="shift",
)
def linalg_lu_factor_ex():
    """Compact LU factors with row exchanges, and 0 or the index of a zero on the diagonal of U.

    >>> torch.linalg.lu_factor_ex(torch.zeros(2, 2)).info
    tensor(1, dtype=torch.int32)
    """


@composite(
    "linalg_lu_factor(Tensor A, *, bool pivot=True) -> (Tensor LU, Tensor pivots)",
    python="linalg",
    out=["linalg_lu_factor.out(Tensor A, *, bool pivot=True, Tensor(a!) LU, Tensor(b!) pivots) -> (Tensor(a!) LU, Tensor(b!) "
         "pivots)"], out_dtype="exact",
)
def linalg_lu_factor(A, pivot):
    """Compact LU factors and row exchanges, as lu_solve takes them.

    >>> torch.linalg.lu_factor(torch.tensor([[0., 1.], [2., 0.]])).pivots
    tensor([2, 2], dtype=torch.int32)
    """
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
    grad={"A": "_lu_grad(grads[1], grads[2], P, L, U)"}, jvp="transposed", constant=(0,),
)
def linalg_lu(A, pivot):
    """A = P L U with a permutation P, unit lower triangle L and upper triangle U.

    >>> torch.linalg.lu(torch.tensor([[0., 1.], [2., 0.]])).U
    tensor([[2., 0.],
            [0., 1.]])
    """
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
    batch = LU_data.shape[:LU_data.ndim - 2]
    if gL is None:
        high = gU.triu()
        return cat([high, aten.zeros.default(batch + [m - k, k], dtype=high.dtype, device=high.device)], -2) if m > n else high
    if gU is None:
        low = gL.tril(-1)
        return cat([low, aten.zeros.default(batch + [k, n - k], dtype=low.dtype, device=low.device)], -1) if m < n else low
    high = (gU.narrow(-1, 0, k) if m < n else gU).triu()
    low = (gL.narrow(-2, 0, k) if m > n else gL).tril(-1)
    g = low + high
    if m < n:
        return cat([g, gU.narrow(-1, k, n - k)], -1)
    return cat([g, gL.narrow(-2, k, m - k)], -2) if m > n else g


@kernel(
    "lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True) -> (Tensor P, Tensor L, "
    "Tensor U)",
    kinds=FLOATING_COMPLEX, compute=HALF, python="function",
    out=["lu_unpack.out(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True, *, Tensor(a!) P, "
         "Tensor(b!) L, Tensor(c!) U) -> (Tensor(a!) P, Tensor(b!) L, Tensor(c!) U)"],
    grad={"LU_data": _lu_unpack_grad}, jvp="transposed", constant=(0,), vmap="shift",
)
def lu_unpack():
    """Permutation, lower and upper factor of a compact LU factorisation.

    >>> torch.lu_unpack(*torch.linalg.lu_factor(torch.tensor([[0., 1.], [2., 0.]])))[0]
    tensor([[0., 1.],
            [1., 0.]])
    """
