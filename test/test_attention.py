"""Laws of attention: every form of it against softmax(q k^T / sqrt(E)) v written out."""

import math

import pytest

import torch
from torch import nn
from torch.nn.attention import bias, flex_attention, varlen
from torch.nn.functional import scaled_dot_product_attention


def plain(q, k, v, allowed=None, change=None):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    if change is not None:
        scores = change(scores)
    if allowed is not None:
        scores = scores.masked_fill(~allowed, -math.inf)
    return torch.softmax(scores, -1) @ v


def inputs(*shape, heads=2, keys=None):
    torch.manual_seed(0)
    batch, length, width = shape
    return [torch.randn(batch, heads, size, width, dtype=torch.float64, requires_grad=True)
            for size in (length, keys or length, keys or length)]


def causal(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx


def near(b, h, q_idx, kv_idx):
    return q_idx - kv_idx < 3


@pytest.mark.parametrize("make, shift", [(bias.causal_upper_left, 0), (bias.causal_lower_right, 4)])
def test_causal_biases_start_from_their_corner(make, shift):
    q, k, v = inputs(2, 5, 4, keys=9)
    allowed = torch.arange(9) <= torch.arange(5)[:, None] + shift
    found = scaled_dot_product_attention(q, k, v, attn_mask=make(5, 9))
    torch.testing.assert_close(found, plain(q, k, v, allowed))
    assert repr(make(5, 9)) == repr(allowed)


def test_scores_are_changed_and_masked_by_functions():
    q, k, v = inputs(2, 10, 4)
    table = torch.randn(2, 10, 10, dtype=torch.float64, requires_grad=True)

    def change(score, b, h, q_idx, kv_idx):
        return score + table[h, q_idx, kv_idx]

    mask = flex_attention.create_block_mask(flex_attention.and_masks(causal, near), None, None, 10, 10, BLOCK_SIZE=4)
    found = flex_attention.flex_attention(q, k, v, change, mask)
    index = torch.arange(10)
    distance = index[:, None] - index
    wanted = plain(q, k, v, (distance >= 0) & (distance < 3), lambda scores: scores + table)
    torch.testing.assert_close(found, wanted)
    for one, other in zip(torch.autograd.grad(found.sum(), [q, k, v, table]), torch.autograd.grad(wanted.sum(), [q, k, v, table])):
        torch.testing.assert_close(one, other)


def test_groups_of_queries_share_keys():
    q, _, _ = inputs(1, 6, 4, heads=4)
    _, k, v = inputs(1, 6, 4, heads=2)
    with pytest.raises(ValueError, match="enable_gqa"):
        flex_attention.flex_attention(q, k, v)
    found = flex_attention.flex_attention(q, k, v, enable_gqa=True)
    torch.testing.assert_close(found, plain(q, *(x.repeat_interleave(2, 1) for x in (k, v))))


def test_queries_that_see_nothing_give_zero():
    q, k, v = inputs(1, 4, 2)
    mask = flex_attention.create_block_mask(lambda b, h, q_idx, kv_idx: q_idx > kv_idx, None, None, 4, 4)
    output, aux = flex_attention.flex_attention(q, k, v, block_mask=mask,
                                                return_aux=flex_attention.AuxRequest(lse=True, max_scores=True))
    assert (output[:, :, 0] == 0).all() and (aux.lse[:, :, 0] == -math.inf).all() and aux.lse[:, :, 1:].isfinite().all()
    assert (aux.max_scores[:, :, 1:] <= aux.lse[:, :, 1:]).all()


def test_block_masks_list_the_blocks_that_are_seen():
    mask = flex_attention.create_block_mask(causal, 2, None, 10, 10, BLOCK_SIZE=4)
    dense = flex_attention.create_mask(causal, 1, 1, 10, 10)
    blocks = torch.nn.functional.pad(dense, (0, 2, 0, 2)).unflatten(-1, (3, 4)).unflatten(-3, (3, 4)).sum((-3, -1))
    assert torch.equal(mask.to_dense()[:1], (blocks > 0).int())
    assert torch.equal(mask.full_kv_num_blocks[0], (blocks == 16).sum(-1)[0].int())
    assert torch.equal(mask.q_num_blocks[0, 0], ((blocks > 0) & (blocks < 16)).sum(-2)[0, 0].int())
    assert mask.shape == (2, 1, 10, 10) and mask[1].shape == (1, 1, 10, 10) and mask.numel() == 200
    assert mask.sparsity() == pytest.approx(4.0) and "░" not in str(mask) and len(mask.as_tuple()) == 17
    with pytest.raises(ValueError, match="another length"):
        flex_attention.flex_attention(*inputs(1, 5, 2), block_mask=mask)


@pytest.mark.parametrize("window", [(-1, -1), (-1, 0), (2, 1)])
def test_sequences_in_a_row_attend_to_themselves(window):
    torch.manual_seed(0)
    q, k, v = (torch.randn(9, 2, 4, dtype=torch.float64) for _ in range(3))
    ends = torch.tensor([0, 4, 9])
    found, sums = varlen.varlen_attn(q, k, v, ends, ends, 5, 5, window_size=window, return_aux=varlen.AuxRequest(lse=True))
    for first, last in ((0, 4), (4, 9)):
        index = torch.arange(last - first)
        distance = index - index[:, None]
        allowed = (distance >= -window[0] if window[0] >= 0 else True) & (distance <= window[1] if window[1] >= 0 else torch.tensor(True))
        part = [x[first:last].transpose(0, 1) for x in (q, k, v)]
        torch.testing.assert_close(found[first:last].transpose(0, 1), plain(*part, allowed))
    assert sums.shape == (2, 9)


def test_an_encoder_leaves_padding_zero_when_nothing_is_trained():
    torch.manual_seed(0)
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu"), 2).eval()
    x, padding = torch.randn(2, 5, 8), torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    whole = encoder(x, src_key_padding_mask=padding)
    with torch.no_grad():
        short = encoder(x, src_key_padding_mask=padding)
        torch.testing.assert_close(short[1, :3], encoder(x[1:, :3])[0])
    assert (short[1, 3:] == 0).all() and (whole[1, 3:] != 0).any()
    torch.testing.assert_close(short[~padding], whole[~padding].detach())


def test_masks_are_merged():
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    query, pairs, padding = torch.zeros(3, 4, 8), torch.randn(4, 4), torch.randn(3, 4)
    merged, kind = attention.merge_masks(pairs, padding, query)
    assert kind == 2 and torch.equal(merged, (pairs[None, None] + padding[:, None, None]).expand(3, 2, 4, 4))
    assert attention.merge_masks(None, None, query) == (None, None) and attention.merge_masks(pairs, None, query)[1] == 0


def test_backends_are_allowed_within_a_block():
    from torch.backends import cuda
    from torch.nn.attention import SDPBackend, sdpa_kernel

    def state():
        return cuda.flash_sdp_enabled(), cuda.math_sdp_enabled(), cuda.mem_efficient_sdp_enabled(), cuda.cudnn_sdp_enabled()

    with sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]):
        assert state() == (True, True, False, False)
        assert sdpa_kernel(SDPBackend.MATH)(state)() == (False, True, False, False)
    assert state() == (True,) * 4
    with pytest.raises(AssertionError), sdpa_kernel(3):
        pass


def test_implementations_of_flash_attention_come_and_go():
    from torch.nn import attention

    events = []

    class Handle:
        def remove(self):
            events.append("removed")

    attention.register_flash_attention_impl("mine", register_fn=lambda: events.append("placed") or Handle())
    attention.activate_flash_attention_impl("mine")
    assert attention.current_flash_attention_impl() == "mine" and "mine" in attention.list_flash_attention_impls()
    attention.restore_flash_attention_impl()
    assert attention.current_flash_attention_impl() is None and events == ["placed", "removed"]
    with pytest.raises(ValueError, match="Unknown"):
        attention.activate_flash_attention_impl("theirs")
