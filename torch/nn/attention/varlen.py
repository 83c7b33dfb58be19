"""Attention over sequences of different lengths that lie one after the other."""

from typing import NamedTuple

import torch
from torch.nn.functional import scaled_dot_product_attention

__all__ = ["AuxRequest", "varlen_attn", "varlen_attn_out"]


class AuxRequest(NamedTuple):
    """What :func:`varlen_attn` gives besides the output."""

    lse: bool = False


def varlen_attn(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, *, return_aux=None, scale=None, window_size=(-1, -1),
                enable_gqa=False, seqused_k=None, block_table=None, num_splits=None):
    """Attention of each sequence to itself: query (T, heads, E), key and value (S, heads, E), all sequences in a row.

    Args:
        cu_seq_q, cu_seq_k: where each sequence begins, and the end of the last.
        max_q, max_k: the longest lengths.
        window_size: how many keys before and after its own place a query sees, -1 for all; (-1, 0) is causal. The last
            query stands at the last key.
        seqused_k: how many keys of each sequence count.
        return_aux: ``AuxRequest(lse=True)`` gives (output, log sum exp (heads, T)).

    Raises NotImplementedError for `block_table`.
    """
    if block_table is not None:
        raise NotImplementedError("varlen_attn with keys in pages (block_table) is not available")
    begins = list(zip(cu_seq_q.tolist(), cu_seq_q.tolist()[1:], cu_seq_k.tolist(), cu_seq_k.tolist()[1:]))
    used = [last - first for _, _, first, last in begins] if seqused_k is None else seqused_k.tolist()
    outputs, sums = [], []
    for (first_q, last_q, first_k, _), count in zip(begins, used):
        q = query[first_q:last_q].transpose(0, 1)
        k, v = (tensor[first_k:first_k + count].transpose(0, 1) for tensor in (key, value))
        mask = _window(q.size(1), count, window_size, query.device)
        outputs.append(scaled_dot_product_attention(q[None], k[None], v[None], mask, scale=scale, enable_gqa=enable_gqa)[0].transpose(0, 1))
        if return_aux is not None and return_aux.lse:
            sums.append(_log_sum(q, k, mask, scale))
    output = torch.cat(outputs) if outputs else query.new_empty(0, *query.shape[1:])
    return (output, torch.cat(sums, 1)) if sums else output


def _window(queries, keys, window_size, device):
    """The mask of a window, or None when it hides nothing."""
    before, after = window_size
    if before < 0 and after < 0:
        return None
    distance = torch.arange(keys, device=device) - (torch.arange(queries, device=device)[:, None] + keys - queries)
    seen = torch.ones(queries, keys, dtype=torch.bool, device=device)
    if before >= 0:
        seen &= distance >= -before
    if after >= 0:
        seen &= distance <= after
    return seen


def _log_sum(q, k, mask, scale):
    scores = q.float() @ k.repeat_interleave(q.size(0) // k.size(0), 0).float().mT * (q.size(-1) ** -0.5 if scale is None else scale)
    return torch.logsumexp(scores if mask is None else scores.masked_fill(~mask, -torch.inf), -1)


def varlen_attn_out(out, query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, *, return_aux=None, scale=None, window_size=(-1, -1),
                    enable_gqa=False, seqused_k=None, block_table=None, num_splits=None):
    """:func:`varlen_attn` into `out`."""
    result = varlen_attn(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, return_aux=return_aux, scale=scale, window_size=window_size,
                         enable_gqa=enable_gqa, seqused_k=seqused_k, block_table=block_table)
    return (out.copy_(result[0]), result[1]) if isinstance(result, tuple) else out.copy_(result)
