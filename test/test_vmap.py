"""vmap of every operator equals a loop over the examples: values, gradients and tangents; the rule of each is known."""

import definitions
import pytest
from samples import Sample, samples

import torch
from torch._codegen import batching
from torch.func import vmap

DTYPES = (torch.float64, torch.complex128, torch.int64, torch.bool)
# rules that refuse, or draw random numbers: they have tests of their own below
REFUSING = ("dynamic", "refused", "item", "data_dependent")
ROWS = [r for r in definitions.rows() if r.role != "out" and any(a.base == "Tensor" for a in r.schema.args)
        and batching.rule(r) not in (*REFUSING, "random")]

UNSET = ("empty_like", "new_empty", "new_empty_strided")        # their values are nobody's
# strides are those of one example, which are not those of the same example by itself when the batch is the last dimension
LAYOUT = ("as_strided", "as_strided_copy", "as_strided_scatter", "as_strided_", "view_as_complex", "view_as_complex_copy")
# what cannot be said for a batch, by the reason
REFUSED = {
    "the shape of the result depends on values": (
        "argwhere", "nonzero_numpy", "where", "combinations", "one_hot", "index.Tensor", "_unsafe_index.Tensor"),
    "a Python number is read from a tensor": (
        "quantile", "nanquantile", "cov", "narrow.Tensor", "tensor_split.tensor_indices_or_sections", "_foreach_addcmul.Tensor", "_foreach_addcdiv.Tensor",
        "_foreach_addcmul_.Tensor", "_foreach_addcdiv_.Tensor", "lstm.data", "gru.data", "rnn_tanh.data", "rnn_relu.data"),
    "random numbers are drawn": ("rrelu", "rrelu_", "dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"),
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
            for one, other in zip(samples(row, dtype, 0), samples(row, dtype, 1)):
                if repr(one) != repr(other):     # numbers or shapes that depend on the seed
                    continue
                try:
                    one.map(torch.clone)(), other.map(torch.clone)()
                except RuntimeError:
                    continue
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


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
