"""Averages of weights: stochastic weight averaging and exponential moving averages."""

import math
from copy import deepcopy

import torch
from torch.nn import Module

from .lr_scheduler import LRScheduler, _per_group

__all__ = ["AveragedModel", "update_bn", "SWALR", "get_ema_multi_avg_fn", "get_swa_multi_avg_fn", "get_ema_avg_fn",
           "get_swa_avg_fn"]


def _check_decay(decay):
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def get_ema_avg_fn(decay=0.999):
    """average = decay * average + (1 - decay) * value, for one tensor."""
    _check_decay(decay)

    @torch.no_grad()
    def average(averaged, current, num_averaged):
        return decay * averaged + (1 - decay) * current

    return average


def get_swa_avg_fn():
    """average += (value - average) / (number + 1), for one tensor."""

    @torch.no_grad()
    def average(averaged, current, num_averaged):
        return averaged + (current - averaged) / (num_averaged + 1)

    return average


def _for_lists(weight):
    """The same for lists of tensors: average += (value - average) * weight(number)."""

    @torch.no_grad()
    def average(averaged, current, num_averaged):
        share = weight(num_averaged)
        for mean, value in zip(averaged, current):
            if mean.is_floating_point() or mean.is_complex():
                mean.lerp_(value.to(mean.dtype), share)
            else:
                mean.copy_(mean + (value - mean) * share)

    return average


def get_ema_multi_avg_fn(decay=0.999):
    """average = decay * average + (1 - decay) * value, for lists of tensors."""
    _check_decay(decay)
    return _for_lists(lambda number: 1 - decay)


def get_swa_multi_avg_fn():
    """average += (value - average) / (number + 1), for lists of tensors."""
    return _for_lists(lambda number: 1 / (float(number) + 1))


class AveragedModel(Module):
    """A copy of a model whose parameters are averages over the model's; call :meth:`update_parameters` now and then.

    Args:
        avg_fn: new average from (average, value, number averaged); default the equal average.
        multi_avg_fn: the same in place for lists of tensors.
        use_buffers: average the buffers too instead of copying them.
    """

    def __init__(self, model, device=None, avg_fn=None, multi_avg_fn=None, use_buffers=False):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", torch.tensor(0, dtype=torch.long, device=device))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args, **kwargs):
        """The averaged model's result."""
        return self.module(*args, **kwargs)

    @torch.no_grad()
    def update_parameters(self, model):
        """Take the model's present parameters into the average."""
        def tensors(module):
            buffers = list(module.buffers()) if self.use_buffers else []
            return [tensor.detach() for tensor in [*module.parameters(), *buffers]]

        averaged = tensors(self.module)
        current = [value.to(mean.device) for mean, value in zip(averaged, tensors(model))]
        if self.n_averaged == 0:
            for mean, value in zip(averaged, current):
                mean.copy_(value)
        elif self.avg_fn is not None:
            for mean, value in zip(averaged, current):
                mean.copy_(self.avg_fn(mean, value, self.n_averaged.to(mean.device)))
        else:
            (self.multi_avg_fn or get_swa_multi_avg_fn())(averaged, current, self.n_averaged)
        if not self.use_buffers:
            for mean, value in zip(self.module.buffers(), model.buffers()):
                mean.detach().copy_(value.detach().to(mean.device))
        self.n_averaged += 1


@torch.no_grad()
def update_bn(loader, model, device=None):
    """Compute the running statistics of all batch norms afresh from the batches of `loader`."""
    norms = [module for module in model.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    momenta = {norm: norm.momentum for norm in norms}
    was_training = model.training
    model.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    for batch in loader:
        if isinstance(batch, (list, tuple)):
            batch = batch[0]
        model(batch if device is None else batch.to(device))
    for norm, momentum in momenta.items():
        norm.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """Anneal the rate of each group to `swa_lr` over `anneal_epochs` and keep it there."""

    def __init__(self, optimizer, swa_lr, anneal_epochs=10, anneal_strategy="cos", last_epoch=-1):
        for rate, group in zip(_per_group(optimizer, "swa_lr", swa_lr), optimizer.param_groups):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must by one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, epoch):
        t = max(0, min(1, epoch / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def get_lr(self):
        """The rates at ``last_epoch``: the part already annealed is undone to find the rate annealing began with."""
        self._warn_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self._groups:
            swa, lr = group["swa_lr"], group["lr"]
            start = swa if before == 1 else (lr - before * swa) / (1 - before)
            rates.append(swa * now + start * (1 - now))
        return rates
