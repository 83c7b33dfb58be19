"""Scaled dot-product attention: one fused operator for the plain case, the same written in operators otherwise."""

# Bodies and gradient formulas name aten operators.
# ruff: noqa: F821

from .language import FLOATING, HALF, UNKNOWN, composite, kernel


@composite("_attention_gradients(Tensor grad, Tensor query, Tensor key, Tensor value, bool is_causal, Tensor? attn_mask, float? scale) "
           "-> (Tensor, Tensor, Tensor, Tensor)", python="")
def _attention_gradients(grad, query, key, value, is_causal, attn_mask, scale):
    """Gradients of the fused attention and of its mask, in operators that can be differentiated again."""
    factor = 1.0 / float(query.size(-1)) ** 0.5
    if scale is not None:
        factor = scale
    groups = query.size(1) // key.size(1)
    keys = key.repeat_interleave(groups, 1) if groups > 1 else key
    values = value.repeat_interleave(groups, 1) if groups > 1 else value
    scores = query.matmul(keys.transpose(-2, -1)) * factor
    if attn_mask is not None:
        scores = scores + attn_mask
    if is_causal:
        scores = scores.masked_fill(ones([query.size(2), key.size(2)], dtype=torch.bool, device=query.device).triu(1), -inf)
    weights = scores.softmax(-1)
    to_weights = grad.matmul(values.transpose(-2, -1))
    to_scores = weights * (to_weights - (to_weights * weights).sum([-1], True))
    to_key = (to_scores.transpose(-2, -1) * factor).matmul(query)
    to_value = weights.transpose(-2, -1).matmul(grad)
    if groups > 1:
        to_key = to_key.unflatten(1, [key.size(1), groups]).sum([2])
        to_value = to_value.unflatten(1, [key.size(1), groups]).sum([2])
    to_mask = to_scores.sum_to_size(attn_mask.shape) if attn_mask is not None else to_scores
    return (to_scores * factor).matmul(keys), to_key, to_value, to_mask


def _flash_gradients(grad, query, key, value, dropout_p, is_causal, attn_mask, scale, output, logsumexp):
    to_mask = None
    if grad_enabled() or needs("attn_mask"):
        return _attention_gradients(grad, query, key, value, is_causal, attn_mask, scale)
    to_query, to_key, to_value = _scaled_dot_product_flash_attention_for_cpu_backward(grad, query, key, value, output, logsumexp, dropout_p, is_causal,
                                                                                      attn_mask=attn_mask, scale=scale)
    return to_query, to_key, to_value, to_mask


@kernel(
    "_scaled_dot_product_flash_attention_for_cpu(Tensor query, Tensor key, Tensor value, float dropout_p=0., bool is_causal=False, *, "
    "Tensor? attn_mask=None, float? scale=None) -> (Tensor output, Tensor logsumexp)",
    kinds=FLOATING, compute=HALF, python="function", out=False, constant=(1,),
    grad={"query, key, value, attn_mask": _flash_gradients}, vmap="attention",
)
def _scaled_dot_product_flash_attention_for_cpu():
    """softmax(query key' * scale + attn_mask) value in blocks, and the logarithm of each row's sum, for (batch, heads, sequence, dim)."""


@kernel(
    "_scaled_dot_product_flash_attention_for_cpu_backward(Tensor grad_out, Tensor query, Tensor key, Tensor value, Tensor out, Tensor logsumexp, "
    "float dropout_p, bool is_causal, *, Tensor? attn_mask=None, float? scale=None) -> (Tensor grad_query, Tensor grad_key, Tensor grad_value)",
    kinds=FLOATING, compute=HALF, python="function", out=False, grad=UNKNOWN, vmap="attention",
)
def _scaled_dot_product_flash_attention_for_cpu_backward():
    """Gradients of the fused attention; recomputes the weights."""


@composite(
    "_scaled_dot_product_attention_math(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0., bool is_causal=False, "
    "Tensor? dropout_mask=None, *, float? scale=None, bool enable_gqa=False) -> (Tensor, Tensor)",
    python="function",
)
def _scaled_dot_product_attention_math(query, key, value, attn_mask, dropout_p, is_causal, dropout_mask, scale, enable_gqa):
    """Attention written in operators: the result and the weights. The scale is shared between query and key, for the sake of half precision."""
    factor = scale if scale is not None else 1.0 / math.sqrt(query.size(-1))
    root = math.sqrt(abs(factor))
    # half precision would lose too much between the two products
    half_precision = query.dtype == torch.float16 or query.dtype == torch.bfloat16
    q = (query.to(torch.float32) if half_precision else query) * (-root if factor < 0 else root)
    mask = attn_mask
    if is_causal:
        if attn_mask is not None:
            raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
        seen = ones([query.size(-2), key.size(-2)], dtype=torch.bool, device=query.device).tril()
        mask = _additive_mask(seen, query.dtype)
    elif attn_mask is not None:
        if attn_mask.dtype == torch.bool:
            mask = _additive_mask(attn_mask, query.dtype)
    k = key.to(torch.float32) if half_precision else key
    v = value.to(torch.float32) if half_precision else value
    if enable_gqa:
        if query.size(-3) % key.size(-3) != 0 or query.size(-3) % value.size(-3) != 0:
            raise RuntimeError("Number of heads in key and value must divide the number of heads in query")
        k = k.repeat_interleave(query.size(-3) // key.size(-3), -3)
        v = v.repeat_interleave(query.size(-3) // value.size(-3), -3)
    weights = q.matmul(k.transpose(-2, -1) * root)
    if mask is not None:
        weights = weights + mask
    weights = _safe_softmax(weights, -1)
    if dropout_p > 0:
        if dropout_mask is not None:
            dropped = weights.masked_fill(dropout_mask.logical_not(), 0.0)
            out = dropped.matmul(v * (1.0 / (1.0 - dropout_p)))
            return out.to(query.dtype) if half_precision else out, weights.to(query.dtype) if half_precision else weights
        weights = dropout(weights, dropout_p, True)
    out = weights.matmul(v)
    return out.to(query.dtype) if half_precision else out, weights.to(query.dtype) if half_precision else weights


@composite("_additive_mask(Tensor mask, ScalarType dtype) -> Tensor", python="")
def _additive_mask(mask, dtype):
    """0 where the boolean mask is True, -inf elsewhere."""
    return where(mask, aten.scalar_tensor.default(0.0, dtype=dtype, device=mask.device),
                 aten.scalar_tensor.default(-inf, dtype=dtype, device=mask.device))


@composite(
    "_fused_sdp_choice(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0., bool is_causal=False, *, "
    "float? scale=None, bool enable_gqa=False) -> int",
    python="function",
)
def _fused_sdp_choice(query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa):
    """1 where the fused attention applies, 0 where attention runs as separate operators."""
    if query.ndim != 4 or key.ndim != 4 or value.ndim != 4 or dropout_p != 0 or not query.is_floating_point():
        return 0
    if query.size(0) != key.size(0) or query.size(0) != value.size(0) or query.size(3) != key.size(3) or query.size(3) != value.size(3):
        return 0
    if key.size(1) != value.size(1) or key.size(2) != value.size(2) or query.numel() == 0 or key.numel() == 0:
        return 0
    if query.size(1) != key.size(1) and not (enable_gqa and query.size(1) % key.size(1) == 0):
        return 0
    if query.stride(3) != 1 or key.stride(3) != 1 or value.stride(3) != 1:
        return 0
    if attn_mask is not None:
        if attn_mask.requires_grad:
            return 0
        if attn_mask.ndim != 2 and attn_mask.ndim != 4:
            return 0
    return 1


@composite(
    "scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0., bool is_causal=False, *, "
    "float? scale=None, bool enable_gqa=False) -> Tensor",
    python="nn",
)
def scaled_dot_product_attention(query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa):
    """softmax(query key' * scale + mask) value for query (..., L, E), key (..., S, E) and value (..., S, Ev).

    A boolean mask is True where a query may look; `is_causal` lets query i see keys up to i; `scale` is 1 / sqrt(E) unless given;
    `enable_gqa` repeats key and value heads until there are as many as query heads. Dropout applies whenever dropout_p > 0.

    >>> F.scaled_dot_product_attention(torch.zeros(1, 1, 2), torch.zeros(1, 3, 2), torch.ones(1, 3, 2))
    tensor([[[1., 1.]]])
    """
    if query.dtype != key.dtype or query.dtype != value.dtype:
        raise RuntimeError(f"Expected query, key, and value to have the same dtype, but got query.dtype: {query.dtype} key.dtype: {key.dtype} and "
                           f"value.dtype: {value.dtype} instead.")
    if query.ndim < 2 or key.ndim < 2 or value.ndim < 2:
        raise RuntimeError(f"Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: {query.ndim} key.dim: {key.ndim} and "
                           f"value.dim: {value.ndim} instead.")
    mask = attn_mask
    if attn_mask is not None:
        if attn_mask.dtype == torch.bool:
            mask = _additive_mask(attn_mask, query.dtype)
        elif attn_mask.dtype != query.dtype and attn_mask.dtype != torch.float:
            raise RuntimeError(f"Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: {attn_mask.dtype} and "
                               f"query.dtype: {query.dtype} instead.")
    if _fused_sdp_choice(query, key, value, mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa) == 1:
        out, _ = _scaled_dot_product_flash_attention_for_cpu(query, key, value, dropout_p, is_causal, attn_mask=mask, scale=scale)
        return out
    result, _ = _scaled_dot_product_attention_math(query, key, value, mask, dropout_p, is_causal, None, scale=scale, enable_gqa=enable_gqa)
    return result
