"""vmap of every operator equals a loop over the examples: values, gradients and tangents; the rule of each is known."""

from dataclasses import replace

import definitions
import pytest
from samples import Sample, samples

import torch
from torch._codegen import batching
from torch.func import jvp, vjp, vmap

DTYPES = (torch.float64, torch.complex128, torch.int64, torch.bool)
LISTS = "torch._opdefs.optimizer"     # steps of optimizers only write lists
# rules that refuse, or draw random numbers: they have tests of their own below
REFUSING = ("dynamic", "refused", "item", "data_dependent", "random")


def in_and_out(row):
    """Does it take tensors and return some?"""
    return all(any(a.base == "Tensor" for a in side) for side in (row.schema.args, row.schema.returns))


ROWS = [r for r in definitions.rows() if r.role != "out" and in_and_out(r) and r.definition.module != LISTS and batching.rule(r) not in REFUSING]

UNSET = ("empty_like", "new_empty", "new_empty_strided")        # their values are nobody's
# what is computed depends on strides, and those of an example are not those of the same example by itself when the batch comes last
LAYOUT = ("as_strided", "as_strided_copy", "as_strided_scatter", "as_strided_", "view_as_complex", "view_as_complex_copy",
          "_linalg_det", "_linalg_slogdet", "_adjoint_solve")
# what cannot be said for a batch, by the reason
REFUSED = {
    "the shape of the result depends on values": (
        "argwhere", "nonzero_numpy", "where", "combinations", "one_hot", "index.Tensor", "_unsafe_index.Tensor"),
    "a Python number is read from a tensor": (
        "cov", "narrow.Tensor", "tensor_split.tensor_indices_or_sections", "_foreach_addcmul.Tensor", "_foreach_addcdiv.Tensor", "lstm.data", "gru.data",
        "rnn_tanh.data", "rnn_relu.data", "fake_quantize_per_channel_affine_cachemask", "fake_quantize_per_channel_affine",
        "_fake_quantize_per_tensor_affine_cachemask_tensor_qparams"),
    "random numbers are drawn": (
        "rrelu", "rrelu_", "dropout", "dropout_", "feature_dropout", "feature_dropout_", "alpha_dropout", "alpha_dropout_", "feature_alpha_dropout",
        "feature_alpha_dropout_"),
    "statistics that all examples share would be changed": (
        "native_batch_norm", "batch_norm", "instance_norm", "_native_batch_norm_legit", "_batch_norm_with_update"),
}


def stacked(parts):
    """The examples' results as a batch."""
    first = parts[0]
    if isinstance(first, (tuple, list)):
        return type(first)(map(stacked, zip(*parts))) if type(first) in (tuple, list) else tuple(map(stacked, zip(*parts)))
    return torch.stack(parts)


def tensors_of(result):
    """The tensors of a result; None when there is something else in it."""
    if isinstance(result, torch.Tensor):
        return [result]
    if isinstance(result, (tuple, list)):
        found = [tensors_of(r) for r in result]
        return None if None in found else sum(found, [])
    return None


def writes(row):
    """Is the first argument written to?"""
    return row.schema.args[0].write


def samples_of(row, dtype, seed):
    """Samples of an operator; of an in-place form, those of the functional one."""
    functional = row.functional or definitions.by_key().get(row.schema.key.replace(row.schema.name, row.schema.name[:-1], 1))
    if row.role != "inplace" or functional is None or len(functional.schema.args) != len(row.schema.args):
        return samples(row, dtype, seed)
    return [replace(s, row=row) for s in samples(functional, dtype, seed)]


def runs(sample):
    """Does the operator take these arguments? It gets copies."""
    try:
        sample.map(torch.clone)()
    except (RuntimeError, IndexError, TypeError):
        return False
    return True


class Batch:
    """Two samples of an operator that differ only in the values of tensors."""

    def __init__(self, one: Sample, other: Sample):
        self.examples = (one, other)
        self.paths = list(one.paths)

    @staticmethod
    def all_of(row):
        """Those of the first dtype that the operator takes."""
        for dtype in DTYPES:
            found = []
            for one, other in zip(*(samples_of(row, dtype, seed) for seed in (0, 1))):
                if repr(one) == repr(other) and runs(one) and runs(other):     # no numbers or shapes that depend on the seed
                    found.append(Batch(one, other))
            if found:
                return found
        return []

    def mappings(self):
        """Which tensors are mapped: all, and each by itself."""
        return [self.paths] + [[p] for p in self.paths] if len(self.paths) > 1 else [self.paths]

    def of(self, mapped):
        """(function of the mapped tensors, the two examples' values of them)."""
        one = self.examples[0]
        fixed = {p: x for p, x in one.paths.items() if p not in mapped}

        def function(*xs):
            written = {p: x.clone() for p, x in zip(mapped, xs)} if writes(one.row) else dict(zip(mapped, xs))
            return one.with_tensors(written | ({p: x.clone() for p, x in fixed.items()} if writes(one.row) else fixed))()
        return function, [[e.paths[p] for p in mapped] for e in self.examples]


def check(function, examples, dim=0):
    """The law for one choice of mapped tensors; None where single examples already fail."""
    try:
        want = [function(*(x.clone() for x in e)) for e in examples]
    except (RuntimeError, IndexError):
        return None
    if any(tensors_of(w) is None for w in want):
        return None
    mapped = [torch.stack(xs, dim if dim == 0 or xs[0].dim() else 0) for xs in zip(*examples)]
    got = vmap(function, in_dims=tuple(dim if x.dim() > 1 else 0 for x in mapped))(*mapped)
    torch.testing.assert_close(tensors_of(got), tensors_of(stacked(want)), equal_nan=True, rtol=1e-6, atol=1e-7)
    return True


def test_every_operator_is_its_own_loop():
    wrong = {}
    for row in (r for r in ROWS if r.schema.key not in UNSET):
        for batch in Batch.all_of(row):
            for mapped in batch.mappings():
                if writes(row) and (0,) not in mapped and (0, 0) not in mapped:
                    continue
                for dim in (0, -1) if mapped is batch.paths and row.schema.key not in LAYOUT else (0,):
                    try:
                        check(*batch.of(mapped), dim)
                    except (RuntimeError, AssertionError, IndexError, ValueError, TypeError) as e:
                        wrong.setdefault(row.schema.key, f"{batch.examples[0]} mapped {mapped} dim {dim}: {type(e).__name__}: {str(e)[:160]}")
    refused = {key for keys in REFUSED.values() for key in keys}
    assert not {k: v for k, v in wrong.items() if k not in refused}
    assert not refused - set(wrong)


# ---- derivatives ----

def floating(result):
    """The results that can be differentiated, as a tuple."""
    found = tensors_of(result) or []
    return tuple(x for x in found if x.is_floating_point() or x.is_complex())


def weights(shape, dtype, seed):
    return torch.arange(shape.numel(), dtype=torch.float64).add(seed + 0.5).sin().reshape(shape).to(dtype)


def by_backward(function):
    """The gradients of a weighted sum of the results."""
    def gradients(*xs):
        out, pull = vjp(lambda *ys: floating(function(*ys)), *xs)
        return pull(tuple(weights(o.shape, o.dtype, i) for i, o in enumerate(out)))
    return gradients


def by_tangents(function):
    """The derivative of the results in one direction."""
    def derivative(*xs):
        return jvp(lambda *ys: floating(function(*ys)), xs, tuple(weights(x.shape, x.dtype, i) for i, x in enumerate(xs)))[1]
    return derivative


# derivatives that the reference does not have for a batch either, and why
NO_DERIVATIVE: dict = {}


@pytest.mark.parametrize("derivative", [by_backward, by_tangents])
def test_derivatives_of_a_batch_are_those_of_its_examples(derivative):
    refused = {key for keys in REFUSED.values() for key in keys}
    wrong = {}
    for row in (r for r in ROWS if r.role == "functional" and r.schema.key not in (*UNSET, *refused) and r.definition.grad is not None):
        for one, other in zip(samples(row, torch.float64, 0), samples(row, torch.float64, 1)):
            mapped = [p for p, x in one.differentiable.items() if x.dtype == torch.float64]
            if not mapped or repr(one) != repr(other) or writes(row):
                continue
            batch = Batch(one, other)
            try:
                check(*(lambda f, e: (derivative(f), e))(*batch.of(mapped)))
            except (RuntimeError, AssertionError, IndexError, ValueError, TypeError) as e:
                wrong.setdefault(row.schema.key, f"{one} by {mapped}: {type(e).__name__}: {str(e)[:160]}")
    assert not {k: v for k, v in wrong.items() if k not in NO_DERIVATIVE}


# ---- the rules themselves ----

def test_every_kernel_says_what_a_batch_is():
    for row in definitions.rows():
        if row.role == "functional" and row.family != "composite":
            assert batching.rule_of(row.definition, row.schema) != "auto", row.schema.key


@pytest.mark.parametrize("dtype", [torch.float64, torch.int64])
def test_operators_of_dynamic_shape_say_so(dtype):
    x = torch.ones(2, 3, dtype=dtype)
    for f in (torch.nonzero, torch.unique, lambda a: a[a > 0], torch.unique_consecutive, lambda a: torch.masked_select(a, a > 0)):
        with pytest.raises(RuntimeError, match="dynamic shape"):
            vmap(f)(x)
    for f, message in ((lambda a: a.sum().item(), "calling .item"), (lambda a: a if a.sum() > 0 else -a, "data-dependent control flow"),
                       (lambda a: torch.equal(a, a), "not implemented for aten::equal"), (lambda a: a.numpy(), "doesn't have storage")):
        with pytest.raises(RuntimeError, match=message):
            vmap(f)(x)


def test_what_is_shared_is_not_written_to():
    x, shared = torch.ones(2, 3), torch.zeros(3)
    for f in (lambda a, b: b.add_(a), lambda a, b: b.copy_(a), lambda a, b: b.index_put_((torch.tensor([0]),), a[:1]), lambda a, b: b.scatter_(
            0, torch.tensor([0]), a[:1])):
        with pytest.raises(RuntimeError, match="is not possible because there exists a Tensor `other`"):
            vmap(f, in_dims=(0, None))(x, shared)
    with pytest.raises(RuntimeError, match="out= or view ops"):
        vmap(lambda a: torch.add(a, a, out=torch.empty(3)))(x)
    assert not shared.any()


def test_sizes_change_in_place():
    x = torch.arange(12.0).reshape(2, 1, 6)
    for f in (lambda a: a.squeeze_(), lambda a: a.unsqueeze_(0), lambda a: a.t_(), lambda a: a.transpose_(0, 1), lambda a: a.as_strided_((2, 2), (2, 1))):
        assert torch.equal(vmap(lambda a, f=f: f(a.clone()))(x), torch.stack([f(a.clone()) for a in x]))


def test_random_numbers_of_examples():
    x = torch.zeros(3, 4)
    draws = {"dropout": lambda a: torch.nn.functional.dropout(a + 1, 0.5), "rand": lambda a: torch.rand(5), "normal_": lambda a: a.clone().normal_(),
             "randperm": lambda a: torch.randperm(9), "bernoulli": lambda a: torch.bernoulli(a + 0.5), "multinomial": lambda a: torch.multinomial(a + 1, 3),
             "randn_like": torch.randn_like, "of a shared tensor": lambda a: torch.bernoulli(torch.full((9,), 0.5))}
    for name, f in draws.items():
        with pytest.raises(RuntimeError, match="randomness error mode"):
            vmap(f)(x)
        torch.manual_seed(3)
        same, different = vmap(f, randomness="same")(x), vmap(f, randomness="different")(x)
        assert (same == same[0]).all(), name
        assert not (different == different[0]).all(), name
    torch.manual_seed(0)
    drawn = vmap(lambda a: torch.randn(5), randomness="different")(x)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.randn(3, 5))


def test_examples_do_not_outlive_their_vmap():
    kept = []
    vmap(lambda a: (kept.append(a), a)[1])(torch.ones(2, 3))
    assert kept[0].shape == (3,)
    with pytest.raises(RuntimeError, match="escaped from inside a function being vmapped"):
        kept[0] + 1


def test_chunks_and_dimensions():
    x = torch.arange(24.0).reshape(2, 3, 4)
    for size in (1, 2, 5):
        assert torch.equal(vmap(lambda a: a.sum(0), in_dims=2, out_dims=1, chunk_size=size)(x), x.sum(0))
    assert torch.equal(vmap(lambda a, b: {"s": a + b, "c": 3}, in_dims=(1, None), out_dims={"s": -1, "c": None})(x[0], torch.ones(3))["s"], x[0] + 1)
    assert vmap(vmap(lambda a: a * 2, in_dims=1), in_dims=0)(x).shape == (2, 4, 3)
    assert repr(x[0]) in repr_of_example(x[0]).replace("\n    ", "\n")


def repr_of_example(x):
    seen = []
    vmap(lambda a: (seen.append(repr(a)), a)[1])(x)
    assert seen[0].startswith("BatchedTensor(lvl=1, bdim=0, value=\n")
    return seen[0]


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
