"""Multi-head attention; Vaswani et al. 2017."""

import math

import torch

from .padding import pad
from .regularization import dropout

_linear = torch._C._nn.linear
scaled_dot_product_attention = torch._C._nn.scaled_dot_product_attention


def _none_or_dtype(input):
    """The dtype of a tensor, None of None."""
    return None if input is None else input.dtype


def _canonical_mask(mask, mask_name, other_type, other_name, target_type, check_other=True):
    """`mask` as numbers to add to scores: a boolean mask becomes -inf where it is True."""
    if mask is None:
        return None
    if mask.dtype != torch.bool and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if mask.dtype == torch.bool:
        return torch.zeros_like(mask, dtype=target_type).masked_fill_(mask, float("-inf"))
    if check_other and other_type is not None and other_type != mask.dtype:
        raise AssertionError(f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for both instead.")
    return mask


def _mha_shape_check(query, key, value, key_padding_mask, attn_mask, num_heads):
    """True when the inputs are batched. Raises AssertionError for shapes that do not go together."""
    if query.dim() not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {query.dim()}-D query tensor")
    batched = query.dim() == 3
    kind = "batched" if batched else "unbatched"
    if not key.dim() == value.dim() == query.dim():
        raise AssertionError(f"For {kind} ({query.dim()}-D) `query`, expected `key` and `value` to be {query.dim()}-D but "
                             f"found {key.dim()}-D and {value.dim()}-D tensors respectively")
    if key_padding_mask is not None and key_padding_mask.dim() != query.dim() - 1:
        raise AssertionError(f"For {kind} ({query.dim()}-D) `query`, expected `key_padding_mask` to be `None` or "
                             f"{query.dim() - 1}-D but found {key_padding_mask.dim()}-D tensor instead")
    if attn_mask is not None:
        if attn_mask.dim() not in (2, 3):
            raise AssertionError(f"For {kind} ({query.dim()}-D) `query`, expected `attn_mask` to be `None`, 2-D or 3-D but "
                                 f"found {attn_mask.dim()}-D tensor instead")
        if not batched and attn_mask.dim() == 3 and attn_mask.shape != (num_heads, query.shape[0], key.shape[0]):
            raise AssertionError(f"Expected `attn_mask` shape to be {(num_heads, query.shape[0], key.shape[0])} but got "
                                 f"{tuple(attn_mask.shape)}")
    return batched


def _in_projection_packed(query, key, value, weight, bias):
    """The three input projections from one packed weight (3E, E), in as few matrix products as the inputs allow."""
    width = query.size(-1)
    if key is value:
        if query is key:
            packed = _linear(query, weight, bias).unflatten(-1, (3, width))
            return packed.unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous().unbind(0)
        split = [width, 2 * width]
        weights, biases = weight.split(split), (None, None) if bias is None else bias.split(split)
        packed = _linear(key, weights[1], biases[1]).unflatten(-1, (2, width))
        keys, values = packed.unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous().unbind(0)
        return _linear(query, weights[0], biases[0]), keys, values
    weights, biases = weight.chunk(3), (None,) * 3 if bias is None else bias.chunk(3)
    return tuple(_linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases))


def _split_heads(tensor, batch_heads, head_dim, static, name):
    """(L, N, E) -> (N * heads, L, head_dim); a given static tensor is used instead."""
    if static is None:
        return tensor.view(tensor.shape[0], batch_heads, head_dim).transpose(0, 1)
    if static.size(0) != batch_heads or static.size(2) != head_dim:
        raise AssertionError(f"expecting {name} of shape ({batch_heads}, *, {head_dim}), but got {tuple(static.shape)}")
    return static


def _full_mask(attn_mask, shape2, shape3):
    """A 3-D view of the attention mask. Raises RuntimeError when its shape is neither of the two allowed."""
    if attn_mask is None:
        return None
    wanted = shape2 if attn_mask.dim() == 2 else shape3
    if tuple(attn_mask.shape) != wanted:
        raise RuntimeError(f"The shape of the {attn_mask.dim()}D attn_mask is {attn_mask.shape}, but should be {wanted}.")
    return attn_mask.unsqueeze(0) if attn_mask.dim() == 2 else attn_mask


def multi_head_attention_forward(query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias, bias_k,
                                 bias_v, add_zero_attn, dropout_p, out_proj_weight, out_proj_bias, training=True,
                                 key_padding_mask=None, need_weights=True, attn_mask=None, use_separate_proj_weight=False,
                                 q_proj_weight=None, k_proj_weight=None, v_proj_weight=None, static_k=None, static_v=None,
                                 average_attn_weights=True, is_causal=False):
    """Attention of `num_heads` heads: query (L, N, E), key and value (S, N, E), or all without N.

    Returns (output (L, N, E), weights (N, L, S) averaged over heads or (N, heads, L, S), or None).

    >>> x = torch.zeros(2, 1, 2)
    >>> F.multi_head_attention_forward(x, x, x, 2, 1, torch.ones(6, 2), None, None, None, False, 0.0, torch.ones(2, 2), None)[0].shape
    torch.Size([2, 1, 2])
    """
    batched = _mha_shape_check(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = (tensor.unsqueeze(1) for tensor in (query, key, value)) if not (query is key is value) \
            else (query.unsqueeze(1),) * 3
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    target_length, batch, width = query.shape
    source_length = key.shape[0]
    key_padding_mask = _canonical_mask(key_padding_mask, "key_padding_mask", _none_or_dtype(attn_mask), "attn_mask", query.dtype)
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None  # the hint alone lets the kernel skip the upper triangle
    else:
        attn_mask = _canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, check_other=False)
        if key_padding_mask is not None:
            is_causal = False
    if width != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {width}")
    head_dim = width // num_heads
    if head_dim * num_heads != width:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {num_heads}")
    if use_separate_proj_weight:
        if key.shape[:2] != value.shape[:2]:
            raise AssertionError(f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}")
        biases = (None,) * 3 if in_proj_bias is None else in_proj_bias.chunk(3)
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        q, k, v = (_linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases))
    else:
        if key.shape != value.shape:
            raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
        q, k, v = _in_projection_packed(query, key, value, in_proj_weight, in_proj_bias)
    attn_mask = _full_mask(attn_mask, (target_length, source_length), (batch * num_heads, target_length, source_length))

    def grow_masks(attn, padding):
        return None if attn is None else pad(attn, (0, 1)), None if padding is None else pad(padding, (0, 1))

    if bias_k is not None and bias_v is not None:
        k, v = torch.cat([k, bias_k.repeat(1, batch, 1)]), torch.cat([v, bias_v.repeat(1, batch, 1)])
        attn_mask, key_padding_mask = grow_masks(attn_mask, key_padding_mask)
    q = _split_heads(q, batch * num_heads, head_dim, None, "query")
    k = _split_heads(k, batch * num_heads, head_dim, static_k, "static_k")
    v = _split_heads(v, batch * num_heads, head_dim, static_v, "static_v")
    if add_zero_attn:
        zeros = torch.zeros(batch * num_heads, 1, head_dim, dtype=k.dtype, device=k.device)
        k, v = torch.cat([k, zeros], dim=1), torch.cat([v, zeros], dim=1)
        attn_mask, key_padding_mask = grow_masks(attn_mask, key_padding_mask)
    source_length = k.size(1)
    if key_padding_mask is not None:
        if key_padding_mask.shape != (batch, source_length):
            raise AssertionError(f"expecting key_padding_mask shape of {(batch, source_length)}, but got "
                                 f"{tuple(key_padding_mask.shape)}")
        key_padding_mask = key_padding_mask.view(batch, 1, 1, source_length).expand(-1, num_heads, -1, -1).reshape(
            batch * num_heads, 1, source_length)
        attn_mask = key_padding_mask if attn_mask is None else attn_mask + key_padding_mask
    if not training:
        dropout_p = 0.0
    if need_weights:
        scaled = q * math.sqrt(1.0 / float(head_dim))
        scores = scaled @ k.transpose(-2, -1) if attn_mask is None else torch.baddbmm(attn_mask, scaled, k.transpose(-2, -1))
        weights = scores.softmax(-1)
        if dropout_p > 0.0:
            weights = dropout(weights, dropout_p)
        output = torch.bmm(weights, v).transpose(0, 1).reshape(target_length * batch, width)
        output = _linear(output, out_proj_weight, out_proj_bias).view(target_length, batch, -1)
        weights = weights.view(batch, num_heads, target_length, source_length)
        if average_attn_weights:
            weights = weights.mean(dim=1)
        return (output, weights) if batched else (output.squeeze(1), weights.squeeze(0))
    if attn_mask is not None:
        if attn_mask.size(0) == 1 and attn_mask.dim() == 3:
            attn_mask = attn_mask.unsqueeze(0)
        else:
            attn_mask = attn_mask.view(batch, num_heads, -1, source_length)
    q, k, v = (tensor.view(batch, num_heads, -1, head_dim) for tensor in (q, k, v))
    output = scaled_dot_product_attention(q, k, v, attn_mask, dropout_p, is_causal)
    output = output.permute(2, 0, 1, 3).reshape(batch * target_length, width)
    output = _linear(output, out_proj_weight, out_proj_bias).view(target_length, batch, -1)
    return (output if batched else output.squeeze(1)), None
