"""Attention whose scores are changed and masked by functions of the position."""

import functools
import itertools
import math
from typing import NamedTuple, TypedDict

import torch
from torch.nn.functional import pad

__all__ = ["AuxOutput", "AuxRequest", "BlockMask", "FlexKernelOptions", "and_masks", "create_block_mask", "create_mask",
           "flex_attention", "noop_mask", "or_masks"]

_DEFAULT_SPARSE_BLOCK_SIZE = 128


class FlexKernelOptions(TypedDict, total=False):
    """Settings of kernels on other devices; they do not change the result."""


class AuxRequest(NamedTuple):
    """What :func:`flex_attention` gives besides the output."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What was asked for: log sum exp, and the greatest, of the scores of each query."""

    lse: torch.Tensor | None = None
    max_scores: torch.Tensor | None = None


def noop_mask(batch, head, token_q, token_kv):
    """The mask that allows everything."""
    return batch.new_ones((), dtype=torch.bool)


def _combined(operation, mask_mods):
    if not all(callable(mask) for mask in mask_mods):
        raise RuntimeError(f"All inputs should be callable mask_mods: {mask_mods}")

    def combined(b, h, q_idx, kv_idx):
        return functools.reduce(operation, (mask(b, h, q_idx, kv_idx) for mask in mask_mods))

    return combined


def and_masks(*mask_mods):
    """The mask that allows what all of the given ones do."""
    return _combined(torch.logical_and, mask_mods)


def or_masks(*mask_mods):
    """The mask that allows what any of the given ones does."""
    return _combined(torch.logical_or, mask_mods)


def _positions(sizes, device):
    """Numbers along each of four dimensions, shaped to broadcast against each other."""
    return [torch.arange(size, device=device).view([-1 if other == dim else 1 for other in range(4)])
            for dim, size in enumerate(sizes)]


def create_mask(mod_fn, B, H, Q_LEN, KV_LEN, device=None):
    """Where a mask function allows attention: booleans (B, H, Q_LEN, KV_LEN); None for B or H counts as 1.

    Of a score function, which has five arguments: where it gives more than -inf.
    """
    sizes = (B or 1, H or 1, Q_LEN, KV_LEN)
    positions = _positions(sizes, device)
    takes_score = _argument_count(mod_fn) == 5
    result = mod_fn(torch.zeros(sizes, device=device), *positions) != -math.inf if takes_score else mod_fn(*positions)
    return result.broadcast_to(sizes).clone()


def _argument_count(function):
    import inspect

    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(parameter.kind in kinds and parameter.default is parameter.empty for parameter in inspect.signature(function).parameters.values())


def _ordered(dense):
    """(how many, which first) of the True entries along the last dimension, as int32."""
    order = torch.argsort(dense.to(torch.int32), dim=-1, descending=True, stable=True)
    return dense.sum(-1).to(torch.int32), order.to(torch.int32)


def _dense(counts, indices, columns):
    """The matrix of which :func:`_ordered` gave the entries."""
    listed = torch.arange(indices.size(-1), device=indices.device) < counts.unsqueeze(-1)
    dense = torch.zeros(*indices.shape[:-1], columns + 1, dtype=torch.int32, device=indices.device)
    dense.scatter_(-1, torch.where(listed, indices, columns).long(), 1)
    return dense[..., :columns]


def _pair(block_size):
    return (block_size, block_size) if isinstance(block_size, int) else tuple(block_size)


class BlockMask:
    """A mask by blocks of queries and keys: which blocks are seen in part and which in full, and the function itself.

    Made by :func:`create_block_mask` or :meth:`from_kv_blocks`. `kv_num_blocks` (B, H, rows) counts the blocks of keys
    that each block of queries sees in part, `kv_indices` (B, H, rows, columns) lists them first; `full_*` those seen in
    full; `q_*` the same from the side of the keys.
    """

    _TENSORS = ("kv_num_blocks", "kv_indices", "full_kv_num_blocks", "full_kv_indices", "q_num_blocks", "q_indices",
                "full_q_num_blocks", "full_q_indices")
    _ORDERS = ("dq_write_order", "dq_write_order_full", "dq_kv_order", "dq_kv_order_spt")  # for kernels that write in order

    def __init__(self, seq_lengths, kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices, q_num_blocks, q_indices,
                 full_q_num_blocks, full_q_indices, BLOCK_SIZE=(_DEFAULT_SPARSE_BLOCK_SIZE, _DEFAULT_SPARSE_BLOCK_SIZE),
                 mask_mod=noop_mask, *, dq_write_order=None,
                 dq_write_order_full=None, dq_kv_order=None, dq_kv_order_spt=None):
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        if (full_kv_num_blocks is None) != (full_kv_indices is None):
            raise AssertionError("full_kv_num_blocks and full_kv_indices must be both provided or omitted")
        self.seq_lengths, self.BLOCK_SIZE, self.mask_mod = seq_lengths, _pair(BLOCK_SIZE), mask_mod
        self.kv_num_blocks, self.kv_indices = kv_num_blocks, kv_indices
        self.full_kv_num_blocks, self.full_kv_indices = full_kv_num_blocks, full_kv_indices
        self.q_num_blocks, self.q_indices = q_num_blocks, q_indices
        self.full_q_num_blocks, self.full_q_indices = full_q_num_blocks, full_q_indices
        self.dq_write_order, self.dq_write_order_full = dq_write_order, dq_write_order_full
        self.dq_kv_order, self.dq_kv_order_spt = dq_kv_order, dq_kv_order_spt

    @classmethod
    def from_kv_blocks(cls, kv_num_blocks, kv_indices, full_kv_num_blocks=None, full_kv_indices=None, BLOCK_SIZE=_DEFAULT_SPARSE_BLOCK_SIZE,
                       mask_mod=None, seq_lengths=None, compute_q_blocks=True, *, dq_write_order=None,
                       dq_write_order_full=None, dq_kv_order=None):
        """A mask from the blocks that each block of queries sees."""
        size = _pair(BLOCK_SIZE)
        rows, columns = kv_indices.shape[-2:]
        if seq_lengths is None:
            seq_lengths = (rows * size[0], columns * size[1])

        def turned(counts, indices):
            return (None, None) if counts is None or not compute_q_blocks else _ordered(_dense(counts, indices, columns).mT)

        return cls(seq_lengths, kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices, *turned(kv_num_blocks, kv_indices),
                   *turned(full_kv_num_blocks, full_kv_indices), size, mask_mod or noop_mask, dq_write_order=dq_write_order,
                   dq_write_order_full=dq_write_order_full, dq_kv_order=dq_kv_order)

    def as_tuple(self, flatten=True):
        """All fields; lengths and block sizes one by one if `flatten`."""
        head = tuple(self.seq_lengths) if flatten else (tuple(self.seq_lengths),)
        tail = tuple(self.BLOCK_SIZE) if flatten else (self.BLOCK_SIZE,)
        return (*head, *(getattr(self, name) for name in (*self._TENSORS, *self._ORDERS)), *tail, self.mask_mod)

    @property
    def shape(self):
        """Batch dimensions and the two lengths."""
        return (*self.kv_indices.shape[:-2], *self.seq_lengths)

    def numel(self):
        """The number of scores that the mask speaks of."""
        return math.prod(self.shape)

    def to_dense(self):
        """1 for each block that is seen, in part or in full: (B, H, rows, columns)."""
        columns = self.kv_indices.size(-1)
        dense = _dense(self.kv_num_blocks, self.kv_indices, columns)
        if self.full_kv_num_blocks is not None:
            dense = dense | _dense(self.full_kv_num_blocks, self.full_kv_indices, columns)
        return dense

    def sparsity(self):
        """The share, in percent, of scores in blocks that are not seen."""
        seen = self.to_dense().sum().item() * self.BLOCK_SIZE[0] * self.BLOCK_SIZE[1]
        return 100 * (1 - seen / self.numel())

    def __getitem__(self, index):
        index = tuple(slice(i, i + 1 or None) if isinstance(i, int) else i for i in (index if isinstance(index, tuple) else (index,)))
        parts = [None if tensor is None else tensor[index] for tensor in (getattr(self, name) for name in self._TENSORS[:4])]
        return BlockMask.from_kv_blocks(*parts, BLOCK_SIZE=self.BLOCK_SIZE, seq_lengths=self.seq_lengths,
                                        compute_q_blocks=self.q_indices is not None)

    def to(self, device):
        """The mask on a device."""
        moved = [None if tensor is None else tensor.to(device) for tensor in (getattr(self, name) for name in self._TENSORS)]
        return BlockMask(self.seq_lengths, *moved, self.BLOCK_SIZE, self.mask_mod)

    def to_string(self, grid_size=(20, 20), limit=4):
        """A picture of at most `grid_size` characters of the first `limit` matrices: a full block is seen wholly."""
        dense = self.to_dense().float()
        matrices = dense.reshape(-1, *dense.shape[-2:])
        rows, columns = (min(most, size) if most != -1 else size for most, size in zip(_pair(grid_size), dense.shape[-2:]))
        pictures = []
        for place, matrix in zip(itertools.product(*map(range, dense.shape[:-2])), matrices[:limit]):
            shares = torch.nn.functional.adaptive_avg_pool2d(matrix[None], (rows, columns))[0]
            pictures.append(f"{place}\n" + "\n".join("".join("██" if share == 1 else "░░" if share > 0 else "  " for share in row)
                                      for row in shares.tolist()))
        if len(matrices) > limit:
            pictures.append("...")
        return "\n\n".join(pictures)

    def __repr__(self):
        def shown(tensor):
            return None if tensor is None else tensor.shape

        fields = "".join(f"    {name}={shown(getattr(self, name))},\n" for name in self._TENSORS)
        return (f"BlockMask(\n{fields}    BLOCK_SIZE={self.BLOCK_SIZE},\n    shape={self.shape},\n"
                f"    sparsity={self.sparsity():.2f}%,\n    mask_mod={getattr(self.mask_mod, '__name__', self.mask_mod)}\n)")

    def __str__(self):
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%, \n{self.to_string()}\n)"


def create_block_mask(mask_mod, B, H, Q_LEN, KV_LEN, device=None, BLOCK_SIZE=_DEFAULT_SPARSE_BLOCK_SIZE, _compile=False, separate_full_blocks=True,
                      compute_dq_write_order=False, dq_kv_order=None):
    """The :class:`BlockMask` of a function ``mask_mod(b, h, q_idx, kv_idx)``, True where attention is allowed.

    None for B or H makes one mask for all. Blocks that are seen in full are listed apart if `separate_full_blocks`.
    """
    size = _pair(BLOCK_SIZE)
    mask = create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device)
    mask = pad(mask, (0, -KV_LEN % size[1], 0, -Q_LEN % size[0]))
    seen = mask.unflatten(-1, (-1, size[1])).unflatten(-3, (-1, size[0])).sum((-3, -1))
    full = seen == size[0] * size[1] if separate_full_blocks else torch.zeros_like(seen, dtype=torch.bool)
    listed = _ordered(full) if separate_full_blocks else (None, None)
    return BlockMask.from_kv_blocks(*_ordered((seen > 0) & ~full), *listed, BLOCK_SIZE=size, mask_mod=mask_mod,
                                    seq_lengths=(Q_LEN, KV_LEN))


def _check(query, key, value, block_mask, enable_gqa):
    if not (query.dim() == key.dim() == value.dim() == 4):
        raise NotImplementedError("NYI: query, key, and value must be 4D tensors")
    if not query.size(-1) == key.size(-1):
        raise ValueError("NYI: The last dimension of the query and key must be the same, got "
                         f"query.size(-1)={query.size(-1)} and key.size(-1)={key.size(-1)}")
    if query.size(-3) != key.size(-3) and not enable_gqa:
        raise ValueError(f"Expect query and key/value to have the same number of heads but got Hq={query.size(-3)} and "
                         f"Hkv={key.size(-3)}. Try setting enable_gqa=True for GQA.")
    if query.size(-3) % key.size(-3):
        raise ValueError(f"Expect number of query heads to be a multiple of kv heads for GQA but got Hq={query.size(-3)} and "
                         f"Hkv={key.size(-3)}.")
    if query.size(0) != key.size(0) and key.size(0) != 1:
        raise ValueError(f"Expect query and key/value to have the same batch size, or non-none block_mask, got "
                         f"{query.size(0)} and {key.size(0)}")
    if block_mask is not None:
        lengths = block_mask.shape[-2:]
        if lengths != (query.size(-2), key.size(-2)):
            raise ValueError(f"block_mask was created for block_mask.shape={tuple(block_mask.shape)} but got "
                             f"q_len={query.size(-2)} and kv_len={key.size(-2)}. As the block mask was created for another "
                             "length than you're using it for, you may need to create it anew.")


def flex_attention(query, key, value, score_mod=None, block_mask=None, scale=None, enable_gqa=False, return_lse=False,
                   kernel_options=None, *, return_aux=None):
    """Attention with ``softmax(mask(score_mod(q k^T scale))) v``: query (B, Hq, L, E), key and value (B, Hkv, S, E).

    Args:
        score_mod: ``score_mod(score, b, h, q_idx, kv_idx)``, element by element: all arguments are tensors that
            broadcast to (B, Hq, L, S). Gradients flow through it.
        block_mask: where attention is allowed; see :func:`create_block_mask`. Queries that see nothing give zero.
        scale: 1 / sqrt(E) by default.
        enable_gqa: let several heads of queries share one of keys.
        return_aux: an :class:`AuxRequest`; the result is then (output, :class:`AuxOutput`). `return_lse` is its older form.

    Example::

        def causal(b, h, q_idx, kv_idx):
            return q_idx >= kv_idx

        mask = create_block_mask(causal, None, None, 256, 256)
        flex_attention(q, k, v, block_mask=mask)
    """
    _check(query, key, value, block_mask, enable_gqa)
    if return_lse and return_aux is not None:
        raise ValueError("Cannot specify both return_lse and return_aux")
    groups = query.size(1) // key.size(1)
    if groups > 1:
        key, value = (tensor.repeat_interleave(groups, dim=1) for tensor in (key, value))
    scale = 1 / math.sqrt(query.size(-1)) if scale is None else scale
    working = torch.promote_types(query.dtype, torch.float32)
    scores = (query @ key.mT).to(working) * scale
    positions = _positions(scores.shape, scores.device)
    if score_mod is not None:
        scores = score_mod(scores, *positions).to(working)
    if block_mask is not None:
        scores = torch.where(block_mask.mask_mod(*positions), scores, -math.inf)
    blind = (scores == -math.inf).all(-1, keepdim=True)
    weights = torch.where(blind, 0.0, torch.softmax(torch.where(blind, 0.0, scores), -1))
    output = weights.to(query.dtype) @ value
    if not return_lse and return_aux is None:
        return output
    lse = torch.where(blind.squeeze(-1), -math.inf, torch.logsumexp(torch.where(blind, 0.0, scores), -1))
    if return_lse:
        return output, lse
    return output, AuxOutput(lse if return_aux.lse else None, scores.amax(-1) if return_aux.max_scores else None)
