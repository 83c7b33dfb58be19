"""torch.func.random: the published cipher, the same numbers for every shape and under vmap, and their distributions."""

import pytest

import torch
from torch.func import random, vmap

MASK = 2 ** 32 - 1


def philox(counter, key):
    """Philox4x32-10 on Python ints, as the paper has it."""
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [b >> 32 ^ c[1] ^ k[0], b & MASK, a >> 32 ^ c[3] ^ k[1], a & MASK]
        k = [k[0] + 0x9E3779B9 & MASK, k[1] + 0xBB67AE85 & MASK]
    return c


def test_known_answers():
    assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0]) == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]


@pytest.mark.parametrize("seed", [0, 42, 2 ** 63 + 12345])
def test_bits_are_those_of_the_cipher(seed):
    drawn = random.bits(random.key(seed), 9).view(torch.uint64).tolist()
    words = [philox([i, 0, 0, 0], [seed & MASK, seed >> 32]) for i in range(5)]
    assert drawn == [w for c in words for w in (c[0] | c[1] << 32, c[2] | c[3] << 32)][:9]


def test_the_number_of_an_element_decides():
    k = random.key(1)
    for draw in (random.uniform, random.normal, random.bits, lambda k, *s: random.randint(k, 0, 10, *s), lambda k, *s: random.bernoulli(k, 0.5, *s)):
        assert torch.equal(draw(k, 12)[:5], draw(k, 5))
        assert torch.equal(draw(k, 3, 4), draw(k, (12,)).view(3, 4))
        assert draw(k, ()).shape == ()


def test_keys_make_keys():
    k = random.key(3)
    children = random.split(k, 5)
    assert children.shape == (5, 2) and len({tuple(c) for c in children.tolist()}) == 5
    for i in range(5):
        assert torch.equal(random.fold_in(k, i), children[i])
    assert torch.equal(random.split(children, 3)[:, 2], random.split(children[2], 3))
    with pytest.raises(ValueError, match="expected a key"):
        random.uniform(torch.ones(2), 3)


def test_a_batch_of_keys_is_a_loop():
    keys = random.split(random.key(5), 4)
    for draw in (random.uniform, random.normal):
        each = torch.stack([draw(k, 3) for k in keys])
        assert torch.equal(vmap(lambda k, draw=draw: draw(k, 3))(keys), each)
        assert torch.equal(draw(keys, 4, 3), each)
    assert torch.equal(vmap(lambda k: random.split(k)[1])(keys), torch.stack([random.split(k)[1] for k in keys]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_distributions(dtype):
    n = 20000
    u = random.uniform(random.key(7), n, low=-1.0, high=3.0, dtype=dtype).double()
    assert u.min() >= -1 and (u.max() < 3 or dtype in (torch.float16, torch.bfloat16))
    assert abs(u.mean() - 1) < 0.05 and abs(u.var() - 16 / 12) < 0.05
    z = random.normal(random.key(8), n, mean=2.0, std=3.0, dtype=dtype).double()
    assert abs(z.mean() - 2) < 0.1 and abs(z.std() - 3) < 0.1 and z.isfinite().all()
    x = random.randint(random.key(9), -2, 3, n)
    assert torch.bincount(x + 2).min() > n / 5 * 0.9 and x.unique().tolist() == [-2, -1, 0, 1, 2]


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
