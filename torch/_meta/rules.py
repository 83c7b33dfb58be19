"""Sizes of results by family of operators, over numbers or symbolic ones: a rule takes the arguments by name.

A rule gives a shape, a `View`, or a list of these for several results. Pointwise operators, reductions, scans and fused operators have
theirs from the family of their definition.
"""

from __future__ import annotations

import functools

import torch
from torch._meta import View
from torch._meta.shapes import broadcast, infer_size, is_true, reduced, view_strides, wrap_dim, wrap_dims

__all__ = ["RULES", "rule", "rule_for"]

RULES: dict = {}


def rule(*names):
    """Decorator: the function is the rule of these operators, "name" for all overloads or "name.overload"."""
    def register(function):
        RULES.update(dict.fromkeys(names, function))
        return function
    return register


@functools.cache
def rule_for(func):
    """The rule of an overload, or None."""
    name, overload = func._opname, func._overloadname
    found = RULES.get(f"{name}.{overload}") or RULES.get(name)
    return found or _by_family(func)


def _by_family(func):
    from torch._decomp.bodies import definition_of

    definition, _ = definition_of(func._opname, "" if func._overloadname == "default" else func._overloadname)
    family = definition.family if definition is not None else getattr(func._op, "family", None)
    if family == "pointwise":
        return _pointwise
    if family == "scan":
        return lambda **a: [tuple(a["self"].shape)] * len(func._schema.returns) if len(func._schema.returns) > 1 else tuple(a["self"].shape)
    if family == "reduction":
        return functools.partial(_reduction, len(func._schema.returns))
    if family == "fused" and definition.options.get("rows") == "dim":
        return lambda **a: tuple(_first_tensor(a).shape)
    return None


def _tensors(arguments):
    for value in arguments.values():
        for t in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(t, torch.Tensor):
                yield t


def _first_tensor(arguments):
    return next(_tensors(arguments))


def _pointwise(**a):
    return broadcast(*(t.shape for t in _tensors(a)))


def _reduction(results, **a):
    x = a["self"]
    shape = reduced(x.shape, a.get("dim"), a.get("keepdim", False)) if "dim" in a else ()
    return [shape] * results if results > 1 else shape


# ---- as large as an argument ----

@rule("clone", "_to_copy", "zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "randint_like", "masked_fill", "index_fill",
      "index_put", "_index_put_impl", "scatter", "scatter_add", "scatter_reduce", "index_add", "index_copy", "index_reduce", "masked_scatter", "tril", "triu",
      "flip", "roll", "fill", "copy", "slice_scatter", "select_scatter", "diagonal_scatter", "as_strided_scatter", "bernoulli", "relu", "dropout", "cumsum",
      "cumprod", "logcumsumexp", "_softmax_backward_data", "_log_softmax_backward_data", "_softmax", "_log_softmax", "_unsafe_index_put", "put", "lift",
      "lift_fresh_copy", "alias_copy", "detach_copy", "conj_physical", "_conj_physical", "uniform", "normal_functional", "glu_jvp", "logit", "resolve_conj",
      "resolve_neg", "renorm", "argsort")
def as_self(**a):
    return tuple(_first_tensor(a).shape)


@rule("sort", "cummax", "cummin", "native_dropout", "frexp")
def twice_as_self(**a):
    shape = tuple(_first_tensor(a).shape)
    return [shape, shape]


@rule("embedding_dense_backward")
def of_weight(num_weights, grad_output, **_):
    return num_weights, grad_output.shape[-1]


# ---- factories ----

@rule("zeros", "ones", "empty", "rand", "randn", "full", "empty_strided", "randint", "new_zeros", "new_ones", "new_empty", "new_full", "new_empty_strided")
def of_size(size, **_):
    return tuple(size)


@rule("scalar_tensor")
def scalar(**_):
    return ()


@rule("arange")
def steps(end, start=0, step=1, **_):
    start, step = start or 0, step or 1
    count = (end - start + step - (1 if step > 0 else -1)) // step if all(type(x) is not float for x in (start, end, step)) else \
        torch.sym_int(-((start - end) / step // 1))
    return (count,)


@rule("range")
def closed_range(start, end, step=1, **_):
    return ((end - start) // step + 1,)


@rule("eye")
def square(n, m=None, **_):
    return n, n if m is None else m


@rule("randperm")
def count(n, **_):
    return (n,)


@rule("linspace", "logspace")
def spaced(steps, **_):
    return (steps,)


# ---- views ----

def _same_view(t):
    return View(t.shape, t.stride(), t.storage_offset())


@rule("detach", "alias", "lift_fresh", "_conj", "_neg_view", "view_as")
def same(self, **_):
    return _same_view(self)


@rule("view.default", "_unsafe_view", "reshape")
def view(self, size=None, shape=None):
    sizes = infer_size(size if size is not None else shape, self.numel())
    strides = view_strides(self.shape, self.stride(), sizes)
    if strides is None:
        raise RuntimeError("view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous "
                           "subspaces). Use .reshape(...) instead.")
    return View(sizes, strides, self.storage_offset())


@rule("_reshape_alias")
def reshape_alias(self, size, stride):
    return View(size, stride, self.storage_offset())


@rule("as_strided")
def as_strided(self, size, stride, storage_offset=None):
    return View(size, stride, self.storage_offset() if storage_offset is None else storage_offset)


@rule("t")
def t(self):
    return _same_view(self) if self.dim() < 2 else _permuted(self, [1, 0])


@rule("transpose.int")
def transpose(self, dim0, dim1):
    order = list(range(self.dim()))
    if order:
        i, j = wrap_dim(dim0, self.dim()), wrap_dim(dim1, self.dim())
        order[i], order[j] = order[j], order[i]
    return _permuted(self, order)


@rule("permute")
def permute(self, dims):
    return _permuted(self, [wrap_dim(d, self.dim()) for d in dims])


def _permuted(x, order):
    strides = x.stride()
    return View([x.shape[d] for d in order], [strides[d] for d in order], x.storage_offset())


@rule("expand")
def expand(self, size, implicit=False):
    lead = len(size) - self.dim()
    if lead < 0:
        raise RuntimeError(f"expand: the number of sizes provided ({len(size)}) must be greater or equal to the number of dimensions ({self.dim()})")
    sizes, strides = list(size), [0] * len(size)
    for i, (have, step) in enumerate(zip(self.shape, self.stride()), lead):
        wanted = size[i]
        if type(wanted) is int and wanted == -1 or wanted is have or is_true(wanted == have):
            sizes[i], strides[i] = have, step
        elif not is_true(have == 1):
            raise RuntimeError(f"The expanded size of the tensor ({wanted}) must match the existing size ({have}) at non-singleton dimension {i}")
    return View(sizes, strides, self.storage_offset())


@rule("select.int")
def select(self, dim, index):
    d = wrap_dim(dim, self.dim())
    n, step = self.shape[d], self.stride()[d]
    if type(index) is int and index < 0:
        index = index + n
    return View([x for i, x in enumerate(self.shape) if i != d], [x for i, x in enumerate(self.stride()) if i != d], self.storage_offset() + index * step)


@rule("slice.Tensor")
def slice_(self, dim=0, start=None, end=None, step=1):
    d = wrap_dim(dim, self.dim())
    n = self.shape[d]
    first, last = (_clamped(x, n, default) for x, default in ((start, 0), (end, n)))
    count = torch.sym_max(last - first, 0)
    sizes, strides = list(self.shape), list(self.stride())
    sizes[d] = (count + step - 1) // step
    strides[d] = strides[d] * step
    return View(sizes, strides, self.storage_offset() + first * self.stride()[d])


def _clamped(x, n, default):
    if x is None or type(x) is int and x >= 2 ** 62:
        return default
    if type(x) is int and x == 0:
        return 0
    if x is n or is_true(x == n):
        return n
    if is_true(x < 0):
        x = x + n
        return x if is_true(x >= 0) else 0
    return x if is_true(x <= n) else n


@rule("unsqueeze")
def unsqueeze(self, dim):
    d = wrap_dim(dim, self.dim() + 1)
    sizes, strides = list(self.shape), list(self.stride())
    strides.insert(d, sizes[d] * strides[d] if d < len(sizes) else 1)
    sizes.insert(d, 1)
    return View(sizes, strides, self.storage_offset())


@rule("squeeze")
def squeeze(self, dim=None):
    dims = set(wrap_dims(dim, self.dim()))
    kept = [i for i, n in enumerate(self.shape) if i not in dims or not is_true(n == 1)]
    return View([self.shape[i] for i in kept], [self.stride()[i] for i in kept], self.storage_offset())


@rule("diagonal")
def diagonal(self, offset=0, dim1=0, dim2=1):
    i, j = wrap_dim(dim1, self.dim()), wrap_dim(dim2, self.dim())
    rest = [d for d in range(self.dim()) if d not in (i, j)]
    si, sj = self.stride()[i], self.stride()[j]
    n = torch.sym_min(self.shape[i], self.shape[j] - offset) if offset >= 0 else torch.sym_min(self.shape[i] + offset, self.shape[j])
    shift = offset * sj if offset >= 0 else -offset * si
    return View([*(self.shape[d] for d in rest), torch.sym_max(n, 0)], [*(self.stride()[d] for d in rest), si + sj], self.storage_offset() + shift)


@rule("unbind")
def unbind(self, dim=0):
    d = wrap_dim(dim, self.dim())
    return [select(self, d, i) for i in range(int(self.shape[d]))]


@rule("split.Tensor")
def split(self, split_size, dim=0):
    n = self.shape[wrap_dim(dim, self.dim())]
    parts = max(int((n + split_size - 1) // split_size), 1)
    return split_with_sizes(self, [split_size] * (parts - 1) + [n - split_size * (parts - 1)], dim)


@rule("split_with_sizes")
def split_with_sizes(self, split_sizes, dim=0):
    d, at, parts = wrap_dim(dim, self.dim()), 0, []
    for n in split_sizes:
        sizes = list(self.shape)
        sizes[d] = n
        parts.append(View(sizes, self.stride(), self.storage_offset() + at * self.stride()[d]))
        at = at + n
    return parts


@rule("unsafe_split.Tensor")
def unsafe_split(self, split_size, dim=0):
    return [part.sizes for part in split(self, split_size, dim)]


@rule("unsafe_split_with_sizes")
def unsafe_split_with_sizes(self, split_sizes, dim=0):
    return [part.sizes for part in split_with_sizes(self, split_sizes, dim)]


# ---- matrix products ----

def _must(condition, text):
    if not condition:
        raise RuntimeError(text)


@rule("mm")
def mm(self, mat2, **_):
    _must(self.shape[1] == mat2.shape[0], f"mat1 and mat2 shapes cannot be multiplied ({self.shape[0]}x{self.shape[1]} and {mat2.shape[0]}x{mat2.shape[1]})")
    return self.shape[0], mat2.shape[1]


@rule("addmm", "_addmm_activation")
def addmm(mat1, mat2, **_):
    return mm(mat1, mat2)


@rule("bmm")
def bmm(self, mat2, **_):
    _must(self.shape[0] == mat2.shape[0] and self.shape[2] == mat2.shape[1],
          f"Expected size for first two dimensions of batch2 tensor to be: [{self.shape[0]}, {self.shape[2]}] but got: {list(mat2.shape[:2])}.")
    return self.shape[0], self.shape[1], mat2.shape[2]


@rule("baddbmm")
def baddbmm(batch1, batch2, **_):
    return bmm(batch1, batch2)


@rule("mv")
def mv(self, vec):
    return (self.shape[0],)


@rule("addmv")
def addmv(mat, **_):
    return (mat.shape[0],)


@rule("dot", "vdot")
def dot(self, **_):
    return ()


@rule("ger", "outer")
def outer(self, vec2):
    return self.shape[0], vec2.shape[0]


@rule("_scaled_dot_product_flash_attention_for_cpu")
def attention(query, key, value, **_):
    return [(*query.shape[:3], value.shape[3]), tuple(query.shape[:3])]


@rule("_scaled_dot_product_flash_attention_for_cpu_backward")
def attention_backward(query, key, value, **_):
    return [tuple(query.shape), tuple(key.shape), tuple(value.shape)]


# ---- normalisation, losses, embeddings ----

@rule("native_layer_norm")
def layer_norm(input, normalized_shape, weight=None, bias=None, **_):
    for t in (weight, bias):
        _must(t is None or tuple(t.shape) == tuple(normalized_shape), f"Expected weight and bias to be of the shape {normalized_shape}")
    lead = input.dim() - len(normalized_shape)
    stats = (*input.shape[:lead], *[1] * len(normalized_shape))
    return [tuple(input.shape), stats, stats]


@rule("native_layer_norm_backward")
def layer_norm_backward(grad_out, input, normalized_shape, output_mask, **_):
    return [s if wanted else None for s, wanted in zip((tuple(input.shape), tuple(normalized_shape), tuple(normalized_shape)), output_mask)]


@rule("native_group_norm")
def group_norm(input, N, group, **_):
    return [tuple(input.shape), (N, group), (N, group)]


@rule("native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training", "_native_batch_norm_legit_functional")
def batch_norm(input, training=False, **_):
    stats = (input.shape[1],) if training else (0,)
    return [tuple(input.shape), stats, stats]


@rule("embedding")
def embedding(weight, indices, **_):
    return *indices.shape, *weight.shape[1:]


@rule("nll_loss_forward", "nll_loss2d_forward")
def nll_loss(self, target, reduction, **_):
    return [tuple(target.shape) if reduction == 0 else (), ()]


@rule("nll_loss_backward", "nll_loss2d_backward")
def nll_loss_backward(self, **_):
    return tuple(self.shape)


@rule("mse_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy", "soft_margin_loss")
def elementwise_loss(self, target, reduction=1, **_):
    return broadcast(self.shape, target.shape) if reduction == 0 else ()


# ---- indexing and joining ----

@rule("gather")
def gather(index, **_):
    return tuple(index.shape)


@rule("index_select")
def index_select(self, dim, index):
    if self.dim() == 0:
        return ()
    d = wrap_dim(dim, self.dim())
    return tuple(index.numel() if i == d else n for i, n in enumerate(self.shape))


@rule("take")
def take(index, **_):
    return tuple(index.shape)


@rule("index.Tensor", "_unsafe_index.Tensor")
def index(self, indices):
    given = [i for i, x in enumerate(indices) if x is not None]
    if any(indices[i].dtype in (torch.bool, torch.uint8) for i in given):
        raise NotImplementedError("indexing by a mask has no symbolic shape")
    shape = broadcast(*(indices[i].shape for i in given))
    rest = [n for i, n in enumerate(self.shape) if i not in given]
    adjacent = given == list(range(given[0], given[0] + len(given))) if given else True
    at = given[0] if given and adjacent else 0
    return (*rest[:at], *shape, *rest[at:])


@rule("cat", "concat", "concatenate", "_cat")
def cat(tensors, dim=0):
    kept = [t for t in tensors if not (t.dim() == 1 and type(t.shape[0]) is int and t.shape[0] == 0)] or list(tensors)
    d = wrap_dim(dim, kept[0].dim())
    sizes = list(kept[0].shape)
    for other in kept[1:]:
        for i, n in enumerate(other.shape):
            if i != d:
                _must(n is sizes[i] or n == sizes[i],
                      f"Sizes of tensors must match except in dimension {d}. Expected size {sizes[i]} but got size {n} for tensor number 1 in the list.")
    sizes[d] = torch.sym_sum([t.shape[d] for t in kept])
    return tuple(sizes)


@rule("stack", "_stack")
def stack(tensors, dim=0):
    d = wrap_dim(dim, tensors[0].dim() + 1)
    sizes = list(tensors[0].shape)
    sizes.insert(d, len(tensors))
    return tuple(sizes)


@rule("repeat")
def repeat(self, repeats):
    lead = len(repeats) - self.dim()
    return tuple(n * r for n, r in zip([*[1] * lead, *self.shape], repeats))


@rule("topk")
def topk(self, k, dim=-1, **_):
    d = wrap_dim(dim, self.dim())
    shape = tuple(k if i == d else n for i, n in enumerate(self.shape))
    return [shape, shape]


@rule("constant_pad_nd")
def pad(self, pad, **_):
    sizes = list(self.shape)
    for i in range(len(pad) // 2):
        sizes[-1 - i] = sizes[-1 - i] + pad[2 * i] + pad[2 * i + 1]
    return tuple(sizes)


@rule("slice_backward", "select_backward")
def view_backward(input_sizes, **_):
    return tuple(input_sizes)


@rule("nonzero")
def nonzero(self):
    n = self.fake_mode.shape_env.create_unbacked_symint()
    torch._check_is_size(n)
    return n, self.dim()


@rule("masked_select")
def masked_select(self, mask):
    n = self.fake_mode.shape_env.create_unbacked_symint()
    torch._check_is_size(n)
    return (n,)


# ---- windows ----

def _window_sizes(sizes, kernel, stride, padding, dilation, ceil_mode=False):
    def each(x, default=None):
        x = default if x is None or isinstance(x, (list, tuple)) and not x else x
        return [x] * len(sizes) if not isinstance(x, (list, tuple)) else list(x) * (len(sizes) if len(x) == 1 else 1)
    kernel = each(kernel)
    stride, padding, dilation = each(stride, kernel), each(padding), each(dilation)
    out = []
    for n, k, s, p, d in zip(sizes, kernel, stride, padding, dilation):
        span = n + 2 * p - d * (k - 1) - 1
        count = (span + (s - 1 if ceil_mode else 0)) // s + 1
        if ceil_mode and is_true((count - 1) * s >= n + p):
            count = count - 1
        out.append(count)
    return out


@rule("convolution", "_convolution", "mkldnn_convolution")
def convolution(input, weight, stride, padding, dilation, transposed=False, output_padding=None, **_):
    spatial = input.shape[2:]
    if not transposed:
        return (input.shape[0], weight.shape[0], *_window_sizes(spatial, weight.shape[2:], stride, padding, dilation))
    groups = _.get("groups", 1)
    n = len(spatial)
    stride, padding, dilation, extra = ([*x] * (n if len(x) == 1 else 1) for x in (stride, padding, dilation, output_padding))
    sizes = [(m - 1) * s - 2 * p + d * (k - 1) + o + 1 for m, s, p, d, k, o in zip(spatial, stride, padding, dilation, weight.shape[2:], extra)]
    return (input.shape[0], weight.shape[1] * groups, *sizes)


@rule("convolution_backward")
def convolution_backward(input, weight, bias_sizes, output_mask, **_):
    shapes = tuple(input.shape), tuple(weight.shape), tuple(bias_sizes or ())
    return [s if wanted else None for s, wanted in zip(shapes, output_mask)]


@rule("max_pool2d_with_indices", "max_pool3d_with_indices")
def max_pool(self, kernel_size, stride=(), padding=0, dilation=1, ceil_mode=False):
    n = len(kernel_size)
    sizes = _window_sizes(self.shape[-n:], kernel_size, stride, padding, dilation, ceil_mode)
    shape = (*self.shape[:-n], *sizes)
    return [shape, shape]


@rule("avg_pool2d", "avg_pool3d")
def avg_pool(self, kernel_size, stride=(), padding=0, ceil_mode=False, **_):
    n = len(kernel_size)
    return (*self.shape[:-n], *_window_sizes(self.shape[-n:], kernel_size, stride, padding, 1, ceil_mode))


@rule("_adaptive_avg_pool2d", "_adaptive_avg_pool3d")
def adaptive_pool(self, output_size):
    return (*self.shape[:-len(output_size)], *output_size)


@rule("max_pool2d_with_indices_backward", "max_pool3d_with_indices_backward", "avg_pool2d_backward", "avg_pool3d_backward", "_adaptive_avg_pool2d_backward")
def pool_backward(self, **_):
    return tuple(self.shape)
