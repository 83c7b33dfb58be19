"""Random numbers: fills from a generator's stream, samples, dropout.

The streams and transforms are PyTorch's, bit for bit (csrc/core/generator.h, csrc/cpu/random.cpp).
"""

from .language import FLOAT8, FLOATING, FLOATING_COMPLEX, HALF, REALS, UNKNOWN, composite, decomposed, kernel

_FACTORY = "ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None"
_FACTORY_LONG = _FACTORY.replace("dtype=None", "dtype=4")
_LIKE = _FACTORY + ", MemoryFormat? memory_format=None"


# ---- fills in place ----

@kernel("uniform_(Tensor(a!) self, float from=0., float to=1., *, Generator? generator=None) -> Tensor(a!)",
        grad={"self": "zeros_like(grad)"}, python="method", vmap="random")
def uniform_():
    """Fills with numbers drawn uniformly from [from, to)."""


@kernel("normal_(Tensor(a!) self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor(a!)",
        grad={"self": "zeros_like(grad)"}, python="method", vmap="random")
def normal_():
    """Fills with normal numbers (Box and Muller's transform)."""


@kernel("exponential_(Tensor(a!) self, float lambd=1., *, Generator? generator=None) -> Tensor(a!)",
        grad={"self": "zeros_like(grad)"}, python="method", vmap="random")
def exponential_():
    """Fills with exponential numbers of rate lambd."""


@kernel("cauchy_(Tensor(a!) self, float median=0., float sigma=1., *, Generator? generator=None) -> Tensor(a!)",
        grad={"self": "zeros_like(grad)"}, python="method", vmap="random")
def cauchy_():
    """Fills with Cauchy numbers."""


@kernel("geometric_(Tensor(a!) self, float p, *, Generator? generator=None) -> Tensor(a!)",
        grad={"self": "zeros_like(grad)"}, python="method", vmap="random")
def geometric_():
    """Fills with the number of trials up to the first success, success having probability p."""


@kernel("log_normal_(Tensor(a!) self, float mean=1., float std=2., *, Generator? generator=None) -> Tensor(a!)",
        grad={"self": "zeros_like(grad)"}, python="method", vmap="random")
def log_normal_():
    """Fills with exp of normal numbers."""


@kernel("random_.from(Tensor(a!) self, int from, int? to, *, Generator? generator=None) -> Tensor(a!)",
        "random_.to(Tensor(a!) self, int to, *, Generator? generator=None) -> Tensor(a!)",
        "random_(Tensor(a!) self, *, Generator? generator=None) -> Tensor(a!)",
        grad={"self": "zeros_like(grad)"}, python="method", vmap="random")
def random_():
    """Fills with integers drawn uniformly from [from, to); by default from 0 to the largest that the dtype holds exactly."""


@kernel("bernoulli_.Tensor(Tensor(a!) self, Tensor p, *, Generator? generator=None) -> Tensor(a!)",
        "bernoulli_.float(Tensor(a!) self, float p=0.5, *, Generator? generator=None) -> Tensor(a!)",
        grad={"self": "zeros_like(grad)", "p": "zeros_like(p)"}, python="method", vmap="random")
def bernoulli_():
    """Fills with 1 with probability p and 0 otherwise."""


# ---- new tensors ----

@kernel(f"rand(SymInt[] size, *, {_FACTORY}) -> Tensor",
        f"rand.generator(SymInt[] size, *, Generator? generator, {_FACTORY}) -> Tensor",
        grad=None, python="function", vmap="random")
def rand():
    """Numbers drawn uniformly from [0, 1).

    >>> torch.rand(2, 3).shape
    torch.Size([2, 3])
    """


@kernel(f"randn(SymInt[] size, *, {_FACTORY}) -> Tensor",
        f"randn.generator(SymInt[] size, *, Generator? generator, {_FACTORY}) -> Tensor",
        grad=None, python="function", vmap="random")
def randn():
    """Normal numbers of mean 0 and variance 1.

    >>> torch.randn(2, 3).shape
    torch.Size([2, 3])
    """


@kernel(f"randint(SymInt high, SymInt[] size, *, {_FACTORY_LONG}) -> Tensor",
        f"randint.generator(SymInt high, SymInt[] size, *, Generator? generator, {_FACTORY_LONG}) -> Tensor",
        f"randint.low(SymInt low, SymInt high, SymInt[] size, *, {_FACTORY_LONG}) -> Tensor",
        f"randint.low_generator(SymInt low, SymInt high, SymInt[] size, *, Generator? generator, {_FACTORY_LONG}) -> Tensor",
        grad=None, python="function", vmap="random")
def randint():
    """Integers drawn uniformly from [low, high).

    >>> torch.randint(1, 2, (3,))
    tensor([1, 1, 1])
    """


@kernel(f"randperm(SymInt n, *, {_FACTORY_LONG}) -> Tensor",
        f"randperm.generator(SymInt n, *, Generator? generator, {_FACTORY_LONG}) -> Tensor",
        grad=None, python="function", vmap="random")
def randperm():
    """A random permutation of 0 .. n - 1.

    >>> torch.randperm(3).sort().values
    tensor([0, 1, 2])
    """


@kernel(f"rand_like(Tensor self, *, {_LIKE}) -> Tensor",
        f"rand_like.generator(Tensor self, *, Generator? generator, {_LIKE}) -> Tensor",
        kinds=FLOATING_COMPLEX, without=FLOAT8, grad=None, python="function", vmap="random")
def rand_like():
    """Numbers drawn uniformly from [0, 1), in the shape of self.

    >>> torch.rand_like(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """


@kernel(f"randn_like(Tensor self, *, {_LIKE}) -> Tensor",
        f"randn_like.generator(Tensor self, *, Generator? generator, {_LIKE}) -> Tensor",
        kinds=FLOATING_COMPLEX, without=FLOAT8, grad=None, python="function", vmap="random")
def randn_like():
    """Normal numbers in the shape of self.

    >>> torch.randn_like(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """


@kernel(f"randint_like(Tensor self, SymInt high, *, {_LIKE}) -> Tensor",
        f"randint_like.generator(Tensor self, SymInt high, *, Generator? generator, {_LIKE}) -> Tensor",
        f"randint_like.Tensor(Tensor self, Tensor high, *, {_LIKE}) -> Tensor",
        f"randint_like.low_dtype(Tensor self, SymInt low, SymInt high, *, {_LIKE}) -> Tensor",
        f"randint_like.low_generator_dtype(Tensor self, SymInt low, SymInt high, *, Generator? generator, {_LIKE}) -> Tensor",
        kinds="usf", without=FLOAT8, grad=None, python="function", vmap="random")
def randint_like():
    """Integers drawn uniformly from [low, high), in the shape of self.

    >>> torch.randint_like(torch.zeros(3), 1)
    tensor([0., 0., 0.])
    """


# ---- samples from given parameters ----

@kernel("normal.Tensor_float(Tensor mean, float std=1., *, Generator? generator=None) -> Tensor",
        kinds=FLOATING_COMPLEX, without=FLOAT8, grad={"mean": "zeros(mean.shape, dtype=grad.dtype, device=grad.device)"}, python="function", vmap="random", out_dtype="cast")
def normal_around():
    """Normal numbers with the means of a tensor.

    >>> torch.normal(torch.tensor([1., 2.]), 0.0)
    tensor([1., 2.])
    """


@kernel("normal.Tensor_Tensor(Tensor mean, Tensor std, *, Generator? generator=None) -> Tensor",
        "normal.float_Tensor(float mean, Tensor std, *, Generator? generator=None) -> Tensor",
        f"normal.float_float(float mean, float std, SymInt[] size, *, Generator? generator=None, {_FACTORY}) -> Tensor",
        kinds=FLOATING, without=FLOAT8, grad={"mean": "zeros(mean.shape, dtype=grad.dtype, device=grad.device)", "std": "zeros(std.shape, dtype=grad.dtype, device=grad.device)"},
        python="function", vmap="random", out_dtype="cast")
def normal():
    """Normal numbers, each with its own mean and standard deviation.

    >>> torch.normal(torch.tensor([1., 2.]), torch.tensor([0., 0.]))
    tensor([1., 2.])
    """


@kernel("bernoulli(Tensor self, *, Generator? generator=None) -> Tensor",
        "bernoulli.Tensor(Tensor self, Tensor p, *, Generator? generator=None) -> Tensor",
        kinds=FLOATING, without=FLOAT8, grad={"self": "zeros_like(grad)", "p": "zeros_like(p)"}, hidden=("bernoulli.Tensor",),
        out=["bernoulli.out(Tensor self, *, Generator? generator=None, Tensor(a!) out) -> Tensor(a!)",
             "bernoulli.Tensor_out(Tensor self, Tensor p, *, Generator? generator=None, Tensor(a!) out) -> Tensor(a!)"], vmap="random", out_dtype="cast")
def bernoulli():
    """1 with probability self (or p), else 0.

    >>> torch.bernoulli(torch.tensor([0., 1., 1.]))
    tensor([0., 1., 1.])
    """


@kernel("bernoulli.p(Tensor self, float p, *, Generator? generator=None) -> Tensor",
        kinds=REALS, without=FLOAT8, grad={"self": "zeros_like(grad)"}, vmap="random", out_dtype="cast",
        out=["bernoulli.float_out(Tensor self, float p=0.5, *, Generator? generator=None, Tensor(a!) out) -> Tensor(a!)"])
def bernoulli_p():
    """1 with probability p, else 0, in the shape and dtype of self."""


@kernel("multinomial(Tensor self, SymInt num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor",
        kinds=FLOATING, compute=HALF, grad=None, vmap="random")
def multinomial():
    """Indices drawn with probabilities in proportion to each row of self: (n,) or (rows, n) to (num_samples,) or (rows, num_samples).

    >>> torch.multinomial(torch.tensor([0., 0., 1.]), 2, replacement=True)
    tensor([2, 2])
    """


@kernel("poisson(Tensor self, Generator? generator=None) -> Tensor", kinds=FLOATING, compute=HALF, grad={"self": "zeros_like(self)"}, python="function", vmap="random")
def poisson():
    """Poisson numbers of the rates self.

    >>> torch.poisson(torch.zeros(2))
    tensor([0., 0.])
    """


@kernel("binomial(Tensor count, Tensor prob, Generator? generator=None) -> Tensor", kinds=FLOATING, compute=HALF, grad=UNKNOWN, python="function", vmap="random")
def binomial():
    """How many of `count` trials succeed, each with probability `prob`.

    >>> torch.binomial(torch.tensor([4.0]), torch.tensor([1.0]))
    tensor([4.])
    """


@kernel("_standard_gamma(Tensor self, Generator? generator=None) -> Tensor", kinds=FLOATING, compute=HALF, grad={"self": "grad * _standard_gamma_grad(self, result)"},
        python="function", vmap="random")
def _standard_gamma():
    """Gamma numbers of the shapes self and rate 1."""


@kernel("_standard_gamma_grad(Tensor self, Tensor output) -> Tensor", kinds=FLOATING, compute=HALF, grad=UNKNOWN, python="function", vmap="shift")
def _standard_gamma_grad():
    """The derivatives of gamma samples by their shapes."""


@kernel("_sample_dirichlet(Tensor self, Generator? generator=None) -> Tensor", kinds=FLOATING, compute=HALF, grad=UNKNOWN, python="function", vmap="random")
def _sample_dirichlet():
    """Dirichlet samples; the last dimension of self holds the concentrations."""


# ---- dropout ----

@kernel("native_dropout(Tensor input, float p, bool? train) -> (Tensor, Tensor)",
        grad={"input": "native_dropout_backward(grad, result1, 1.0 if p == 1.0 else 1.0 / (1.0 - p))"}, python="function", vmap="random")
def native_dropout():
    """input / (1 - p) where the second result is true, 0 elsewhere."""


@decomposed("native_dropout_backward(Tensor grad_output, Tensor mask, float scale) -> Tensor",
            grad={"grad_output": "grad * (mask.to(grad.dtype) * scale)"}, python="", out="below")
def native_dropout_backward(grad_output, mask, scale):
    """grad_output * mask * scale."""
    return grad_output * (mask.to(grad_output.dtype) * scale)


def _check_probability(p):
    if p < 0 or p > 1:
        raise ValueError("dropout probability has to be between 0 and 1, but got ", p)


@kernel("rrelu_with_noise(Tensor self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, "
        "Generator? generator=None) -> Tensor",
        kinds=FLOATING, inplace=["rrelu_with_noise_(Tensor(a!) self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, "
                 "bool training=False, Generator? generator=None) -> Tensor(a!)"],
        grad={"self": "rrelu_with_noise_backward(grad, self, noise, lower, upper, training, False)"}, python="nn", vmap="random")
def rrelu_with_noise():
    """Negative elements times a slope drawn from [lower, upper), which noise receives; the middle slope when not training."""


@decomposed("rrelu_with_noise_backward(Tensor grad_output, Tensor self, Tensor noise, Scalar lower, Scalar upper, bool training, "
            "bool self_is_result) -> Tensor",
            kinds=FLOATING_COMPLEX, grad={"grad_output": "rrelu_with_noise_backward(grad, self, noise, lower, upper, training, False)"}, python="", out="below")
def rrelu_with_noise_backward(grad_output, self, noise, lower, upper, training, self_is_result):
    """The slopes times grad_output."""
    if training and upper - lower > 1e-6:
        return grad_output * noise
    return leaky_relu_backward(grad_output, self, (lower + upper) / 2, self_is_result)


@composite("rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor",
           python="function")
def rrelu(self, lower, upper, training, generator):
    """Leaky ReLU with a random slope in [lower, upper) for each negative element.

    >>> torch.rrelu(torch.tensor([2., 3.]))
    tensor([2., 3.])
    """
    return rrelu_with_noise(self, empty_like(self), lower, upper, training, generator)


@composite("rrelu_(Tensor(a!) self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor(a!)",
           python="function")
def rrelu_(self, lower, upper, training, generator):
    """rrelu in place."""
    return rrelu_with_noise_(self, empty_like(self), lower, upper, training, generator)


# ---- dropout, as calls that autograd sees: noise of 0 and 1 / (1 - p), drawn with 53 bits ----

@composite("dropout(Tensor input, float p, bool train) -> Tensor", kinds=FLOATING, without=FLOAT8, python="function")
def dropout(input, p, train):
    """Zeroes elements with probability p and scales the others by 1 / (1 - p); the input itself when not training.

    >>> torch.dropout(torch.ones(3), 0.5, False)
    tensor([1., 1., 1.])
    """
    if p < 0 or p > 1:
        raise RuntimeError("dropout probability has to be between 0 and 1, but got ", p)
    if p == 0 or not train or input.numel() == 0:
        return input
    if p == 1:
        return input * zeros([], dtype=input.dtype, device=input.device)
    noise = empty_like(input)
    noise.bernoulli_(1 - p)
    noise.div_(1 - p)
    return input * noise


@composite("feature_dropout(Tensor input, float p, bool train) -> Tensor", kinds=FLOATING, without=FLOAT8, python="function")
def feature_dropout(input, p, train):
    """Dropout of whole channels: one draw for each (sample, channel).

    >>> torch.feature_dropout(torch.ones(1, 3), 0.5, False)
    tensor([[1., 1., 1.]])
    """
    if p < 0 or p > 1:
        raise RuntimeError("dropout probability has to be between 0 and 1, but got ", p)
    if p == 0 or not train or input.numel() == 0:
        return input
    if p == 1:
        return input * zeros([], dtype=input.dtype, device=input.device)
    if input.dim() < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input, but it has ", input.dim())
    shape = [input.size(0), input.size(1)]
    for i in range(input.dim() - 2):
        shape.append(1)
    noise = input.new_empty(shape)
    noise.bernoulli_(1 - p)
    noise.div_(1 - p)
    return input * noise


@composite("alpha_dropout(Tensor input, float p, bool train) -> Tensor", kinds=FLOATING, without=FLOAT8, python="function")
def alpha_dropout(input, p, train):
    """Dropout that keeps mean and variance after SELU: dropped elements take its negative limit, then all are rescaled.

    >>> torch.alpha_dropout(torch.ones(3), 0.5, False)
    tensor([1., 1., 1.])
    """
    if p < 0 or p > 1:
        raise RuntimeError("dropout probability has to be between 0 and 1, but got ", p)
    if p == 0 or not train or input.numel() == 0:
        return input
    if p == 1:
        return input * zeros([], dtype=input.dtype, device=input.device)
    limit = 1.7580993408473766                   # scale * alpha of SELU
    a = 1.0 / math.sqrt((limit * limit * p + 1) * (1 - p))
    noise = empty_like(input)
    noise.bernoulli_(1 - p)
    b = (noise + -1).mul_(limit * a).add_(limit * a * p)
    noise.mul_(a)
    return (input * noise).add_(b)


@composite("feature_alpha_dropout(Tensor input, float p, bool train) -> Tensor", kinds=FLOATING, without=FLOAT8, python="function")
def feature_alpha_dropout(input, p, train):
    """Alpha dropout of whole channels.

    >>> torch.feature_alpha_dropout(torch.ones(1, 3), 0.5, False)
    tensor([[1., 1., 1.]])
    """
    if p < 0 or p > 1:
        raise RuntimeError("dropout probability has to be between 0 and 1, but got ", p)
    if p == 0 or not train or input.numel() == 0:
        return input
    if p == 1:
        return input * zeros([], dtype=input.dtype, device=input.device)
    if input.dim() < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input, but it has ", input.dim())
    limit = 1.7580993408473766
    a = 1.0 / math.sqrt((limit * limit * p + 1) * (1 - p))
    shape = [input.size(0), input.size(1)]
    for i in range(input.dim() - 2):
        shape.append(1)
    noise = input.new_empty(shape)
    noise.bernoulli_(1 - p)
    b = (noise + -1).mul_(limit * a).add_(limit * a * p)
    noise.mul_(a)
    return (input * noise).add_(b)


@composite("dropout_(Tensor(a!) self, float p, bool train) -> Tensor(a!)", python="function")
def dropout_(self, p, train):
    """dropout in place."""
    return self.mul_(dropout(ones_like(self), p, train))


@composite("feature_dropout_(Tensor(a!) self, float p, bool train) -> Tensor(a!)", python="function")
def feature_dropout_(self, p, train):
    """feature_dropout in place."""
    return self.mul_(feature_dropout(ones_like(self), p, train))


@composite("alpha_dropout_(Tensor(a!) self, float p, bool train) -> Tensor(a!)", python="function")
def alpha_dropout_(self, p, train):
    """alpha_dropout in place."""
    return self.copy_(alpha_dropout(self, p, train))


@composite("feature_alpha_dropout_(Tensor(a!) self, float p, bool train) -> Tensor(a!)", python="function")
def feature_alpha_dropout_(self, p, train):
    """feature_alpha_dropout in place."""
    return self.copy_(feature_alpha_dropout(self, p, train))
