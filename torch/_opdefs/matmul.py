"""Products of matrices and vectors, and what is made of them: matmul, linear, tensordot, einsum, cdist."""

from functools import partial

from .language import FLOATING, FLOATING_COMPLEX, HALF, NUMERIC, REALS, SINGLE, UNKNOWN, WIDE_UNSIGNED, composite, decomposed, kernel

product = partial(kernel, kinds=NUMERIC, compute=HALF, modular=True)


@product(
    "mm(Tensor self, Tensor mat2) -> Tensor",
    grad={
        "mat2": "grad.t().mm(self.conj()).t() if mat2.strides()[0] == 1 and mat2.strides()[1] == mat2.size(0) else self.t().conj().mm(grad)",
        "self": "mat2.conj().mm(grad.t()).t() if self.strides()[0] == 1 and self.strides()[1] == self.size(0) else grad.mm(mat2.t().conj())",
    },
    jvp={"result": "self_t.mm(mat2) + self.mm(mat2_t)"}, vmap="mm",
)
def mm():
    """Matrix product of two matrices, (n, m) and (m, p) to (n, p).

    >>> torch.mm(torch.ones(2, 3), torch.ones(3, 2))
    tensor([[3., 3.],
            [3., 3.]])
    """


@product(
    "bmm(Tensor self, Tensor mat2) -> Tensor",
    grad={"self": "grad.bmm(mat2.transpose(1, 2).conj())", "mat2": "self.transpose(1, 2).conj().bmm(grad)"},
    jvp={"result": "self_t.bmm(mat2) + self.bmm(mat2_t)"}, vmap="mm",
)
def bmm():
    """Products of the matrices of two batches, (b, n, m) and (b, m, p) to (b, n, p).

    >>> torch.bmm(torch.ones(2, 1, 3), torch.ones(2, 3, 1)).shape
    torch.Size([2, 1, 1])
    """


def _addmm_mat1(grad, mat1, mat2, alpha):
    if mat1.strides()[0] == 1 and mat1.strides()[1] == mat1.size(0):
        g = mat2.conj().mm(grad.t()).t()
    else:
        g = grad.mm(mat2.t().conj())
    return g if alpha == 1 else g * alpha.conj()


def _addmm_mat2(grad, mat1, mat2, alpha):
    if mat2.strides()[0] == 1 and mat2.strides()[1] == mat2.size(0):
        g = grad.t().mm(mat1.conj()).t()
    else:
        g = mat1.t().conj().mm(grad)
    return g if alpha == 1 else g * alpha.conj()


@product(
    "addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    inplace=["addmm_(Tensor(a!) self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)"],
    grad={"mat1": _addmm_mat1, "mat2": _addmm_mat2, "self": "grad if beta == 1 else grad * beta.conj()"},
    jvp={"result": "self_t * beta + (mat1_t.mm(mat2) + mat1.mm(mat2_t)) * alpha"}, vmap="addmm",
)
def addmm():
    """beta * self + alpha * (mat1 @ mat2); self broadcasts to the product's shape. beta=0 ignores self, NaN and all.

    >>> torch.addmm(torch.ones(2), torch.eye(2), torch.tensor([[1., 2.], [3., 4.]]))
    tensor([[2., 3.],
            [4., 5.]])
    """


@product(
    "baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    inplace=["baddbmm_(Tensor(a!) self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)"],
    grad={
        "batch1": "grad.bmm(batch2.transpose(1, 2).conj()) if alpha == 1 else grad.bmm(batch2.transpose(1, 2).conj()) * alpha.conj()",
        "batch2": "batch1.transpose(1, 2).conj().bmm(grad) if alpha == 1 else batch1.transpose(1, 2).conj().bmm(grad) * alpha.conj()",
        "self": "grad if beta == 1 else grad * beta.conj()",
    },
    jvp={"result": "self_t * beta + (batch1_t.bmm(batch2) + batch1.bmm(batch2_t)) * alpha"}, vmap="addmm",
)
def baddbmm():
    """beta * self + alpha * (batch1 @ batch2) for batches of matrices.

    >>> torch.baddbmm(torch.ones(1, 1, 1), torch.ones(1, 1, 2), torch.ones(1, 2, 1))
    tensor([[[3.]]])
    """


def _addbmm_batch1(grad, batch1, batch2, alpha):
    g = grad.unsqueeze(0).expand([batch1.size(0), batch1.size(1), batch2.size(2)])
    g = g.bmm(batch2.transpose(1, 2).conj())
    return g if alpha == 1 else g * alpha.conj()


def _addbmm_batch2(grad, batch1, batch2, alpha):
    turned = batch1.transpose(1, 2).conj()
    g = turned.bmm(grad.unsqueeze(0).expand([batch1.size(0), batch1.size(1), batch2.size(2)]))
    return g if alpha == 1 else g * alpha.conj()


@product(
    "addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    inplace=["addbmm_(Tensor(a!) self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)"],
    grad={"batch1": _addbmm_batch1, "batch2": _addbmm_batch2, "self": "grad if beta == 1 else grad * beta.conj()"},
    jvp={"result": "self_t * beta + (batch1_t.bmm(batch2) + batch1.bmm(batch2_t)).sum(0) * alpha"},
    vmap="batch1.bmm(batch2).sum(0) * alpha if beta == 0 else self * beta + batch1.bmm(batch2).sum(0) * alpha",
)
def addbmm():
    """beta * self + alpha * the sum over the batch of batch1 @ batch2.

    >>> torch.addbmm(torch.zeros(1, 1), torch.ones(2, 1, 3), torch.ones(2, 3, 1))
    tensor([[6.]])
    """


@product(
    "mv(Tensor self, Tensor vec) -> Tensor",
    grad={"self": "grad.ger(vec.conj())", "vec": "self.conj().t().mv(grad)"},
    jvp={"result": "self_t.mv(vec) + self.mv(vec_t)"}, vmap="self.mm(vec.unsqueeze(1)).squeeze(1)",
)
def mv():
    """Product of a matrix (n, m) and a vector (m,).

    >>> torch.mv(torch.eye(2), torch.tensor([1., 2.]))
    tensor([1., 2.])
    """


@product(
    "addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    inplace=["addmv_(Tensor(a!) self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)"],
    grad={
        "mat": "grad.ger(vec.conj()) if alpha == 1 else grad.ger(vec.conj()) * alpha.conj()",
        "vec": "mat.t().conj().mv(grad) if alpha == 1 else mat.t().conj().mv(grad) * alpha.conj()",
        "self": "grad if beta == 1 else grad * beta.conj()",
    },
    jvp={"result": "self_t * beta + (mat_t.mv(vec) + mat.mv(vec_t)) * alpha"},
    vmap="mat.mv(vec) * alpha if beta == 0 else self * beta + mat.mv(vec) * alpha",
)
def addmv():
    """beta * self + alpha * (mat @ vec).

    >>> torch.addmv(torch.ones(2), torch.eye(2), torch.tensor([1., 2.]))
    tensor([2., 3.])
    """


@product(
    "dot(Tensor self, Tensor tensor) -> Tensor",
    grad={"self": "grad * tensor.conj()", "tensor": "grad * self.conj()"},
    jvp={"result": "self_t.dot(tensor) + self.dot(tensor_t)"}, vmap="(self * tensor).sum()",
)
def dot():
    """Inner product of two vectors, without conjugation.

    >>> torch.dot(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor(11)
    """


@product(
    "vdot(Tensor self, Tensor other) -> Tensor",
    grad={"self": "grad.conj() * other", "other": "grad * self"},
    jvp={"result": "self_t.vdot(other) + self.vdot(other_t)"}, vmap="(self.conj() * other).sum()",
)
def vdot():
    """Inner product of two vectors, the first one conjugated.

    >>> torch.vdot(torch.tensor([1j]), torch.tensor([1j]))
    tensor(1.+0.j)
    """


@decomposed(
    "addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    inplace=["addr_(Tensor(a!) self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)"],
    out=["addr.out(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1, Tensor(a!) out) -> Tensor(a!)"],
    grad={
        "vec1": "grad.mv(vec2.conj()) if alpha == 1 else grad.mv(vec2.conj()) * alpha.conj()",
        "vec2": "grad.t().mv(vec1.conj()) if alpha == 1 else grad.t().mv(vec1.conj()) * alpha.conj()",
        "self": "grad if beta == 1 else grad * beta.conj()",
    },
    jvp={"result": "self_t * beta + (vec1_t.outer(vec2) + vec1.outer(vec2_t)) * alpha"}, out_dtype="cast",
)
def addr(self, vec1, vec2, beta, alpha):
    """beta * self + alpha * outer(vec1, vec2).

    >>> torch.addr(torch.zeros(2, 2), torch.tensor([1., 2.]), torch.tensor([3., 4.]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    if vec1.ndim != 1 or vec2.ndim != 1:
        raise RuntimeError(f"addr: Expected 1-D argument vec1 and vec2, but got {vec1.ndim}-D and {vec2.ndim}-D")
    if self.dtype == torch.bool and vec1.dtype == torch.bool and vec2.dtype == torch.bool:
        both = vec1.unsqueeze(1).logical_and(vec2) if bool(alpha) else zeros([vec1.size(0), vec2.size(0)], dtype=torch.bool, device=self.device)
        return both.logical_or(self) if bool(beta) else both
    rank_one = vec1.unsqueeze(1) * vec2
    rank_one = rank_one if alpha == 1 else rank_one * alpha
    base = self.expand([vec1.size(0), vec2.size(0)])
    if beta == 0:
        return rank_one
    return rank_one + (base if beta == 1 else base * beta)


@composite(
    "outer(Tensor self, Tensor vec2) -> Tensor",
    out=["outer.out(Tensor self, Tensor vec2, *, Tensor(a!) out) -> Tensor(a!)"],
)
def outer(self, vec2):
    """Outer product of two vectors, (n,) and (m,) to (n, m).

    >>> torch.outer(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor([[3, 4],
            [6, 8]])
    """
    if self.ndim != 1:
        raise RuntimeError(f"outer: Expected 1-D argument self, but got {self.ndim}-D")
    if vec2.ndim != 1:
        raise RuntimeError(f"outer: Expected 1-D argument vec2, but got {vec2.ndim}-D")
    return self.reshape([self.size(0), 1]) * vec2


@composite(
    "ger(Tensor self, Tensor vec2) -> Tensor",
    out=["ger.out(Tensor self, Tensor vec2, *, Tensor(a!) out) -> Tensor(a!)"],
)
def ger(self, vec2):
    """Alias of outer."""
    return self.outer(vec2)


@composite(
    "matmul(Tensor self, Tensor other) -> Tensor",
    out=["matmul.out(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact",
)
def matmul(self, other):
    """Product over the last dimension of self and the last but one of other; batch dimensions broadcast, vectors are rows or columns.

    >>> torch.matmul(torch.ones(5, 2, 3), torch.ones(3, 4)).shape
    torch.Size([5, 2, 4])
    """
    n1 = self.ndim
    n2 = other.ndim
    if n1 == 0 or n2 == 0:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {n1}D and {n2}D")
    if n1 == 1 and n2 == 1:
        return self.dot(other)
    if n1 == 2 and n2 == 1:
        return self.mv(other)
    if n1 == 1 and n2 == 2:
        return self.unsqueeze(0).mm(other).squeeze_(0)
    if n1 == 2 and n2 == 2:
        return self.mm(other)
    a = self
    b = other
    if n1 == 3 and n2 == 3 and a.size(0) != b.size(0):
        if b.size(0) == 1:
            b = b.squeeze(0)
        elif a.size(0) == 1:
            a = a.squeeze(0)
        n1 = a.ndim
        n2 = b.ndim
    if n1 <= 2 or n2 <= 2:
        swapped = n2 > n1
        large = b.transpose(-2, -1) if swapped else a
        small = a if swapped else b
        fold = small.requires_grad or large.numel() == 0
        if not fold:
            fold = True
            for d in range(large.ndim - 2):
                if large.stride(d) != large.stride(d + 1) * large.size(d + 1):
                    fold = False
        if fold:
            if swapped:
                large = other.transpose(-2, -1)
                if small.ndim == 2:
                    small = small.t()
            last = large.size(-1)
            rows = 1
            shape = large.shape[:-1]
            for s in shape:
                rows = rows * s
            folded = large.reshape([rows, last])
            if small.ndim == 1:
                return folded.mv(small)._unsafe_view(shape)
            product = folded.mm(small)._unsafe_view(shape + [small.size(1)])
            return product.transpose(-2, -1).contiguous() if swapped else product
    rows = a.size(-2) if n1 > 1 else 1
    columns = b.size(-1) if n2 > 1 else 1
    batch = broadcast_sizes(a.shape[:max(n1 - 2, 0)], b.shape[:max(n2 - 2, 0)])
    count = 1
    for s in batch:
        count = count * s
    left = a.expand(batch + [rows, a.size(-1)]).reshape([count, rows, a.size(-1)])
    shape = list(batch)
    if n1 > 1:
        shape.append(rows)
    if n2 > 1:
        shape.append(columns)
        right = b.expand(batch + [b.size(-2), columns]).reshape([count, b.size(-2), columns])
        return left.bmm(right)._unsafe_view(shape)
    vectors = b.expand(batch + [b.size(0)]).reshape([count, b.size(0)]).unsqueeze(2)
    return left.bmm(vectors).squeeze(-1)._unsafe_view(shape)


@composite("linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor", python="nn",
           out=["linear.out(Tensor input, Tensor weight, Tensor? bias=None, *, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact")
def linear(input, weight, bias):
    """input @ weight.T + bias, for input (..., in), weight (out, in) or (in,), bias (out,) or ().

    >>> F.linear(torch.ones(1, 2), torch.tensor([[1., 2.], [3., 4.]]))
    tensor([[3., 7.]])
    """
    if bias is None:
        return input.matmul(weight.t())
    if input.ndim == 2 and weight.ndim == 2:
        return bias.addmm(input, weight.t())
    if weight.ndim == 2 and input.ndim > 0 and input.is_contiguous():
        columns = input.size(-1)
        rows = 1
        shape = input.shape[:-1]
        for s in shape:
            rows = rows * s
        flat = input.view([rows, columns])
        return bias.addmm(flat, weight.t()).view(shape + [weight.size(0)])
    return input.matmul(weight.t()) + bias


@decomposed(
    "_trilinear(Tensor i1, Tensor i2, Tensor i3, int[] expand1, int[] expand2, int[] expand3, int[] sumdim, int unroll_dim=1) -> Tensor",
    python="function",
    grad={
        "i1": "_trilinear(grad, i2.conj(), i3.conj(), sumdim, expand2, expand3, expand1)",
        "i2": "_trilinear(i1.conj(), grad, i3.conj(), expand1, sumdim, expand3, expand2)",
        "i3": "_trilinear(i1.conj(), i2.conj(), grad, expand1, expand2, sumdim, expand3)",
    },
    jvp="transposed",
    out="below",
)
def _trilinear(i1, i2, i3, expand1, expand2, expand3, sumdim, unroll_dim):
    """Sum over sumdim of the product of three tensors, each with dimensions of size 1 put in at its expand list."""
    a = i1
    for d in expand1:
        a = a.unsqueeze(d)
    b = i2
    for d in expand2:
        b = b.unsqueeze(d)
    c = i3
    for d in expand3:
        c = c.unsqueeze(d)
    product = a * b * c
    return product.sum(sumdim) if len(sumdim) > 0 else product


@composite("bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor", kinds="busfc", without=WIDE_UNSIGNED, python="function")
def bilinear(input1, input2, weight, bias):
    """input1' weight[o] input2 + bias[o] for every output o: (..., n1), (..., n2), (out, n1, n2) to (..., out).

    >>> torch.bilinear(torch.ones(1, 2), torch.ones(1, 2), torch.ones(3, 2, 2), None)
    tensor([[4., 4., 4.]])
    """
    if input1.ndim != input2.ndim:
        raise RuntimeError(f"bilinear(): input dimensions do not match: got {input1.ndim} and {input2.ndim}")
    for d in range(input1.ndim - 1):
        if input1.size(d) != input2.size(d):
            raise RuntimeError(f"bilinear(): input batch dimensions do not match at dim {d}: got {input1.size(d)} and {input2.size(d)}")
    if input1.size(-1) != weight.size(1):
        raise RuntimeError(f"bilinear(): input1 size does not match weight size: got {input1.size(-1)} but expected {weight.size(1)}")
    if input2.size(-1) != weight.size(2):
        raise RuntimeError(f"bilinear(): input2 size does not match weight size: got {input2.size(-1)} but expected {weight.size(2)}")
    if bias is not None:
        if bias.size(0) != weight.size(0):
            raise RuntimeError(f"bilinear(): bias size does not match weight size: got {bias.size(0)} but expected {weight.size(0)}")
    shape = input1.shape[:-1]
    flat1 = input1.reshape([-1, input1.size(-1)])
    flat2 = input2.reshape([-1, input2.size(-1)])
    out = _trilinear(flat1, weight, flat2, [1, 3], [0], [1, 2], [2, 3]).reshape(shape + [weight.size(0)])
    return out if bias is None else out + bias


@composite(
    "tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other) -> Tensor", python="",
    out=["tensordot.out(Tensor self, Tensor other, int[] dims_self, int[] dims_other, *, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact",
)
def tensordot(self, other, dims_self, dims_other):
    """Contract dims_self of self with dims_other of other, pair by pair."""
    if len(dims_self) != len(dims_other):
        raise RuntimeError("both dimension lists should have same length")
    a = self
    b = other
    used1 = [0 for i in range(self.ndim)]
    used2 = [0 for i in range(other.ndim)]
    over1 = [0 for i in range(len(dims_self))]
    over2 = [0 for i in range(len(dims_self))]
    contracted = 1
    for i in range(len(dims_self)):
        d1 = dims_self[i] if dims_self[i] >= 0 else dims_self[i] + self.ndim
        d2 = dims_other[i] if dims_other[i] >= 0 else dims_other[i] + other.ndim
        if used1[d1] == 1 or used2[d2] == 1:
            raise RuntimeError(f"dim {d1} appears multiple times in the list of dims")
        over1[i] = d1
        over2[i] = d2
        used1[d1] = 1
        used2[d2] = 1
        s1 = self.size(d1)
        s2 = other.size(d2)
        if s2 == 1:
            a = a.sum([d1], True)
        elif s1 == 1:
            b = b.sum([d2], True)
        elif s1 != s2:
            raise RuntimeError(f"contracted dimensions need to match, but first has size {s1} in dim {dims_self[i]} and second has size {s2} "
                               f"in dim {dims_other[i]}")
        if s1 != 1 and s2 != 1:
            contracted = contracted * s1
    free1 = []
    free2 = []
    shape = []
    rows = 1
    columns = 1
    for d in range(self.ndim):
        if used1[d] == 0:
            free1.append(d)
            shape.append(self.size(d))
            rows = rows * self.size(d)
    for d in range(other.ndim):
        if used2[d] == 0:
            free2.append(d)
            shape.append(other.size(d))
            columns = columns * other.size(d)
    a = a.permute(free1 + over1)
    if rows == 1 and columns == 1 and self.ndim > 0 and other.ndim > 0:
        b = b.permute(over2 + free2)
        if a.is_contiguous() and b.is_contiguous() and a.numel() > 1:
            right = b.flatten()
            return a.flatten().dot(right).reshape(shape)
        right = b.squeeze()
        return (a.squeeze() * right).sum().reshape(shape)
    a = a.reshape([rows, contracted])
    b = b.permute(over2 + free2).reshape([contracted, columns])
    return a.mm(b).reshape(shape)


@composite("inner(Tensor self, Tensor other) -> Tensor", out=["inner.out(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact")
def inner(self, other):
    """Sum of products over the last dimension of both; a 0-dimensional operand scales the other.

    >>> torch.inner(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor(11)
    """
    if self.ndim == 0 or other.ndim == 0:
        return self * other
    if self.size(-1) != other.size(-1):
        raise RuntimeError("inner() the last dimension must match on both input tensors but got shapes ", self.shape, " and ", other.shape)
    return aten.tensordot.default(self, other, [-1], [-1])


@composite("kron(Tensor self, Tensor other) -> Tensor", out=["kron.out(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)"])
def kron(self, other):
    """Kronecker product: every element of self times the whole of other; the shorter shape is padded with ones in front.

    >>> torch.kron(torch.tensor([1, 2]), torch.tensor([1, 10]))
    tensor([ 1, 10,  2, 20])
    """
    n = max(self.ndim, other.ndim)
    shape1 = []
    shape2 = []
    shape = []
    for i in range(n):
        s1 = self.size(i - n + self.ndim) if i >= n - self.ndim else 1
        s2 = other.size(i - n + other.ndim) if i >= n - other.ndim else 1
        shape1.append(s1)
        shape1.append(1)
        shape2.append(1)
        shape2.append(s2)
        shape.append(s1 * s2)
    return (self._unsafe_view(shape1) * other._unsafe_view(shape2))._unsafe_view(shape)


@composite(
    "linalg_multi_dot(Tensor[] tensors) -> Tensor", python="linalg",
    out=["linalg_multi_dot.out(Tensor[] tensors, *, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact",
)
def linalg_multi_dot(tensors):
    """Product of two or more matrices in the order of fewest multiplications; the first may be a row and the last a column vector.

    >>> torch.linalg.multi_dot([torch.ones(1, 2), torch.ones(2, 3), torch.ones(3, 1)])
    tensor([[6.]])
    """
    n = len(tensors)
    if n < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {n}")
    shape = []
    parts = list(tensors)
    if parts[0].ndim == 1:
        parts[0] = parts[0].unsqueeze(0)
    elif parts[0].ndim == 2:
        shape.append(parts[0].size(0))
    else:
        raise RuntimeError(f"multi_dot(): the first tensor must be 1D or 2D but got {parts[0].ndim}D")
    if parts[n - 1].ndim == 1:
        parts[n - 1] = parts[n - 1].unsqueeze(-1)
    elif parts[n - 1].ndim == 2:
        shape.append(parts[n - 1].size(1))
    else:
        raise RuntimeError(f"multi_dot(): the last tensor must be 1D or 2D but got {parts[n - 1].ndim}D")
    for i in range(1, n - 1):
        if parts[i].ndim != 2:
            raise RuntimeError(f"multi_dot(): tensor {i} must be 2D but got {parts[i].ndim}D")
    for i in range(1, n):
        if parts[i].dtype != parts[0].dtype:
            raise RuntimeError(f"multi_dot(): all tensors must have be the same dtype but tensor 0 is {parts[0].dtype} and tensor {i} {parts[i].dtype}")
        if parts[i - 1].size(1) != parts[i].size(0):
            raise RuntimeError(f"multi_dot(): tensors {i - 1} and {i} with shapes [{parts[i - 1].size(0)}, {parts[i - 1].size(1)}] and "
                               f"[{parts[i].size(0)}, {parts[i].size(1)}] cannot be multiplied")
    # cost[i, j]: multiplications of the best order for parts i..j; split[i, j]: its last product is of i..k and k+1..j
    cost = [0 for i in range(n * n)]
    split = [0 for i in range(n * n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            best = -1
            for k in range(i, j):
                c = cost[i * n + k] + cost[(k + 1) * n + j] + parts[i].size(0) * parts[k].size(1) * parts[j].size(1)
                if best < 0 or c < best:
                    best = c
                    split[i * n + j] = k
            cost[i * n + j] = best
    # the products, outermost first; done in reverse, parts[i] holds the product of the interval that begins at i
    first = [0]
    last = [n - 1]
    for q in range(n - 1):
        k = split[first[q] * n + last[q]]
        if k > first[q]:
            first.append(first[q])
            last.append(k)
        if last[q] > k + 1:
            first.append(k + 1)
            last.append(last[q])
    for r in range(n - 1):
        q = n - 2 - r
        k = split[first[q] * n + last[q]]
        parts[first[q]] = parts[first[q]].mm(parts[k + 1])
    return parts[0].view(shape)


@composite("chain_matmul(Tensor[] matrices) -> Tensor", python="function", out=["chain_matmul.out(Tensor[] matrices, *, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact")
def chain_matmul(matrices):
    """Product of matrices in the order of fewest multiplications; linalg.multi_dot is the newer name."""
    if len(matrices) == 0:
        raise RuntimeError("chain_matmul(): Expected one or more matrices")
    if len(matrices) == 1:
        return matrices[0].clone()
    return linalg_multi_dot(matrices)


@composite("linalg_matmul(Tensor self, Tensor other) -> Tensor", python="linalg",
           out=["linalg_matmul.out(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact")
def linalg_matmul(self, other):
    """Alias of torch.matmul."""
    return self.matmul(other)


@composite("linalg_vecdot(Tensor x, Tensor y, *, int dim=-1) -> Tensor", python="linalg",
           out=["linalg_vecdot.out(Tensor x, Tensor y, *, int dim=-1, Tensor(a!) out) -> Tensor(a!)"])
def linalg_vecdot(x, y, dim):
    """Sum over dim of conj(x) * y; batch dimensions broadcast.

    >>> torch.linalg.vecdot(torch.tensor([[1., 2.]]), torch.tensor([[3., 4.]]))
    tensor([11.])
    """
    if x.ndim == 1 and y.ndim == 1:
        return x.vdot(y)
    return (x.conj() * y).sum([dim])


@composite("linalg_matrix_power(Tensor self, int n) -> Tensor", kinds=NUMERIC, python="linalg",
           out=["linalg_matrix_power.out(Tensor self, int n, *, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact")
def linalg_matrix_power(self, n):
    """The n-th power of square matrices, by repeated squaring; negative n uses the inverse.

    >>> torch.linalg.matrix_power(torch.tensor([[1, 1], [0, 1]]), 3)
    tensor([[1, 3],
            [0, 1]])
    """
    if self.ndim < 2:
        raise RuntimeError("linalg.matrix_power: The input tensor A must have at least 2 dimensions.")
    if self.size(-1) != self.size(-2):
        raise RuntimeError(f"linalg.matrix_power: A must be batches of square matrices, but they are {self.size(-2)} by {self.size(-1)} matrices")
    if n == 0:
        result = self.clone()
        return result.copy_(eye(self.size(-1), dtype=self.dtype, device=self.device))
    base = self
    if n < 0:
        base = linalg_inv(self)
        n = -n
        if n == 1:
            return base
    if n == 1:
        return base.clone()
    if n == 2:
        return base.matmul(base)
    if n == 3:
        return base.matmul(base).matmul(base)
    result = base
    found = False
    for i in range(63):
        if n > 0:
            if n % 2 == 1:
                result = result.matmul(base) if found else base
                found = True
            n = n // 2
            if n > 0:
                base = base.matmul(base)
    return result


@composite("matrix_power(Tensor self, int n) -> Tensor", kinds=FLOATING_COMPLEX, out=["matrix_power.out(Tensor self, int n, *, Tensor(a!) out) -> Tensor(a!)"])
def matrix_power(self, n):
    """Alias of torch.linalg.matrix_power."""
    return linalg_matrix_power(self, n)


@composite("einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor", kinds=NUMERIC, python="function", python_only=True)
def einsum(equation, tensors, path=None):
    """Sums of products given by subscripts; torch.einsum also takes operands one by one."""
    from torch._einsum import contract
    return contract(equation, tensors, path)


@composite("_difference_slope(Tensor d, Tensor distances, float p) -> Tensor", python="")
def _difference_slope(d, distances, p):
    """How the p-th power of a distance changes with a difference, but for the factor p: sign(d) |d|^(p - 1); the largest alone for p = inf."""
    if p == 0.0:
        return zeros_like(d)
    if p == 1.0:
        return d.sign()
    if p == 2.0:
        return d
    if p > 1e300:
        return d.sign() * (d.abs() == distances.unsqueeze(-1))
    return d.sign() * d.abs().pow(p - 1)


@composite("_distance_slope(Tensor distances, float p) -> Tensor", python="")
def _distance_slope(distances, p):
    """distance^(1 - p), 0 where the distance is 0."""
    if p == 1.0 or p > 1e300:
        return ones_like(distances)
    zero = distances == 0
    return distances.masked_fill(zero, 1).pow(1 - p).masked_fill(zero, 0)


def _cdist_gradients(grad, x1, x2, p, result):
    distances = result
    to_x1 = None
    to_x2 = None
    if grad_enabled():
        d = x1.unsqueeze(-2) - x2.unsqueeze(-3)
        share = (grad * _distance_slope(distances, p)).unsqueeze(-1) * _difference_slope(d, distances, p)
        return share.sum([-2]), -share.sum([-3])
    if needs("x1"):
        to_x1 = _cdist_backward(grad.contiguous(), x1, x2, p, distances)
    if needs("x2"):
        turned = grad.transpose(-2, -1).contiguous()
        to_x2 = _cdist_backward(turned, x2, x1, p, distances.transpose(-2, -1).contiguous())
    return to_x1, to_x2


@kernel(
    "_cdist_forward(Tensor x1, Tensor x2, float p, int? compute_mode) -> Tensor", kinds=FLOATING, compute=SINGLE, python="function",
    grad={"x1, x2": _cdist_gradients},
    jvp="transposed", node="CdistBackward0", vmap="broadcast",
)
def _cdist_forward():
    """p-norm distances of every row of x1 to every row of x2."""


@kernel("_cdist_backward(Tensor grad, Tensor x1, Tensor x2, float p, Tensor cdist) -> Tensor", kinds=FLOATING, compute=SINGLE, python="function", grad=UNKNOWN, jvp=None, vmap="shift")
def _cdist_backward():
    """Gradient of _cdist_forward with respect to x1."""


def _euclidean_gradients(grad, x1, x2, result):
    ratio = grad / result
    ratio.masked_fill_(result == 0, 0)
    product = ratio.matmul(x2)
    to_x1 = x1 * ratio.sum([-1], True) - product
    product = ratio.transpose(-2, -1).matmul(x1)
    to_x2 = x2 * ratio.sum([-2]).unsqueeze(-1) - product
    return to_x1, to_x2


@decomposed("_euclidean_dist(Tensor x1, Tensor x2) -> Tensor", kinds=REALS, without=WIDE_UNSIGNED, python="function", grad={"x1, x2": _euclidean_gradients}, jvp="transposed", out="below")
def _euclidean_dist(x1, x2):
    """Euclidean distances through one matrix product: |a - b|^2 = |a|^2 - 2 a.b + |b|^2."""
    n1 = x1.pow(2).sum([-1], True)
    n2 = x2.pow(2).sum([-1], True)
    one1 = ones_like(n1)
    one2 = ones_like(n2)
    left = cat([x1 * -2, n1, one1], -1)
    right = cat([x2, one2, n2], -1)
    return left.matmul(right.transpose(-2, -1)).clamp_min(0).sqrt()


@composite("cdist(Tensor x1, Tensor x2, float p=2., int? compute_mode=None) -> Tensor", kinds=FLOATING, python="function")
def cdist(x1, x2, p, compute_mode):
    """p-norm distances between the rows of x1 (..., P, M) and x2 (..., R, M): (..., P, R)."""
    if x1.ndim < 2:
        raise RuntimeError(f"cdist only supports at least 2D tensors, X1 got: {x1.ndim}D")
    if x2.ndim < 2:
        raise RuntimeError(f"cdist only supports at least 2D tensors, X2 got: {x2.ndim}D")
    if x1.size(-1) != x2.size(-1):
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {x1.size(-1)} X2: {x2.size(-1)}")
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    mode = compute_mode if compute_mode is not None else 0
    if mode < 0 or mode > 2:
        raise RuntimeError(f"possible modes: 0, 1, 2, but was: {mode}")
    rows1 = x1.size(-2)
    rows2 = x2.size(-2)
    if not (p == 2 and x1.numel() > 0 and x2.numel() > 0 and (mode == 1 or mode == 0 and (rows1 > 25 or rows2 > 25))):
        return _cdist_forward(x1, x2, p, compute_mode)
    batch = broadcast_sizes(x1.shape[:x1.ndim - 2], x2.shape[:x2.ndim - 2])
    dims = len(batch)
    count = 1
    for s in batch:
        count = count * s
    shape1 = [rows1, x1.size(-1)]
    shape2 = [rows2, x1.size(-1)]
    a = x1.expand(batch + shape1).reshape([count] + shape1 if dims > 0 else shape1)
    b = x2.expand(batch + shape2).reshape([count] + shape2 if dims > 0 else shape2)
    return _euclidean_dist(a, b).view(batch + [rows1, rows2])
