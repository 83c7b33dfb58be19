"""Decompositions that no definition gives: operators with kernels of their own, in terms of core ones."""

from __future__ import annotations

import torch
from torch._decomp import register_decomposition
from torch._meta.shapes import wrap_dim, wrap_dims

aten = torch.ops.aten
__all__: list[str] = []


def _computed(x):
    """The dtype that a kernel computes in for a tensor of this one."""
    return torch.float32 if x.dtype in (torch.float16, torch.bfloat16) else x.dtype


# ---- views ----

@register_decomposition(aten.t.default)
def t(self):
    return self if self.dim() < 2 else self.permute([1, 0])


@register_decomposition(aten.transpose.int)
def transpose(self, dim0, dim1):
    order = list(range(self.dim()))
    if order:
        i, j = wrap_dim(dim0, self.dim()), wrap_dim(dim1, self.dim())
        order[i], order[j] = order[j], order[i]
    return self.permute(order)


@register_decomposition(aten.detach.default)
def detach(self):
    return aten.alias(self)


@register_decomposition(aten._unsafe_view.default)
def _unsafe_view(self, size):
    return self.view(size)


@register_decomposition([aten.unsafe_split.Tensor, aten.split.Tensor])
def split(self, split_size, dim=0):
    n = self.size(dim)
    parts = max(-(-n // split_size), 1) if split_size else 1
    return aten.split_with_sizes(self, [split_size] * (parts - 1) + [n - split_size * (parts - 1)], dim)


@register_decomposition(aten.unbind.int)
def unbind(self, dim=0):
    return [self.select(dim, i) for i in range(self.size(dim))]


@register_decomposition(aten.unsafe_split_with_sizes.default)
def unsafe_split_with_sizes(self, split_sizes, dim=0):
    return aten.split_with_sizes(self, split_sizes, dim)


@register_decomposition(aten.squeeze.default)
def squeeze(self):
    return aten.squeeze.dims(self, [i for i, n in enumerate(self.shape) if n == 1])


# ---- joining ----

@register_decomposition(aten.stack.default)
def stack(tensors, dim=0):
    d = wrap_dim(dim, tensors[0].dim() + 1)
    return torch.cat([x.unsqueeze(d) for x in tensors], d)


@register_decomposition(aten.select_backward.default)
def select_backward(grad_output, input_sizes, dim, index):
    return aten.select_scatter(aten.new_zeros(grad_output, input_sizes), grad_output, dim, index)


@register_decomposition(aten.slice_backward.default)
def slice_backward(grad_output, input_sizes, dim, start, end, step):
    return aten.slice_scatter(aten.new_zeros(grad_output, input_sizes), grad_output, dim, start, end, step)


# ---- factories ----

def _filled(value):
    def function(size, *, dtype=None, layout=None, device=None, pin_memory=None, names=None):
        return torch.full(size, value, dtype=dtype or torch.get_default_dtype(), device=device)
    return function


register_decomposition(aten.zeros.default)(_filled(0))
register_decomposition(aten.ones.default)(_filled(1))


def _filled_like(value):
    def function(self, *, dtype=None, layout=None, device=None, pin_memory=None, memory_format=None):
        return torch.full_like(self, value, dtype=dtype, device=device, memory_format=memory_format or torch.preserve_format)
    return function


register_decomposition(aten.zeros_like.default)(_filled_like(0))
register_decomposition(aten.ones_like.default)(_filled_like(1))


def _filled_new(value):
    def function(self, size, *, dtype=None, layout=None, device=None, pin_memory=None):
        return torch.full(size, value, dtype=dtype or self.dtype, device=device or self.device)
    return function


register_decomposition(aten.new_zeros.default)(_filled_new(0))
register_decomposition(aten.new_ones.default)(_filled_new(1))


@register_decomposition(aten.new_full.default)
def new_full(self, size, fill_value, *, dtype=None, layout=None, device=None, pin_memory=None):
    return torch.full(size, fill_value, dtype=dtype or self.dtype, device=device or self.device)


# ---- matrix products ----

@register_decomposition(aten.mv.default)
def mv(self, vec):
    return (self * vec).sum(1)


@register_decomposition(aten.dot.default)
def dot(self, tensor):
    return (self * tensor).sum()


@register_decomposition(aten.baddbmm.default)
def baddbmm(self, batch1, batch2, *, beta=1, alpha=1):
    product = torch.bmm(batch1, batch2)
    product = product if alpha == 1 else product * alpha
    return product if beta == 0 else product + (self if beta == 1 else self * beta)


# ---- softmax, normalisation ----

@register_decomposition(aten._softmax_backward_data.default)
def _softmax_backward_data(grad_output, output, dim, input_dtype):
    g, y = grad_output.to(_computed(grad_output)), output.to(_computed(output))
    scaled = g * y
    return (scaled - y * scaled.sum(dim, keepdim=True)).to(input_dtype)


@register_decomposition(aten._log_softmax_backward_data.default)
def _log_softmax_backward_data(grad_output, output, dim, input_dtype):
    g, y = grad_output.to(_computed(grad_output)), output.to(_computed(output))
    return (g - torch.exp(y) * g.sum(dim, keepdim=True)).to(input_dtype)


@register_decomposition(aten.native_dropout_backward.default)
def native_dropout_backward(grad_output, mask, scale):
    return grad_output * (mask.to(grad_output.dtype) * scale)


@register_decomposition(aten.logsumexp.default)
def logsumexp(self, dim, keepdim=False):
    x = self if self.is_floating_point() else self.to(torch.get_default_dtype())
    dims = wrap_dims(dim, x.dim())
    if x.numel() == 0:
        return torch.log(torch.exp(x).sum(dims, keepdim=keepdim))
    top = torch.amax(x, dims, keepdim=True)
    top = torch.where(top.abs() == float("inf"), 0.0, top)
    total = torch.exp(x - top).sum(dims, keepdim=keepdim)
    return torch.log(total) + (top if keepdim else aten.squeeze.dims(top, dims))


# ---- statistics ----

@register_decomposition(aten.var_mean.correction)
def var_mean(self, dim=None, *, correction=None, keepdim=False):
    return aten.var.correction(self, dim, correction=correction, keepdim=keepdim), torch.mean(self, dim, keepdim=keepdim)


@register_decomposition(aten.std.correction)
def std(self, dim=None, *, correction=None, keepdim=False):
    return torch.sqrt(aten.var.correction(self, dim, correction=correction, keepdim=keepdim))


@register_decomposition(aten.std_mean.correction)
def std_mean(self, dim=None, *, correction=None, keepdim=False):
    return aten.std.correction(self, dim, correction=correction, keepdim=keepdim), torch.mean(self, dim, keepdim=keepdim)


@register_decomposition(aten.count_nonzero.dim_IntList)
def count_nonzero(self, dim):
    return (self != 0).sum(dim)


@register_decomposition(aten.aminmax.default)
def aminmax(self, *, dim=None, keepdim=False):
    dims = [] if dim is None else [dim]
    return torch.amin(self, dims, keepdim=keepdim), torch.amax(self, dims, keepdim=keepdim)


@register_decomposition(aten.nansum.default)
def nansum(self, dim=None, keepdim=False, *, dtype=None):
    return torch.where(torch.isnan(self), 0, self).sum(dim, keepdim=keepdim, dtype=dtype)


@register_decomposition(aten.all.default)
def all_(self):
    return torch.logical_not(torch.any(torch.logical_not(self)))


@register_decomposition(aten.all.dim)
def all_dim(self, dim, keepdim=False):
    return torch.logical_not(torch.any(torch.logical_not(self), dim, keepdim))


# ---- losses ----

@register_decomposition(aten.nll_loss_forward.default)
def nll_loss_forward(self, target, weight, reduction, ignore_index):
    classes = 0 if self.dim() < 2 else 1
    safe = torch.where(target != ignore_index, target, 0)
    picked = -torch.gather(self, classes, safe.unsqueeze(classes)).squeeze(classes)
    valid = target != ignore_index
    weights = None
    if weight is not None:
        weights = torch.gather(weight, 0, safe.reshape(-1)).reshape(safe.shape)
        picked = picked * weights
    picked = torch.where(valid, picked, 0)
    if reduction == 0 and self.dim() > 1:
        return picked, aten.new_full(self, [], 0.0)
    total = valid.sum().to(self.dtype) if weights is None else torch.where(valid, weights, 0).sum()
    loss = picked.sum()
    return (loss / total if reduction == 1 else loss), total


@register_decomposition(aten.nll_loss_backward.default)
def nll_loss_backward(grad_output, self, target, weight, reduction, ignore_index, total_weight):
    classes = 0 if self.dim() < 2 else 1
    if reduction == 1:
        grad_output = grad_output / total_weight
    place = target.unsqueeze(classes)
    valid = place != ignore_index
    safe = torch.where(valid, place, 0)
    grad_input = aten.scatter.value(torch.zeros_like(self), classes, safe, -1.0)
    if grad_input.dim() > grad_output.dim() > 0:
        grad_output = grad_output.unsqueeze(classes)
    if weight is not None:
        grad_output = grad_output * weight.reshape([weight.shape[0] if i == classes else 1 for i in range(self.dim())])
    return grad_input * torch.where(valid, grad_output, 0)


# ---- indexing ----

@register_decomposition([aten.masked_fill.Scalar, aten.masked_fill.Tensor])
def masked_fill(self, mask, value):
    if isinstance(value, torch.Tensor):
        value = value.to(self.dtype)
    else:
        value = aten.scalar_tensor(value, dtype=self.dtype, device=self.device)
    return torch.where(mask, value, self)


@register_decomposition(aten.index_fill.int_Scalar)
def index_fill(self, dim, index, value):
    if self.dim() == 0:
        return torch.full_like(self, value)
    d = wrap_dim(dim, self.dim())
    picked = torch.full([index.numel() if i == d else n for i, n in enumerate(self.shape)], value, dtype=self.dtype, device=self.device)
    return aten.index_put(self, [None] * d + [index], picked)


@register_decomposition(aten.rsub.Scalar)
def rsub_scalar(self, other, alpha=1):
    return torch.sub(aten.scalar_tensor(other, dtype=self.dtype, device=self.device), self, alpha=alpha)


@register_decomposition(aten.lift_fresh.default)
def lift_fresh(self):
    return self.clone()


@register_decomposition(aten.linspace.default)
def linspace(start, end, steps, *, dtype=None, layout=None, device=None, pin_memory=None):
    dtype = dtype or torch.get_default_dtype()
    if not dtype.is_floating_point or steps < 2:
        return NotImplemented
    at = torch.arange(0, steps, 1, dtype=dtype, device=device)
    step = (end - start) / (steps - 1)
    return torch.where(at < steps / 2, start + step * at, end - step * (steps - 1 - at))
