"""torch.masked: what the mask leaves out takes no part."""

import pytest

import torch

REDUCTIONS = {
    "sum": torch.sum, "prod": torch.prod, "mean": torch.mean, "amax": torch.amax, "amin": torch.amin, "logsumexp": lambda v: torch.logsumexp(v, 0),
    "var": torch.var, "std": torch.std, "median": torch.median,
}


def operands():
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(5, 8, generator=generator, dtype=torch.float64)
    mask = torch.rand(5, 8, generator=generator) > 0.4
    mask[:, :2] = True
    return x, mask


@pytest.mark.parametrize("name", REDUCTIONS)
def test_a_row_reduces_over_its_selected_elements(name):
    x, mask = operands()
    got = getattr(torch.masked, name)(x, 1, mask=mask)
    expected = torch.stack([REDUCTIONS[name](row[m]) for row, m in zip(x, mask)])
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("name", ["sum", "amax", "mean", "norm", "var", "argmin"])
def test_a_full_mask_changes_nothing(name):
    x, mask = operands()
    f = getattr(torch.masked, name)
    torch.testing.assert_close(f(x, dim=1, mask=torch.ones_like(mask)), f(x, dim=1))


def test_softmax_is_a_distribution_over_the_selected():
    x, mask = operands()
    for name in ("softmax", "softmin"):
        p = getattr(torch.masked, name)(x, 1, mask=mask)
        torch.testing.assert_close(p.sum(1), torch.ones(5, dtype=x.dtype))
        assert not p[~mask].any()
    torch.testing.assert_close(torch.masked.log_softmax(x, 1, mask=mask)[mask].exp(), torch.masked.softmax(x, 1, mask=mask)[mask])


def test_identities_of_empty_selections():
    x, nothing = torch.ones(3), torch.zeros(3, dtype=torch.bool)
    assert torch.masked.sum(x, mask=nothing) == 0 and torch.masked.prod(x, mask=nothing) == 1
    assert torch.masked.amax(x, mask=nothing) == -torch.inf and torch.masked.mean(x, mask=nothing).isnan()


def test_gradient_reaches_the_selected_only():
    x, mask = operands()
    x.requires_grad_()
    torch.masked.normalize(x, 2.0, 1, mask=mask).square().sum().backward()
    assert not x.grad[~mask].any()


def test_a_mask_of_more_dimensions_is_refused():
    with pytest.raises(IndexError, match="broadcastable mask"):
        torch.masked.sum(torch.ones(3), mask=torch.ones(2, 3, dtype=torch.bool))
