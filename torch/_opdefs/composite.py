"""Operators written in others: quantiles, differences and integrals, comparison within a tolerance, statistics of rows."""

from .language import FLOAT8, FLOATING, NUMERIC, WIDE_UNSIGNED, composite, decomposed

# ---- comparison within a tolerance ----


@decomposed("allclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> bool", kinds="busfc", grad=None,
            vmap="data_dependent")
def allclose(self, other, rtol, atol, equal_nan):
    """Whether isclose holds for every element.

    >>> torch.allclose(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0 + 1e-7]))
    True
    """
    return isclose(self, other, rtol, atol, equal_nan).all().item()


# ---- quantiles ----

@composite("_ranks(Tensor sorted, Tensor q, bool ignore_nan) -> Tensor", python="")
def _ranks(sorted, q, ignore_nan):
    """Positions (not whole) of the quantiles q in rows sorted along the last dimension; a row with a NaN points at it."""
    if ignore_nan:
        ranks = q * (isnan(sorted).logical_not_().sum(-1, True) - 1)
        ranks.masked_fill_(ranks < 0, 0)
        return ranks
    last = sorted.size(-1) - 1
    ranks = q * last
    has_nan = isnan(sorted).any(-1, True)
    shape = broadcast_sizes(ranks.shape, has_nan.shape)
    if ranks.shape != shape:
        ranks = ranks.expand(shape)
    if has_nan.shape != shape:
        has_nan = has_nan.expand(shape)
    return ranks.masked_fill(has_nan, last)


@composite('_quantile(Tensor self, Tensor q, int? dim, bool keepdim, str interpolation, bool ignore_nan) -> Tensor', kinds=FLOATING, without=FLOAT8, python="")
def _quantile(self, q, dim, keepdim, interpolation, ignore_nan):
    """Quantiles along dim: q is 0-dim, or a vector that becomes the first dimension of the result."""
    name = "nanquantile() " if ignore_nan else "quantile() "
    if self.numel() == 0:
        raise RuntimeError(name, "input tensor must be non-empty")
    if q.dim() > 1:
        raise RuntimeError(name, "q must be a scalar or 1D tensor")
    if self.dtype == torch.float16 or self.dtype == torch.bfloat16:   # whose spacing cannot tell the ranks of a long row apart
        return _quantile(self.to(torch.float32), q.to(torch.float32), dim, keepdim, interpolation, ignore_nan).to(self.dtype)
    if self.dtype != torch.float32 and self.dtype != torch.float64:
        raise RuntimeError(name, "input tensor must be either float or double dtype")
    if self.dtype != q.dtype:
        raise RuntimeError(name, "q tensor must be same dtype as the input tensor")
    linear = interpolation == "linear"
    middle = interpolation == "midpoint"
    low = interpolation == "lower"
    high = interpolation == "higher"
    near = interpolation == "nearest"
    if not linear and not middle and not low and not high and not near:
        raise RuntimeError(name, "interpolation must be one of linear, lower, higher, midpoint or nearest, but got ", interpolation)
    n = self.dim()
    rows = []
    if dim is None:
        x = self.flatten()
        for i in range(n):
            if keepdim:
                rows.append(1)
    else:
        d = dim if dim >= 0 else dim + max(n, 1)
        if d < 0 or d >= max(n, 1):
            raise IndexError("Dimension out of range (expected to be in range of [", -max(n, 1), ", ", max(n, 1) - 1, "], but got ", dim, ")")
        x = self if d == n - 1 else self.unsqueeze(-1).transpose(d, -1)
        for i in range(n):
            if i != d:
                rows.append(self.size(i))
            elif keepdim:
                rows.append(1)
    values, _ = aten.sort.default(x, -1, False)
    rows.append(x.size(-1))
    values = values.view(rows)
    ranks = _ranks(values, q, ignore_nan)
    if low:
        ranks.floor_()
    if high:
        ranks.ceil_()
    if near:
        ranks.round_()
    below = ranks.to(torch.int64)
    result = values.gather(-1, below)
    if linear or middle:
        weight = full_like(ranks, 0.5) if middle else ranks - below
        ranks.ceil_()
        above = values.gather(-1, ranks.to(torch.int64))
        result.lerp_(above, weight)
    if q.dim() == 0:
        result.squeeze_(-1)
    else:
        result.unsqueeze_(0)
        result.transpose_(0, -1)
        result.squeeze_(-1)
    return result


@composite('quantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor', out=True)
def quantile(self, q, dim, keepdim, interpolation):
    """The q-th quantiles along dim, between neighbours as `interpolation` says; NaN where the row holds one. No limit on the size.

    >>> torch.quantile(torch.tensor([1., 2., 4.]), torch.tensor([0.0, 0.5]))
    tensor([1., 2.])
    """
    require_probabilities(q, "quantile() q values must be in the range [0, 1]")
    return _quantile(self, q, dim, keepdim, interpolation, False)


@composite('quantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor', out=True)
def quantile_scalar(self, q, dim, keepdim, interpolation):
    """quantile for one number."""
    if q < 0 or q > 1:
        raise RuntimeError("quantile() q must be in the range [0, 1] but got ", q)
    return _quantile(self, scalar_tensor(q, dtype=self.dtype, device=self.device), dim, keepdim, interpolation, False)


@composite('nanquantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor', out=True)
def nanquantile(self, q, dim, keepdim, interpolation):
    """quantile of what is not NaN.

    >>> torch.nanquantile(torch.tensor([1., float("nan"), 3.]), 0.5)
    tensor(2.)
    """
    require_probabilities(q, "nanquantile() q values must be in the range [0, 1]")
    return _quantile(self, q, dim, keepdim, interpolation, True)


@composite('nanquantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor', out=True)
def nanquantile_scalar(self, q, dim, keepdim, interpolation):
    """nanquantile for one number."""
    if q < 0 or q > 1:
        raise RuntimeError("nanquantile() q must be in the range [0, 1] but got ", q)
    return _quantile(self, scalar_tensor(q, dtype=self.dtype, device=self.device), dim, keepdim, interpolation, True)


# ---- differences and integrals ----

@composite("diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor", out=True)
def diff(self, n, dim, prepend, append):
    """The n-th difference of neighbours along dim.

    >>> torch.diff(torch.tensor([1, 3, 6]))
    tensor([2, 3])
    """
    if self.dim() == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError("order must be non-negative but got ", n)
    x = self
    if n == 0:
        return zeros_like(self).copy_(self)
    if prepend is not None and append is not None:
        x = cat([prepend, x, append], dim)
    elif prepend is not None:
        x = cat([prepend, x], dim)
    elif append is not None:
        x = cat([x, append], dim)
    for i in range(n):
        size = x.size(dim)
        if size == 0:
            return x
        b = aten.slice.Tensor(x, dim, 0, size - 1)
        a = aten.slice.Tensor(x, dim, 1, size)
        x = logical_xor(a, b) if x.dtype == torch.bool else a - b
    return x


@composite("_gradient_along(Tensor self, Tensor? coordinates, Scalar spacing, int dim, int edge_order) -> Tensor", kinds=NUMERIC, python="")
def _gradient_along(self, coordinates, spacing, dim, edge_order):
    """Central differences along one dimension, one-sided (first or second order) at its ends."""
    n = self.size(dim)
    if edge_order != 1 and edge_order != 2:
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    if n < edge_order + 1:
        raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    if coordinates is None:
        before = aten.slice.Tensor(self, dim, 0, -2)
        double = (aten.slice.Tensor(self, dim, 2) - before) / spacing
        if edge_order == 1:
            start = aten.slice.Tensor(self, dim, 0, 1)
            first = (aten.slice.Tensor(self, dim, 1, 2) - start) / spacing
            start = aten.slice.Tensor(self, dim, -2, -1)
            last = (aten.slice.Tensor(self, dim, -1) - start) / spacing
        else:
            third = aten.slice.Tensor(self, dim, 2, 3) * 0.5
            second = aten.slice.Tensor(self, dim, 1, 2) * 2
            first = (aten.slice.Tensor(self, dim, 0, 1) * -1.5 + second - third) / spacing
            third = aten.slice.Tensor(self, dim, -1) * 1.5
            second = aten.slice.Tensor(self, dim, -2, -1) * 2
            last = (aten.slice.Tensor(self, dim, -3, -2) * 0.5 - second + third) / spacing
        return cat([first, double / 2, last], dim)
    shape = []
    for i in range(self.dim()):
        shape.append(-1 if i == dim else 1)
    h = diff(coordinates).view(shape)
    m = n - 1
    left = aten.slice.Tensor(h, dim, 0, m - 1)
    right = aten.slice.Tensor(h, dim, 1, m)
    a = -right / (left * (left + right))
    b = (right - left) / (left * right)
    c = left / (right * (left + right))
    inner = a * aten.slice.Tensor(self, dim, 0, n - 2) + b * aten.slice.Tensor(self, dim, 1, n - 1) + c * aten.slice.Tensor(self, dim, 2, n)
    h0 = aten.slice.Tensor(h, dim, 0, 1)
    hn = aten.slice.Tensor(h, dim, m - 1, m)
    first = (aten.slice.Tensor(self, dim, 1, 2) - aten.slice.Tensor(self, dim, 0, 1)) / h0
    last = (aten.slice.Tensor(self, dim, n - 1, n) - aten.slice.Tensor(self, dim, n - 2, n - 1)) / hn
    if edge_order == 2:
        h1 = aten.slice.Tensor(h, dim, 1, 2)
        hm = aten.slice.Tensor(h, dim, m - 2, m - 1)
        first = (-(h0 * 2 + h1) / (h0 * (h0 + h1)) * aten.slice.Tensor(self, dim, 0, 1) + (h0 + h1) / (h0 * h1) * aten.slice.Tensor(self, dim, 1, 2)
                 - h0 / (h1 * (h0 + h1)) * aten.slice.Tensor(self, dim, 2, 3))
        last = (hn / (hm * (hm + hn)) * aten.slice.Tensor(self, dim, n - 3, n - 2) - (hn + hm) / (hm * hn) * aten.slice.Tensor(self, dim, n - 2, n - 1)
                + (hn * 2 + hm) / (hn * (hm + hn)) * aten.slice.Tensor(self, dim, n - 1, n))
    return cat([first, inner, last], dim)


@composite("gradient.scalarint(Tensor self, *, Scalar? spacing=None, int? dim=None, int edge_order=1) -> Tensor[]", python="function")
def gradient(self, spacing, dim, edge_order):
    """Estimates of the derivative along each dimension (or one), second order inside."""
    step = Scalar(1.0)
    if spacing is not None:
        step = spacing
    out = []
    if dim is not None:
        d = dim
        if dim < 0:
            d = dim + self.dim()
        out.append(_gradient_along(self, None, step, d, edge_order))
        return out
    for i in range(self.dim()):
        out.append(_gradient_along(self, None, step, i, edge_order))
    return out


@composite("gradient.scalararray(Tensor self, *, Scalar spacing, int[] dim, int edge_order=1) -> Tensor[]", python="function")
def gradient_scalararray(self, spacing, dim, edge_order):
    """gradient along some dimensions with one spacing."""
    out = []
    for i in range(len(dim)):
        for j in range(i):
            if dim[i] == dim[j]:
                raise RuntimeError("dim ", dim[i], " appears multiple times in the list of dims")
    for v in dim:
        out.append(_gradient_along(self, None, spacing, v if v >= 0 else v + self.dim(), edge_order))
    return out


@composite("gradient.array(Tensor self, *, int[] dim, int edge_order=1) -> Tensor[]", python="function")
def gradient_array(self, dim, edge_order):
    """gradient along some dimensions.

    >>> torch.gradient(torch.tensor([1., 4., 9.]))
    (tensor([3., 4., 5.]),)
    """
    out = []
    for i in range(len(dim)):
        for j in range(i):
            if dim[i] == dim[j]:
                raise RuntimeError("dim ", dim[i], " appears multiple times in the list of dims")
    for v in dim:
        out.append(_gradient_along(self, None, 1.0, v if v >= 0 else v + self.dim(), edge_order))
    return out


@composite("gradient.tensorarrayint(Tensor self, *, Tensor[] spacing, int? dim=None, int edge_order=1) -> Tensor[]", python="function")
def gradient_tensorarrayint(self, spacing, dim, edge_order):
    """gradient with the coordinates along each dimension (or one)."""
    out = []
    if dim is not None:
        d = dim
        if dim < 0:
            d = dim + self.dim()
        out.append(_gradient_along(self, spacing[0], 1.0, d, edge_order))
        return out
    if len(spacing) != self.dim():
        raise RuntimeError("torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to 'self.dim() = ", self.dim(),
                           "', since dim argument was not given, but got a list of length ", len(spacing))
    for i in range(self.dim()):
        out.append(_gradient_along(self, spacing[i], 1.0, i, edge_order))
    return out


@composite("gradient.tensorarray(Tensor self, *, Tensor[] spacing, int[] dim, int edge_order=1) -> Tensor[]", python="function")
def gradient_tensorarray(self, spacing, dim, edge_order):
    """gradient with coordinates along some dimensions."""
    out = []
    for i in range(len(dim)):
        out.append(_gradient_along(self, spacing[i], 1.0, dim[i] if dim[i] >= 0 else dim[i] + self.dim(), edge_order))
    return out


@composite("gradient.scalarrayint(Tensor self, *, Scalar[] spacing, int? dim=None, int edge_order=1) -> Tensor[]", python="function")
def gradient_scalarrayint(self, spacing, dim, edge_order):
    """gradient with a spacing for each dimension (or one)."""
    out = []
    if dim is not None:
        d = dim
        if dim < 0:
            d = dim + self.dim()
        out.append(_gradient_along(self, None, spacing[0], d, edge_order))
        return out
    if len(spacing) != self.dim():
        raise RuntimeError("torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to 'self.dim() = ", self.dim(),
                           "', since dim argument was not given, but got a list of length ", len(spacing))
    for i in range(self.dim()):
        out.append(_gradient_along(self, None, spacing[i], i, edge_order))
    return out


@composite("gradient.scalarrayarray(Tensor self, *, Scalar[] spacing, int[] dim, int edge_order=1) -> Tensor[]", python="function")
def gradient_scalarrayarray(self, spacing, dim, edge_order):
    """gradient along some dimensions, with a spacing for each."""
    if len(spacing) != len(dim):
        raise RuntimeError("torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have the same length, "
                           "but got a spacing argument of length ", len(spacing), " and a dim argument of length ", len(dim), ".")
    out = []
    for i in range(len(dim)):
        out.append(_gradient_along(self, None, spacing[i], dim[i] if dim[i] >= 0 else dim[i] + self.dim(), edge_order))
    return out


@composite("_steps(Tensor x, int dims, int dim) -> Tensor", kinds=NUMERIC, python="")
def _steps(x, dims, dim):
    """Distances of neighbouring coordinates, shaped to multiply along dim."""
    if x.dim() == 1:
        shape = []
        for i in range(dims):
            shape.append(-1 if i == (dim if dim >= 0 else dim + dims) else 1)
        points = x.view(shape)
        left = aten.slice.Tensor(points, dim, 0, -1)
        return aten.slice.Tensor(points, dim, 1) - left
    left = aten.slice.Tensor(x, dim, 0, -1)
    return aten.slice.Tensor(x, dim, 1) - left


@composite("_neighbour_sums(Tensor y, int dim) -> Tensor", python="")
def _neighbour_sums(y, dim):
    """y_i + y_(i + 1) along dim."""
    left = aten.slice.Tensor(y, dim, 0, -1)
    return left + aten.slice.Tensor(y, dim, 1)


@composite("trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor", python="function")
def trapezoid(y, x, dim):
    """The integral of y over the coordinates x along dim by the trapezoid rule.

    >>> torch.trapezoid(torch.tensor([1., 2., 3.]))
    tensor(4.)
    """
    if x.dim() == 1 and x.size(0) != y.size(dim):
        raise RuntimeError("trapezoid: There must be one `x` value for each sample point")
    if y.size(dim) == 0:
        return aten.sum.dim_IntList(y, [dim])
    steps = _steps(x, y.dim(), dim)
    return aten.sum.dim_IntList(_neighbour_sums(y, dim) * steps, [dim]) / 2.0


@composite("trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor", python="function")
def trapezoid_dx(y, dx, dim):
    """The integral of y along dim by the trapezoid rule, with equal steps dx."""
    n = y.size(dim)
    if n == 0:
        return aten.sum.dim_IntList(y, [dim])
    ends = (aten.select.int(y, dim, 0) + aten.select.int(y, dim, n - 1)) * 0.5
    return (aten.sum.dim_IntList(y, [dim]) - ends) * dx


@composite("trapz.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor", python="function")
def trapz(y, x, dim):
    """Alias of :func:`torch.trapezoid`."""
    return aten.trapezoid.x(y, x, dim=dim)


@composite("trapz.dx(Tensor y, *, float dx=1., int dim=-1) -> Tensor", python="function")
def trapz_dx(y, dx, dim):
    """Alias of :func:`torch.trapezoid`."""
    return aten.trapezoid.dx(y, dx=dx, dim=dim)


@composite("cumulative_trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor", python="function")
def cumulative_trapezoid(y, x, dim):
    """Integrals up to each point over the coordinates x along dim.

    >>> torch.cumulative_trapezoid(torch.tensor([1., 2., 3.]))
    tensor([1.5000, 4.0000])
    """
    if x.dim() == 1 and x.size(0) != y.size(dim):
        raise RuntimeError("cumulative_trapezoid: There must be one `x` value for each sample point")
    steps = _steps(x, y.dim(), dim)
    return (_neighbour_sums(y, dim) * steps).cumsum(dim) / 2.0


@composite("cumulative_trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor", python="function")
def cumulative_trapezoid_dx(y, dx, dim):
    """Integrals up to each point along dim, with equal steps dx."""
    half = Scalar(float(dx) / 2.0)
    return (_neighbour_sums(y, dim) * half).cumsum(dim)


# ---- statistics ----

@composite("_holds(Tensor condition) -> bool", python="")
def _holds(condition):
    """Whether a 0-dim condition is true."""
    return condition.equal(condition.new_ones([], dtype=torch.bool))


@composite("cov(Tensor self, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None) -> Tensor", kinds=NUMERIC, without=(*WIDE_UNSIGNED, *FLOAT8,))
def cov(self, correction, fweights, aweights):
    """Covariance of variables (rows) over observations (columns), which may have frequencies and weights.

    >>> torch.cov(torch.tensor([[1., 2., 3.], [3., 2., 1.]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if self.dim() > 2:
        raise RuntimeError("cov(): expected input to have two or fewer dimensions but got an input with ", self.dim(), " dimensions")
    if self.dtype == torch.bool:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = self if self.dim() == 2 else self.view([1, -1])
    n = x.size(1)
    if fweights is not None:
        if fweights.is_floating_point() or fweights.is_complex():
            raise RuntimeError("cov(): expected fweights to have integral dtype but got fweights with ", fweights.dtype, " dtype")
        if fweights.dim() > 1 or fweights.numel() != n:
            raise RuntimeError("cov(): expected fweights to have one dimension and one number for each of the ", n, " observations")
        if fweights.numel() > 0:
            if not fweights.is_meta() and not _holds(fweights.min() >= 0):
                raise RuntimeError("cov(): fweights cannot be negative")
    if aweights is not None:
        if not aweights.is_floating_point():
            raise RuntimeError("cov(): expected aweights to have floating point dtype but got aweights with ", aweights.dtype, " dtype")
        if aweights.dim() > 1 or aweights.numel() != n:
            raise RuntimeError("cov(): expected aweights to have one dimension and one number for each of the ", n, " observations")
        if aweights.numel() > 0:
            if not aweights.is_meta() and not _holds(aweights.min() >= 0):
                raise RuntimeError("cov(): aweights cannot be negative")
    w = fweights
    if fweights is None:
        w = aweights
    elif aweights is not None:
        w = fweights * aweights
    total = scalar_tensor(n, dtype=torch.int64, device=x.device) if w is None else w.sum()
    if w is not None:
        if n > 0 and not total.is_meta() and not _holds(total != 0):
            raise RuntimeError("cov(): weights sum to zero, can't be normalized")
    mean = (aten.sum.dim_IntList(x, [1]) if w is None else aten.sum.dim_IntList(x * w, [1])) / total
    if w is None:
        norm = scalar_tensor(n - correction, dtype=torch.int64, device=x.device)
    elif correction == 0:
        norm = total
    elif aweights is None:
        norm = total - correction
    else:
        norm = total - (w * aweights).sum() * correction / total
    if _holds(norm <= 0):
        norm.zero_()
    centred = x - mean.unsqueeze(1)
    weighted = centred if w is None else centred * w
    return (centred @ weighted.t().conj() / norm).squeeze()


@composite("corrcoef(Tensor self) -> Tensor", kinds=NUMERIC)
def corrcoef(self):
    """Correlation coefficients of variables (rows) over observations (columns).

    >>> torch.corrcoef(torch.tensor([[1., 2., 3.], [3., 2., 1.]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if self.dim() > 2:
        raise RuntimeError("corrcoef(): expected input to have two or fewer dimensions but got an input with ", self.dim(), " dimensions")
    c = cov(self)
    if c.dim() == 0:
        return c / c
    deviation = sqrt(real(c.diagonal()) if c.is_complex() else c.diagonal())
    c = c / deviation.view([-1, 1])
    c = c / deviation.view([1, -1])
    if c.is_complex():
        return complex(clamp(real(c), -1, 1), clamp(imag(c), -1, 1))
    return clamp(c, -1, 1)


@composite("vander(Tensor x, int? N=None, bool increasing=False) -> Tensor", python="function")
def vander(x, N, increasing):
    """The powers of a vector's elements as columns, from the highest down to 0, or up.

    >>> torch.vander(torch.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [4, 2, 1],
            [9, 3, 1]])
    """
    if x.dim() != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    n = x.size(0)
    if N is not None:
        if N < 0:
            raise RuntimeError("N must be non-negative.")
        n = N
    kind = x.dtype
    if not x.is_floating_point() and not x.is_complex():
        kind = torch.int64
    result = x.new_empty([x.size(0), n], dtype=kind)
    if n > 0:
        aten.select.int(result, 1, 0).fill_(1)
    if n > 1:
        part = aten.slice.Tensor(result, 1, 1, n)
        part.copy_(x.unsqueeze(1))
        part.copy_(part.clone().cumprod(1))
    return result if increasing else result.flip([1])


def _renorm_self(grad, self, p, dim, maxnorm):
    dims = []
    d = dim if dim >= 0 else dim + self.dim()
    for i in range(self.dim()):
        if i != d:
            dims.append(i)
    wide = accumulation_dtype(self.dtype)
    norm = linalg_vector_norm(self, p, dims, True, dtype=wide)
    dot = aten.sum.dim_IntList(self.conj() * grad, dims, True, dtype=wide)
    dot = real(dot) if dot.is_complex() else dot
    towards = norm_backward(real(dot) if dot.is_complex() else dot, self, p, norm, dims, True)
    inverse = (norm + 1e-7).reciprocal()
    rest = grad - inverse * towards
    scaled = inverse * maxnorm * rest
    return where(norm > maxnorm, scaled.to(grad.dtype), grad)


@decomposed("renorm(Tensor self, Scalar p, int dim, Scalar maxnorm) -> Tensor", grad={"self": _renorm_self},
            out=True, inplace=["renorm_(Tensor(a!) self, Scalar p, int dim, Scalar maxnorm) -> Tensor(a!)"])
def renorm(self, p, dim, maxnorm):
    """Each slice along dim scaled so that its p-norm does not exceed maxnorm.

    >>> torch.renorm(torch.tensor([[3., 4.], [0., 1.]]), 2, 0, 1)
    tensor([[0.6000, 0.8000],
            [0.0000, 1.0000]])
    """
    if not p > 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError("renorm: expected maxnorm to be >= 0 but got ", float(maxnorm))
    if self.dim() < 2:
        raise RuntimeError("renorm: input needs at least 2 dimensions, got ", self.dim(), " dimensions")
    dims = []
    d = dim if dim >= 0 else dim + self.dim()
    for i in range(self.dim()):
        if i != d:
            dims.append(i)
    norm = linalg_vector_norm(self, p, dims, True)
    factor = where(norm > maxnorm, (norm + 1e-7).reciprocal() * maxnorm, ones_like(norm))
    return self * factor.to(self.dtype)
