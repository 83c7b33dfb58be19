"""UpdateRule, the driver that all first-order methods share, and the evaluation of their laws on tensors."""

import operator

import torch

from .optimizer import Optimizer


def _number(value):
    """A Python number for a tensor of one element."""
    return value.item() if isinstance(value, torch.Tensor) else value


def check(name, value, valid):
    """Raise the usual ValueError for an option out of range."""
    if not valid:
        raise ValueError(f"Invalid {name}: {value}")


def check_common(lr, eps=None, weight_decay=None, betas=None, foreach=None, capturable=False):
    """Check the options that most optimizers have."""
    if isinstance(lr, torch.Tensor):
        if foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        if lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
    check("learning rate", lr, lr >= 0.0)
    if eps is not None:
        check("epsilon value", eps, eps >= 0.0)
    if betas is not None:
        if isinstance(betas[0], torch.Tensor) != isinstance(betas[1], torch.Tensor):
            raise ValueError("betas must be either both floats or both Tensors")
        for i, beta in enumerate(betas):
            check(f"beta parameter at index {i}", beta, 0.0 <= beta < 1.0)
            if isinstance(beta, torch.Tensor):
                if foreach and not capturable:
                    raise ValueError(f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
                if beta.numel() != 1:
                    raise ValueError(f"Tensor betas[{i}] must be 1-element")
    if weight_decay is not None:
        check("weight_decay value", weight_decay, weight_decay >= 0.0)


def check_fused(fused, foreach, differentiable):
    """Check that the options agree that say how a step is computed."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


class _Operand:
    """A tensor or a number in the place of a symbolic scalar: what an update law says is done to it as it stands.

    `dtype` is that of the parameter, in which a choice between numbers is made.
    """

    __slots__ = ("value", "dtype")

    def __init__(self, value, dtype):
        self.value, self.dtype = value, dtype

    def apply(self, op, *args):
        """The tensor operator that the expression's node `op` stands for."""
        args = [a.value if isinstance(a, _Operand) else a for a in args]
        if op == "where":
            args = [args[0], *(self._fixed(a) for a in args[1:])]
        return _Operand(_MEANINGS[op](*args), self.dtype)

    def _fixed(self, value):
        return value if isinstance(value, torch.Tensor) else torch.tensor(value, dtype=self.dtype)

    def __neg__(self):
        return self.apply("neg", self)

    def __bool__(self):
        raise TypeError("an update law may not branch on values")


def _as_tensors(a, b):
    return (x if isinstance(x, torch.Tensor) else torch.tensor(x, dtype=y.dtype, device=y.device) for x, y in ((a, b), (b, a)))


def _choose(condition, a, b):
    if isinstance(condition, bool):
        return a if condition else b
    return torch.where(condition, a, b)


_MEANINGS = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "neg": operator.neg,
    "gt": operator.gt, "lt": operator.lt, "sqrt": torch.sqrt, "abs": torch.abs, "where": _choose,
    "addcmul": lambda x, a, b, value: x + value * a * b if isinstance(value, torch.Tensor) else torch.addcmul(x, a, b, value=value),
    "addcdiv": lambda x, a, b, value: x + value * a / b if isinstance(value, torch.Tensor) else torch.addcdiv(x, a, b, value=value),
    "max": lambda a, b: torch.maximum(*_as_tensors(a, b)), "min": lambda a, b: torch.minimum(*_as_tensors(a, b)),
}
for _name, _op in (("add", "add"), ("sub", "sub"), ("mul", "mul"), ("truediv", "div"), ("gt", "gt"), ("lt", "lt")):
    setattr(_Operand, f"__{_name}__", lambda self, other, op=_op: self.apply(op, self, other))
    setattr(_Operand, f"__r{_name}__", lambda self, other, op=_op: self.apply(op, other, self))


def _law_body(name):
    from torch._opdefs import optimizer as laws
    from torch._opdefs.language import DEFINITIONS

    assert laws
    return DEFINITIONS[name].body


class UpdateRule(Optimizer):
    """Driver of optimizers that update each parameter by itself.

    A method gives the tensors of its state, ``_start(param, group)``, and how a step goes: either ``_update(param, grad, state,
    group)``, which changes parameter and state in place, or a law of torch/_opdefs/optimizer.py, by its name ``_law(group)``, the
    names of the tensors it works on, ``_operands(group)``, and its numbers, ``_numbers(state, group)``. A law is one kernel over
    all parameters where that is possible; where gradients flow through the step, the expression itself is evaluated.
    The driver finds the gradients, turns complex tensors into real ones of twice the size and counts steps.
    """

    _counts_steps = True
    _decay_in_gradient = True
    _accepts_sparse = False

    def _start(self, param, group):
        return {}

    def _law(self, group):
        return None

    def _operands(self, group):
        return ()

    def _numbers(self, state, group):
        raise NotImplementedError

    def _update(self, param, grad, state, group):
        numbers = self._numbers(state, group)
        states = self._states(param, state, group)
        results = _law_body(self._law(group))(*(_Operand(x, param.dtype) for x in (param, grad, *states, *numbers)))
        results = results if isinstance(results, tuple) else (results,)
        for target, result in zip((param, *states), results):
            target.copy_(result.value)

    def _states(self, param, state, group):
        """The tensors the law works on; one that is None starts as zeros."""
        for name in self._operands(group):
            if state[name] is None:
                state[name] = zeros_like(param)
        return [state[name] for name in self._operands(group)]

    def _new_state(self, param, group):
        state = {"step": torch.tensor(0.0, dtype=torch.float32)} if self._counts_steps else {}
        state.update(self._start(param, group))
        return state

    def _ready(self, group):
        """(parameter, gradient, state) of every parameter that has a gradient."""
        for param in group["params"]:
            grad = param.grad
            if grad is None:
                continue
            if grad.is_sparse and not self._accepts_sparse:
                raise RuntimeError(f"{type(self).__name__} does not support sparse gradients")
            state = self.state.get(param)
            if not state:
                state = self._new_state(param, group)
                if state:
                    self.state[param] = state
            yield param, grad, state

    def _apply(self, ready, group):
        """One step for parameters with their gradients and states."""
        if not self._apply_kernel(ready, group):
            for param, grad, state in ready:
                self._apply_one(param, grad, state, group)

    def _apply_kernel(self, ready, group):
        """All parameters in one kernel; False when this group has to go one by one."""
        law = self._law(group)
        if law is None or not self._fits_kernel(ready, group):
            return False
        params, grads, states, numbers = [], [], [], []
        for param, grad, state in ready:
            if self._counts_steps:
                state["step"] += 1
            params.append(param)
            grads.append(grad)
            numbers += [float(x) for x in self._numbers(state, group)]
            states += self._states(param, state, group)
        if params:
            torch._optimizer_step_(law, params, grads, states, numbers)
        return True

    def _fits_kernel(self, ready, group):
        """Whether the tensors are plain ones of real dtypes, and the group's options leave the choice."""
        if group.get("differentiable") or group.get("fused") is False or group.get("foreach") is False:
            return False
        for param, grad, _ in ready:
            dtype = param.dtype
            if grad.dtype != dtype or dtype not in _KERNEL_DTYPES or grad.layout != torch.strided or param.device.type != "cpu":
                return False
        return True

    def _apply_one(self, param, grad, state, group):
        if self._counts_steps:
            state["step"] += 1
        if self._law(group) is None or grad.is_sparse:
            if group.get("maximize"):
                grad = -grad
            if self._decay_in_gradient and group.get("weight_decay"):
                if grad.is_sparse:
                    raise RuntimeError("weight_decay option is not compatible with sparse gradients")
                grad = grad.add(param, alpha=group["weight_decay"])
        if not param.is_complex():
            self._update(param, grad, state, group)
        else:
            self._update_complex(param, grad, state, group)

    def _update_complex(self, param, grad, state, group):
        real = {name: torch.view_as_real(value) if isinstance(value, torch.Tensor) and value.is_complex() else value
                for name, value in state.items()}
        given = dict(real)
        self._update(torch.view_as_real(param), torch.view_as_real(grad), real, group)
        for name, value in real.items():
            if value is not given.get(name):
                state[name] = value

    def step(self, closure=None):
        """Update the parameters; `closure`, if given, computes gradients and returns the loss, which is returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            with torch.set_grad_enabled(bool(group.get("differentiable")) and torch.is_grad_enabled()):
                self._apply(list(self._ready(group)), group)
        return loss


_KERNEL_DTYPES = (torch.float32, torch.float64)   # of shorter ones PyTorch rounds every intermediate result


def apply_rule(cls, params, grads, states, **group):
    """One step of an optimizer class on lists: `states` maps the name of a state to its list, in which missing entries are filled."""
    rule = object.__new__(cls)
    ready = []
    for i, (param, grad) in enumerate(zip(params, grads)):
        ready.append((param, grad, {name: values[i] for name, values in states.items() if i < len(values)}))
    with torch.set_grad_enabled(bool(group.get("differentiable")) and torch.is_grad_enabled()):
        rule._apply(ready, group)
    for i, (_, _, state) in enumerate(ready):
        for name, values in states.items():
            if i < len(values):
                values[i] = state[name]


def signed(group):
    """The factor of the gradient: -1 to ascend."""
    return -1.0 if group.get("maximize") else 1.0


def decays(group):
    """(factor of the parameter, L2 penalty) of a weight decay that may be decoupled from the gradient."""
    decay = group["weight_decay"]
    if not group.get("decoupled_weight_decay"):
        return 1.0, decay
    return 1.0 - group["lr"] * decay, 0.0


def zeros_like(param):
    """Zeros in the parameter's memory format."""
    return torch.zeros_like(param, memory_format=torch.preserve_format)
