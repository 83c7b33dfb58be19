"""Causal masks that scaled dot product attention need not build."""

import enum

import torch
from torch.nn.functional import scaled_dot_product_attention

__all__ = ["CausalBias", "CausalVariant", "causal_lower_right", "causal_upper_left"]


class CausalVariant(enum.IntEnum):
    """Which corner of the matrix of scores the diagonal goes through, when it is not square."""

    UPPER_LEFT = 1
    LOWER_RIGHT = 2


class CausalBias(torch.Tensor):
    """A causal mask of (seq_len_q, seq_len_kv) as `attn_mask`; made by :func:`causal_upper_left` and its kin.

    Passed to :func:`torch.nn.functional.scaled_dot_product_attention` it selects the causal kernel where that fits.
    """

    def __new__(cls, variant, seq_len_q, seq_len_kv):
        return torch.Tensor._make_subclass(cls, torch.empty(0))

    def __init__(self, variant, seq_len_q, seq_len_kv):
        if not isinstance(variant, CausalVariant):
            raise AssertionError(f"variant must be a CausalVariant, got {type(variant)}")
        self.variant, self.seq_len_q, self.seq_len_kv = variant, seq_len_q, seq_len_kv
        if variant == CausalVariant.LOWER_RIGHT and seq_len_q > seq_len_kv:
            import warnings

            warnings.warn("Lower right causal bias will produce NaNs in the output when seq_len_q > seq_len_kv!", stacklevel=3)

    def _materialize(self, device=None):
        """The mask as a boolean tensor, True where attention is allowed."""
        shift = self.seq_len_kv - self.seq_len_q if self.variant == CausalVariant.LOWER_RIGHT else 0
        return torch.ones(self.seq_len_q, self.seq_len_kv, device=device, dtype=torch.bool).tril(diagonal=shift)

    def __repr__(self, **_):
        return repr(self._materialize())

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is scaled_dot_product_attention:
            return cls._attend(*args, **kwargs)
        return super().__torch_function__(func, types, args, kwargs)

    @staticmethod
    def _attend(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
        if is_causal:
            raise ValueError("CausalBias should not be used with causal=True")
        square = attn_mask.seq_len_q == attn_mask.seq_len_kv
        causal = square or attn_mask.variant == CausalVariant.UPPER_LEFT
        mask = None if causal else attn_mask._materialize(query.device)
        return scaled_dot_product_attention(query, key, value, mask, dropout_p, causal, scale=scale, enable_gqa=enable_gqa)


def _of(variant, size):
    if len(size) != 2:
        raise AssertionError(f"a causal bias needs exactly 2 sizes, got {len(size)}")
    return CausalBias(variant, *size)


def causal_upper_left(*size):
    """The mask ``causal_upper_left(queries, keys)``: query i sees keys 0 to i."""
    return _of(CausalVariant.UPPER_LEFT, size)


def causal_lower_right(*size):
    """The mask ``causal_lower_right(queries, keys)``: the last query sees all keys, each one before it one less."""
    return _of(CausalVariant.LOWER_RIGHT, size)
