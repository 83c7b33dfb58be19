"""Full backward hooks: identity nodes around a module's inputs and outputs on which the hooks sit."""

import warnings

import torch


class _Boundary(torch.autograd.Function):
    """Identity on a tuple of tensors: one autograd node that all their gradients pass through."""

    @staticmethod
    def forward(ctx, *tensors):
        ctx.mark_non_differentiable(*(tensor for tensor in tensors if not tensor.requires_grad))
        return tuple(tensor.view_as(tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx, *grads):
        return grads


def _through_boundary(values, attach):
    """Pass the tensors in `values` through one node; `attach(node, positions)` may hook it. Returns the new values."""
    positions = [i for i, value in enumerate(values) if isinstance(value, torch.Tensor)]
    if not torch.is_grad_enabled() or not any(values[i].requires_grad for i in positions):
        return values, False
    passed = _Boundary.apply(*(values[i] for i in positions))
    node = next(tensor.grad_fn for tensor in passed if tensor.grad_fn is not None)
    attach(node, positions)
    values = list(values)
    for i, tensor in zip(positions, passed):
        values[i] = tensor
    return tuple(values), True


def _as_tuple(value):
    return value if isinstance(value, tuple) else (value,)


class BackwardHooks:
    """The full backward hooks of one forward call of `module`."""

    def __init__(self, module, hooks, pre_hooks):
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.grad_outputs = self.input_positions = None
        self.input_count = 0

    def setup_inputs(self, args):
        """Wrap the positional inputs of forward."""
        self.input_count = len(args)
        args, wrapped = _through_boundary(args, self._watch_inputs)
        if not wrapped:
            self.input_positions = None
        return args

    def setup_output(self, result):
        """Wrap the outputs (a tensor or a tuple of them) of forward."""
        single = isinstance(result, torch.Tensor)
        if not single and not isinstance(result, (tuple, list)):
            if self.hooks or self.pre_hooks:
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors "
                    f"but received {type(result)}", stacklevel=3)
            return result
        values, _ = _through_boundary((result,) if single else tuple(result), self._watch_outputs)
        return values[0] if single else type(result)(values) if type(result) in (tuple, list) else result

    def _spread(self, grads, positions, count):
        spread = [None] * count
        for i, grad in zip(positions, grads):
            spread[i] = grad
        return tuple(spread)

    def _watch_inputs(self, node, positions):
        self.input_positions = positions

        def hook(grad_inputs, _):
            if self.grad_outputs is None:
                return None
            result = self._run(self._spread(grad_inputs, positions, self.input_count))
            return tuple(result[i] for i in positions)

        node.register_hook(hook)

    def _watch_outputs(self, node, positions):
        count = positions[-1] + 1

        def pre_hook(grad_outputs):
            grads = self._spread(grad_outputs, positions, count)
            for hook in self.pre_hooks:
                answer = hook(self.module, grads)
                if answer is not None:
                    grads = self._same_length(_as_tuple(answer), grads, "pre hook")
            self.grad_outputs = grads
            return tuple(grads[i] for i in positions)

        def hook(_grad_inputs, _grad_outputs):
            if self.input_positions is None:
                self._run(self._spread((), (), self.input_count), needed=False)

        node.register_prehook(pre_hook)
        node.register_hook(hook)

    def _run(self, grad_inputs, needed=True):
        for hook in self.hooks:
            answer = hook(self.module, grad_inputs, self.grad_outputs)
            if answer is None:
                continue
            if not needed and any(grad is not None for grad in _as_tuple(answer)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None for "
                    "all gradients.")
            grad_inputs = self._same_length(_as_tuple(answer), grad_inputs, "hook")
        self.grad_outputs = None
        return grad_inputs

    @staticmethod
    def _same_length(answer, given, kind):
        if len(answer) != len(given):
            raise RuntimeError(
                f"Backward {kind} returned an invalid number of grad_input, got {len(answer)}, but expected {len(given)}")
        return answer
