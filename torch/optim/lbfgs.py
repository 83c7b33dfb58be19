"""L-BFGS."""

import torch

from .optimizer import Optimizer

__all__ = ["LBFGS"]


def _cubic_minimum(x1, f1, g1, x2, f2, g2, bounds=None):
    """Minimum of the cubic through two points with given slopes, within bounds; Nocedal and Wright, equation 3.59."""
    low, high = bounds if bounds is not None else (min(x1, x2), max(x1, x2))
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1**2 - g1 * g2
    if square < 0:
        return (low + high) / 2.0
    d2 = square.sqrt() if isinstance(square, torch.Tensor) else square**0.5
    if x1 <= x2:
        position = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        position = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(position, low), high)


class _Point:
    """A position along the search direction with loss, gradient and slope there."""

    def __init__(self, t, loss, grad, slope):
        self.t, self.loss, self.grad, self.slope = t, loss, grad, slope


def _strong_wolfe(evaluate, t, direction, loss, grad, slope, c1=1e-4, c2=0.9, tolerance_change=1e-9, max_ls=25):
    """A step length that fulfils the strong Wolfe conditions: (loss, gradient, t, evaluations)."""
    extent = direction.abs().max()
    start = _Point(0, loss, grad.clone(memory_format=torch.contiguous_format), slope)
    evaluations = 0

    def look(position):
        nonlocal evaluations
        found_loss, found_grad = evaluate(position)
        evaluations += 1
        return _Point(position, found_loss, found_grad.clone(memory_format=torch.contiguous_format),
                      found_grad.dot(direction))

    def too_high(point, other):
        return point.loss > loss + c1 * point.t * slope or point.loss >= other

    previous, point = start, look(t)
    bracket, done, iteration = None, False, 0
    while iteration < max_ls:
        if point.loss > loss + c1 * point.t * slope or (iteration > 1 and point.loss >= previous.loss):
            bracket = [previous, point]
            break
        if abs(point.slope) <= -c2 * slope:
            bracket, done = [point], True
            break
        if point.slope >= 0:
            bracket = [previous, point]
            break
        low, high = point.t + 0.01 * (point.t - previous.t), point.t * 10
        following = _cubic_minimum(previous.t, previous.loss, previous.slope, point.t, point.loss, point.slope, (low, high))
        previous, point = point, look(following)
        iteration += 1
    if bracket is None:
        bracket = [start, point]
    insufficient = False
    low, high = (0, 1) if bracket[0].loss <= bracket[-1].loss else (1, 0)
    while not done and iteration < max_ls:
        width = abs(bracket[1].t - bracket[0].t)
        if width * extent < tolerance_change:
            break
        t = _cubic_minimum(bracket[0].t, bracket[0].loss, bracket[0].slope, bracket[1].t, bracket[1].loss, bracket[1].slope)
        first, last = min(bracket[0].t, bracket[1].t), max(bracket[0].t, bracket[1].t)
        margin = 0.1 * (last - first)
        if min(last - t, t - first) < margin:
            # Close to an end twice in a row, or at it: go a tenth of the bracket inwards.
            if insufficient or t >= last or t <= first:
                t = last - margin if abs(t - last) < abs(t - first) else first + margin
                insufficient = False
            else:
                insufficient = True
        else:
            insufficient = False
        point = look(t)
        iteration += 1
        if too_high(point, bracket[low].loss):
            bracket[high] = point
            low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
        else:
            if abs(point.slope) <= -c2 * slope:
                done = True
            elif point.slope * (bracket[high].t - bracket[low].t) >= 0:
                bracket[high] = bracket[low]
            bracket[low] = point
    best = bracket[low] if len(bracket) > 1 else bracket[0]
    return best.loss, best.grad, best.t, evaluations


class LBFGS(Optimizer):
    """Limited-memory BFGS; ``step`` needs a closure that clears the gradients, computes the loss and returns it.

    Args:
        max_iter, max_eval: iterations and function evaluations a step (default of the latter 1.25 * max_iter).
        tolerance_grad, tolerance_change: stop below these.
        history_size: number of remembered updates.
        line_search_fn: None or "strong_wolfe".

    Raises ValueError for more than one parameter group.
    """

    def __init__(self, params, lr=1, max_iter=20, max_eval=None, tolerance_grad=1e-7, tolerance_change=1e-9,
                 history_size=100, line_search_fn=None):
        if isinstance(lr, torch.Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not 0.0 <= lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        super().__init__(params, {
            "lr": lr, "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change, "history_size": history_size,
            "line_search_fn": line_search_fn})
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]

    def __setstate__(self, state):
        super().__setstate__(state)
        self._params = self.param_groups[0]["params"]

    def _flat_grad(self):
        pieces = []
        for param in self._params:
            piece = param.new_zeros(param.numel()) if param.grad is None else \
                (param.grad.to_dense() if param.grad.is_sparse else param.grad).reshape(-1)
            pieces.append(torch.view_as_real(piece).reshape(-1) if piece.is_complex() else piece)
        return torch.cat(pieces)

    def _move(self, t, direction):
        start = 0
        for param in self._params:
            target = torch.view_as_real(param) if param.is_complex() else param
            count = target.numel()
            target.add_(direction[start:start + count].view_as(target), alpha=float(t))
            start += count

    def _two_loops(self, state, grad, history):
        """-H g with the inverse Hessian H that the remembered updates imply; Nocedal 1980."""
        directions, steps, ro = state["old_dirs"], state["old_stps"], state["ro"]
        al = state.setdefault("al", [None] * history)
        q = grad.neg()
        for i in range(len(directions) - 1, -1, -1):
            al[i] = steps[i].dot(q) * ro[i]
            q.add_(directions[i], alpha=-float(al[i]))
        r = torch.mul(q, state["H_diag"])
        for i in range(len(directions)):
            r.add_(steps[i], alpha=float(al[i] - directions[i].dot(r) * ro[i]))
        return r

    def _remember(self, state, grad, history):
        change, step = grad.sub(state["prev_flat_grad"]), state["d"].mul(state["t"])
        curvature = change.dot(step)
        if curvature > 1e-10:
            if len(state["old_dirs"]) == history:
                for name in ("old_dirs", "old_stps", "ro"):
                    state[name].pop(0)
            state["old_dirs"].append(change)
            state["old_stps"].append(step)
            state["ro"].append(1.0 / curvature)
            state["H_diag"] = curvature / change.dot(change)

    @torch.no_grad()
    def step(self, closure):
        """Up to `max_iter` iterations; returns the loss at the start."""
        closure = torch.enable_grad()(closure)
        group = self.param_groups[0]
        lr = float(group["lr"])
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = closure()
        loss = float(first_loss)
        evaluations = 1
        state["func_evals"] += 1
        grad = self._flat_grad()
        if grad.abs().max() <= group["tolerance_grad"]:
            return first_loss
        iteration = 0
        while iteration < group["max_iter"]:
            iteration += 1
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                state.update(d=grad.neg(), old_dirs=[], old_stps=[], ro=[], H_diag=1)
            else:
                self._remember(state, grad, group["history_size"])
                state["d"] = self._two_loops(state, grad, group["history_size"])
            direction = state["d"]
            state["prev_flat_grad"] = grad.clone(memory_format=torch.contiguous_format)
            state["prev_loss"] = previous_loss = loss
            t = min(1.0, 1.0 / float(grad.abs().sum())) * lr if state["n_iter"] == 1 else lr
            slope = grad.dot(direction)
            if slope > -group["tolerance_change"]:
                state["t"] = t
                break
            used = 0
            if group["line_search_fn"] is not None:
                if group["line_search_fn"] != "strong_wolfe":
                    raise RuntimeError("only 'strong_wolfe' is supported")
                start = [param.clone(memory_format=torch.contiguous_format) for param in self._params]

                def evaluate(position, start=start, direction=direction):
                    self._move(position, direction)
                    found = float(closure()), self._flat_grad()
                    for param, value in zip(self._params, start):
                        param.copy_(value)
                    return found

                loss, grad, t, used = _strong_wolfe(evaluate, t, direction, loss, grad, slope)
                self._move(t, direction)
            else:
                self._move(t, direction)
                if iteration != group["max_iter"]:
                    with torch.enable_grad():
                        loss = float(closure())
                    grad = self._flat_grad()
                    used = 1
            state["t"] = t
            evaluations += used
            state["func_evals"] += used
            if (iteration == group["max_iter"] or evaluations >= group["max_eval"]
                    or grad.abs().max() <= group["tolerance_grad"]
                    or direction.mul(t).abs().max() <= group["tolerance_change"]
                    or abs(loss - previous_loss) < group["tolerance_change"]):
                break
        return first_loss
