"""OpInfo: what a test must know of an operator in order to call it."""

from __future__ import annotations

import torch
from torch.testing._internal.common_device_type import DecorateInfo
from torch.testing._internal.common_dtype import floating_types

__all__ = ["AliasInfo", "BinaryUfuncInfo", "DecorateInfo", "ErrorInput", "OpInfo", "ReductionOpInfo", "S", "M", "L", "SampleInput", "UnaryUfuncInfo"]

L, M, S, XS = 20, 10, 5, 3      # sizes of samples


def _mapped(function, value):
    """Containers with `function` applied to their tensors and dtypes."""
    if isinstance(value, (torch.Tensor, torch.dtype)):
        return function(value)
    if isinstance(value, (list, tuple)):
        return type(value)(_mapped(function, v) for v in value)
    return {k: _mapped(function, v) for k, v in value.items()} if isinstance(value, dict) else value


class SampleInput:
    """Arguments of one call: ``SampleInput(input, *args, **kwargs)``, or with `args=` and `kwargs=`.

    `output_process_fn_grad` makes of the result what gradients are checked of.
    """

    def __init__(self, input, *var_args, args=None, kwargs=None, output_process_fn_grad=None, broadcasts_input=None, name=None, **var_kwargs):
        if (args is not None or kwargs is not None) and (var_args or var_kwargs):
            raise AssertionError("A SampleInput can be constructed 'naturally' with *args and **kwargs or by explicitly setting the \"args\" and "
                                 "\"kwargs\" parameters, but the two methods of construction cannot be mixed!")
        self.input = input
        self.args = tuple(args if args is not None else var_args)
        self.kwargs = dict(kwargs if kwargs is not None else var_kwargs)
        self.output_process_fn_grad = output_process_fn_grad or (lambda x: x)
        self.broadcasts_input, self.name = bool(broadcasts_input), name or ""

    def with_metadata(self, *, output_process_fn_grad=None, broadcasts_input=None, name=None):
        """This sample with other remarks."""
        self.output_process_fn_grad = output_process_fn_grad or self.output_process_fn_grad
        self.broadcasts_input = self.broadcasts_input if broadcasts_input is None else broadcasts_input
        self.name = self.name if name is None else name
        return self

    def transform(self, f):
        """A sample with `f` applied to every tensor and dtype."""
        return SampleInput(_mapped(f, self.input), args=_mapped(f, self.args), kwargs=_mapped(f, self.kwargs),
                           output_process_fn_grad=self.output_process_fn_grad, broadcasts_input=self.broadcasts_input, name=self.name + "_transformed")

    def numpy(self):
        """A sample with NumPy's arrays and dtypes."""
        from torch.testing._internal.common_utils import torch_to_numpy_dtype_dict

        def convert(t):
            if isinstance(t, torch.dtype):
                return torch_to_numpy_dtype_dict[t]
            return t.detach().cpu().resolve_conj().numpy() if t.dtype is not torch.bfloat16 else t.detach().cpu().float().numpy()
        return self.transform(convert)

    def noncontiguous(self):
        """A sample whose tensors are not contiguous."""
        from torch.testing._internal.common_utils import noncontiguous_like

        return self.transform(lambda t: noncontiguous_like(t) if isinstance(t, torch.Tensor) else t)

    def summary(self):
        """The sample as text, tensors by their shapes and dtypes."""
        def text(value):
            if isinstance(value, torch.Tensor):
                return f"Tensor[size={tuple(value.shape)}, device=\"{value.device}\", dtype={value.dtype}]"
            if isinstance(value, (list, tuple)):
                return f"({', '.join(map(text, value))})"
            return str(value)
        named = ", ".join(f"{k}={text(v)}" for k, v in self.kwargs.items())
        return f"SampleInput(input={text(self.input)}, args={text(self.args)}, kwargs={{{named}}}, broadcasts_input={self.broadcasts_input}, name={self.name!r})"

    __repr__ = summary


class ErrorInput:
    """A sample that must raise `error_type` with a message that `error_regex` matches."""

    def __init__(self, sample_input, *, error_type=RuntimeError, error_regex):
        self.sample_input, self.error_type, self.error_regex = sample_input, error_type, error_regex


class AliasInfo:
    """Another name of an operator, torch.<name> and Tensor.<name>."""

    def __init__(self, alias_name):
        self.name = alias_name
        self.op, self.method_variant, self.inplace_variant = _variants(alias_name)

    def __call__(self, *args, **kwargs):
        return self.op(*args, **kwargs)


def _variants(name):
    """(function, method, in-place method) of a dotted name."""
    function = torch
    for part in name.split("."):
        function = getattr(function, part, None)
    return function, getattr(torch.Tensor, name, None), getattr(torch.Tensor, name + "_", None)


class OpInfo:
    """An operator: its variants, the dtypes it takes and samples of its arguments.

    `sample_inputs_func(op, device, dtype, requires_grad, **kwargs)` gives samples, `error_inputs_func(op, device)` errors,
    `ref` is a function of NumPy arrays with the same values. Further keywords are kept as attributes.
    """

    def __init__(self, name, *, op=None, method_variant=None, inplace_variant=None, variant_test_name="", aliases=(), dtypes=None, backward_dtypes=None,
                 ref=None, sample_inputs_func=None, reference_inputs_func=None, error_inputs_func=None, decorators=(), skips=(), supports_autograd=True,
                 supports_gradgrad=None, supports_forward_ad=False, supports_out=True, gradcheck_nondet_tol=0.0, gradcheck_wrapper=None, **more):
        function, method, inplace = _variants(name)
        self.name, self.variant_test_name = name, variant_test_name
        self.op = op or function
        self.method_variant, self.inplace_variant = method_variant or method, inplace_variant or inplace
        self.aliases = tuple(AliasInfo(alias) for alias in aliases)
        self.dtypes = set(floating_types() if dtypes is None else dtypes)
        self.backward_dtypes = backward_dtypes
        self.ref = ref
        self.sample_inputs_func, self.reference_inputs_func, self.error_inputs_func = sample_inputs_func, reference_inputs_func, error_inputs_func
        self.decorators = (*decorators, *skips)
        self.supports_autograd = supports_autograd
        self.supports_gradgrad = supports_autograd if supports_gradgrad is None else supports_gradgrad
        self.supports_forward_ad, self.supports_out = supports_forward_ad, supports_out
        self.gradcheck_nondet_tol = gradcheck_nondet_tol
        self.gradcheck_wrapper = gradcheck_wrapper or (lambda op, *args, **kwargs: op(*args, **kwargs))
        for key, value in more.items():
            setattr(self, key, value)

    def __call__(self, *args, **kwargs):
        return self.op(*args, **kwargs)

    def __str__(self):
        return f"OpInfo(name={self.full_name!r})"

    @property
    def full_name(self):
        """The name, with the variant after a dot."""
        return f"{self.name}.{self.variant_test_name}" if self.variant_test_name else self.name

    @property
    def formatted_name(self):
        """The name as part of a test's name."""
        return self.full_name.replace(".", "_")

    def get_op(self):
        """The function."""
        return self.op

    def get_method(self):
        """The method of Tensor, or None."""
        return self.method_variant

    def get_inplace(self):
        """The in-place method of Tensor, or None."""
        return self.inplace_variant

    def sample_inputs(self, device, dtype, requires_grad=False, **kwargs):
        """Samples, an iterable of :class:`SampleInput`."""
        return self.sample_inputs_func(self, device, dtype, requires_grad, **kwargs)

    def reference_inputs(self, device, dtype, requires_grad=False, **kwargs):
        """Samples for comparisons with `ref`: more of them where the operator gives more."""
        function = self.reference_inputs_func or self.sample_inputs_func
        return function(self, device, dtype, requires_grad, **kwargs)

    def error_inputs(self, device, **kwargs):
        """Samples that raise, an iterable of :class:`ErrorInput`."""
        return self.error_inputs_func(self, device, **kwargs) if self.error_inputs_func else ()

    def supported_dtypes(self, device_type):
        """The dtypes the operator takes on a device type."""
        return set(self.dtypes)

    def supported_backward_dtypes(self, device_type):
        """The dtypes for which it has gradients."""
        if not self.supports_autograd:
            return set()
        dtypes = self.dtypes if self.backward_dtypes is None else self.backward_dtypes
        return {d for d in dtypes if d.is_floating_point or d.is_complex}

    def supports_dtype(self, dtype, device_type):
        """Whether the operator takes a dtype."""
        return dtype in self.supported_dtypes(device_type)

    def get_decorators(self, test_class, test_name, device, dtype, param_kwargs):
        """The decorators of a test over this operator."""
        result = []
        for decorator in self.decorators:
            if not isinstance(decorator, DecorateInfo):
                result.append(decorator)
            elif decorator.is_active(test_class, test_name, device, dtype, param_kwargs):
                result += decorator.decorators
        return result


class UnaryUfuncInfo(OpInfo):
    """An element-wise function of one tensor; `domain` is where it is defined."""

    def __init__(self, name, *, domain=(None, None), **kwargs):
        super().__init__(name, domain=domain, **kwargs)


class BinaryUfuncInfo(OpInfo):
    """An element-wise function of two tensors that broadcast."""

    def __init__(self, name, *, lhs_make_tensor_kwargs=None, rhs_make_tensor_kwargs=None, **kwargs):
        super().__init__(name, lhs_make_tensor_kwargs=lhs_make_tensor_kwargs or {}, rhs_make_tensor_kwargs=rhs_make_tensor_kwargs or {}, **kwargs)


class ReductionOpInfo(OpInfo):
    """A function that reduces dimensions; `identity` is its value over no elements."""

    def __init__(self, name, *, identity=None, nan_policy=None, supports_multiple_dims=True, promotes_int_to_float=False, **kwargs):
        super().__init__(name, identity=identity, nan_policy=nan_policy, supports_multiple_dims=supports_multiple_dims,
                         promotes_int_to_float=promotes_int_to_float, **kwargs)
