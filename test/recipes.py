"""What the arguments of operators are when tests call them: by type, by name, by operator. See samples.py, which reads it."""

from dataclasses import replace
from types import FunctionType

import definitions

import torch

SHAPE = (3, 4)
# (low, high) of the elements, real and imaginary part alike, by operator; (0.1, 0.9) for others
DOMAINS = {name: (1.1, 3.0) for name in ("acosh", "arccosh", "special_zeta", "special_multigammaln", "mvlgamma")}
DOMAINS |= {name: (0.5, 3.0) for name in ("lgamma", "digamma", "polygamma", "special_gammaln", "special_digamma", "special_psi", "special_polygamma")}


class Maker:
    """Makes tensors of one dtype from a seed. Values of one tensor are at least half a step of its own grid apart."""

    def __init__(self, dtype, seed=0, domain=(0.1, 0.9), generator=None):
        self.dtype = dtype
        self.domain = domain
        self.generator = generator or torch.Generator().manual_seed(seed)

    def other(self, dtype=None, domain=None):
        """A maker of another dtype or domain that draws from the same generator."""
        return Maker(dtype or self.dtype, domain=domain or self.domain, generator=self.generator)

    def grid(self, shape):
        """float64 values inside the domain in random order, no two close to each other."""
        low, high = self.domain
        shape = torch.Size(shape)
        order = torch.randperm(shape.numel(), generator=self.generator).double()
        jitter = torch.rand(shape.numel(), generator=self.generator, dtype=torch.float64) / 2
        return (low + (high - low) * (order + jitter) / max(1, shape.numel())).reshape(shape)

    def tensor(self, shape):
        if self.dtype == torch.bool:
            return self.grid(shape) > sum(self.domain) / 2
        if self.dtype.is_complex:
            return torch.complex(self.grid(shape), self.grid(shape)).to(self.dtype)
        return self.grid(shape).to(self.dtype) if self.dtype.is_floating_point else self.integers(1, 5, shape, self.dtype)

    def integers(self, low, high, shape, dtype=torch.int64):
        return torch.randint(low, high, shape, generator=self.generator).to(dtype)


def ints(below, *shape):
    """Indices less than `below`."""
    return lambda make, args: make.integers(0, below, shape)


def distinct(count, *shape):
    """Indices less than `count`, all different."""
    return lambda make, args: torch.randperm(count, generator=make.generator)[: torch.Size(shape).numel()].reshape(shape)


def fixed(values, dtype=torch.int64):
    """A tensor of these values; `dtype=None`: of the dtype of the sample."""
    return lambda make, args: torch.tensor(values, dtype=dtype or make.dtype)


def mask(*shape):
    """A bool tensor with both values in it."""
    return lambda make, args: make.other(torch.bool).tensor(shape)


def spread(*shape, low=-1.0, high=1.0):
    """A tensor over another range than the operator's domain."""
    return lambda make, args: make.other(domain=(low, high)).tensor(shape)


def signs(*shape):
    """1 and -1."""
    return lambda make, args: mask(*shape)(make, args).to(make.dtype) * 2 - 1


def like(shape):
    """A tensor of the floating dtype that reals of the sample's dtype have: statistics and weights of complex data are real."""
    return lambda make, args: make.other(make.dtype.to_real()).tensor(shape)


def regular(*shape):
    """Well-conditioned square matrices with eigenvalues apart."""
    return lambda make, args: make.tensor(shape) + torch.diag_embed(torch.arange(1, shape[-1] + 1).expand(shape[:-1]) * 2).to(make.dtype)


def hermitian(*shape):
    """Hermitian matrices, positive definite, with eigenvalues apart."""
    def build(make, args):
        a = regular(*shape)(make, args)
        return a + a.mH
    return build


def triangular(*shape, upper=False):
    """Triangular matrices with a diagonal that is real, positive and not small."""
    def build(make, args):
        a = regular(*shape)(make, args)
        a = a.triu(1) if upper else a.tril(-1)
        return a + torch.diag_embed(torch.arange(1, shape[-1] + 1).expand(shape[:-1])).to(make.dtype)
    return build


def log_probabilities(*shape):
    """Logarithms of probabilities along the last dimension."""
    return lambda make, args: make.tensor(shape).log_softmax(-1)


def its_dtype(make, args):
    """The dtype of the sample."""
    return make.dtype


def spectrum(*shape):
    """A complex tensor, whatever the dtype."""
    return lambda make, args: make.other(make.dtype.to_complex()).tensor(shape)


def square(*shape):
    """A tensor that is a regular matrix when its first and its last half of dimensions are joined."""
    count = torch.Size(shape[: len(shape) // 2 + len(shape) % 2]).numel()
    return lambda make, args: regular(count, count)(make, args).reshape(shape)


def result(operator, which=0, **others):
    """A result of another operator, called with the arguments known so far that it has, and `others`."""
    def build(make, args):
        row = definitions.by_key()[operator]
        value = definitions.call(row, arguments(row, args | others, make).values())
        return (value if isinstance(value, (tuple, list)) else (value,))[which]
    return build


def grad_of(operator, which=0, **others):
    """An incoming gradient: a tensor shaped like a result of another operator."""
    return lambda make, args: make.tensor(result(operator, which, **others)(make, args).shape)


def hermitian_part(x):
    return (x + x.mH) / 2


def lower_part(x):
    return x.tril()


def factor_part(x):
    """A lower triangle with a real diagonal, as a Cholesky factor has."""
    diagonal = x.diagonal(dim1=-2, dim2=-1)
    return x.tril(-1) + torch.diag_embed(diagonal.real if x.is_complex() else diagonal)


def upper_part(x):
    return x.triu()


# enums that schemas write by number
DEFAULTS = {4: torch.int64, "contiguous_format": torch.contiguous_format}
# by argument name: what a Tensor argument holds, and what others are
TENSORS = {
    "index": ints(3, 2, 3), "indices": ints(3, 2, 3), "mask": mask(*SHAPE), "condition": mask(*SHAPE), "generator": None, "sorter": None,
    "grad": SHAPE, "attn_mask": None,
}
VALUES = {
    "memory_format": torch.contiguous_format,
    "dim": 1, "dim0": 0, "dim1": 1, "axis0": 0, "axis1": 1, "dims": [0, 1], "size": [3, 4], "shape": [4, 3], "k": 2, "p": 2, "n": 2, "alpha": 1.5,
    "beta": 0.5, "value": 0.5, "fill_value": 2, "keepdim": False, "sections": 2, "chunks": 2, "split_size": 2, "dtype": torch.float64,
    "device": torch.device("cpu"), "steps": 5, "kernel_size": 2, "output_size": 2, "stride": 1, "padding": 1, "dilation": 1, "eps": 1e-5, "momentum": 0.1,
    "num_samples": 2, "window_length": 6, "periodic": True, "reduce": "sum", "reduction": 1, "ignore_index": -100, "upper": False, "margin": 1.0, "ord": 2,
    "align_corners": False, "scale_factors": None, "half_to_float": False, "training": True, "train": True, "self": 0.7, "other": 0.6, "scalar": 0.6,
    "exponent": 2, "min": 0.3, "max": 0.7, "end": 5, "start": 1, "weight": 0.4, "interpolation_mode": 0, "padding_mode": 0, "rounding_mode": None,
    "groups": 1, "pad": [1, 1], "repeats": [2, 1], "normalization": 0, "lower": 0.1, "high": 5, "low": 1, "mean": 0.5, "std": 0.5, "offset": 1,
    "num_classes": 5, "scalars": [0.5, 0.7], "is_result": False, "self_is_result": False, "scale": 1.5, "input_scale": 1.2, "negative_slope": 0.1,
    "lambd": 0.4, "threshold": 0.4, "delta": 0.3, "factor": 0.5, "ignore_nan": False, "log_input": True, "full": True, "input_dtype": torch.float64,
    "unsafe": False, "type1": torch.float32, "type2": torch.int64, "from_": torch.float32, "to": torch.int64, "decimals": 1, "min_val": -1.0,
    "max_val": 0.5, "interpolation": "linear", "start_dim": 0, "end_dim": -1, "source": 0, "destination": 1, "step": 1, "dimension": 1, "num_chunks": 2,
    "bins": 4, "q": 0.4, "N": 3, "M": 3, "row": 3, "col": 4, "spacing": 0.5, "edge_order": 1, "s": 1.5, "m": 4, "base": 2.0, "pow": 2, "max_norm": 1.0,
    "norm_type": 2.0, "tol": 1e-6, "rcond": 1e-6, "UPLO": "L", "mode": "reduced", "hermitian": False, "left": True, "compute_uv": True,
    "full_matrices": False, "transposed": False, "output_padding": 0, "benchmark": False, "deterministic": False, "cudnn_enabled": False,
    "allow_tf32": False, "is_matrix": True, "api_name": "linalg.inv", "fill": 0.0, "minlength": 0, "forward": True, "onesided": True, "compute_mode": None,
    "blank": 0, "zero_infinity": False, "x": 0.7, "axis": 0, "stable": True, "copy": False, "implicit": False,
}

_BATCH = {"batch1": (2, 3, 4), "batch2": (2, 4, 5)}
_LOSS = {"self": spread(3, 4), "target": spread(3, 4)}
_NORM = {"input": (2, 4, 3), "weight": like((4,)), "bias": like((4,)), "running_mean": like((4,)), "running_var": like((4,)), "cudnn_enabled": False}
_STATS = {"save_mean": result("native_batch_norm", 1, training=True), "save_invstd": result("native_batch_norm", 2, training=True)}
_QUANTIZED = {"scale": like((1,)), "zero_point": ints(10, 1), "quant_min": 0, "quant_max": 255}
_POOL = {d: {"self": (2, 3, *[5] * d), "kernel_size": [2] * d, "stride": [2] * d, "padding": [0] * d, "dilation": [1] * d, "output_size": [2] * d,
             "ceil_mode": False, "count_include_pad": True, "divisor_override": None, "random_samples": like((2, 3, d))} for d in (1, 2, 3)}
_CONV = {"input": (2, 4, 5, 5), "weight": (4, 2, 3, 3), "bias": (4,), "stride": [2, 1], "padding": [1, 1], "dilation": [1, 1], "transposed": False,
         "output_padding": [0, 0], "groups": 2}
_GRID = {d: {"input": spread(2, 3, *[4] * d), "grid": spread(2, *[3] * d, d, low=-0.9, high=0.95), "interpolation_mode": 0, "padding_mode": 0,
             "align_corners": False, "output_mask": [True, True]} for d in (2, 3)}
_ATTENTION = {"query": (2, 2, 4, 6), "key": (2, 2, 5, 6), "value": (2, 2, 5, 6), "dropout_p": 0.0, "is_causal": False}
_LABELS = {"self": spread(4, 5), "target": ints(5, 4), "weight": like((5,)), "reduction": 1, "ignore_index": -100}
_PLANES = _LABELS | {"self": spread(2, 5, 3, 3), "target": ints(5, 2, 3, 3)}
_CTC = {"log_probs": log_probabilities(6, 2, 4), "targets": fixed([[1, 2, 3], [2, 2, 1]]), "input_lengths": [6, 5], "target_lengths": [3, 2], "blank": 0}
_CTC_TENSOR = _CTC | {"input_lengths": fixed([6, 5]), "target_lengths": fixed([3, 2])}
_BAG = {"weight": (5, 3), "indices": ints(5, 6), "offsets": fixed([0, 2, 4]), "scale_grad_by_freq": False, "mode": 0, "sparse": False,
        "per_sample_weights": (6,), "include_last_offset": False, "padding_idx": -1, "num_weights": 5}
_BAG_RESULTS = {"offset2bag": result("_embedding_bag", 1), "bag_size": result("_embedding_bag", 2), "maximum_indices": result("_embedding_bag", 3)}
_CELL = {"input": (2, 3), "hx": (2, 4), "w_ih": (4, 3), "w_hh": (4, 4), "b_ih": (4,), "b_hh": (4,)}
_LAYER = {"has_biases": True, "num_layers": 1, "dropout": 0.0, "train": True, "bidirectional": False, "batch_first": False}
_RNN = _LAYER | {"input": (3, 2, 3), "hx": (1, 2, 4), "params": [(4, 3), (4, 4), (4,), (4,)]}
_PACKED = _LAYER | {"data": (5, 3), "batch_sizes": fixed([2, 2, 1]), "hx": (1, 2, 4), "params": _RNN["params"]}
_UPSAMPLE = {d: {"self": (2, 3, *[4] * d), "input": (2, 3, *[4] * d), "output_size": [6] * d, "input_size": [2, 3, *[4] * d], "scale_factors": None,
                 "grad_output": (2, 3, *[6] * d), "align_corners": False} for d in (1, 2, 3)}
_STEP = {"sign": 1.0, "shrink": 0.9, "decay": 0.1, "rate1": 0.1, "beta2": 0.9, "rate2": 0.1, "step": 0.1, "correction": 0.9, "eps": 1e-5, "lr": 0.1,
         "momentum": 0.9, "rate": 0.9, "of_grad": 0.5, "of_buffer": 0.9, "of_mean": 0.9, "rho": 0.9, "adaptive": 1.0, "eta": 0.1, "mu": 0.5, "alpha": 0.9,
         "grow": 1.2, "least": 1e-6}
_HISTOGRAM = {"self": (6, 2), "bins": [3, 2]}

# by operator, or by overload where that differs
RECIPES = {
    # element-wise
    "special_zeta": {"other": (3, 4)},
    "special_zeta.self_scalar": {"self": 2.0},
    "special_zeta.other_scalar": {"other": 2.0},
    "special_multigammaln": {"p": 2},
    "mvlgamma": {"p": 2},
    "logit": [{"eps": None}, {"eps": 0.2}],
    "pow.Scalar": {"self": 1.5},
    "float_power.Scalar": {"self": 1.5},
    "clamp.Tensor": [{"min": fixed(0.3, None), "max": fixed(0.7, None)}],
    "clip.Tensor": "clamp.Tensor",
    "ldexp.Tensor": {"other": ints(3, 3, 4)},
    "isin.Scalar_Tensor": {"element": 2},
    "isin.Tensor_Scalar": {"test_element": 2},
    "gelu": [{"approximate": "none"}, {"approximate": "tanh"}],
    "_elu_backward_backward": {"alpha": 1.5},
    "prelu": {"self": spread(2, 3, 4), "weight": like((3,))},
    "_prelu_kernel": {"self": spread(3, 4), "weight": (1, 4)},
    "_prelu_kernel_backward": {"self": spread(3, 4), "weight": (3, 4)},
    "div.Tensor_mode": [{"rounding_mode": None}, {"rounding_mode": "floor"}, {"rounding_mode": "trunc"}],
    "divide.Tensor_mode": "div.Tensor_mode",
    "where": {"condition": mask(3, 4)},
    "log_sigmoid_backward": {"buffer": result("log_sigmoid_forward", 1)},
    "softshrink": {"self": spread(3, 4)},
    "_softshrink": {"self": spread(3, 4)},
    "hardshrink": {"self": spread(3, 4)},
    "relu": {"self": spread(3, 4)},
    "threshold": {"self": spread(3, 4)},
    "abs": {"self": spread(3, 4)},
    "elu": {"self": spread(3, 4)},
    "selu": {"self": spread(3, 4)},
    "celu": {"self": spread(3, 4)},
    "frexp.Tensor": {"self": spread(3, 4)},
    "complex": {"real": like(SHAPE), "imag": like(SHAPE)},
    "polar": {"abs": like(SHAPE), "angle": like(SHAPE)},
    "glu": {"self": (3, 4)},
    "glu_backward": {"self": (3, 4), "dim": 1, "grad_output": grad_of("glu")},
    "native_dropout_backward": {"mask": mask(3, 4)},
    "_additive_mask": {"mask": mask(3, 4)},
    "nan_to_num": [{}, {"nan": 1.0, "posinf": 2.0, "neginf": -2.0}],
    "binary_cross_entropy_with_logits": [{"self": spread(3, 4)}, {"self": spread(3, 4), "weight": (3, 4), "pos_weight": (4,)}],
    # losses
    **{name: [_LOSS, _LOSS | {"reduction": 0}, _LOSS | {"reduction": 2}] for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")},
    **{f"{name}_backward": _LOSS | {"grad_output": (), "reduction": 1, "beta": 0.7, "delta": 0.7} for name in ("mse_loss", "smooth_l1_loss", "huber_loss")},
    "soft_margin_loss": {"self": spread(3, 4), "target": signs(3, 4)},
    "hinge_embedding_loss": {"self": spread(3, 4), "target": signs(3, 4)},
    "soft_margin_loss_backward": {"self": spread(3, 4), "target": signs(3, 4), "grad_output": (), "reduction": 1},
    "binary_cross_entropy": [{}, {"weight": (3, 4), "reduction": 0}],
    "binary_cross_entropy_backward": {"grad_output": (), "reduction": 1},
    "margin_ranking_loss": {"target": signs(3, 4), "margin": 0.2},
    "cosine_embedding_loss": {"target": signs(3)},
    "nll_loss": _LABELS,
    "nll_loss_nd": _LABELS,
    "nll_loss_forward": _LABELS,
    "nll_loss2d": _PLANES,
    "nll_loss2d_forward": _PLANES,
    "nll_loss_backward": _LABELS | {"total_weight": result("nll_loss_forward", 1), "grad_output": ()},
    "nll_loss2d_backward": _PLANES | {"total_weight": result("nll_loss2d_forward", 1), "grad_output": ()},
    "cross_entropy_loss": [_LABELS, _LABELS | {"label_smoothing": 0.2}, _LABELS | {"target": (4, 5), "reduction": 0}],
    "_smooth_cross_entropy": {"logp": log_probabilities(4, 5), "target": ints(5, 4), "weight": None, "reduction": 1, "ignore_index": -100, "smoothing": 0.2},
    "_probability_cross_entropy": {"logp": log_probabilities(4, 5), "target": (4, 5), "weight": None, "reduction": 1, "smoothing": 0.2},
    "multi_margin_loss": {"self": spread(4, 5), "target": ints(5, 4), "weight": (5,)},
    "multi_margin_loss_backward": {"grad_output": (), "self": spread(4, 5), "target": ints(5, 4), "p": 1, "margin": 1.0, "weight": (5,)},
    "multilabel_margin_loss": {"self": spread(2, 4), "target": fixed([[3, 0, -1, 1], [1, -1, 2, 0]])},
    "multilabel_margin_loss_forward": "multilabel_margin_loss",
    "multilabel_margin_loss_backward": {"grad_output": (), "self": spread(2, 4), "target": fixed([[3, 0, -1, 1], [1, -1, 2, 0]]), "reduction": 1,
                                        "is_target": result("multilabel_margin_loss_forward", 1)},
    "triplet_margin_loss": {"margin": 1.0},
    "poisson_nll_loss": {"eps": 1e-8},
    "ctc_loss.IntList": _CTC,
    "_ctc_loss": _CTC,
    "ctc_loss.Tensor": _CTC_TENSOR,
    "_ctc_loss.Tensor": _CTC_TENSOR,
    "_reduce_ctc": {"loss": (2,), "lengths": fixed([3, 2])},
    "_ctc_loss_backward": {"grad": (2,)} | _CTC | {"neg_log_likelihood": result("_ctc_loss", 0), "log_alpha": result("_ctc_loss", 1)},
    "_ctc_loss_backward.Tensor": {"grad": (2,)} | _CTC_TENSOR | {"neg_log_likelihood": result("_ctc_loss.Tensor", 0),
                                                                 "log_alpha": result("_ctc_loss.Tensor", 1)},
    # reductions, scans, sorting
    "_ranks": {"sorted": (3, 4), "q": fixed([0.4], None)},
    "_quantile": {"q": fixed([0.4], None), "dim": 1},
    "quantile.scalar": {"q": 0.4},
    "nanquantile.scalar": {"q": 0.4},
    "quantile": {"q": fixed([0.2, 0.7], None)},
    "nanquantile": "quantile",
    "trapezoid.x": {"y": (3, 4), "x": (3, 4)},
    "_steps": {"dims": 2},
    "cov": [{}, {"fweights": fixed([1, 2, 1, 3])}],
    "corrcoef": {},
    "vander": {"x": (4,)},
    "linalg_vander": {"x": (4,), "N": 3},
    "gradient.scalararray": {"dim": [0, 1]},
    "gradient.array": {"dim": [0, 1]},
    "gradient.tensorarray": {"spacing": [(3,), (4,)], "dim": [0, 1]},
    "gradient.tensorarrayint": {"spacing": [(4,)], "dim": 1},
    "gradient.scalarrayint": {"spacing": [0.5], "dim": 1},
    "gradient.scalarrayarray": {"spacing": [0.5, 0.7], "dim": [0, 1]},
    "_gradient_along": {"coordinates": None},
    "count_nonzero.dim_IntList": {"dim": [0]},
    "histogram.bins_tensor": {"bins": fixed([0.0, 0.3, 0.6, 1.0], None)},
    "histogramdd": _HISTOGRAM,
    "_histogramdd_bin_edges": _HISTOGRAM,
    "_histogramdd_from_bin_cts": _HISTOGRAM,
    "histogramdd.int_bins": _HISTOGRAM | {"bins": 3},
    "histogramdd.TensorList_bins": _HISTOGRAM | {"bins": [fixed([0.0, 0.5, 1.0], None), fixed([0.0, 0.5, 1.0], None)]},
    "_histogramdd_from_bin_tensors": "histogramdd.TensorList_bins",
    "segment_reduce": {"data": (5, 3), "lengths": fixed([2, 3])},
    "_segment_reduce_backward": {"data": (5, 3), "lengths": fixed([2, 3]), "output": result("segment_reduce", axis=0), "grad": (2, 3), "axis": 0},
    "searchsorted": {"sorted_sequence": fixed([0.2, 0.4, 0.6], None)},
    "bucketize": {"boundaries": fixed([0.2, 0.4, 0.6], None)},
    "bincount": [{"self": ints(4, 6)}, {"self": ints(4, 6), "weights": (6,)}],
    "isin.Tensor_Tensor": {"elements": (3, 4), "test_elements": (2,)},
    "linalg_vector_norm": [{}, {"ord": 1, "dim": [1]}, {"ord": 3, "dim": [0, 1]}],
    "norm.ScalarOpt_dim": {"dim": [1]},
    "norm.ScalarOpt_dim_dtype": {"dim": [1], "dtype": its_dtype},
    "norm.ScalarOpt_dtype": {"dtype": its_dtype},
    "logsumexp": {"dim": [1]},
    "special_logsumexp": {"dim": [1]},
    "special_log_softmax": {},
    "hash_tensor": {"dim": []},
    "_softmax_backward_data": {"output": result("_softmax", self=SHAPE, half_to_float=False)},
    "_log_softmax_backward_data": {"output": log_probabilities(3, 4)},
    "_sample_dirichlet": {},
    "unique_dim": {"dim": 0},
    "_standard_gamma_grad": {"output": SHAPE},
    "renorm": {"p": 2, "dim": 0, "maxnorm": 0.5},
    "var_mean.dim": {"dim": [1]},
    "std_mean.dim": {"dim": [1]},
    "var.dim": {"dim": [1]},
    "std.dim": {"dim": [1]},
    "nuclear_norm.dim": {"dim": [0, 1]},
    # indices
    "index.Tensor": [{"indices": [ints(3, 2)]}, {"indices": [None, mask(4)]}],
    "_unsafe_index.Tensor": "index.Tensor",
    "index_put": [{"indices": [distinct(3, 2)], "values": (2, 4)}, {"indices": [ints(3, 2), ints(4, 2)], "values": (2,), "accumulate": True}],
    "_unsafe_index_put": "index_put",
    "_unsafe_masked_index": {"mask": mask(2, 2), "indices": [ints(3, 2, 2), ints(4, 2, 2)]},
    "_unsafe_masked_index_put_accumulate": {"mask": mask(2, 2), "indices": [ints(3, 2, 2), ints(4, 2, 2)], "values": (2, 2)},
    "index_select": {"dim": 1, "index": ints(4, 2)},
    "index_add": {"dim": 0, "index": ints(3, 2), "source": (2, 4)},
    "index_copy": {"dim": 0, "index": distinct(3, 2), "source": (2, 4)},
    "index_fill": {"dim": 0, "index": ints(3, 2)},
    "index_fill.int_Tensor": {"dim": 0, "index": ints(3, 2), "value": ()},
    "index_reduce": [{"dim": 0, "index": ints(3, 2), "source": (2, 4), "reduce": reduce} for reduce in ("prod", "mean", "amax", "amin")],
    "take": {"index": ints(12, 5)},
    "put": {"index": distinct(12, 5), "source": (5,)},
    "gather": {"dim": 0, "index": ints(3, 2, 3)},
    "scatter": {"dim": 0, "index": fixed([[0, 1, 2], [2, 0, 1]]), "src": (2, 3)},
    "scatter.reduce": {"dim": 0, "index": ints(3, 2, 3), "src": (2, 3), "reduce": "add"},
    "scatter.value_reduce": {"dim": 0, "index": ints(3, 2, 3), "reduce": "add"},
    "scatter_add": {"dim": 0, "index": ints(3, 2, 3), "src": (2, 3)},
    "scatter_reduce": [{"dim": 0, "index": ints(3, 2, 3), "src": (2, 3), "reduce": reduce} for reduce in ("sum", "prod", "mean", "amax", "amin")],
    "masked_fill.Tensor": {"value": ()},
    "masked_scatter": {"source": (3, 4)},
    "masked_scatter_backward": {"sizes": [3, 4], "grad_output": (3, 4)},
    "masked_select_backward": {"input": (3, 4), "grad": result("masked_select", self=(3, 4), mask=mask(3, 4))},
    "nonzero_static": {"size": 4},
    "take_along_dim": {"indices": ints(3, 2, 4), "dim": 0},
    "embedding": {"weight": (5, 3), "indices": ints(5, 2, 3)},
    "embedding_dense_backward": {"grad_output": (2, 3, 4), "indices": ints(5, 2, 3), "num_weights": 5, "padding_idx": -1, "scale_grad_by_freq": False},
    "embedding_dense_double_backward": {"grad": (5, 4), "indices": ints(5, 2, 3), "padding_idx": -1},
    "_embedding_bag": [_BAG, _BAG | {"mode": 1, "per_sample_weights": None}, _BAG | {"mode": 2, "per_sample_weights": None}],
    "embedding_bag": "_embedding_bag",
    "_embedding_bag_forward_only": "_embedding_bag",
    "embedding_bag.padding_idx": [_BAG],
    "_embedding_bag_backward": [{"grad": (3, 3)} | _BAG | _BAG_RESULTS],
    "_embedding_bag_dense_backward": [{"grad": (3, 3)} | _BAG | _BAG_RESULTS],
    "_embedding_bag_per_sample_weights_backward": [{"grad": (3, 3)} | _BAG | _BAG_RESULTS],
    "one_hot": {"self": ints(5, 4)},
    "select_scatter": {"src": (3,), "index": 1},
    "slice_scatter": {"src": (3, 2), "dim": 1, "start": 1, "end": 3},
    "diagonal_scatter": {"src": (3,)},
    "as_strided_scatter": {"src": (2, 2), "size": [2, 2], "stride": [4, 1]},
    "select_backward": {"grad_output": (3,), "input_sizes": [3, 4], "dim": 1, "index": 1},
    "slice_backward": {"grad_output": (3, 2), "input_sizes": [3, 4], "dim": 1, "start": 1, "end": 3},
    "diagonal_backward": {"grad_output": (3,), "input_sizes": [3, 4], "offset": 0, "dim1": 0, "dim2": 1},
    "unfold_backward": {"grad_in": (3, 3, 2), "input_sizes": [3, 4], "dim": 1, "size": 2, "step": 1},
    "trace_backward": {"grad": (), "sizes": [3, 4]},
    "repeat_interleave.Tensor": {"repeats": fixed([1, 2, 3])},
    "repeat_interleave.self_Tensor": {"repeats": fixed([1, 2, 0]), "dim": 0},
    "repeat_interleave.self_int": {"repeats": 2, "dim": 0},
    # views, shapes
    "select": {"index": 1},
    "select_copy": {"index": 1},
    "slice": {"start": 1, "end": 3},
    "narrow": {"start": 1, "length": 2},
    "narrow.Tensor": {"start": fixed(1), "length": 2},
    "narrow_copy": {"start": 1, "length": 2},
    "as_strided": {"size": [2, 3], "stride": [4, 1]},
    "as_strided_copy": {"size": [2, 3], "stride": [4, 1]},
    "_reshape_alias": {"size": [4, 3], "stride": [3, 1]},
    "view": {"size": [4, 3]},
    "view_copy.dtype": {"dtype": torch.int64},
    "view_copy": {"size": [4, 3]},
    "_unsafe_view": {"size": [4, 3]},
    "view.dtype": {"dtype": torch.int64},
    "expand": {"self": (3, 1), "size": [2, 3, 4]},
    "expand_copy": {"self": (3, 1), "size": [2, 3, 4]},
    "broadcast_to": {"self": (3, 1), "size": [2, 3, 4]},
    "expand_as": {"self": (3, 1), "other": (3, 4)},
    "reshape_as": {"other": (4, 3)},
    "view_as": {"other": (4, 3)},
    "sum_to_size": {"size": [1, 4]},
    "permute": {"dims": [1, 0]},
    "permute_copy": {"dims": [1, 0]},
    "unflatten": {"sizes": [2, 2]},
    "squeeze": {"self": (3, 1, 4)},
    "squeeze_copy": {"self": (3, 1, 4)},
    "squeeze.dims": {"self": (3, 1, 1), "dim": [1, 2]},
    "squeeze_copy.dims": {"self": (3, 1, 1), "dim": [1, 2]},
    "unfold": {"size": 2},
    "unfold_copy": {"size": 2},
    "movedim.intlist": {"source": [0, 1], "destination": [1, 0]},
    "moveaxis.intlist": {"source": [0, 1], "destination": [1, 0]},
    "split.sizes": {"split_size": [1, 3], "dim": 1},
    "split_with_sizes": {"split_sizes": [1, 3], "dim": 1},
    "split_with_sizes_copy": {"split_sizes": [1, 3], "dim": 1},
    "unsafe_split_with_sizes": {"split_sizes": [1, 3], "dim": 1},
    "tensor_split.indices": {"indices": [1, 3]},
    "tensor_split.tensor_indices_or_sections": {"tensor_indices_or_sections": fixed([1, 3])},
    "hsplit.array": {"indices": [1, 3]},
    "vsplit.int": {"sections": 3},
    "vsplit.array": {"indices": [1]},
    "dsplit.int": {"self": (2, 3, 4)},
    "dsplit.array": {"self": (2, 3, 4), "indices": [1]},
    "mT": {"self": (2, 3, 4)},
    "mH": {"self": (2, 3, 4)},
    "adjoint": {"self": (2, 3, 4)},
    "view_as_real": {},
    "view_as_complex": {"self": (3, 2)},
    "view_as_complex_copy": {"self": (3, 2)},
    "flip": {"dims": [0, 1]},
    "roll": [{"shifts": [1, 2], "dims": [0, 1]}, {"shifts": [5]}],
    "repeat": {"repeats": [2, 1, 3]},
    "tile": {"dims": [2, 1, 3]},
    "dstack": {},
    "diag": [{}, {"self": (3,), "diagonal": 1}],
    "diag_embed": {},
    "channel_shuffle": {"self": (2, 4, 3), "groups": 2},
    "native_channel_shuffle": {"self": (2, 4, 3), "groups": 2},
    "pixel_shuffle": {"self": (1, 4, 2, 3), "upscale_factor": 2},
    "pixel_unshuffle": {"self": (1, 1, 4, 6), "downscale_factor": 2},
    "block_diag": {},
    "cartesian_prod": {"tensors": [(2,), (3,)]},
    "combinations": {"self": (4,)},
    "meshgrid": {"tensors": [(2,), (3,)]},
    "meshgrid.indexing": {"tensors": [(2,), (3,)], "indexing": "xy"},
    "pad_sequence": {"sequences": [(3, 2), (2, 2)]},
    "pad": [{"pad": [1, 2], "mode": "constant"}, {"self": (2, 3, 4), "pad": [1, 2], "mode": "reflect"}, {"self": (2, 3, 4), "pad": [1, 2],
            "mode": "circular"}],
    "_pad_circular": {"self": (2, 3, 4), "pad": [1, 2]},
    "broadcast_tensors": {"tensors": [(3, 1), (4,)]},
    "lift_fresh": {},
    "_restore_dims": {"d0": 0, "d1": 1},
    "_matrix_dims_last": {"d0": 0, "d1": 1},
    **{f"{kind}_pad{d}d{suffix}": {"self": (2, 3, *[4] * d), "padding": [1, 2, 1, 1, 2, 1][: 2 * d], "grad_output": grad_of(f"{kind}_pad{d}d")}
       for kind in ("reflection", "replication") for d in (1, 2, 3) for suffix in ("", "_backward")},
    "im2col": {"self": (2, 3, 4, 4), "kernel_size": [2, 2], "dilation": [1, 1], "padding": [1, 1], "stride": [1, 2]},
    "col2im": {"self": (2, 12, 9), "output_size": [4, 4], "kernel_size": [2, 2], "dilation": [1, 1], "padding": [0, 0], "stride": [1, 1]},
    # creation, random
    "empty_strided": {"stride": [4, 1]},
    "new_empty_strided": {"stride": [4, 1]},
    "empty_permuted": {"physical_layout": [1, 0]},
    "scalar_tensor": {"s": 1.5},
    "arange.start_step": {"step": 2},
    "range": {"step": 2},
    "linspace.Tensor_Tensor": {"start": (), "end": ()},
    "linspace.Tensor_Scalar": {"start": ()},
    "linspace.Scalar_Tensor": {"end": ()},
    "logspace.Tensor_Tensor": {"start": (), "end": ()},
    "logspace.Tensor_Scalar": {"start": ()},
    "logspace.Scalar_Tensor": {"end": ()},
    "eye": {"n": 3},
    "eye.m": {"n": 3, "m": 4},
    "fill.Tensor": {"value": ()},
    "randint_like.Tensor": {"high": fixed(5)},
    "normal.float_float": {"size": [3, 4]},
    "multinomial": {},
    "binomial": {"count": fixed([[3.0, 5.0], [2.0, 4.0]], None), "prob": (2, 2)},
    "native_dropout": {"p": 0.5},
    "bernoulli.p": {"p": 0.5},
    **{name: {"p": 0.5, "input": (3, 4, 2)} for name in ("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout")},
    "rrelu": {"self": spread(3, 4)},
    "rrelu_with_noise": {"self": spread(3, 4), "noise": (3, 4)},
    "rrelu_with_noise_backward": {"self": spread(3, 4), "noise": like((3, 4)), "lower": 0.1, "upper": 0.3},
    "hamming_window.periodic_alpha_beta": {"alpha": 0.5, "beta": 0.4},
    "kaiser_window.beta": {"beta": 5.0},
    "to.other": {"other": (3, 4)},
    "result_type.Scalar_Scalar": {"scalar1": 1, "scalar2": 2.5},
    "result_type.Scalar_Tensor": {"scalar": 2.5},
    "item": {"self": ()},
    "_local_scalar_dense": {"self": ()},
    # matrix products
    "mm": {"self": (3, 4), "mat2": (4, 5)},
    "bmm": {"self": (2, 3, 4), "mat2": (2, 4, 5)},
    "addmm": {"self": (5,), "mat1": (3, 4), "mat2": (4, 5)},
    "baddbmm": {"self": (3, 5)} | _BATCH,
    "addbmm": {"self": (3, 5)} | _BATCH,
    "mv": {"vec": (4,)},
    "addmv": {"self": (3,), "mat": (3, 4), "vec": (4,)},
    "dot": {"self": (4,), "tensor": (4,)},
    "vdot": {"self": (4,), "other": (4,)},
    "addr": {"self": (3, 4), "vec1": (3,), "vec2": (4,)},
    "outer": {"self": (3,), "vec2": (4,)},
    "ger": {"self": (3,), "vec2": (4,)},
    "matmul": [{"self": (3, 4), "other": (4, 5)}, {"self": (2, 3, 4), "other": (4,)}],
    "linalg_matmul": {"self": (3, 4), "other": (4, 5)},
    "linear": {"input": (2, 3, 4), "weight": (5, 4), "bias": (5,)},
    "bilinear": {"input1": (3, 2), "input2": (3, 4), "weight": (5, 2, 4), "bias": (5,)},
    "tensordot": {"self": (2, 3, 4), "other": (4, 3), "dims_self": [1, 2], "dims_other": [1, 0]},
    "inner": {"other": (2, 4)},
    "kron": {"other": (2, 2)},
    "linalg_multi_dot": {"tensors": [(2, 3), (3, 4), (4, 2)]},
    "chain_matmul": {"matrices": [(2, 3), (3, 4), (4, 2)]},
    "linalg_vecdot": {"x": (3, 4), "y": (3, 4)},
    "linalg_matrix_power": {"self": regular(3, 3), "n": 3},
    "matrix_power": {"self": regular(3, 3), "n": -2},
    "einsum": {"equation": "ij,jk->ik", "tensors": [(2, 3), (3, 4)]},
    "cdist": [{"x1": (2, 3, 4), "x2": (2, 2, 4)}, {"x1": (3, 4), "x2": (2, 4), "p": 1.0}],
    "_cdist_forward": {"x1": (3, 4), "x2": (2, 4)},
    "_cdist_backward": {"x1": (3, 4), "x2": (2, 4), "p": 2.0, "cdist": result("_cdist_forward", compute_mode=None), "grad": (3, 2)},
    "_euclidean_dist": {"x1": (3, 4), "x2": (2, 4)},
    "pdist": {},
    **{name: {"grad": (3,), "self": (3, 4), "p": 2.0, "pdist": result("_pdist_forward", p=2.0)} for name in ("_pdist_backward", "_pdist_share")},
    "_holds": {"condition": result("gt.Scalar", self=(), other=0.0)},
    "pairwise_distance": {},
    "_trilinear": {"i1": (3, 2), "i2": (5, 2, 4), "i3": (3, 4), "expand1": [1, 3], "expand2": [0], "expand3": [1, 2], "sumdim": [2, 3]},
    "_foreach_pow.ScalarList": {"exponent": [2, 3]},
    "_foreach_lerp.ScalarList": {"weight": [0.3, 0.4]},
    "_foreach_addcmul.Tensor": {"scalars": (2,)},
    "_foreach_addcdiv.Tensor": {"scalars": (2,)},
    "_foreach_mm": {"self": [(2, 3), (3, 4)], "mat2": [(3, 2), (4, 2)]},
    "cross": {"self": (3, 4), "other": (3, 4), "dim": 0},
    "linalg_cross": {"self": (4, 3), "other": (4, 3)},
    "scaled_dot_product_attention": [_ATTENTION, _ATTENTION | {"attn_mask": (4, 5)}, _ATTENTION | {"is_causal": True}],
    "_scaled_dot_product_attention_math": "scaled_dot_product_attention",
    "_fused_sdp_choice": _ATTENTION,
    "_scaled_dot_product_flash_attention_for_cpu": [_ATTENTION, _ATTENTION | {"attn_mask": (4, 5)}],
    "_attention_gradients": _ATTENTION | {"grad": (2, 2, 4, 6), "attn_mask": (4, 5)},
    "_difference_slope": {"d": spread(3, 2, 4), "distances": (3, 2), "p": 3.0},
    "_distance_slope": {"p": 3.0},
    "_scaled_dot_product_flash_attention_for_cpu_backward": _ATTENTION | {"out": result("_scaled_dot_product_flash_attention_for_cpu", 0),
            "logsumexp": result("_scaled_dot_product_flash_attention_for_cpu", 1), "grad_out": (2, 2, 4, 6)},
    # linear algebra
    **{name: {"self": regular(2, 3, 3), "A": regular(2, 3, 3), "input": regular(2, 3, 3)} for name in ( "linalg_inv", "inverse", "linalg_det", "det",
            "linalg_slogdet", "slogdet", "logdet", "linalg_inv_ex", "_linalg_det", "_linalg_slogdet", "linalg_lu", "linalg_lu_factor",
                    "linalg_lu_factor_ex", "_lu_with_info", "linalg_eig", "linalg_eigvals", "_linalg_eigvals", "linalg_qr", "qr", "geqrf", "linalg_cond",
                    "matrix_exp", "linalg_matrix_exp", "linalg_matrix_rank", "linalg_pinv", "pinverse")},
    "linalg_svdvals": {"A": spread(4, 3)},
    "_linalg_check_errors": {"info": fixed([0, 0])},
    "linalg_matrix_rank.tol_tensor": {"input": regular(3, 3), "tol": ()},
    "linalg_pinv.rcond_tensor": {"self": regular(3, 3), "rcond": fixed(1e-6, torch.float64)},
    **{name: {"self": hermitian(2, 3, 3), "A": hermitian(2, 3, 3)} for name in ("linalg_cholesky", "linalg_cholesky_ex", "cholesky", "linalg_eigh",
            "linalg_eigvalsh", "_linalg_eigh", "linalg_ldl_factor", "linalg_ldl_factor_ex")},
    "cholesky_inverse": {"self": triangular(3, 3)},
    "cholesky_solve": {"self": (3, 2), "input2": triangular(3, 3)},
    "_cholesky_solve_helper": {"self": (3, 2), "A": triangular(3, 3)},
    "_cholesky_grad": {"grad": (3, 3), "factor": triangular(3, 3)},
    "linalg_svd": {"A": spread(4, 3), "full_matrices": False},
    "_linalg_svd": {"A": spread(4, 3), "full_matrices": False},
    "svd": {"self": spread(4, 3)},
    "linalg_householder_product": {"input": (4, 3), "tau": (3,)},
    "orgqr": {"self": (4, 3), "input2": (3,)},
    "_householder_grad": {"grad": (4, 3), "input": (4, 3), "tau": (3,), "result": result("linalg_householder_product"), "flip": False},
    **{name: {"v": (4, 1), "scale": (1,), "tau": (1,), "K": (4, 4), "i": 1} for name in ("_reflect_left", "_reflect_right", "_reflection_grad")},
    "ormqr": {"self": (4, 3), "input2": (3,), "input3": (4, 2)},
    "_lu_grad": {"gL": (3, 3), "gU": (3, 3), **{n: result("linalg_lu", i, A=regular(3, 3)) for i, n in enumerate("PLU")}},
    "lu_unpack": {"LU_data": result("linalg_lu_factor", 0, A=regular(3, 3)), "LU_pivots": result("linalg_lu_factor", 1, A=regular(3, 3))},
    "lu_solve": {"self": (3, 2), "LU_data": result("linalg_lu_factor", 0, A=regular(3, 3)), "LU_pivots": result("linalg_lu_factor", 1, A=regular(3, 3))},
    "linalg_lu_solve": {"LU": result("linalg_lu_factor", 0, A=regular(3, 3)), "pivots": result("linalg_lu_factor", 1, A=regular(3, 3)), "B": (3, 2)},
    "linalg_ldl_solve": {"LD": result("linalg_ldl_factor", 0, self=hermitian(3, 3)), "pivots": result("linalg_ldl_factor", 1, self=hermitian(3, 3)),
                         "B": (3, 2)},
    **{name: {"A": regular(2, 3, 3), "B": (2, 3, 2)} for name in ("linalg_solve", "linalg_solve_ex", "_linalg_solve_ex")},
    "triangular_solve": {"self": (3, 2), "A": triangular(3, 3, upper=True), "upper": True},
    "linalg_solve_triangular": {"self": triangular(3, 3), "B": (3, 2), "upper": False},
    "linalg_lstsq": {"self": regular(3, 3), "b": (3, 2)},
    "_adjoint_solve": {"A": regular(3, 3), "weights": (3, 3), **{n: result("_linalg_det", i, A=regular(3, 3)) for i, n in ((1, "LU"), (2, "pivots"))}},
    **{f"fake_quantize_per_tensor_affine{form}": {"scale": 0.1, "zero_point": 3, "quant_min": 0, "quant_max": 255} for form in ("", "_cachemask")},
    "fake_quantize_per_tensor_affine.tensor_qparams": _QUANTIZED,
    "_fake_quantize_per_tensor_affine_cachemask_tensor_qparams": _QUANTIZED | {"fake_quant_enabled": fixed([1])},
    **{f"fake_quantize_per_channel_affine{form}": _QUANTIZED | {"scale": (4,), "zero_point": lambda make, args: make.integers(0, 10, (4,)).int(), "axis": 1} for form in ("", "_cachemask")},
    "_optimizer_step_": {"law": "_adamax_step", "params": [(3,)], "grads": [(3,)], "states": [(3,), (3,)], "numbers": [1.0, 0.0, 0.1, 0.9, 1e-8, 0.1]},
    "_where_inside": {"above": mask(3, 4), "below": mask(3, 4), "alike": False},
    "_as_tolerances": {"A": (3, 4), "atol": 0.1, "rtol": 0.2},
    "_pinv_grad": {"grad": (3, 4), "pinv": result("linalg_pinv.atol_rtol_float", self=(4, 3)), "A": (4, 3)},
    "linalg_pinv.atol_rtol_tensor": {"self": spread(4, 3)},
    "linalg_pinv.atol_rtol_float": {"self": spread(4, 3)},
    "linalg_tensorinv": {"self": square(2, 2, 4), "ind": 2},
    "linalg_tensorsolve": {"self": square(2, 2, 4), "other": (2, 2)},
    "linalg_matrix_norm": {"self": regular(2, 3, 3)},
    "linalg_matrix_norm.str_ord": {"self": regular(2, 3, 3)},
    "linalg_norm": [{"ord": None}, {"ord": 2, "dim": [0, 1]}],
    "linalg_norm.ord_str": {"ord": "fro"},
    "linalg_cond.p_str": {"self": regular(3, 3), "p": "fro"},
    "linalg_diagonal": {"A": (3, 4)},
    # fft
    **{f"fft_{name}": {"s": None, "dim": [-2, -1]} for name in ("fft2", "ifft2", "rfft2", "irfft2", "hfft2", "ihfft2")},
    "fft_fft": [{}, {"n": 3, "norm": "ortho"}],
    "_fft_c2c": {"dim": [0, 1]},
    "_fft_r2c": {"dim": [0, 1]},
    "_fft_c2r": {"dim": [0, 1], "last_dim_size": 6},
    "stft": {"self": (12,), "n_fft": 4, "window": (4,), "return_complex": True},
    "stft.center": {"self": (12,), "n_fft": 4, "window": (4,), "return_complex": True},
    "istft": {"self": spectrum(3, 5), "n_fft": 4},
    # convolution, pooling, resampling
    "convolution": [_CONV, _CONV | {"transposed": True, "stride": [2, 2], "output_padding": [1, 0]}],
    "_any_convolution": "convolution",
    "_convolution": _CONV,
    "_convolution_mode": _CONV | {"stride": [1, 1], "padding": "same"},
    "convolution_backward": _CONV | {"grad_output": grad_of("convolution"), "bias_sizes": [4], "output_mask": [True, True, True]},
    "conv1d": {"input": (2, 2, 5), "weight": (3, 2, 3), "bias": (3,)},
    "conv2d": {"input": (2, 2, 5, 5), "weight": (3, 2, 3, 3), "bias": (3,)},
    "conv3d": {"input": (1, 2, 4, 4, 4), "weight": (3, 2, 2, 2, 2), "bias": (3,)},
    "conv_transpose1d": {"input": (2, 2, 5), "weight": (2, 3, 3), "bias": (3,)},
    "conv_transpose2d": {"input": (2, 2, 4, 4), "weight": (2, 3, 3, 3), "bias": (3,)},
    "conv_transpose3d": {"input": (1, 2, 3, 3, 3), "weight": (2, 3, 2, 2, 2), "bias": (3,)},
    "conv_tbc": {"self": (5, 2, 3), "weight": (3, 3, 4), "bias": (4,)},
    **{f"conv{d}d.padding": {"input": (2, 2, *[5] * d), "weight": (3, 2, *[3] * d), "bias": (3,), "padding": "same"} for d in (1, 2, 3)},
    **{name.format(d): _POOL[d] for d in (1, 2, 3) for name in ("max_pool{}d", "avg_pool{}d", "adaptive_avg_pool{}d", "adaptive_max_pool{}d",
                                                                "max_pool{}d_with_indices", "_adaptive_avg_pool{}d", "fractional_max_pool{}d")},
    **{f"{name.format(d)}_backward": {"self": (2, 3, *[5] * d), **_POOL[d], "grad_output": grad_of(name.format(d)), "indices": result(name.format(d), -1)}
       for d in (2, 3) for name in ("avg_pool{}d", "adaptive_max_pool{}d", "max_pool{}d_with_indices", "_adaptive_avg_pool{}d", "fractional_max_pool{}d")},
    "max_unpool2d": {"self": (1, 2, 2, 2), "indices": fixed([[[[0, 3], [8, 11]], [[1, 2], [9, 10]]]]), "output_size": [4, 4]},
    "max_unpool3d": {"self": (1, 1, 2, 2, 2), "indices": fixed([[[[[0, 3], [8, 11]], [[17, 18], [40, 43]]]]]), "output_size": [4, 4, 4], "stride": [2, 2,
            2], "padding": [0, 0, 0]},
    "_gather_planes": {"self": (2, 3, 4), "indices": ints(4, 2, 3, 2), "dims": 1},
    **{name.format(d): _GRID[d] for d in (2, 3) for name in ("grid_sampler_{}d",)},
    "grid_sampler": _GRID[2],
    **{f"grid_sampler_{d}d_backward": _GRID[d] | {"grad_output": grad_of(f"grid_sampler_{d}d")} for d in (2, 3)},
    "affine_grid_generator": {"theta": (2, 2, 3), "size": [2, 3, 4, 4]},
    **{name.format(d) + suffix: _UPSAMPLE[d] for name in ("upsample_nearest{}d", "_upsample_nearest_exact{}d") for d in (1, 2, 3) for suffix in ("",
            "_backward")},
    **{name + suffix: _UPSAMPLE[d] for name, d in (("upsample_linear1d", 1), ("upsample_bilinear2d", 2), ("upsample_bicubic2d", 2), ("upsample_trilinear3d",
            3), ("_upsample_bilinear2d_aa", 2), ("_upsample_bicubic2d_aa", 2)) for suffix in ("", "_backward")},
    # normalisation
    **{name: _NORM for name in ("batch_norm", "instance_norm", "native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training",
                                "_batch_norm_with_update", "_batch_norm_no_update", "_native_batch_norm_legit.no_stats")},
    "instance_norm": _NORM | {"use_input_stats": True},
    "native_batch_norm_backward": _NORM | _STATS | {"grad_out": (2, 4, 3), "train": True, "output_mask": [True, True, True]},
    "batch_norm_backward": _NORM | _STATS | {"grad_out": (2, 4, 3), "save_var": result("native_batch_norm", 2, training=True), "update": True,
                                             "output_mask": [True, True, True], "reserve": (0,)},
    "_batch_norm_double_backward": _NORM | _STATS | {"gg_input": (2, 4, 3), "gg_weight": (4,), "gg_bias": (4,), "grad_out": (2, 4, 3), "train": True},
    "group_norm": {"input": (2, 4, 3), "num_groups": 2, "weight": (4,), "bias": (4,)},
    "native_group_norm": {"input": (2, 4, 3), "N": 2, "C": 4, "HxW": 3, "group": 2, "weight": (4,), "bias": (4,)},
    "native_group_norm_backward": {"input": (2, 4, 3), "N": 2, "C": 4, "HxW": 3, "group": 2, "weight": (4,), "bias": (4,), "grad_out": (2, 4, 3),
                                   "mean": result("native_group_norm", 1, eps=1e-5), "rstd": result("native_group_norm", 2, eps=1e-5), "output_mask": [True,
                                   True, True]},
    "layer_norm": {"input": (2, 3, 4), "normalized_shape": [4], "weight": (4,), "bias": (4,)},
    "native_layer_norm": {"input": (2, 3, 4), "normalized_shape": [4], "weight": (4,), "bias": (4,)},
    "native_layer_norm_backward": {"input": (2, 3, 4), "normalized_shape": [4], "weight": (4,), "bias": (4,), "grad_out": (2, 3, 4),
                                   "mean": result("native_layer_norm", 1, eps=1e-5), "rstd": result("native_layer_norm", 2, eps=1e-5), "output_mask": [True,
                                   True, True]},
    "rms_norm": {"input": (2, 3, 4), "normalized_shape": [4], "weight": (4,)},
    "norm_except_dim": {"v": (3, 4), "dim": 0},
    "_weight_norm": {"v": (3, 4), "g": (3, 1), "dim": 0},
    # recurrent
    "rnn_tanh_cell": _CELL,
    "rnn_relu_cell": _CELL,
    "gru_cell": _CELL | {"w_ih": (12, 3), "w_hh": (12, 4), "b_ih": (12,), "b_hh": (12,)},
    "_gru_step": {"x": (2, 12), "r": (2, 12), "h": (2, 4)},
    "lstm_cell": _CELL | {"hx": [(2, 4), (2, 4)], "w_ih": (16, 3), "w_hh": (16, 4), "b_ih": (16,), "b_hh": (16,)},
    "_lstm_step": {"gates": (2, 16), "c": (2, 4)},
    "rnn_tanh.input": _RNN,
    "rnn_relu.input": _RNN,
    "rnn_tanh.data": _PACKED,
    "rnn_relu.data": _PACKED,
    "gru.input": _RNN | {"params": [(12, 3), (12, 4), (12,), (12,)]},
    "gru.data": _PACKED | {"params": [(12, 3), (12, 4), (12,), (12,)]},
    "lstm.input": _RNN | {"hx": [(1, 2, 4), (1, 2, 4)], "params": [(16, 3), (16, 4), (16,), (16,)]},
    "lstm.data": _PACKED | {"hx": [(1, 2, 4), (1, 2, 4)], "params": [(16, 3), (16, 4), (16,), (16,)]},
    "_rnn_direction": {"data": (5, 3), "batch_sizes": [2, 2, 1], "h0": (2, 4), "c0": None, "weights": _RNN["params"], "has_biases": True,
                       "mode": "RNN_TANH", "reverse": False},
    "_rnn": _LAYER | {"data": (5, 3), "batch_sizes": [2, 2, 1], "h0": (1, 2, 4), "c0": None, "params": _RNN["params"], "mode": "RNN_TANH"},
    "_rnn_padded": _LAYER | {"input": (3, 2, 3), "h0": (1, 2, 4), "c0": None, "params": _RNN["params"], "mode": "RNN_TANH"},
    # optimizers' steps
    **{f"_{name}_step": _STEP for name in (
        "adam", "amsgrad", "sgd", "momentum", "adagrad", "adadelta", "adamax", "nadam", "radam", "asgd", "rmsprop", "rmsprop_momentum",
        "rmsprop_centered", "rmsprop_centered_momentum")},
    "_rprop_step": _STEP | {"greatest": 50.0},
    "_philox": {"index": (3, 4)},
}


# Operators that take for granted what an argument is: the function that makes it so.
GRANTED = {
    **{name: {"self": hermitian_part, "A": hermitian_part} for name in (
        "linalg_cholesky", "linalg_cholesky_ex", "cholesky", "linalg_eigh", "linalg_eigvalsh", "_linalg_eigh")},
    "cholesky_inverse": {"self": factor_part},
    "cholesky_solve": {"input2": factor_part},
    "triangular_solve": {"A": upper_part},
    "linalg_solve_triangular": {"self": lower_part},
    **{name: {"log_probs": lambda x: x.log_softmax(-1)} for name in ("ctc_loss", "_ctc_loss")},
}
# Arguments of composites that have no gradient, as in PyTorch.
CONSTANTS = {
    **{name: {"weight"} for name in ("nll_loss", "nll_loss2d", "nll_loss_nd", "cross_entropy_loss")},
    **{name: {"running_mean", "running_var"} for name in (
        "batch_norm", "instance_norm", "_batch_norm_with_update", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training")},
    **{name: {"scalars"} for name in ("_foreach_addcmul.Tensor", "_foreach_addcdiv.Tensor")},
}


def domain(row):
    """The range of the elements of a row's tensors."""
    return DOMAINS.get(row.schema.name, (0.1, 0.9))


def recipes(row):
    """The recipes of a row: its overload's, its operator's, or an empty one, which leaves all to the arguments' names."""
    recipe = RECIPES.get(row.schema.key, RECIPES.get(row.schema.name, {}))
    while isinstance(recipe, str):
        recipe = RECIPES[recipe]
    return recipe if isinstance(recipe, list) else [recipe]


def arguments(row, recipe, make):
    """{name: value} of a row's arguments but outputs."""
    made = {}
    for arg in row.schema.args:
        if not (arg.write and arg.kwarg_only):
            made[arg.name] = _value(arg, _wanted(arg, recipe), make, recipe | made)
    return made


def _value(arg, wanted, make, made):
    """The value of one argument: `wanted` read as the schema's type says."""
    if isinstance(wanted, FunctionType):
        return wanted(make, made)
    if arg.is_tensor and isinstance(wanted, tuple):
        return make.tensor(wanted)
    if arg.is_tensor_list and isinstance(wanted, list):
        return [_value(replace(arg, list=False), x, make, made) for x in wanted]
    if arg.base == "Scalar" and isinstance(wanted, float) and not (make.dtype.is_floating_point or make.dtype.is_complex):
        return max(1, round(wanted))
    if arg.list and not isinstance(wanted, list) and wanted is not None:
        return [wanted] * (arg.size or 1)
    return wanted


def _wanted(arg, recipe):
    """What an argument shall be: by the recipe, by default, by its name, by its type."""
    if arg.name in recipe:
        return recipe[arg.name]
    if arg.default is not None:
        return DEFAULTS.get(arg.value, arg.value) if arg.base in ("ScalarType", "MemoryFormat") else arg.value
    if arg.is_tensor:
        return TENSORS.get(arg.name, None if arg.optional else SHAPE)
    if arg.is_tensor_list:
        return [SHAPE, SHAPE]
    if arg.name not in VALUES and (arg.optional or arg.base == "float" and not arg.list):
        return None if arg.optional else 0.5
    return VALUES[arg.name]
