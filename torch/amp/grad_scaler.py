"""Scaling of the loss against underflow of half precision gradients; Micikevicius et al. 2017."""

import warnings

import torch

__all__ = ["GradScaler"]


class GradScaler:
    """Multiplies the loss by a scale, divides the gradients by it, and skips steps whose gradients are not finite.

    Args:
        init_scale: first scale.
        growth_factor, growth_interval: the scale grows by the factor after so many good steps in a row.
        backoff_factor: the scale is multiplied by this after a bad step.

    Example::

        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
    """

    def __init__(self, device="cuda", init_scale=2.0**16, growth_factor=2.0, backoff_factor=0.5, growth_interval=2000,
                 enabled=True):
        self._device, self._enabled = device, enabled
        if enabled and device == "cuda" and not torch.cuda.is_available():
            warnings.warn("torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.", stacklevel=2)
            self._enabled = False
        if not growth_factor > 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if not backoff_factor < 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._scale, self._growth_tracker = float(init_scale), 0
        self._growth_factor, self._backoff_factor, self._growth_interval = growth_factor, backoff_factor, growth_interval
        self._found = {}  # id of an optimizer -> whether its gradients hold inf or nan, since the last update

    def scale(self, outputs):
        """The loss, or a structure of losses, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, torch.Tensor):
            return outputs * self._scale
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(self.scale(output) for output in outputs)
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def unscale_(self, optimizer):
        """Divide the gradients of an optimizer by the scale, so that they can be clipped before the step."""
        if not self._enabled:
            return
        if id(optimizer) in self._found:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        grads = [param.grad for group in optimizer.param_groups for param in group["params"] if param.grad is not None]
        if any(grad.dtype == torch.float16 for grad in grads):
            raise ValueError("Attempting to unscale FP16 gradients.")
        for grad in grads:
            grad.mul_(1.0 / self._scale)
        self._found[id(optimizer)] = any(not bool(torch.isfinite(grad).all()) for grad in grads)

    def step(self, optimizer, *args, **kwargs):
        """``optimizer.step()`` unless its gradients hold inf or nan; returns what the step returns."""
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if id(optimizer) not in self._found:
            self.unscale_(optimizer)
        return None if self._found[id(optimizer)] else optimizer.step(*args, **kwargs)

    def update(self, new_scale=None):
        """Adapt the scale to what the steps since the last update found."""
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        else:
            if not self._found:
                raise AssertionError("No inf checks were recorded prior to update.")
            if any(self._found.values()):
                self._scale *= self._backoff_factor
                self._growth_tracker = 0
            else:
                self._growth_tracker += 1
                if self._growth_tracker == self._growth_interval:
                    self._scale *= self._growth_factor
                    self._growth_tracker = 0
        self._found.clear()

    def get_scale(self):
        """The scale; 1 when not enabled."""
        return self._scale if self._enabled else 1.0

    def is_enabled(self):
        """Whether scaling is on."""
        return self._enabled

    def get_growth_factor(self):
        """The growth factor."""
        return self._growth_factor

    def get_backoff_factor(self):
        """The backoff factor."""
        return self._backoff_factor

    def get_growth_interval(self):
        """The growth interval."""
        return self._growth_interval

    def state_dict(self):
        """Everything to go on from; empty when not enabled."""
        if not self._enabled:
            return {}
        return {"scale": self._scale, "growth_factor": self._growth_factor, "backoff_factor": self._backoff_factor,
                "growth_interval": self._growth_interval, "_growth_tracker": self._growth_tracker}

    def load_state_dict(self, state_dict):
        """Take over what :meth:`state_dict` returned."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError("The source state dict is empty, possibly because it was saved from a disabled instance of "
                               "GradScaler.")
        for name in ("scale", "growth_factor", "backoff_factor", "growth_interval"):
            setattr(self, "_" + name, state_dict[name])
        self._growth_tracker = state_dict["_growth_tracker"]
