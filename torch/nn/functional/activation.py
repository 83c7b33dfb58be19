"""Activation functions. Every one works element by element unless it takes a `dim`."""

import warnings

import torch

_nn = torch._C._nn

celu_, hardshrink, relu_, rrelu_, selu_ = torch.celu_, torch.hardshrink, torch.relu_, torch.rrelu_, torch.selu_
threshold_, prelu = torch.threshold_, torch.prelu
elu_, gelu, hardtanh_, leaky_relu_ = _nn.elu_, _nn.gelu, _nn.hardtanh_, _nn.leaky_relu_
logsigmoid, softplus, softshrink = _nn.log_sigmoid, _nn.softplus, _nn.softshrink


def relu(input, inplace=False):
    """max(0, x).

    >>> F.relu(torch.tensor([-1., 1.]))
    tensor([0., 1.])
    """
    return torch.relu_(input) if inplace else torch.relu(input)


def relu6(input, inplace=False):
    """min(max(0, x), 6).

    >>> F.relu6(torch.tensor([-1., 9.]))
    tensor([0., 6.])
    """
    return _nn.relu6_(input) if inplace else _nn.relu6(input)


def threshold(input, threshold, value, inplace=False):
    """x where x > threshold, else value.

    >>> F.threshold(torch.tensor([0.5, 2.]), 1, 0)
    tensor([0., 2.])
    """
    return torch.threshold_(input, threshold, value) if inplace else torch.threshold(input, threshold, value)


def elu(input, alpha=1.0, inplace=False):
    """x for x > 0, else alpha (exp(x) - 1); Clevert et al. 2015.

    >>> F.elu(torch.tensor([-1., 1.]))
    tensor([-0.6321,  1.0000])
    """
    return _nn.elu_(input, alpha) if inplace else _nn.elu(input, alpha)


def selu(input, inplace=False):
    """scale * elu(x, alpha) with the constants that keep mean 0 and variance 1; Klambauer et al. 2017.

    >>> F.selu(torch.tensor([0., 1.]))
    tensor([0.0000, 1.0507])
    """
    return torch.selu_(input) if inplace else torch.selu(input)


def celu(input, alpha=1.0, inplace=False):
    """max(0, x) + min(0, alpha (exp(x / alpha) - 1)); Barron 2017.

    >>> F.celu(torch.tensor([-1., 1.]))
    tensor([-0.6321,  1.0000])
    """
    return torch.celu_(input, alpha) if inplace else torch.celu(input, alpha)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """x for x > 0, else negative_slope * x.

    >>> F.leaky_relu(torch.tensor([-1., 1.]))
    tensor([-0.0100,  1.0000])
    """
    return _nn.leaky_relu_(input, negative_slope) if inplace else _nn.leaky_relu(input, negative_slope)


def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False):
    """Leaky ReLU whose slope is drawn from U(lower, upper) in training and is their mean otherwise; Xu et al. 2015.

    >>> F.rrelu(torch.tensor([2., 3.]))
    tensor([2., 3.])
    """
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    function = torch.rrelu_ if inplace else torch.rrelu
    return function(input, lower, upper, training)


def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """x clamped to [min_val, max_val]. Raises ValueError when min_val > max_val.

    >>> F.hardtanh(torch.tensor([-3., 0.5, 3.]))
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return _nn.hardtanh_(input, min_val, max_val) if inplace else _nn.hardtanh(input, min_val, max_val)


def hardsigmoid(input, inplace=False):
    """min(max(0, x / 6 + 1 / 2), 1).

    >>> F.hardsigmoid(torch.tensor([-3., 0., 3.]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    return _nn.hardsigmoid_(input) if inplace else _nn.hardsigmoid(input)


def hardswish(input, inplace=False):
    """x * hardsigmoid(x); Howard et al. 2019.

    >>> F.hardswish(torch.tensor([-3., 0., 3.]))
    tensor([-0., 0., 3.])
    """
    return _nn.hardswish_(input) if inplace else _nn.hardswish(input)


def silu(input, inplace=False):
    """x * sigmoid(x), also known as swish.

    >>> F.silu(torch.tensor([0., 1.]))
    tensor([0.0000, 0.7311])
    """
    return _nn.silu_(input) if inplace else _nn.silu(input)


def mish(input, inplace=False):
    """x * tanh(softplus(x)); Misra 2019.

    >>> F.mish(torch.tensor([0., 1.]))
    tensor([0.0000, 0.8651])
    """
    return _nn.mish_(input) if inplace else _nn.mish(input)


def sigmoid(input):
    """1 / (1 + exp(-x)).

    >>> F.sigmoid(torch.tensor([0.]))
    tensor([0.5000])
    """
    return input.sigmoid()


def tanh(input):
    """Hyperbolic tangent.

    >>> F.tanh(torch.tensor([0.]))
    tensor([0.])
    """
    return input.tanh()


def tanhshrink(input):
    """x - tanh(x).

    >>> F.tanhshrink(torch.tensor([0.]))
    tensor([0.])
    """
    return input - input.tanh()


def softsign(input):
    """x / (1 + |x|).

    >>> F.softsign(torch.tensor([-1., 1.]))
    tensor([-0.5000,  0.5000])
    """
    return input / (input.abs() + 1)


def glu(input, dim=-1):
    """a * sigmoid(b) for the two halves a, b along `dim`; Dauphin et al. 2016. Raises RuntimeError on a scalar.

    >>> F.glu(torch.tensor([2., 0.]))
    tensor([1.])
    """
    if input.dim() == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    return _nn.glu(input, dim)


def _softmax_dim(name, ndim, stacklevel):
    warnings.warn(f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an "
                  "argument.", stacklevel=stacklevel)
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """exp(x_i) / sum_j exp(x_j) along `dim`, computed in `dtype` when given.

    >>> F.softmax(torch.zeros(2), 0)
    tensor([0.5000, 0.5000])
    """
    if dim is None:
        dim = _softmax_dim("softmax", input.dim(), _stacklevel)
    return input.softmax(dim) if dtype is None else input.softmax(dim, dtype=dtype)


def softmin(input, dim=None, _stacklevel=3, dtype=None):
    """softmax(-x) along `dim`.

    >>> F.softmin(torch.zeros(2), 0)
    tensor([0.5000, 0.5000])
    """
    if dim is None:
        dim = _softmax_dim("softmin", input.dim(), _stacklevel)
    return (-input).softmax(dim) if dtype is None else (-input).softmax(dim, dtype=dtype)


def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """log(softmax(x)) along `dim`, without the loss of precision of the two steps.

    >>> F.log_softmax(torch.zeros(2), 0)
    tensor([-0.6931, -0.6931])
    """
    if dim is None:
        dim = _softmax_dim("log_softmax", input.dim(), _stacklevel)
    return input.log_softmax(dim) if dtype is None else input.log_softmax(dim, dtype=dtype)


def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    """A sample of the Gumbel-softmax distribution (Jang et al. 2016); with `hard` one-hot, with the soft gradient.

    >>> F.gumbel_softmax(torch.tensor([[0., 0.]]), hard=True).sum()
    tensor(1.)
    """
    gumbels = -torch.empty_like(logits, memory_format=torch.contiguous_format).exponential_().log()
    soft = ((logits + gumbels) / tau).softmax(dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    one_hot = torch.zeros_like(logits, memory_format=torch.contiguous_format).scatter_(dim, index, 1.0)
    return one_hot - soft.detach() + soft
