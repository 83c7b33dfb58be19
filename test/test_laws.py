"""Laws that every operator keeps, checked over all definitions with the samples that follow from their schemas.

Each test takes the operators of one file of torch/_opdefs and names all that break its law. The exceptions stand here by name.
"""

from dataclasses import replace

import definitions
import pytest
from samples import samples

import torch
from torch._opdefs.language import UNKNOWN
from torch.autograd import gradcheck, gradgradcheck
from torch.autograd.gradcheck import GradcheckError

FUNCTIONAL = [row for row in definitions.rows() if row.role == "functional" and not any(a.write for a in row.schema.args)]
FILES = sorted({row.definition.module.rsplit(".", 1)[-1] for row in FUNCTIONAL})
every_file = pytest.mark.parametrize("file", FILES)

# ---- the exceptions ----

UNINITIALISED = {"empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided"}
# the strides of these on the meta device are not yet those of the real results
OTHER_META_STRIDES = {"grid_sampler_2d_backward", "grid_sampler_3d_backward", "linalg_lstsq"}
# they speak of the storage behind a tensor, not of its elements
OF_STORAGE = {"as_strided", "as_strided_copy", "as_strided_scatter", "_reshape_alias", "view", "view_as", "_unsafe_view", "view_as_complex",
              "view_as_complex_copy", "view_copy"}
# they factor a matrix or its transpose, whichever lies better, and hand out the factors
BY_LAYOUT = {"_linalg_det", "_linalg_slogdet", "_adjoint_solve"}
# phases and signs of vectors are free: only their sizes are compared
FREE_PHASES = {"linalg_svd", "svd", "_linalg_svd", "linalg_eigh", "_linalg_eigh", "linalg_eig"}
NOT_BY_DIFFERENCES = {
    "normal": "as in PyTorch, samples have no gradient by their parameters",
    "_standard_gamma": "an implicit gradient: the sample at equal probability, not at equal random numbers",
    "log_sigmoid_backward": "its buffer is a function of self",
    "native_batch_norm_backward": "its statistics are functions of input",
    "native_group_norm_backward": "its statistics are functions of input",
    "batch_norm_backward": "its statistics are functions of input",
    **{name: "passes the gradient through its steps" for name in (
        "fake_quantize_per_tensor_affine", "fake_quantize_per_tensor_affine_cachemask", "_fake_quantize_per_tensor_affine_cachemask_tensor_qparams",
        "fake_quantize_per_channel_affine", "fake_quantize_per_channel_affine_cachemask")},
}
# as in PyTorch they have no gradient although they depend on their arguments
WITHOUT_GRADIENT = ("special_modified_bessel", "special_bessel", "special_scaled_modified_bessel", "special_airy_ai", "special_spherical_bessel",
                    "special_chebyshev", "special_shifted_chebyshev", "special_hermite", "special_laguerre", "special_legendre",
                    "detach", "linspace", "logspace", "native_layer_norm_backward", "batch_norm_update_stats", "bincount", "_nextafter", "_frexp_mantissa", "special_zeta", "scatter")


REFUSED = (RuntimeError, TypeError, ValueError, IndexError, MemoryError, OverflowError)


def flat(value):
    """The tensors among results."""
    if isinstance(value, torch.Tensor):
        return [value]
    return [x for v in value for x in flat(v)] if isinstance(value, (tuple, list)) else []


def rows_of(file, *left_out):
    return [row for row in FUNCTIONAL if row.definition.module.endswith(f".{file}") and not any(row.schema.name in names for names in left_out)]


def attempt(sample):
    """The tensors of a seeded call; None where the operator does not take this dtype."""
    torch.manual_seed(0)
    try:
        return flat(sample())
    except REFUSED:
        return None


def samples_of(row, dtype):
    """The samples that the operator takes, with their results."""
    try:
        found = [(sample, attempt(sample)) for sample in samples(row, dtype)]
    except RuntimeError:      # what makes an argument does not take the dtype
        return []
    return [(sample, results) for sample, results in found if results is not None]


def first_dtype(row, dtypes=(torch.float32, torch.int64, torch.bool, torch.complex64)):
    """The samples of the first dtype that the operator takes."""
    return next(filter(None, (samples_of(row, dtype) for dtype in dtypes)), [])


def equal(a, b, rtol=0.0, atol=0.0):
    return a.dtype == b.dtype and a.shape == b.shape and torch.allclose(a.to(torch.complex128), b.to(torch.complex128), rtol, atol, equal_nan=True)


# ---- gradients ----

def differentiable(sample):
    """A function of the sample's differentiable tensors giving the floating results, and those tensors."""
    paths = sample.differentiable
    free = sample.row.schema.name in FREE_PHASES

    def function(*tensors):
        torch.manual_seed(0)
        results = flat(sample.with_tensors({path: sample.granted(path, x) for path, x in zip(paths, tensors)})())
        return tuple(x.abs() if free else x for x in results if x.is_floating_point() or x.is_complex())
    return function, [x.detach().clone().requires_grad_() for x in paths.values()]


def gradient_faults(row, dtype):
    faults = []
    for sample, _ in samples_of(row, dtype):
        function, inputs = differentiable(sample)
        if not inputs:
            continue
        checks = {
            "backward": lambda: gradcheck(function, inputs, fast_mode=True),
            "forward": lambda: gradcheck(function, inputs, fast_mode=True, check_forward_ad=True, check_backward_ad=False, check_undefined_grad=False),
            "twice": lambda: gradgradcheck(function, inputs, fast_mode=True),
        }
        for name, check in checks.items():
            try:
                check()
            except NotImplementedError as e:
                if "derivative" not in str(e):
                    faults.append((sample, name, str(e)))
            except (GradcheckError, RuntimeError) as e:
                faults.append((sample, name, str(e).replace("\n", " ")[:300]))
    return faults


@every_file
def test_gradients(file):
    """Backward, forward mode and backward of backward agree with differences."""
    faults = []
    for row in rows_of(file, NOT_BY_DIFFERENCES):
        if row.definition.grad or row.family == "composite":
            for dtype in (torch.float64, torch.complex128):
                faults += gradient_faults(row, dtype)
    assert not faults


@every_file
def test_what_has_no_gradient_is_constant(file):
    """Nothing drops out of a graph in silence: a definition with grad=None does not change with its arguments, or is named above."""
    faults = []
    for row in rows_of(file, UNINITIALISED):
        if row.definition.grad or row.family == "composite" or row.schema.name.startswith(WITHOUT_GRADIENT) or file == "optimizer":
            continue
        for sample, before in samples_of(row, torch.float64):
            for path, x in sample.paths.items():
                if not x.is_floating_point():
                    continue
                after = attempt(sample.with_tensors({path: x + 1e-6 * torch.rand(x.shape, dtype=x.dtype)}))
                for a, b in zip(before, after or []):
                    if a.is_floating_point() and a.shape == b.shape and a.numel() and (a - b).abs().max() > 1e-10:
                        faults.append((sample, row.schema.args[path[0]].name))
    assert not faults


def test_what_is_unknown_refuses():
    """An operator without a formula says so when it is differentiated."""
    found = 0
    for row in FUNCTIONAL:
        if row.definition.grad is UNKNOWN:
            for sample, _ in samples_of(row, torch.float64):
                tracked = sample.map(lambda x: x.clone().requires_grad_() if x.is_floating_point() else x)
                results = [x for x in flat(tracked()) if x.requires_grad]
                assert results, row.schema.key
                with pytest.raises(NotImplementedError, match=f"derivative for aten::{row.schema.name} is not implemented"):
                    results[0].sum().backward()
                found += 1
    assert found > 20


# ---- shapes, layouts, forms ----

def by_columns(x):
    """The same elements with the last two dimensions the other way round in memory, or every other place of a vector."""
    return x.transpose(-1, -2).contiguous().transpose(-1, -2) if x.dim() >= 2 else torch.stack([x, x], -1)[..., 0]


def channels_last(x):
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else by_columns(x)


def expanded(x):
    """The same elements as one slice of a larger expanded tensor that starts inside its storage."""
    return torch.cat([x.reshape(-1).new_zeros(2), x.reshape(-1)])[2:].view(x.shape).unsqueeze(0).expand(2, *x.shape)[1]


LAYOUTS = (by_columns, channels_last, expanded)


@every_file
def test_layout_does_not_change_results(file):
    faults = []
    for row in rows_of(file, UNINITIALISED, OF_STORAGE, BY_LAYOUT):
        if "generator" in row.schema.index or "dropout" in row.schema.name or row.schema.name.startswith("rand") or row.schema.key == "view.dtype":
            continue      # random numbers follow the memory
        for sample, results in first_dtype(row):
            for layout in LAYOUTS:
                got = attempt(sample.map(layout))
                if got is None or not all(equal(a, b, 1e-4, 1e-5) for a, b in zip(results, got)):
                    faults.append((sample, layout.__name__))
    assert not faults


def on_meta(x):
    return torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device="meta")


@every_file
def test_meta_runs_like_the_real_thing(file):
    """On the meta device results have the real ones' shapes, dtypes and strides; what depends on elements says that it does."""
    faults = []
    for row in rows_of(file, OTHER_META_STRIDES, OF_STORAGE):
        for sample, _ in first_dtype(row):
            for layout in (torch.clone, channels_last, lambda x: x[:0] if x.dim() else x):
                placed = sample.map(layout)
                real = attempt(placed)
                if real is None:
                    continue
                try:
                    meta = flat(placed.map(on_meta)())
                except RuntimeError as e:
                    if "meta" not in str(e):
                        faults.append((placed, str(e)))
                    continue
                for a, b in zip(real, meta):
                    if (a.shape, a.dtype, a.stride()) != (b.shape, b.dtype, b.stride()):
                        faults.append((placed, (a.shape, a.dtype, a.stride()), (b.shape, b.dtype, b.stride())))
    assert not faults


@every_file
def test_forms_give_what_the_function_gives(file):
    """`out=` fills what is given, in place changes the first argument; both give the functional result."""
    faults = []
    for row in rows_of(file, UNINITIALISED):
        for sample, results in first_dtype(row):
            for form in row.forms:
                lists = any(r.list for r in form.schema.returns)
                if lists or form.schema.name in ("to", "_to_copy") or form.role == "out" and len(form.schema.outs) != len(results):
                    continue
                torch.manual_seed(0)
                if form.role == "out":
                    got = [torch.empty(0, dtype=x.dtype) for x in results]
                    sample(form, **dict(zip([a.name for a in form.schema.outs], got)))
                else:
                    changed = sample.map(torch.clone)
                    first = changed.args[0]
                    if not isinstance(first, torch.Tensor) or (first.dtype, first.shape) != (results[0].dtype, results[0].shape):
                        continue
                    got = flat(changed(form))
                    if got[0] is not first:
                        faults.append((form.schema.key, "another tensor"))
                if not all(equal(a, b, 1e-5, 1e-6) for a, b in zip(results, got)):
                    faults.append((form.schema.key, sample))
    assert not faults


@every_file
def test_outputs_of_another_dtype_or_shared(file):
    """An output that must have the result's dtype is refused when it has another, one that must lie apart when it is an input."""
    faults = []
    for row in rows_of(file, UNINITIALISED):
        d = row.definition
        outs = [f for f in row.forms if f.role == "out" and f.derived and d.family not in ("pointwise", "reduction", "scan")]
        if "dtype" in row.schema.index or not outs or len(outs[0].schema.outs) > 1 or any(r.list for r in row.schema.returns):
            continue
        form, name = outs[0], outs[0].schema.outs[0].name
        for sample, (result, *_) in first_dtype(row)[:1]:
            other = torch.int32 if result.dtype == torch.int64 else torch.int64
            if d.out_dtype_is_exact:
                with pytest.raises(RuntimeError, match="Expected out tensor to have dtype"):
                    sample(form, **{name: torch.empty(result.shape, dtype=other)})
            if d.out_apart:
                same = [x for x in sample.tensors if x.dtype == result.dtype]
                for x in same:
                    with pytest.raises(RuntimeError, match="refer to a single memory location"):
                        sample(form, **{name: x})
    assert not faults


# ---- wrong arguments ----

RESHAPED = (lambda x: x[:0] if x.dim() else x, lambda x: x[..., :0] if x.dim() else x, lambda x: x.reshape(-1)[0] if x.numel() else x,
            lambda x: x.unsqueeze(0), lambda x: torch.cat([x, x], -1) if x.dim() else x)


def wrong_arguments(sample):
    """The sample with one argument made another: tensors of another shape, numbers and lists of numbers out of any range."""
    for path, x in sample.paths.items():
        for change in RESHAPED:
            yield sample.with_tensors({path: change(x)})
    for i, (arg, value) in enumerate(zip(sample.row.schema.args, sample.args)):
        if arg.type != "Int" or value is None:
            continue
        others = [[n] * len(value) for n in (-7, 0, 2**62)] + [value + [1], []] if arg.list else [-7, 0, 2**62]
        for other in others:
            yield replace(sample, args=(*sample.args[:i], other, *sample.args[i + 1:]))


@every_file
def test_wrong_arguments_raise(file):
    """Whatever the arguments are, there is a result or an exception: no crash, no endless loop."""
    for row in rows_of(file, UNINITIALISED):
        if row.schema.name.startswith("_") or row.schema.name.endswith("_backward"):
            continue      # called by others, with arguments that were checked before
        for sample, _ in first_dtype(row)[:1]:
            for wrong in wrong_arguments(sample):
                attempt(wrong)
