"""Laws of optimizers and schedules."""

import copy
import math

import pytest

import torch
from torch import nn, optim
from torch.optim import lr_scheduler, swa_utils
from torch.testing import assert_close

FIRST_ORDER = [
    (optim.SGD, {"lr": 0.05}), (optim.SGD, {"lr": 0.02, "momentum": 0.9, "nesterov": True}), (optim.Adam, {"lr": 0.1}),
    (optim.Adam, {"lr": 0.1, "amsgrad": True}), (optim.AdamW, {"lr": 0.1}), (optim.Adamax, {"lr": 0.1}),
    (optim.NAdam, {"lr": 0.1}), (optim.RAdam, {"lr": 0.1}), (optim.Adagrad, {"lr": 0.5}),
    (optim.Adadelta, {"lr": 10.0}), (optim.RMSprop, {"lr": 0.02, "centered": True}), (optim.Rprop, {"lr": 0.05}),
    (optim.ASGD, {"lr": 0.05}), (optim.Adafactor, {"lr": 0.1}), (optim.Muon, {"lr": 0.05, "weight_decay": 0.0}),
]


def problem(seed=0):
    generator = torch.Generator().manual_seed(seed)
    weight = nn.Parameter(torch.randn(4, 3, generator=generator))
    target = torch.randn(4, 3, generator=generator)
    return weight, lambda: (weight - target).square().sum()


@pytest.mark.parametrize("cls, options", FIRST_ORDER)
def test_a_quadratic_goes_down(cls, options):
    weight, loss = problem()
    optimizer, first = cls([weight], **options), float(loss())
    for _ in range(150):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    assert float(loss()) < 0.2 * first


@pytest.mark.parametrize("cls, options", FIRST_ORDER)
def test_resuming_changes_nothing(cls, options):
    def run(interrupt):
        weight, loss = problem(1)
        optimizer = cls([weight], **options)
        for step in range(6):
            if interrupt and step == 3:
                state = copy.deepcopy(optimizer.state_dict())
                optimizer = cls([weight], **options)
                optimizer.load_state_dict(state)
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()
        return weight.detach()

    assert torch.equal(run(False), run(True))


@pytest.mark.parametrize("cls", [optim.Adam, optim.AdamW])
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1}, {"amsgrad": True}, {"maximize": True}])
def test_one_kernel_and_one_by_one_agree(cls, options):
    results = []
    for fused in (None, False):
        weights = [problem(seed)[0] for seed in range(3)]
        optimizer = cls(weights, lr=0.05, fused=fused, **options)
        for step in range(5):
            for i, weight in enumerate(weights):
                weight.grad = torch.full_like(weight, math.sin(step + i))
            optimizer.step()
        results.append([weight.detach() for weight in weights])
    assert_close(results[0], results[1])


@pytest.mark.parametrize("cls, options", [(c, o) for c, o in FIRST_ORDER if c not in (optim.Adafactor, optim.Muon)] + [
    (optim.RMSprop, {"lr": 0.02, "momentum": 0.5}), (optim.NAdam, {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    (optim.Rprop, {"lr": 0.05, "maximize": True}), (optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "maximize": True})])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_kernel_is_the_law(cls, options, dtype):
    results = []
    for foreach in (None, False):
        weights = [nn.Parameter(problem(seed)[0].detach().to(dtype)) for seed in range(3)]
        optimizer = cls(weights, foreach=foreach, **options)
        for step in range(8):
            for i, weight in enumerate(weights):
                weight.grad = weight.detach() * math.sin(2 * step + i)
            optimizer.step()
        results.append([weight.detach() for weight in weights] + [t for state in optimizer.state.values() for t in state.values()])
    assert_close(results[0], results[1])


@pytest.mark.parametrize("name", ["adadelta", "adagrad", "adam", "adamax", "adamw", "asgd", "nadam", "radam", "rmsprop", "rprop", "sgd"])
def test_functions_on_lists_take_the_step_of_the_class(name):
    import importlib
    import inspect

    module = importlib.import_module(f"torch.optim.{name}")
    cls = next(c for key, c in vars(module).items() if key.lower() == name and isinstance(c, type))
    weights = [nn.Parameter(problem(seed)[0].detach()) for seed in range(2)]
    copies = [weight.detach().clone() for weight in weights]
    options = {"lr": 0.1, "momentum": 0.5} if name in ("sgd", "rmsprop") else {"lr": 0.1}
    optimizer = cls(weights, **options)
    for weight in weights:
        weight.grad = weight.detach() + 1
    states = [rule_state for rule_state in (optimizer._new_state(weight, optimizer.param_groups[0]) for weight in weights)]
    group = dict(optimizer.param_groups[0])
    if "betas" in group:
        group["beta1"], group["beta2"] = group["betas"]
    if "etas" in group:
        (group["etaminus"], group["etaplus"]), (group["step_size_min"], group["step_size_max"]) = group["etas"], group["step_sizes"]
    function = getattr(module, name)
    parameters = list(inspect.signature(function).parameters.values())
    keywords = {p.name: group[p.name] for p in parameters if p.kind is p.KEYWORD_ONLY}
    lists = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY and p.default is p.empty][2:]
    names = {"state_steps": "step", "momentum_buffer_list": "momentum_buffer", "axs": "ax", "mus": "mu", "etas": "eta", "prevs": "prev",
             "step_sizes": "step_size", "state_sums": "sum"}
    values = [[state[key] for state in states] if (key := names.get(name, name.removesuffix("s"))) in states[0] else [] for name in lists]
    function(copies, [weight.grad for weight in weights], *values, **keywords)
    optimizer.step()
    assert_close(copies, [weight.detach() for weight in weights])


def test_swapped_in_parameters_are_stepped_and_given_back():
    weight, loss = problem()
    optimizer = optim.SGD([weight], lr=0.1, momentum=0.9)
    loss().backward()
    optimizer.step()
    before, state = weight.detach().clone(), copy.deepcopy(optimizer.state_dict())
    other = nn.Parameter(torch.ones(4, 3))
    other.grad = torch.ones(4, 3)
    with optim.swap_in_optimizer_params_and_state(optimizer, [other], state):
        optimizer.step()
    assert torch.equal(weight.detach(), before) and not torch.equal(other.detach(), torch.ones(4, 3))
    assert optimizer.param_groups[0]["params"][0] is weight
    with pytest.raises(ValueError, match="1 parameters, but 2"):
        with optim.swap_in_optimizer_params_and_state(optimizer, [other, other], state):
            pass


def test_the_first_step_of_adam_is_the_learning_rate():
    weight = nn.Parameter(torch.zeros(3))
    weight.grad = torch.tensor([1e-3, -5.0, 100.0])
    optim.Adam([weight], lr=0.25).step()
    assert_close(weight.detach(), torch.tensor([-0.25, 0.25, -0.25]), rtol=1e-4, atol=0)


def test_sgd_is_its_formula():
    weight = nn.Parameter(torch.tensor([1.0]))
    optimizer = optim.SGD([weight], lr=0.1, momentum=0.5, weight_decay=0.2)
    value, velocity = 1.0, None
    for grad in (1.0, -2.0, 3.0):
        weight.grad = torch.tensor([grad])
        optimizer.step()
        full = grad + 0.2 * value
        velocity = full if velocity is None else 0.5 * velocity + full
        value -= 0.1 * velocity
    assert_close(float(weight.detach()), value, rtol=1e-6, atol=1e-6)


def test_lbfgs_finds_the_minimum_of_rosenbrock():
    x = nn.Parameter(torch.tensor([-1.2, 1.0], dtype=torch.float64))
    optimizer = optim.LBFGS([x], line_search_fn="strong_wolfe", max_iter=100)

    def closure():
        optimizer.zero_grad()
        loss = 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
        loss.backward()
        return loss

    optimizer.step(closure)
    assert_close(x.detach(), torch.ones(2, dtype=torch.float64), atol=1e-4, rtol=0)


def test_groups_have_their_own_options_and_checks():
    a, b = (nn.Parameter(torch.ones(1)) for _ in range(2))
    optimizer = optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.5}], lr=0.1)
    a.grad = b.grad = torch.ones(1)
    optimizer.step()
    assert_close([a.detach(), b.detach()], [torch.tensor([0.9]), torch.tensor([0.5])])
    with pytest.raises(ValueError, match="more than one parameter group"):
        optimizer.add_param_group({"params": [a]})
    with pytest.raises(ValueError, match="empty parameter list"):
        optim.SGD([], lr=0.1)
    with pytest.raises(TypeError, match="iterable"):
        optim.SGD(torch.ones(1), lr=0.1)
    with pytest.raises(ValueError, match="Invalid learning rate"):
        optim.Adam([a], lr=-1)
    with pytest.raises(ValueError, match="non-leaf"):
        optim.SGD([a * 2], lr=0.1)
    with pytest.raises(ValueError, match="different number of parameter groups"):
        optim.SGD([b]).load_state_dict(optimizer.state_dict())
    assert "lr: 0.5" in repr(optimizer)


def test_step_hooks_run_around_the_step():
    weight, _ = problem()
    optimizer, log = optim.SGD([weight]), []
    handle = optimizer.register_step_pre_hook(lambda *_: log.append("before"))
    optimizer.register_step_post_hook(lambda *_: log.append("after"))
    optimizer.step()
    handle.remove()
    optimizer.step()
    assert log == ["before", "after", "after"]


def rates(make, steps, lr=1.0, **options):
    optimizer = optim.SGD([nn.Parameter(torch.ones(1))], lr=lr, **options)
    schedule, found = make(optimizer), []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


@pytest.mark.parametrize("make, law", [
    (lambda o: lr_scheduler.StepLR(o, 3, 0.5), lambda t: 0.5 ** (t // 3)),
    (lambda o: lr_scheduler.MultiStepLR(o, [2, 5], 0.1), lambda t: 0.1 ** ((t >= 2) + (t >= 5))),
    (lambda o: lr_scheduler.ExponentialLR(o, 0.9), lambda t: 0.9**t),
    (lambda o: lr_scheduler.LambdaLR(o, lambda t: 1 / (1 + t)), lambda t: 1 / (1 + t)),
    (lambda o: lr_scheduler.CosineAnnealingLR(o, 8, 0.1), lambda t: 0.1 + 0.45 * (1 + math.cos(math.pi * t / 8))),
    (lambda o: lr_scheduler.LinearLR(o, 0.5, 1.0, 4), lambda t: 0.5 + 0.5 * min(t, 4) / 4),
    (lambda o: lr_scheduler.ConstantLR(o, 0.5, 4), lambda t: 0.5 if t < 4 else 1.0),
    (lambda o: lr_scheduler.PolynomialLR(o, 6, 2.0), lambda t: (1 - min(t, 6) / 6) ** 2),
    (lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 3), lambda t: (1 + math.cos(math.pi * (t % 3) / 3)) / 2),
    (lambda o: lr_scheduler.CyclicLR(o, 0.0, 1.0, 4, cycle_momentum=False), lambda t: 1 - abs((t % 8) / 4 - 1)),
])
def test_schedules_follow_their_closed_form(make, law):
    assert_close(rates(make, 12), [float(law(t)) for t in range(12)], rtol=1e-9, atol=1e-9)


def test_schedules_in_a_row_and_together():
    found = rates(lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.ConstantLR(o, 0.1, 100), lr_scheduler.ExponentialLR(o, 0.5)], [3]), 6)
    assert_close(found, [0.1, 0.1, 0.1, 1.0, 0.5, 0.25])
    found = rates(lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.ConstantLR(o, 0.1, 2), lr_scheduler.ExponentialLR(o, 0.5)]), 4)
    assert_close(found, [0.1, 0.05, 0.25, 0.125])


def test_plateau_waits_and_then_reduces():
    optimizer = optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0)
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, patience=1, factor=0.1)
    found = []
    for metric in (3.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0):
        schedule.step(metric)
        found.append(optimizer.param_groups[0]["lr"])
    assert_close(found, [1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.01])


def test_averages_of_models():
    model = nn.Linear(1, 1, bias=False)
    average, moving = swa_utils.AveragedModel(model), swa_utils.AveragedModel(
        model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.5))
    for value in (1.0, 2.0, 6.0):
        nn.init.constant_(model.weight, value)
        average.update_parameters(model)
        moving.update_parameters(model)
    assert_close(float(average.module.weight.detach()), 3.0, rtol=1e-6, atol=0)
    assert_close(float(moving.module.weight.detach()), 3.75, rtol=1e-6, atol=0)
