"""Random sizes, strides and dtypes of operands, for benchmarks over many shapes."""

from __future__ import annotations

import functools
import math

import torch

__all__ = ["Fuzzer", "FuzzedParameter", "FuzzedTensor", "ParameterAlias"]

_REJECTIONS = 1000      # how often in a row a draw may fail the constraints


class ParameterAlias:
    """In a distribution: the value that another parameter has."""

    def __init__(self, alias_to):
        self.alias_to = alias_to


class FuzzedParameter:
    """A random number or choice: "uniform" or "loguniform" from `minval` to `maxval`, or by a dict of values with their probabilities.

    Integers where both ends are integers. `strict` asks :class:`Fuzzer` not to shrink the value. Raises AssertionError for other distributions.
    """

    def __init__(self, name, minval=None, maxval=None, distribution=None, strict=False):
        self._name, self._minval, self._maxval, self.strict = name, minval, maxval, strict
        if isinstance(distribution, dict):
            if abs(sum(distribution.values()) - 1) > 1e-3 or any(p < 0 for p in distribution.values()):
                raise AssertionError("Distribution is not normalized")
        elif distribution not in ("uniform", "loguniform"):
            raise AssertionError(f"Unknown distribution: {distribution}")
        elif minval is None or maxval is None or minval > maxval or distribution == "loguniform" and minval <= 0:
            raise AssertionError(f"{distribution} needs minval <= maxval" + (", both positive" if distribution == "loguniform" else ""))
        self._distribution = distribution

    @property
    def name(self):
        """The name under which sizes and constraints use the value."""
        return self._name

    def sample(self, state):
        """A value, drawn from a `numpy.random.RandomState`."""
        if isinstance(self._distribution, dict):
            values, weights = list(self._distribution), list(self._distribution.values())
            return values[state.choice(len(values), p=[w / sum(weights) for w in weights])]
        whole = isinstance(self._minval, int) and isinstance(self._maxval, int)
        if self._distribution == "uniform":
            return int(state.randint(self._minval, self._maxval + 1)) if whole else float(state.uniform(self._minval, self._maxval))
        value = math.exp(state.uniform(math.log(self._minval), math.log(self._maxval)))
        return int(round(value)) if whole else value


class FuzzedTensor:
    """A tensor of random layout whose size is given by numbers and names of parameters.

    Its dimensions are permuted in memory unless drawn contiguous (`probability_contiguous`); `steps` leaves gaps between elements;
    `dim_parameter` names how many of the sizes count; `roll_parameter` names a rotation of them. Draws beyond
    `min_elements`, `max_elements` and `max_allocation_bytes` are refused.
    """

    def __init__(self, name, size, steps=None, probability_contiguous=0.5, min_elements=None, max_elements=None, max_allocation_bytes=None,
                 dim_parameter=None, roll_parameter=None, dtype=torch.float32, cuda=False, tensor_constructor=None):
        self._name, self._size, self._steps = name, size, steps
        self._probability_contiguous, self._dim_parameter, self._roll_parameter = probability_contiguous, dim_parameter, roll_parameter
        self._min_elements, self._max_elements, self._max_allocation_bytes = min_elements, max_elements, max_allocation_bytes
        self._dtype, self._cuda, self._tensor_constructor = dtype, cuda, tensor_constructor

    @property
    def name(self):
        """The name of the tensor among those of :meth:`Fuzzer.take`."""
        return self._name

    @staticmethod
    def default_tensor_constructor(size, dtype, **kwargs):
        """Uniform numbers in [0, 1), or integers below 128."""
        if dtype.is_floating_point or dtype.is_complex:
            return torch.rand(size=size, dtype=dtype, device="cpu")
        return torch.randint(0, 2 if dtype is torch.bool else 127, size=size, dtype=dtype, device="cpu")

    def _layout(self, params):
        """(size, steps, size of the allocation) for some values of the parameters."""
        def resolve(values):
            return tuple(params.get(v, v) for v in values)
        dim = params[self._dim_parameter] if self._dim_parameter else len(self._size)
        size = resolve(self._size[:dim])
        steps = resolve((self._steps or ())[:dim])
        steps = steps + (1,) * (dim - len(steps))
        return size, steps, tuple(n * step for n, step in zip(size, steps))

    def satisfies_constraints(self, params):
        """Whether the tensor's size is within the limits."""
        size, _, allocation = self._layout(params)
        elements, nbytes = math.prod(size), math.prod(allocation) * self._dtype.itemsize
        return not (self._max_allocation_bytes and nbytes > self._max_allocation_bytes
                    or self._max_elements and elements > self._max_elements or self._min_elements and elements < self._min_elements)

    def _make_tensor(self, params, state):
        """(tensor, what was drawn)."""
        size, steps, allocation = self._layout(params)
        raw = (self._tensor_constructor or self.default_tensor_constructor)(allocation, self._dtype, **params)
        raw = raw.cuda() if self._cuda else raw
        order = list(range(len(size)))
        if len(size) > 1 and state.rand() > self._probability_contiguous:
            order = state.permutation(raw.dim()).tolist()
            raw = raw.permute(order).contiguous().permute([order.index(i) for i in range(len(order))])
        if self._roll_parameter:
            raw = raw.permute([(i + params[self._roll_parameter]) % raw.dim() for i in range(raw.dim())])
        tensor = raw[tuple(slice(0, n * step, step) for n, step in zip(size, steps))]
        drawn = {"numel": int(tensor.numel()), "order": order, "steps": steps, "is_contiguous": tensor.is_contiguous(), "dtype": str(self._dtype)}
        return tensor, drawn


class Fuzzer:
    """Draws parameters until all `constraints` (functions of the parameters by name) and all tensors accept them, then makes the tensors.

    >>> sizes = [FuzzedParameter("n", 4, 16, "loguniform")]
    >>> tensors, drawn, params = next(Fuzzer(sizes, [FuzzedTensor("x", size=("n", 2))], seed=0).take(1))
    >>> tensors["x"].shape == (params["n"], 2)
    True
    """

    def __init__(self, parameters, tensors, constraints=None, seed=None):
        import numpy as np

        self._seed = int(np.random.RandomState().randint(0, 2**32 - 1, dtype=np.int64)) if seed is None else seed

        def flat(items, kind):
            return [x for item in items for x in ([item] if isinstance(item, kind) else item)]
        self._parameters, self._tensors = flat(parameters, FuzzedParameter), flat(tensors, FuzzedTensor)
        self._constraints = constraints or ()
        names = [x.name for x in (*self._parameters, *self._tensors)]
        if len(names) != len(set(names)):
            raise ValueError(f"Duplicate name: {next(n for n in names if names.count(n) > 1)}")
        self._rejections = self._total = 0

    def take(self, n):
        """Yields `n` times (tensors by name, what was drawn for each, parameters)."""
        import numpy as np

        state = np.random.RandomState(self._seed)
        for _ in range(n):
            params = self._generate(state)
            made = {t.name: t._make_tensor(params, state) for t in self._tensors}
            yield {k: t for k, (t, _) in made.items()}, {k: drawn for k, (_, drawn) in made.items()}, params

    @property
    def rejection_rate(self):
        """The share of draws that were refused so far."""
        return self._rejections / self._total if self._total else 0.0

    def _generate(self, state):
        for _ in range(_REJECTIONS):
            self._total += 1
            params = {p.name: p.sample(state) for p in self._parameters}
            resolve = functools.partial(self._resolve, params)
            params = {name: resolve(value) for name, value in params.items()}
            if all(f(**params) for f in self._constraints) and all(t.satisfies_constraints(params) for t in self._tensors):
                return params
            self._rejections += 1
        raise ValueError(f"no parameters found that meet the constraints, in {_REJECTIONS} draws")

    @staticmethod
    def _resolve(params, value):
        while isinstance(value, ParameterAlias):
            value = params[value.alias_to]
        return value
