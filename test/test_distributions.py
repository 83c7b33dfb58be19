"""Laws of distributions: densities integrate to one, samples have the moments, entropies and divergences are expectations."""

import math

import pytest

import torch
from torch import distributions as D
from torch.testing import assert_close

CONTINUOUS = [
    D.Normal(0.5, 2.0), D.Uniform(-1.0, 3.0), D.Exponential(1.5), D.Gamma(2.5, 2.0), D.Chi2(torch.tensor(5.0)), D.Beta(2.0, 3.0),
    D.Laplace(0.3, 0.7), D.StudentT(5.0, 0.1, 0.8), D.Gumbel(0.2, 0.9), D.HalfNormal(1.3), D.Weibull(1.1, 2.0),
    D.Pareto(1.0, 5.0), D.LogNormal(0.1, 0.4), D.Cauchy(0.0, 0.5),
    D.TransformedDistribution(D.Normal(0.0, 1.0), [D.AffineTransform(1.0, 0.5), D.SigmoidTransform()]),
    D.MixtureSameFamily(D.Categorical(torch.tensor([0.3, 0.7])), D.Normal(torch.tensor([-1.0, 2.0]), torch.tensor([0.5, 1.0]))),
]
DISCRETE = [D.Bernoulli(torch.tensor(0.3)), D.Categorical(torch.tensor([0.2, 0.5, 0.3])), D.Binomial(6, torch.tensor(0.4)),
            D.Geometric(torch.tensor(0.4)), D.Poisson(torch.tensor(3.0)), D.NegativeBinomial(3, torch.tensor(0.4))]


def name(distribution):
    return type(distribution).__name__


@pytest.mark.parametrize("distribution", CONTINUOUS, ids=name)
def test_densities_integrate_to_one(distribution):
    low, high = (float(getattr(distribution.support, bound, default)) for bound, default in (("lower_bound", -60), ("upper_bound", 60)))
    edges = torch.linspace(low, high, 400001, dtype=torch.float64)
    middle = ((edges[1:] + edges[:-1]) / 2).float()
    total = distribution.log_prob(middle).double().exp().mean() * (high - low)
    assert abs(float(total) - 1) < (2e-2 if name(distribution) == "Cauchy" else 2e-3)


@pytest.mark.parametrize("distribution", DISCRETE, ids=name)
def test_probabilities_add_up_to_one(distribution):
    upper = getattr(distribution.support, "upper_bound", None)
    count = 2 if name(distribution) == "Bernoulli" else 80 if upper is None else int(upper) + 1
    assert abs(float(distribution.log_prob(torch.arange(float(count))).exp().sum()) - 1) < 1e-4


@pytest.mark.parametrize("distribution", [d for d in CONTINUOUS + DISCRETE if name(d) not in ("Cauchy", "Categorical",
                                                                                           "TransformedDistribution")], ids=name)
def test_samples_have_the_moments(distribution):
    torch.manual_seed(0)
    draws = distribution.sample((40000,)).double()
    mean, deviation = float(distribution.mean), math.sqrt(float(distribution.variance))
    assert abs(float(draws.mean()) - mean) < 5 * deviation / 200
    assert abs(float(draws.std()) - deviation) < 0.12 * deviation


@pytest.mark.parametrize("distribution", [d for d in CONTINUOUS + DISCRETE if name(d) not in (
    "MixtureSameFamily", "TransformedDistribution", "Poisson", "NegativeBinomial")], ids=name)
def test_entropy_is_the_mean_of_minus_log_prob(distribution):
    torch.manual_seed(1)
    estimate = -distribution.log_prob(distribution.sample((40000,))).mean()
    assert abs(float(estimate) - float(distribution.entropy())) < 0.04


@pytest.mark.parametrize("p, q", [
    (D.Normal(0.0, 1.0), D.Normal(0.5, 2.0)), (D.Gamma(2.0, 1.0), D.Gamma(3.0, 1.5)), (D.Beta(2.0, 3.0), D.Beta(1.0, 1.0)),
    (D.Exponential(1.0), D.Exponential(2.0)), (D.Laplace(0.0, 1.0), D.Laplace(0.5, 1.5)), (D.Uniform(0.0, 1.0), D.Uniform(-1.0, 2.0)),
    (D.Bernoulli(torch.tensor(0.3)), D.Bernoulli(torch.tensor(0.6))), (D.Poisson(torch.tensor(2.0)), D.Poisson(torch.tensor(3.0))),
    (D.Categorical(torch.tensor([0.2, 0.8])), D.Categorical(torch.tensor([0.5, 0.5]))),
    (D.Geometric(torch.tensor(0.4)), D.Geometric(torch.tensor(0.6))),
    (D.MultivariateNormal(torch.zeros(2), torch.eye(2)), D.MultivariateNormal(torch.ones(2), torch.tensor([[2.0, 0.5], [0.5, 1.0]]))),
    (D.Independent(D.Normal(torch.zeros(3), torch.ones(3)), 1), D.Independent(D.Normal(torch.ones(3), torch.ones(3)), 1)),
], ids=lambda d: name(d))
def test_divergences_are_expectations(p, q):
    torch.manual_seed(2)
    x = p.sample((40000,))
    assert abs(float((p.log_prob(x) - q.log_prob(x)).mean()) - float(D.kl_divergence(p, q))) < 0.05
    assert abs(float(D.kl_divergence(p, p))) < 1e-5


@pytest.mark.parametrize("distribution", [d for d in CONTINUOUS if name(d) in ("Normal", "Uniform", "Exponential", "Laplace", "Cauchy",
                                                                              "HalfNormal")], ids=name)
def test_cdf_and_icdf_are_inverse(distribution):
    u = torch.linspace(0.05, 0.95, 7)
    assert_close(distribution.cdf(distribution.icdf(u)), u, rtol=1e-4, atol=1e-5)


def test_shapes_expansion_and_gradients():
    loc = torch.zeros(3, requires_grad=True)
    normal = D.Normal(loc, torch.ones(3))
    assert normal.batch_shape == (3,) and normal.sample((2,)).shape == (2, 3) and normal.expand((5, 3)).sample().shape == (5, 3)
    normal.rsample((4,)).sum().backward()
    assert_close(loc.grad, torch.full((3,), 4.0))
    vector = D.MultivariateNormal(torch.zeros(2, 3), scale_tril=torch.eye(3))
    assert vector.batch_shape == (2,) and vector.event_shape == (3,) and vector.log_prob(torch.zeros(2, 3)).shape == (2,)
    assert D.OneHotCategorical(torch.ones(2, 4)).sample().sum(-1).tolist() == [1.0, 1.0]
    assert float(D.Multinomial(7, torch.ones(4)).sample().sum()) == 7
    relaxed = D.RelaxedOneHotCategorical(0.5, logits=torch.zeros(4)).rsample((3,))
    assert_close(relaxed.sum(-1), torch.ones(3))


def test_wrong_parameters_and_values_are_refused():
    with pytest.raises(ValueError, match="scale"):
        D.Normal(0.0, -1.0)
    with pytest.raises(ValueError, match="support"):
        D.Exponential(1.0).log_prob(torch.tensor(-1.0))
    with pytest.raises(ValueError, match="not both"):
        D.Bernoulli(0.5, logits=0.0)
    with pytest.raises(NotImplementedError, match="No KL"):
        D.kl_divergence(D.Normal(0.0, 1.0), D.Poisson(1.0))
