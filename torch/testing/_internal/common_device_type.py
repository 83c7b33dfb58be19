"""Tests over devices, dtypes and operators.

>>> class TestAdd(TestCase):
...     @dtypes(torch.float32, torch.int64)
...     def test_zero(self, device, dtype):
...         x = make_tensor((2,), device=device, dtype=dtype)
...         self.assertEqual(x + 0, x)
>>> scope = {}
>>> instantiate_device_type_tests(TestAdd, scope)
>>> [name for name in dir(scope["TestAddCPU"]) if name.startswith("test_zero")]
['test_zero_cpu_float32', 'test_zero_cpu_int64']
"""

from __future__ import annotations

import enum
import functools
import unittest
from collections import namedtuple

import torch
from torch.testing import make_tensor  # noqa: F401  part of what is imported from here
from torch.testing._internal.common_utils import TestCase, _Variations, _varied, dtype_name

__all__ = [
    "CPUTestBase", "DeviceTypeTestBase", "OpDTypes", "deviceCountAtLeast", "dtypes", "dtypesIf", "dtypesIfCPU", "dtypesIfCUDA", "dtypesIfMPS",
    "expectedFailure", "expectedFailureCPU", "expectedFailureCUDA", "expectedFailureMPS", "expectedFailureMeta", "get_all_device_types",
    "get_device_type_test_bases", "instantiate_device_type_tests", "largeTensorTest", "onlyAccelerator", "onlyCPU", "onlyCUDA", "onlyMPS",
    "onlyNativeDeviceTypes", "onlyOn", "ops", "precisionOverride", "skipCPUIf", "skipCPUIfNoFFT", "skipCPUIfNoLapack", "skipCUDAIf",
    "skipCUDAIfRocm", "skipIf", "skipMPS", "skipMeta", "skipOps", "tol", "toleranceOverride", "xfail", "skip", "xfailIf", "decorate", "DecorateInfo",
]

tol = namedtuple("tol", ["atol", "rtol"])


class DeviceTypeTestBase(TestCase):
    """What the tests of one device have in common: its name, the device, and which tests it skips."""

    device_type = "generic_device_type"

    @classmethod
    def get_primary_device(cls):
        """The device that a test gets which asks for one."""
        return cls.device_type

    @classmethod
    def get_all_devices(cls):
        """All devices of the type."""
        return [cls.get_primary_device()]


class CPUTestBase(DeviceTypeTestBase):
    """Tests of the CPU."""

    device_type = "cpu"


class MetaTestBase(DeviceTypeTestBase):
    """Tests of tensors without data."""

    device_type = "meta"


def get_device_type_test_bases():
    """The bases of the devices there are."""
    return [CPUTestBase]


device_type_test_bases = get_device_type_test_bases()


def get_all_device_types():
    """The names of the devices there are."""
    return ["cpu"]


# ---- which tests there are ----

class _ForDtypes:
    """Marks a test with its dtypes, on one device type or on all."""

    def __init__(self, *args, device_type="all"):
        if args and isinstance(args[0], (list, tuple)):
            for several in args:
                if not all(isinstance(d, torch.dtype) for d in several):
                    raise AssertionError("Unknown dtype in " + str(several))
        elif not all(isinstance(d, torch.dtype) for d in args):
            raise AssertionError("Unknown dtype in " + str(args))
        self.args, self.device_type = args, device_type

    def __call__(self, fn):
        known = fn.__dict__.setdefault("dtypes", {})
        if self.device_type in known:
            raise AssertionError(f"dtypes redefinition for {self.device_type}")
        known[self.device_type] = self.args
        return fn


class dtypes(_ForDtypes):  # noqa: N801
    """The decorated test once for each dtype, as its argument `dtype`; tuples of dtypes give tuples."""


dtypesIf = dtypes  # noqa: N816


def _dtypes_on(device_type):
    return functools.partial(dtypes, device_type=device_type)


dtypesIfCPU, dtypesIfCUDA, dtypesIfMPS, dtypesIfHPU, dtypesIfXPU = map(_dtypes_on, ("cpu", "cuda", "mps", "hpu", "xpu"))  # noqa: N816


class OpDTypes(enum.Enum):
    """Which dtypes of an operator :class:`ops` runs a test for."""

    supported = 0
    unsupported = 1
    supported_backward = 2
    unsupported_backward = 3
    any_one = 4
    none = 5
    any_common_cpu_cuda_one = 6


class ops(_Variations):  # noqa: N801
    """The decorated test once for each OpInfo of a list and each of its dtypes, as its arguments `op` and `dtype`."""

    def __init__(self, op_list, *, dtypes=OpDTypes.supported, allowed_dtypes=None, skip_if_dynamo=True):
        self.op_list, self.dtypes, self.allowed_dtypes = list(op_list), dtypes, allowed_dtypes

    def _dtypes_of(self, op, device_type):
        if not isinstance(self.dtypes, OpDTypes):
            chosen = set(self.dtypes) if self.dtypes is not None else {None}
        elif self.dtypes is OpDTypes.none:
            return [None]
        else:
            supported = op.supported_dtypes(device_type)
            backward = op.supported_backward_dtypes(device_type)
            every = set(torch.testing._internal.common_dtype.get_all_dtypes())
            chosen = {OpDTypes.unsupported: every - supported, OpDTypes.supported_backward: backward,
                      OpDTypes.unsupported_backward: every - backward}.get(self.dtypes, supported)
            if self.dtypes in (OpDTypes.any_one, OpDTypes.any_common_cpu_cuda_one):
                order = (torch.float32, torch.float64, torch.complex64, torch.complex128, torch.float16, torch.bfloat16, torch.int64, torch.int32,
                         torch.int16, torch.int8, torch.uint8, torch.bool)
                chosen = {next(d for d in order if d in chosen)} if chosen else set()
        if self.allowed_dtypes is not None:
            chosen &= set(self.allowed_dtypes)
        return sorted(chosen, key=str)

    def variations(self, test, generic_cls, device_cls):
        if device_cls is None:
            raise RuntimeError("The @ops decorator is only intended to be used in a device-specific context; use it with "
                               "instantiate_device_type_tests() instead of instantiate_parametrized_tests()")
        for op in self.op_list:
            for dtype in self._dtypes_of(op, device_cls.device_type):
                arguments = {"op": op} if dtype is None else {"op": op, "dtype": dtype}
                decorators = op.get_decorators(generic_cls.__name__, test.__name__, device_cls.device_type, dtype, arguments)
                yield op.formatted_name, arguments, decorators


def _wants_device(test):
    import inspect

    return "device" in inspect.signature(test).parameters or "devices" in inspect.signature(test).parameters


def instantiate_device_type_tests(generic_test_class, scope, except_for=None, only_for=None, include_lazy=False, allow_mps=False, allow_xpu=False):
    """Puts a class of tests for each device into `scope` in place of `generic_test_class`: TestFoo becomes TestFooCPU.

    A test gets its device as the argument `device`, its dtype as `dtype` (see :class:`dtypes`), its operator as `op` (see :class:`ops`).
    """
    scope.pop(generic_test_class.__name__, None)
    only_for = [only_for] if isinstance(only_for, str) else only_for
    except_for = [except_for] if isinstance(except_for, str) else except_for or []
    for base in get_device_type_test_bases():
        if (only_for and base.device_type not in only_for) or base.device_type in except_for:
            continue
        name = generic_test_class.__name__ + base.device_type.upper()
        plain = {key: value for key, value in vars(generic_test_class).items()
                 if not (key.startswith("test") and callable(value)) and key not in ("__dict__", "__weakref__")}
        bases = tuple(b for b in generic_test_class.__bases__ if not issubclass(base, b))
        device_class = type(name, (base, *bases), {**plain, "__module__": generic_test_class.__module__})
        for key in [k for k in dir(generic_test_class) if k.startswith("test")]:
            for full, method in _instances(getattr(generic_test_class, key), key, generic_test_class, base):
                if hasattr(device_class, full):
                    raise AssertionError(f"Redefinition of test {full}")
                setattr(device_class, full, method)
        scope[name] = device_class


def _instances(test, name, generic_cls, device_cls):
    """(name, method) of a test on one device."""
    device_type = device_cls.device_type
    by_device = getattr(test, "dtypes", {})
    for dtype in by_device.get(device_type, by_device.get("all", (None,))):
        base = {}
        if _wants_device(test):
            base["devices" if hasattr(test, "num_required_devices") else "device"] = (
                device_cls.get_all_devices() if hasattr(test, "num_required_devices") else device_cls.get_primary_device())
        if dtype is not None:
            base["dtype"] = dtype
        for suffix, arguments, method in _varied(test, generic_cls, device_cls, base):
            kinds = arguments.get("dtype")
            kinds = () if kinds is None else kinds if isinstance(kinds, (list, tuple)) else (kinds,)
            full = "_".join([name, *suffix, device_type, *map(dtype_name, kinds)])
            method = _with_tolerances(method, test, kinds)
            method.__name__ = full
            yield full, method


def _with_tolerances(method, test, kinds):
    """`method` with the overrides of precision for its dtypes."""
    precision = max((getattr(test, "precision_overrides", {}).get(d, 0.0) for d in kinds), default=0.0)
    given = [getattr(method, "tolerance_overrides", {}).get(d) or getattr(test, "tolerance_overrides", {}).get(d) for d in kinds]
    atol = max((t.atol for t in given if t), default=precision)
    rtol = max((t.rtol for t in given if t), default=0.0)
    if not (atol or rtol):
        return method

    @functools.wraps(method)
    def with_tolerances(self):
        before = self.precision, self.rel_tol
        self.precision, self.rel_tol = max(before[0], atol), max(before[1], rtol)
        try:
            return method(self)
        finally:
            self.precision, self.rel_tol = before

    return with_tolerances


# ---- skips and expectations by device ----

class skipIf:  # noqa: N801
    """Skips a test on a device type (None: all) if `dep` holds; a string names an attribute of the test case."""

    def __init__(self, dep, reason, device_type=None):
        self.dep, self.reason, self.device_type = dep, reason, device_type

    def __call__(self, fn):
        @functools.wraps(fn)
        def wrapper(case, *args, **kwargs):
            if self.device_type is None or case.device_type == self.device_type:
                dep = getattr(case, self.dep, True) if isinstance(self.dep, str) else self.dep
                if dep:
                    raise unittest.SkipTest(self.reason)
            return fn(case, *args, **kwargs)
        return wrapper


def _skip_on(device_type):
    return lambda dep, reason: skipIf(dep, reason, device_type=device_type)


skipCPUIf, skipCUDAIf, skipMPSIf, skipXPUIf, skipHPUIf, skipMetaIf = map(_skip_on, ("cpu", "cuda", "mps", "xpu", "hpu", "meta"))  # noqa: N816


def skipMeta(fn):  # noqa: N802
    """Skips a test on the meta device."""
    return skipMetaIf(True, "test doesn't work with meta tensors")(fn)


def skipMPS(fn):  # noqa: N802
    """Skips a test on MPS."""
    return skipMPSIf(True, "test doesn't work on MPS backend")(fn)


def skipCPUIfNoLapack(fn):  # noqa: N802
    """Skips a test on the CPU without LAPACK."""
    return skipCPUIf(not torch.has_lapack, "PyTorch compiled without Lapack")(fn)


def skipCPUIfNoFFT(fn):  # noqa: N802
    """Skips a test on the CPU without Fourier transforms."""
    return skipCPUIf(not torch.has_spectral, "PyTorch is built without FFT support")(fn)


def skipCUDAIfRocm(fn=None, *, msg="test doesn't currently work on the ROCm stack"):  # noqa: N802
    """Skips a test on ROCm."""
    return skipCUDAIf(False, msg)(fn) if fn else functools.partial(skipCUDAIfRocm, msg=msg)


def skipCUDAIfNoMagma(fn):  # noqa: N802
    """Skips a test on CUDA without MAGMA."""
    return skipCUDAIf(True, "no MAGMA library detected")(fn)


skipCUDAIfNoCusolver = skipCUDAIfNoCudnn = skipCUDAIfNoMagma  # noqa: N816


class onlyOn:  # noqa: N801
    """Skips a test on all other device types."""

    def __init__(self, device_type):
        self.device_types = (device_type,) if isinstance(device_type, str) else tuple(device_type)

    def __call__(self, fn):
        @functools.wraps(fn)
        def wrapper(case, *args, **kwargs):
            if case.device_type not in self.device_types:
                raise unittest.SkipTest(f"Only runs on {', '.join(self.device_types)}")
            return fn(case, *args, **kwargs)
        return wrapper


def onlyCPU(fn):  # noqa: N802
    """Runs a test on the CPU only."""
    return onlyOn("cpu")(fn)


def onlyCUDA(fn):  # noqa: N802
    """Runs a test on CUDA only."""
    return onlyOn("cuda")(fn)


def onlyMPS(fn):  # noqa: N802
    """Runs a test on MPS only."""
    return onlyOn("mps")(fn)


def onlyNativeDeviceTypes(fn):  # noqa: N802
    """Runs a test on the CPU, CUDA and meta."""
    return onlyOn(("cpu", "cuda", "meta"))(fn)


def onlyAccelerator(fn):  # noqa: N802
    """Runs a test on accelerators only."""
    return onlyOn(("cuda", "xpu", "mps", "hpu"))(fn)


class deviceCountAtLeast:  # noqa: N801
    """Gives a test all devices of a type, as its argument `devices`; skips it where there are too few."""

    def __init__(self, num_required_devices):
        self.num_required_devices = num_required_devices

    def __call__(self, fn):
        if hasattr(fn, "num_required_devices"):
            raise AssertionError(f"deviceCountAtLeast redefinition for {fn.__name__}")

        @functools.wraps(fn)
        def wrapper(case, devices, *args, **kwargs):
            if len(devices) < self.num_required_devices:
                raise unittest.SkipTest(f"fewer than {self.num_required_devices} devices detected")
            return fn(case, devices, *args, **kwargs)

        wrapper.num_required_devices = self.num_required_devices
        return wrapper


class expectedFailure:  # noqa: N801
    """A test that must fail on a device type (None: all)."""

    def __init__(self, device_type):
        self.device_type = device_type

    def __call__(self, fn):
        @functools.wraps(fn)
        def wrapper(case, *args, **kwargs):
            if self.device_type is not None and case.device_type != self.device_type:
                return fn(case, *args, **kwargs)
            try:
                fn(case, *args, **kwargs)
            except unittest.SkipTest:
                raise
            except Exception:
                return None
            case.fail("expected test to fail, but it passed")
        return wrapper


expectedFailureCPU, expectedFailureCUDA, expectedFailureMPS, expectedFailureMeta, expectedFailureXPU = map(  # noqa: N816
    expectedFailure, ("cpu", "cuda", "mps", "meta", "xpu"))


class precisionOverride:  # noqa: N801
    """Absolute tolerances of a test by dtype: ``@precisionOverride({torch.half: 1e-2})``."""

    def __init__(self, d):
        if not all(isinstance(dtype, torch.dtype) for dtype in d):
            raise AssertionError("precisionOverride takes a dict of dtypes")
        self.d = d

    def __call__(self, fn):
        fn.precision_overrides = self.d
        return fn


class toleranceOverride:  # noqa: N801
    """Tolerances of a test by dtype: ``@toleranceOverride({torch.half: tol(atol=1e-2, rtol=1e-2)})``."""

    def __init__(self, d):
        if not all(isinstance(t, tol) for t in d.values()):
            raise AssertionError("toleranceOverride takes a dict of tol")
        self.d = d

    def __call__(self, fn):
        fn.tolerance_overrides = self.d
        return fn


def largeTensorTest(size, device=None, inductor=False):  # noqa: N802
    """Skips a test where less than `size` bytes (or "4GB") of memory are free."""
    if isinstance(size, str):
        units = {"kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}
        if size[-2:].lower() not in units:
            raise AssertionError(f"expected a size in KB, MB or GB, but got {size}")
        size = float(size[:-2]) * units[size[-2:].lower()]

    def decorator(fn):
        @functools.wraps(fn)
        def wrapper(*args, **kwargs):
            import os

            free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
            if free < size:
                raise unittest.SkipTest(f"needs {size / 2**30:.1f} GB of memory, {free / 2**30:.1f} are free")
            return fn(*args, **kwargs)
        return wrapper
    return decorator


# ---- expectations of operators ----

class DecorateInfo:
    """Decorators for the tests of an operator that match: class, test, device type and dtypes; None matches all."""

    def __init__(self, decorators, cls_name=None, test_name=None, *, device_type=None, dtypes=None, active_if=True):
        self.decorators = list(decorators) if isinstance(decorators, (list, tuple)) else [decorators]
        self.cls_name, self.test_name, self.device_type = cls_name, test_name, device_type
        self.dtypes, self.active_if = dtypes, active_if

    def is_active(self, cls_name, test_name, device_type, dtype, param_kwargs):
        """Whether the decorators apply to this test."""
        return (self.active_if and self.cls_name in (None, cls_name) and self.test_name in (None, test_name)
                and self.device_type in (None, device_type) and (self.dtypes is None or dtype in self.dtypes))


def xfail(op_name, variant_name="", *, device_type=None, dtypes=None):
    """For :func:`skipOps`: the test of this operator must fail."""
    return op_name, variant_name, device_type, dtypes, True


def skip(op_name, variant_name="", *, device_type=None, dtypes=None):
    """For :func:`skipOps`: the test of this operator does not run."""
    return op_name, variant_name, device_type, dtypes, False


def xfailIf(op_name, variant_name="", *, active_if, device_type=None, dtypes=None):  # noqa: N802
    """:func:`xfail` under a condition."""
    return op_name, variant_name, device_type, dtypes, True if active_if else None


def decorate(op_name, variant_name="", *, decorator=None, device_type=None, dtypes=None):
    """For :func:`skipOps`: the test of this operator gets a decorator."""
    return op_name, variant_name, device_type, dtypes, decorator


def skipOps(test_case_name, base_test_name, to_skip):  # noqa: N802
    """Puts expectations (:func:`xfail`, :func:`skip`, :func:`decorate`) on the operators of a test over `op_db`."""
    from torch.testing._internal.common_methods_invocations import op_db

    for name, variant, device_type, kinds, what in to_skip:
        found = [o for o in op_db if o.name == name and o.variant_test_name == variant]
        if not found:
            raise AssertionError(f"Couldn't find OpInfo for {name} {variant}")
        decorator = {True: unittest.expectedFailure, False: unittest.skip("Skipped!")}.get(what, what) if what is not None else None
        for op in found if decorator is not None else ():
            op.decorators = (*op.decorators, DecorateInfo(decorator, test_case_name, base_test_name, device_type=device_type, dtypes=kinds))

    def wrapped(fn):
        return fn
    return wrapped

