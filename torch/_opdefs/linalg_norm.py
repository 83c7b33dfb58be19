"""Norms and condition numbers of matrices, products of vectors and tensors, the matrix exponential."""

from .language import FLOATING_COMPLEX, NUMERIC, composite, decomposed, kernel


@composite(
    "linalg_matrix_norm(Tensor self, Scalar ord, int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None) -> "
    "Tensor",
    python="linalg",
    out=["linalg_matrix_norm.out(Tensor self, Scalar ord, int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None, "
         "Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_matrix_norm(self, ord, dim, keepdim, dtype):
    """Norm of matrices in two dimensions: "fro", "nuc", 1, -1, 2, -2, inf or -inf.

    >>> torch.linalg.matrix_norm(torch.tensor([[3., 0.], [0., 4.]]))
    tensor(5.)
    """
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
    """Norm of vectors or matrices, by the number of dimensions.

    >>> torch.linalg.norm(torch.tensor([3., 4.]))
    tensor(5.)
    """
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
    """Sum of the singular values.

    >>> torch.nuclear_norm(torch.eye(3))
    tensor(3.)
    """
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
    out=["frobenius_norm.out(Tensor self, int[1] dim, bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact",
)
def frobenius_norm_dim(self, dim, keepdim):
    """Root of the sum of squares over dimensions.

    >>> torch.frobenius_norm(torch.tensor([[3., 4.]]), [0, 1])
    tensor(5.)
    """
    return aten.linalg_vector_norm.default(self, 2.0, dim, keepdim)


@composite(
    "linalg_cond(Tensor self, Scalar? p=None) -> Tensor",
    python="linalg",
    out=["linalg_cond.out(Tensor self, Scalar? p=None, *, Tensor(a!) out) -> Tensor(a!)"],
)
def linalg_cond(self, p):
    """Condition number in the norm p, by default the ratio of the extreme singular values.

    >>> torch.linalg.cond(torch.tensor([[4., 0.], [0., 2.]]))
    tensor(2.)
    """
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
    kinds=NUMERIC, python="linalg",
    out=["linalg_cross.out(Tensor self, Tensor other, *, int dim=-1, Tensor(a!) out) -> Tensor(a!)"],
    grad={"self": "linalg_cross(other.conj(), grad, dim=dim)", "other": "linalg_cross(grad, self.conj(), dim=dim)"}, jvp="transposed", out_apart=True,
)
def linalg_cross(self, other, dim):
    """Cross product of vectors of length 3 along dim.

    >>> torch.linalg.cross(torch.tensor([1., 0., 0.]), torch.tensor([0., 1., 0.]))
    tensor([0., 0., 1.])
    """
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
    kinds=NUMERIC, python="function method",
    out=["cross.out(Tensor self, Tensor other, int? dim=None, *, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact", out_apart=True,
)
def cross(self, other, dim):
    """Cross product along dim, by default the first dimension of size 3.

    >>> torch.cross(torch.tensor([1., 0., 0.]), torch.tensor([0., 1., 0.]), 0)
    tensor([0., 0., 1.])
    """
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
    kinds=FLOATING_COMPLEX, python="linalg",
    out=["linalg_matrix_exp.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)"],
    grad={"self": _matrix_exp_grad}, jvp="transposed", vmap="shift",
)
def linalg_matrix_exp():
    """Exponential of square matrices.

    >>> torch.linalg.matrix_exp(torch.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """


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
    """Inverse of the map that tensordot over the last dimensions of A makes.

    >>> torch.linalg.tensorinv(2 * torch.eye(4).view(4, 2, 2), 1).shape
    torch.Size([2, 2, 4])
    """
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
    """Solution X of tensordot(A, X) = B.

    >>> torch.linalg.tensorsolve(torch.eye(4).view(4, 2, 2), torch.arange(4.))
    tensor([[0., 1.],
            [2., 3.]])
    """
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
    """Vandermonde matrices: the powers 0, ..., N - 1 of every element of x.

    >>> torch.linalg.vander(torch.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [1, 2, 4],
            [1, 3, 9]])
    """
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
    return cat([powers.new_ones(column.shape), powers], -1)


@kernel("_linalg_check_errors(Tensor info, str api_name, *, bool is_matrix) -> ()", python="function", out=False, grad=None, jvp=None, vmap="check_errors")
def _linalg_check_errors():
    """LinAlgError that says what a nonzero status of LAPACK means."""


@composite("linalg_diagonal(Tensor(a) A, *, int offset=0, int dim1=-2, int dim2=-1) -> Tensor(a)", python="linalg")
def linalg_diagonal(A, offset, dim1, dim2):
    """View of the diagonals of A, by default of its last two dimensions.

    >>> torch.linalg.diagonal(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    return A.diagonal(offset, dim1, dim2)
