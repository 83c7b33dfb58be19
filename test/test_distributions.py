"""torch.distributions: densities integrate to one, moments and entropies are those of the samples, divergences are expectations."""

import math

import pytest

import torch
import torch.distributions as D
from torch.distributions import biject_to, constraints, kl_divergence, transform_to

F64 = torch.float64


def t(*values):
    return torch.tensor(values, dtype=F64)


CONTINUOUS = {
    "normal": D.Normal(t(0.5), t(1.5)), "uniform": D.Uniform(t(-1.0), t(2.0)), "laplace": D.Laplace(t(0.3), t(0.7)),
    "exponential": D.Exponential(t(1.7)), "gamma": D.Gamma(t(2.5), t(1.3)), "chi2": D.Chi2(t(5.0)), "beta": D.Beta(t(2.0), t(3.5)),
    "log_normal": D.LogNormal(t(0.1), t(0.4)), "half_normal": D.HalfNormal(t(1.2)), "student_t": D.StudentT(t(9.0), t(0.5), t(1.1)),
    "fisher": D.FisherSnedecor(t(6.0), t(12.0)), "gumbel": D.Gumbel(t(0.5), t(0.8)), "pareto": D.Pareto(t(1.0), t(6.0)),
    "weibull": D.Weibull(t(1.1), t(2.3)), "kumaraswamy": D.Kumaraswamy(t(2.0), t(3.0)), "inverse_gamma": D.InverseGamma(t(6.0), t(2.0)),
    "generalized_pareto": D.GeneralizedPareto(t(0.5), t(1.2), t(0.1)), "bounded_pareto": D.GeneralizedPareto(t(0.5), t(1.2), t(-0.3)),
    "continuous_bernoulli": D.ContinuousBernoulli(t(0.8)), "even_continuous_bernoulli": D.ContinuousBernoulli(t(0.5002)),
    "von_mises": D.VonMises(t(0.0), t(2.5)),
    "relaxed": D.RelaxedBernoulli(t(0.7), t(0.4)), "mixture": D.MixtureSameFamily(D.Categorical(t(0.3, 0.7)), D.Normal(t(-1.0, 2.0), t(0.5, 1.0))),
    "squashed": D.TransformedDistribution(D.Normal(t(0.2), t(0.9)), [D.SigmoidTransform(), D.AffineTransform(1.0, -2.0)]),
}
DISCRETE = {
    "bernoulli": D.Bernoulli(t(0.3)), "categorical": D.Categorical(t(0.2, 0.3, 0.5)), "binomial": D.Binomial(6, t(0.35)),
    "poisson": D.Poisson(t(2.5)), "geometric": D.Geometric(t(0.4)), "negative_binomial": D.NegativeBinomial(4, t(0.3)),
}


def samples(d, n=200_000):
    torch.manual_seed(0)
    return d.sample((n,))


@pytest.mark.parametrize("name", CONTINUOUS)
def test_densities_integrate_to_one(name):
    d = CONTINUOUS[name]
    x = samples(d)
    low, high = x.min().item(), min(x.max().item(), 60.0)
    grid = torch.linspace(low, high, 400_001, dtype=F64).reshape(-1, 1)[1:-1]
    density = d.log_prob(grid).exp()
    inside = (x < high).to(F64).mean()
    assert abs(torch.trapezoid(density, grid, dim=0).item() - inside.item()) < 2e-3


@pytest.mark.parametrize("name", [*CONTINUOUS, *DISCRETE])
def test_moments_and_entropy_are_those_of_the_samples(name):
    d = {**CONTINUOUS, **DISCRETE}[name]
    x = samples(d).to(F64)
    assert x.shape == (200_000, *d.batch_shape) and d.support.check(x).all()

    def close(expected, values):
        return bool(((values.mean(0) - expected).abs() < 6 * values.std(0) / len(values) ** 0.5 + 1e-9).all())
    if name not in ("categorical", "relaxed", "squashed", "von_mises"):
        assert close(d.mean, x) and close(d.variance, (x - x.mean(0)) ** 2) and torch.allclose(d.stddev**2, d.variance)
    try:
        entropy = d.entropy()
    except NotImplementedError:
        return
    assert close(entropy, -d.log_prob(x))


@pytest.mark.parametrize("name", ["normal", "uniform", "laplace", "exponential", "half_normal", "log_normal", "gumbel", "pareto", "weibull",
                                  "kumaraswamy", "squashed", "generalized_pareto", "bounded_pareto"])
def test_quantiles_undo_cdf(name):
    d, p = CONTINUOUS[name], t(0.05, 0.4, 0.95).unsqueeze(-1)
    assert torch.allclose(d.cdf(d.icdf(p)), p, atol=1e-9)


@pytest.mark.parametrize("name", DISCRETE)
def test_probabilities_sum_to_one(name):
    d = DISCRETE[name]
    if d.has_enumerate_support:
        values = d.enumerate_support()
    else:
        values = torch.arange(200, dtype=F64).unsqueeze(-1)
    assert torch.allclose(d.log_prob(values).exp().sum(0), torch.ones((), dtype=F64))


PAIRS = [(p, q) for p in ("normal", "uniform", "laplace", "exponential", "gamma", "beta", "gumbel", "pareto") for q in CONTINUOUS] + [
    (p, q) for p in DISCRETE for q in DISCRETE]


@pytest.mark.parametrize(("p", "q"), PAIRS)
def test_divergence_is_the_expected_difference(p, q):
    p, q = ({**CONTINUOUS, **DISCRETE}[name] for name in (p, q))
    try:
        kl = kl_divergence(p, q)
    except NotImplementedError:
        return
    x = samples(p)
    inside = q.support.check(x)
    if not inside.all():
        assert kl.isinf().all()
        return
    with_checks_off = q.log_prob(x)
    d = p.log_prob(x) - with_checks_off
    assert ((d.mean(0) - kl).abs() < 6 * d.std(0) / len(d) ** 0.5 + 1e-6).all()


def test_vectors():
    m = t(0.5, -1.0, 2.0)
    cov = torch.eye(3, dtype=F64) * 2 + 0.5
    a, b = D.MultivariateNormal(m, cov), D.MultivariateNormal(m, precision_matrix=torch.linalg.inv(cov))
    c = D.MultivariateNormal(m, scale_tril=torch.linalg.cholesky(cov))
    x = samples(a, 1000)
    expected = -0.5 * ((x - m) @ torch.linalg.inv(cov) * (x - m)).sum(-1) - 0.5 * torch.logdet(2 * math.pi * cov)
    for d in (a, b, c):
        assert torch.allclose(d.log_prob(x), expected) and torch.allclose(d.variance, cov.diagonal()) and torch.allclose(d.covariance_matrix, cov)
    assert torch.allclose(kl_divergence(a, b), t(0.0), atol=1e-9)
    independent = D.Independent(D.Normal(m, 1.0), 1)
    assert torch.allclose(independent.log_prob(m), D.MultivariateNormal(m, torch.eye(3, dtype=F64)).log_prob(m))


def test_low_rank_covariance():
    w, d, m = torch.randn(4, 2, dtype=F64, generator=torch.Generator().manual_seed(1)), t(0.5, 1, 2, 3), t(1, 2, 3, 4)
    low, full = D.LowRankMultivariateNormal(m, w, d), D.MultivariateNormal(m, w @ w.T + torch.diag(d))
    x = samples(low, 100_000)
    assert torch.allclose(low.log_prob(x), full.log_prob(x)) and torch.allclose(low.entropy(), full.entropy())
    assert torch.allclose(low.precision_matrix, full.precision_matrix) and torch.allclose(torch.cov(x.T), full.covariance_matrix, atol=0.1)
    assert low.expand(torch.Size([3])).log_prob(m).shape == (3,)


def test_circular_mean_and_variance():
    d = D.VonMises(t(2.0), t(3.0))
    z = torch.polar(torch.ones(200_000, 1, dtype=F64), samples(d)).mean(0)
    assert torch.allclose(z.angle(), t(2.0), atol=0.01) and torch.allclose(1 - z.abs(), d.variance, atol=0.01)


def test_simplex_and_counts():
    x = samples(D.Dirichlet(t(2.0, 3.0, 4.0)), 1000)
    assert torch.allclose(x.sum(-1), torch.ones((), dtype=F64)) and torch.allclose(x.mean(0), t(2, 3, 4) / 9, atol=0.02)
    m = D.Multinomial(5, t(0.2, 0.3, 0.5))
    assert (m.sample((100,)).sum(-1) == 5).all() and torch.allclose(m.log_prob(t(5, 0, 0)), t(0.2).log() * 5)
    one_hot = D.OneHotCategorical(t(0.2, 0.8)).sample((10,))
    assert (one_hot.sum(-1) == 1).all()


@pytest.mark.parametrize("name", [*CONTINUOUS, *DISCRETE])
def test_expanded_batches(name):
    d = {**CONTINUOUS, **DISCRETE}[name]
    e = d.expand(torch.Size([3, *d.batch_shape]))
    x = e.sample((2,))
    assert e.batch_shape == (3, *d.batch_shape) and x.shape == (2, 3, *d.batch_shape) and torch.allclose(e.log_prob(x), d.log_prob(x))


def test_gradients_flow_through_samples():
    loc, scale = torch.zeros(3, requires_grad=True), torch.ones(3, requires_grad=True)
    torch.manual_seed(0)
    x = D.Normal(loc, scale).rsample()
    x.sum().backward()
    assert torch.equal(loc.grad, torch.ones(3)) and torch.allclose(scale.grad, x.detach())
    with pytest.raises(RuntimeError, match="concentration"):
        D.Gamma(torch.ones(2, requires_grad=True), 1.0).rsample()


@pytest.mark.parametrize("constraint", [constraints.real, constraints.positive, constraints.unit_interval, constraints.interval(-1.0, 3.0),
                                        constraints.greater_than(2.0), constraints.less_than(1.0), constraints.simplex,
                                        constraints.corr_cholesky, constraints.real_vector], ids=repr)
def test_bijections_reach_their_constraint_and_come_back(constraint):
    x = torch.randn(4, 3, dtype=F64, generator=torch.Generator().manual_seed(0))
    for transform in (biject_to(constraint), transform_to(constraint)):
        y = transform(x)
        assert constraint.check(y).all()
    transform = biject_to(constraint)
    y = transform(x)
    assert torch.allclose(transform.inv(y), x)
    if constraint.event_dim == 0:
        x.requires_grad_()
        (slope,) = torch.autograd.grad(transform(x).sum(), x, allow_unused=True)
        slope = torch.ones_like(x) if slope is None else slope
        assert torch.allclose(transform.log_abs_det_jacobian(x, transform(x)).exp(), slope.abs())


def test_wrong_parameters_and_values():
    with pytest.raises(ValueError, match="Expected parameter scale"):
        D.Normal(0.0, -1.0)
    with pytest.raises(ValueError, match="within the support"):
        D.Exponential(1.0).log_prob(torch.tensor(-1.0))
    with pytest.raises(ValueError, match="Either `probs` or `logits`"):
        D.Bernoulli()
    assert D.Normal(0.0, -1.0, validate_args=False).scale == -1
