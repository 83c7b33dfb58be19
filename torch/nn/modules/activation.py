"""Activation modules and multi-head attention."""

import torch

from .. import functional as F
from .. import init
from ..parameter import Parameter
from ._declare import Declared
from .linear import NonDynamicallyQuantizableLinear
from .module import Module

__all__ = [
    "Threshold", "ReLU", "RReLU", "Hardtanh", "ReLU6", "Sigmoid", "Hardsigmoid", "Tanh", "SiLU", "Mish", "Hardswish", "ELU",
    "CELU", "SELU", "GLU", "GELU", "Hardshrink", "LeakyReLU", "LogSigmoid", "Softplus", "Softshrink", "MultiheadAttention",
    "PReLU", "Softsign", "Tanhshrink", "Softmin", "Softmax", "Softmax2d", "LogSoftmax",
]


class ReLU(Declared, function=F.relu, inplace=False):
    """max(0, x)."""


class ReLU6(Declared, function=F.relu6, inplace=False):
    """min(max(0, x), 6)."""


class RReLU(Module):
    """Leaky ReLU whose slope is drawn from U(lower, upper) in training and is their mean otherwise."""

    def __init__(self, lower=1.0 / 8, upper=1.0 / 3, inplace=False):
        super().__init__()
        self.lower, self.upper, self.inplace = lower, upper, inplace

    def forward(self, input):
        """Apply it; any shape."""
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self):
        return f"lower={self.lower}, upper={self.upper}" + (", inplace=True" if self.inplace else "")


class Threshold(Module):
    """x where x > threshold, else value."""

    def __init__(self, threshold, value, inplace=False):
        super().__init__()
        self.threshold, self.value, self.inplace = threshold, value, inplace

    def forward(self, input):
        """Apply it; any shape."""
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self):
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")


class Hardtanh(Module):
    """x clamped to [min_val, max_val]."""

    def __init__(self, min_val=-1.0, max_val=1.0, inplace=False, min_value=None, max_value=None):
        super().__init__()
        self.min_val = min_val if min_value is None else min_value
        self.max_val = max_val if max_value is None else max_value
        self.inplace = inplace
        if not self.max_val > self.min_val:
            raise AssertionError(f"max_val ({self.max_val}) must be larger than min_val ({self.min_val})")

    def forward(self, input):
        """Apply it; any shape."""
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self):
        return f"min_val={self.min_val}, max_val={self.max_val}" + (", inplace=True" if self.inplace else "")


class Sigmoid(Declared, function=torch.sigmoid):
    """1 / (1 + exp(-x))."""


class Hardsigmoid(Declared, function=F.hardsigmoid, inplace=False):
    """min(max(0, x / 6 + 1 / 2), 1)."""


class Tanh(Declared, function=torch.tanh):
    """Hyperbolic tangent."""


class SiLU(Declared, function=F.silu, inplace=False):
    """x * sigmoid(x)."""


class Mish(Declared, function=F.mish, inplace=False):
    """x * tanh(softplus(x))."""


class Hardswish(Declared, function=F.hardswish, inplace=False):
    """x * hardsigmoid(x)."""


class ELU(Declared, function=F.elu, alpha=1.0, inplace=False):
    """x for x > 0, else alpha (exp(x) - 1)."""


class CELU(Declared, function=F.celu, alpha=1.0, inplace=False):
    """max(0, x) + min(0, alpha (exp(x / alpha) - 1))."""


class SELU(Declared, function=F.selu, inplace=False):
    """Scaled ELU with the self-normalising constants."""


class GLU(Declared, function=F.glu, dim=-1):
    """a * sigmoid(b) for the two halves a, b of the input along `dim`."""


class GELU(Declared, function=F.gelu, approximate="none"):
    """x * Phi(x) with the normal distribution function, or its tanh approximation; Hendrycks and Gimpel 2016."""


class Hardshrink(Declared, function=F.hardshrink, lambd=0.5):
    """x where |x| > lambd, else 0."""

    def extra_repr(self):
        return f"{self.lambd}"


class Softshrink(Declared, function=F.softshrink, lambd=0.5):
    """x shrunk towards 0 by lambd, 0 within it."""

    def extra_repr(self):
        return f"{self.lambd}"


class LeakyReLU(Declared, function=F.leaky_relu, negative_slope=0.01, inplace=False):
    """x for x > 0, else negative_slope * x."""


class LogSigmoid(Declared, function=F.logsigmoid):
    """log(1 / (1 + exp(-x)))."""


class Softplus(Declared, function=F.softplus, beta=1.0, threshold=20.0):
    """log(1 + exp(beta x)) / beta, linear above threshold / beta."""


class Softsign(Declared, function=F.softsign):
    """x / (1 + |x|)."""


class Tanhshrink(Declared, function=F.tanhshrink):
    """x - tanh(x)."""


class Softmin(Declared, function=F.softmin, dim=None):
    """softmax(-x) along `dim`."""


class Softmax(Declared, function=F.softmax, dim=None):
    """exp(x) divided by its sum along `dim`."""


class LogSoftmax(Declared, function=F.log_softmax, dim=None):
    """log(softmax(x)) along `dim`."""


class Softmax2d(Module):
    """Softmax over the channels of (N, C, H, W) or (C, H, W) input."""

    def forward(self, input):
        """Apply it; raises ValueError for other numbers of dimensions."""
        if input.dim() not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead")
        return F.softmax(input, -3)


class PReLU(Module):
    """x for x > 0, else a learned slope times x: one slope for all (`num_parameters` 1) or one a channel; He et al. 2015."""

    def __init__(self, num_parameters=1, init=0.25, device=None, dtype=None):
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(torch.empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self):
        """Set every slope to `init`."""
        init.constant_(self.weight, self.init)

    def forward(self, input):
        """Apply it; channels are dimension 1."""
        return F.prelu(input, self.weight)

    def extra_repr(self):
        return f"num_parameters={self.num_parameters}"


class MultiheadAttention(Module):
    """Attention of several heads over query, key and value; Vaswani et al. 2017.

    Args:
        embed_dim: width of the model, divided over the heads.
        num_heads: number of heads; must divide `embed_dim`.
        dropout: probability of dropping an attention weight.
        add_bias_kv, add_zero_attn: append a learned, or a zero, key and value.
        kdim, vdim: widths of key and value when they are not `embed_dim`.
        batch_first: (N, L, E) instead of (L, N, E).
    """

    def __init__(self, embed_dim, num_heads, dropout=0.0, bias=True, add_bias_kv=False, add_zero_attn=False, kdim=None,
                 vdim=None, batch_first=False, device=None, dtype=None):
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError("embed_dim and num_heads must be greater than 0, got "
                             f"embed_dim={embed_dim} and num_heads={num_heads} instead")
        factory = {"device": device, "dtype": dtype}
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads, self.dropout, self.batch_first = num_heads, dropout, batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        shapes = {"q_proj_weight": (embed_dim, embed_dim), "k_proj_weight": (embed_dim, self.kdim),
                  "v_proj_weight": (embed_dim, self.vdim), "in_proj_weight": (3 * embed_dim, embed_dim)}
        if self._qkv_same_embed_dim:
            shapes = {"in_proj_weight": shapes["in_proj_weight"], "q_proj_weight": None, "k_proj_weight": None,
                      "v_proj_weight": None}
        else:
            shapes["in_proj_weight"] = None
        for name, shape in shapes.items():
            self.register_parameter(name, None if shape is None else Parameter(torch.empty(shape, **factory)))
        self.register_parameter("in_proj_bias", Parameter(torch.empty(3 * embed_dim, **factory)) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **factory)
        for name in ("bias_k", "bias_v"):
            extra = Parameter(torch.empty((1, 1, embed_dim), **factory)) if add_bias_kv else None
            setattr(self, name, extra)
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self):
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            weight = getattr(self, name)
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)

    def __setstate__(self, state):
        state.setdefault("_qkv_same_embed_dim", True)
        super().__setstate__(state)

    def merge_masks(self, attn_mask, key_padding_mask, query):
        """(one mask (N, heads, L, S) or the only one given, which: 0 attention, 1 padding, 2 both, None neither)."""
        if key_padding_mask is None:
            return attn_mask, None if attn_mask is None else 0
        if attn_mask is None:
            return key_padding_mask, 1
        batch, length = query.shape[:2]
        pairs = attn_mask.view(batch, -1, length, length) if attn_mask.dim() == 3 else attn_mask.view(1, 1, length, length)
        pairs = pairs.expand(batch, self.num_heads, -1, -1)
        return pairs + key_padding_mask.view(batch, 1, 1, length).expand(-1, self.num_heads, -1, -1), 2

    def forward(self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None,
                average_attn_weights=True, is_causal=False):
        """Return (output, attention weights or None).

        key_padding_mask (N, S): True or -inf where a key is ignored. attn_mask (L, S) or (N * heads, L, S): the same for
        pairs. need_weights=False lets the fused kernel run. is_causal: a hint that `attn_mask` is the causal one.
        """
        batched_first = self.batch_first and query.dim() == 3
        if batched_first:
            if key is value:
                if query is key:
                    query = key = value = query.transpose(1, 0)
                else:
                    query, key = query.transpose(1, 0), key.transpose(1, 0)
                    value = key
            else:
                query, key, value = (tensor.transpose(1, 0) for tensor in (query, key, value))
        output, weights = F.multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight, self.in_proj_bias, self.bias_k,
            self.bias_v, self.add_zero_attn, self.dropout, self.out_proj.weight, self.out_proj.bias,
            training=self.training, key_padding_mask=key_padding_mask, need_weights=need_weights, attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim, q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight, v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights, is_causal=is_causal)
        return (output.transpose(1, 0) if batched_first else output), weights
