"""Random streams are those of MT19937 with the published transforms; states and seeds reproduce them."""

import numpy as np
import pytest

import torch


def words(seed, n):
    """n 32-bit words of MT19937 seeded by init_genrand, from NumPy."""
    state = np.empty(624, np.uint32)
    x = state[0] = seed & 0xFFFFFFFF
    for i in range(1, 624):
        x = (1812433253 * (int(x) ^ (int(x) >> 30)) + i) & 0xFFFFFFFF
        state[i] = x
    generator = np.random.RandomState()
    generator.set_state(("MT19937", state, 624))
    return generator.randint(0, 2**32, size=n, dtype=np.uint32)


def wide(seed, n):
    w = words(seed, 2 * n).astype(np.uint64)
    return w[0::2] << np.uint64(32) | w[1::2]


def seeded(f, seed=7):
    torch.manual_seed(seed)
    return f()


@pytest.mark.parametrize("n", [1, 623, 624, 625, 5000])
def test_uniform_takes_low_bits(n):
    single = (words(7, n) & np.uint32(2**24 - 1)).astype(np.float32) * np.float32(2.0**-24)
    assert np.array_equal(seeded(lambda: torch.rand(n)).numpy(), single)
    double = (wide(7, n) & np.uint64(2**53 - 1)).astype(np.float64) * 2.0**-53
    assert np.array_equal(seeded(lambda: torch.rand(n, dtype=torch.float64)).numpy(), double)


@pytest.mark.parametrize("high", [1, 10, 2**28 - 1])
def test_randint_is_modulo(high):
    assert np.array_equal(seeded(lambda: torch.randint(high, (1000,))).numpy(), words(7, 1000).astype(np.int64) % high)


def test_wide_ranges_take_two_words():
    assert np.array_equal(seeded(lambda: torch.randint(2**40, (1000,))).numpy(), (wide(7, 1000) % np.uint64(2**40)).astype(np.int64))


def test_randperm_is_a_permutation():
    p = seeded(lambda: torch.randperm(1000))
    assert torch.equal(p.sort().values, torch.arange(1000))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("n", [5, 16, 23])
def test_state_round_trip(dtype, n):
    torch.randn(3)
    state = torch.get_rng_state()
    assert state.dtype == torch.uint8 and state.numel() == 5056
    first = torch.randn(n, dtype=dtype)
    torch.set_rng_state(state)
    assert torch.equal(first, torch.randn(n, dtype=dtype))


def test_generators_are_independent_of_the_default():
    g = torch.Generator().manual_seed(3)
    before = torch.get_rng_state()
    a = torch.rand(10, generator=g)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(a, seeded(lambda: torch.rand(10), 3))
    assert g.initial_seed() == 3


def test_dense_tensors_fill_in_memory_order():
    assert torch.equal(seeded(lambda: torch.empty(4, 6).t().uniform_()).t(), seeded(lambda: torch.empty(4, 6).uniform_()))


@pytest.mark.parametrize(("draw", "mean", "variance"), [
    (lambda: torch.randn(200000), 0.0, 1.0),
    (lambda: torch.empty(200000).exponential_(2.0), 0.5, 0.25),
    (lambda: torch.poisson(torch.full((200000,), 3.5)), 3.5, 3.5),
    (lambda: torch.poisson(torch.full((200000,), 40.0)), 40.0, 40.0),
    (lambda: torch.binomial(torch.full((200000,), 50.0), torch.full((200000,), 0.3)), 15.0, 10.5),
    (lambda: torch.empty(200000).geometric_(0.25), 4.0, 12.0),
    (lambda: torch._standard_gamma(torch.full((200000,), 2.5)), 2.5, 2.5),
])
def test_moments(draw, mean, variance):
    x = seeded(draw).double()
    error = 6 * (variance / x.numel()) ** 0.5
    assert abs(x.mean().item() - mean) < error
    assert abs(x.var().item() - variance) < 0.05 * variance


def test_multinomial_follows_the_weights():
    weights = torch.tensor([0.0, 1.0, 3.0])
    counts = torch.bincount(seeded(lambda: torch.multinomial(weights, 40000, replacement=True)), minlength=3)
    assert counts[0] == 0 and abs(counts[2].item() / 40000 - 0.75) < 0.02
    assert sorted(torch.multinomial(weights[1:], 2).tolist()) == [0, 1]


@pytest.mark.parametrize("call", [
    lambda: torch.empty(3).uniform_(1, 0), lambda: torch.empty(3).normal_(0, -1), lambda: torch.randint(5, 5, (2,)),
    lambda: torch.empty(3).exponential_(0), lambda: torch.multinomial(torch.tensor([-1.0, 1.0]), 1), lambda: torch.randperm(-1),
    lambda: torch.empty(1).expand(5).uniform_(), lambda: torch.poisson(torch.tensor([-1.0])),
])
def test_wrong_parameters(call):
    with pytest.raises(RuntimeError):
        call()
