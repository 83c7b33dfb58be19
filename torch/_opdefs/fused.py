"""Operators that are one pass over rows that stay in cache: softmax and the normalisations."""
# Gradient formulas name aten operators.
# ruff: noqa: F821

from __future__ import annotations

import math

from .expr import eq, exp, log, row_length, row_max, row_sum, sqrt, where
from .language import FLOAT8, FLOATING, composite, fused


@fused("_softmax(Tensor self, int dim, bool half_to_float) -> Tensor", kinds="f", python="function",
       grad={"self": "_softmax_backward_data(grad, result, dim, self.dtype)"},
       jvp={"result": "result * (self_t - (self_t * result).sum(dim, True))"})
def _softmax(x):
    """exp(x) / sum(exp(x)) along `dim`."""
    e = exp(x - row_max(x))
    return e / row_sum(e)


@fused("_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor", kinds=FLOATING, without=FLOAT8, python="function",
       out=["_softmax_backward_data.out(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype, *, Tensor(a!) grad_input) -> Tensor(a!)"],
       grad={"grad_output": "_softmax_backward_data(grad, output, dim, grad_output.dtype)",
             "output": "grad_output * grad - (output * grad_output).sum(dim, True) * grad - grad_output * (output * grad).sum(dim, True)"})
def _softmax_backward_data(g, y):
    """y (g - sum(g y)) along `dim`."""
    return (g - row_sum(g * y)) * y


@fused("_log_softmax(Tensor self, int dim, bool half_to_float) -> Tensor", kinds="f", python="function",
       grad={"self": "_log_softmax_backward_data(grad, result, dim, self.dtype)"},
       jvp={"result": "self_t - (self_t * result.exp()).sum(dim, True)"})
def _log_softmax(x):
    """x - log(sum(exp(x))) along `dim`."""
    d = x - row_max(x)
    return d - log(row_sum(exp(d)))


@fused("_log_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor", kinds=FLOATING, without=FLOAT8, python="function",
       out=["_log_softmax_backward_data.out(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype, *, Tensor(a!) out) -> Tensor(a!)"],
       grad={"grad_output": "grad - (grad * output.exp()).sum(dim, True)",
             "output": "-grad_output.sum(dim, True) * output.exp() * grad"})
def _log_softmax_backward_data(g, y):
    """g - exp(y) sum(g) along `dim`."""
    return g - exp(y) * row_sum(g)


@fused("_safe_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", kinds="f", python="",
       grad={"self": "_softmax_backward_data(grad, result, dim, self.dtype)"}, jvp=None)
def _safe_softmax(x):
    """Softmax whose rows of -inf alone are zeros."""
    largest = row_max(x)
    e = exp(x - where(eq(largest, -math.inf), 0.0, largest))
    total = row_sum(e)
    return where(eq(largest, -math.inf), 0.0, e / total)


def _layer_norm_grad(grads, input, normalized_shape, weight, bias, eps, result1, result2):
    if grad_enabled():      # from operators that can be differentiated again
        first = input.ndim - len(normalized_shape)
        inner = [i for i in range(first, input.ndim)]
        outer = [i for i in range(first)]
        d = input - input.mean(inner, True)
        rstd = ((d * d).mean(inner, True) + eps).rsqrt()
        y = d * rstd
        g = grads[0]
        h = g * weight if weight is not None else g
        to_input = (h - h.mean(inner, True) - y * (h * y).mean(inner, True)) * rstd
        return to_input, (g * y).sum(outer) if first > 0 else g * y, g.sum(outer) if first > 0 else g
    return native_layer_norm_backward(grads[0], input, normalized_shape, result1, result2, weight, bias,
                                      [needs("input"), needs("weight"), needs("bias")])


@fused("native_layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> (Tensor, Tensor, Tensor)",
       kinds="f", python="function", rows="normalized_shape", operands={"weight": "Shared", "bias": "Shared"}, outputs=("Row", "Each", "Each"),
       grad={"input, weight, bias": _layer_norm_grad}, jvp=None, constant=(1, 2), vmap="layer_norm")
def native_layer_norm(x, weight, bias, eps):
    """(x - mean) / sqrt(var + eps) * weight + bias over the trailing dimensions; also mean and 1 / sqrt(var + eps)."""
    n = row_length(x.type)
    mean = row_sum(x) / n
    d = x - mean
    rstd = 1.0 / sqrt(row_sum(d * d) / n + eps)
    y = d * rstd
    if weight is not None:
        y = y * weight
    if bias is not None:
        y = y + bias
    return y, mean, rstd


@fused("native_layer_norm_backward(Tensor grad_out, Tensor input, SymInt[] normalized_shape, Tensor mean, Tensor rstd, Tensor? weight, "
       "Tensor? bias, bool[3] output_mask) -> (Tensor, Tensor, Tensor)", kinds="f", python="function", rows="normalized_shape",
       operands={"weight": "Shared", "bias": "Shared", "mean": "Each", "rstd": "Each"}, outputs=("Row", "Total", "Total"), grad=None,
       vmap="layer_norm_backward")
def native_layer_norm_backward(g, x, mean, rstd, weight, bias):
    """Gradients of native_layer_norm: of the input by rows, of weight and bias summed over all rows."""
    n = row_length(x.type)
    y = (x - mean) * rstd
    h = g * weight if weight is not None else g
    inner = (h - row_sum(h) / n - y * (row_sum(h * y) / n)) * rstd
    return inner, g * y, g


@composite("softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor",
           out=["softmax.int_out(Tensor self, int dim, ScalarType? dtype=None, *, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact")
def softmax(self, dim, dtype):
    """exp(x) / sum(exp(x)) along `dim`, computed in `dtype` if given.

    >>> torch.softmax(torch.zeros(4), 0)
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    x = self if dtype is None else self.to(dtype)
    return _softmax(x, dim, False)


@composite("log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor",
           out=["log_softmax.int_out(Tensor self, int dim, ScalarType? dtype=None, *, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact")
def log_softmax(self, dim, dtype):
    """log(softmax(x)) along `dim`, computed in `dtype` if given.

    >>> torch.log_softmax(torch.zeros(2), 0)
    tensor([-0.6931, -0.6931])
    """
    x = self if dtype is None else self.to(dtype)
    return _log_softmax(x, dim, False)
