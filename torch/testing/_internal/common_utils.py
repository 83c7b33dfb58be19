"""The base of test cases: TestCase, parametrised tests, skips, and what tests need to know of the machine."""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
import os
import platform
import random
import sys
import tempfile
import unittest

import torch
from torch.testing import FileCheck, make_tensor  # noqa: F401  part of what is imported from here
from torch.testing._comparison import assert_close, default_tolerances

SEED = 1234
IS_WINDOWS, IS_MACOS, IS_LINUX = sys.platform == "win32", sys.platform == "darwin", sys.platform == "linux"
IS_X86 = platform.machine() in ("x86_64", "i386", "AMD64")
IS_ARM64 = platform.machine() in ("arm64", "aarch64")
IS_PPC, IS_S390X, IS_FBCODE, IS_SANDCASTLE, IS_REMOTE_GPU, IS_JETSON = False, False, False, False, False, False
IS_IN_CI = IS_CI = os.environ.get("CI") == "1"
MACOS_VERSION = 0.0


def _flag(name, default=False):
    return os.environ.get(name, "1" if default else "0") == "1"


def _can_import(name):
    import importlib.util

    return importlib.util.find_spec(name) is not None


TEST_NUMPY, TEST_SCIPY, TEST_NUMBA, TEST_DILL = (_can_import(name) for name in ("numpy", "scipy", "numba", "dill"))
TEST_FAIRSEQ = TEST_Z3 = TEST_OPT_EINSUM = TEST_MKL = TEST_MPS = TEST_XPU = TEST_HPU = TEST_PRIVATEUSE1 = False
TEST_CUDA = torch.cuda.is_available()
TEST_MULTIGPU = torch.cuda.device_count() >= 2
TEST_ACCELERATOR, TEST_CUDA_GRAPH, TEST_CUDNN, TEST_CUDA_MEM_LEAK_CHECK = False, False, False, False
TEST_WITH_ROCM = TEST_WITH_MIOPEN_SUGGEST_NHWC = TEST_WITH_HPU = TEST_WITH_MTIA = False
TEST_WITH_ASAN, TEST_WITH_TSAN, TEST_WITH_UBSAN, TEST_WITH_DEV_DBG_ASAN = (
    _flag(f"PYTORCH_TEST_WITH_{kind}") for kind in ("ASAN", "TSAN", "UBSAN", "DEV_DBG_ASAN"))
TEST_WITH_SLOW, TEST_SKIP_FAST = _flag("PYTORCH_TEST_WITH_SLOW"), _flag("PYTORCH_TEST_SKIP_FAST")
TEST_WITH_TORCHDYNAMO, TEST_WITH_TORCHINDUCTOR, TEST_WITH_AOT_EAGER, TEST_WITH_CROSSREF = (
    _flag(f"PYTORCH_TEST_WITH_{kind}") for kind in ("DYNAMO", "INDUCTOR", "AOT_EAGER", "CROSSREF"))
GRADCHECK_NONDET_TOL = 0.0
NO_MULTIPROCESSING_SPAWN = False
NOTEST_CPU = "cpu" in os.environ.get("PYTORCH_TESTING_DEVICE_EXCEPT_FOR", "").split(",")
UNITTEST_ARGS = [sys.argv[0]]

if TEST_NUMPY:
    import numpy as np

    torch_to_numpy_dtype_dict = {dtype: torch.empty((), dtype=dtype).numpy().dtype.type for dtype in (
        torch.bool, torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16,
        torch.float32, torch.float64, torch.complex64, torch.complex128)}
    numpy_to_torch_dtype_dict = {kind: dtype for dtype, kind in torch_to_numpy_dtype_dict.items()}
    torch_to_numpy_dtype_dict.update({torch.bfloat16: np.float32, torch.complex32: np.complex64})

dtype_abbrs = {
    torch.bfloat16: "bf16", torch.float64: "f64", torch.float32: "f32", torch.float16: "f16", torch.complex32: "c32", torch.complex64: "c64",
    torch.complex128: "c128", torch.int8: "i8", torch.int16: "i16", torch.int32: "i32", torch.int64: "i64", torch.bool: "b8", torch.uint8: "u8",
    torch.uint16: "u16", torch.uint32: "u32", torch.uint64: "u64", torch.float8_e4m3fn: "f8e4m3fn", torch.float8_e5m2: "f8e5m2",
    torch.float8_e4m3fnuz: "f8e4m3fnuz", torch.float8_e5m2fnuz: "f8e5m2fnuz",
}


class LazyVal:
    """A value computed when its truth is asked for."""

    def __init__(self, cb):
        self._cb = cb

    def __bool__(self):
        return bool(self._cb())


# ---- random numbers and modes within a block ----

def set_rng_seed(seed=None):
    """Starts the generators of torch, random and numpy from a seed."""
    seed = SEED if seed is None else seed
    torch.manual_seed(seed)
    random.seed(seed)
    if TEST_NUMPY:
        np.random.seed(seed)


@contextlib.contextmanager
def freeze_rng_state():
    """Afterwards torch's random stream goes on as if nothing had been drawn inside."""
    with torch.random.fork_rng():
        yield


@contextlib.contextmanager
def set_default_dtype(dtype):
    """Another default dtype within a block."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


set_default_tensor_type = set_default_dtype


class DeterministicGuard(contextlib.ContextDecorator):
    """Another answer of `torch.are_deterministic_algorithms_enabled` within a block."""

    def __init__(self, deterministic, *, warn_only=False, fill_uninitialized_memory=True):
        self.wanted = deterministic, warn_only

    def __enter__(self):
        self.before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
        torch.use_deterministic_algorithms(self.wanted[0], warn_only=self.wanted[1])

    def __exit__(self, *_):
        torch.use_deterministic_algorithms(self.before[0], warn_only=self.before[1])


class AlwaysWarnTypedStorageRemoval(contextlib.ContextDecorator):
    """Another value of the switch that warns of every use of a TypedStorage."""

    def __init__(self, always_warn):
        self.always_warn = always_warn

    def __enter__(self):
        self.before = torch.storage._always_warn_typed_storage_removal
        torch.storage._always_warn_typed_storage_removal = self.always_warn

    def __exit__(self, *_):
        torch.storage._always_warn_typed_storage_removal = self.before


@contextlib.contextmanager
def disable_gc():
    """No garbage collection within a block."""
    import gc

    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextlib.contextmanager
def TemporaryFileName(*args, **kwargs):  # noqa: N802
    """The name of a file that exists within a block."""
    with tempfile.NamedTemporaryFile(*args, delete=False, **kwargs) as file:
        name = file.name
    try:
        yield name
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


@contextlib.contextmanager
def TemporaryDirectoryName(suffix=None):  # noqa: N802
    """The name of a folder that exists within a block."""
    with tempfile.TemporaryDirectory(suffix=suffix) as name:
        yield name


# ---- skips ----

def _skip_if(condition, reason):
    """A decorator for tests, with or without a message of its own."""
    def decorator(fn=None, *, msg=None):
        if fn is None or isinstance(fn, str):
            return functools.partial(decorator, msg=fn or msg)

        @functools.wraps(fn)
        def wrapper(*args, **kwargs):
            if condition:
                raise unittest.SkipTest(msg or reason)
            return fn(*args, **kwargs)

        return unittest.skipIf(condition, msg or reason)(fn) if isinstance(fn, type) else wrapper
    return decorator


skipIfNoSciPy = _skip_if(not TEST_SCIPY, "test requires SciPy, but SciPy not found")
skipIfNoNumPy = _skip_if(not TEST_NUMPY, "test requires NumPy, but NumPy not found")
skipIfRocm = _skip_if(TEST_WITH_ROCM, "test doesn't currently work on the ROCm stack")
skipIfMPS = _skip_if(TEST_MPS, "test doesn't currently work on MPS")
skipIfXpu = _skip_if(TEST_XPU, "test doesn't currently work on XPU")
skipIfTorchDynamo = _skip_if(TEST_WITH_TORCHDYNAMO, "test doesn't currently work with dynamo")
skipIfTorchInductor = _skip_if(TEST_WITH_TORCHINDUCTOR, "test doesn't currently work with torchinductor")
skipIfCrossRef = _skip_if(TEST_WITH_CROSSREF, "test doesn't currently with crossref")
skipIfWindows = _skip_if(IS_WINDOWS, "test doesn't work on Windows")
skipIfNoLapack = _skip_if(not torch.has_lapack, "PyTorch compiled without Lapack")


def slowTest(fn):  # noqa: N802
    """Marks a test as slow: it runs with PYTORCH_TEST_WITH_SLOW=1 only."""
    wrapped = _skip_if(not TEST_WITH_SLOW, "test is slow; run with PYTORCH_TEST_WITH_SLOW to enable test")(fn)
    wrapped.__dict__["slow_test"] = True
    return wrapped


def skipIfNoXNNPACK(fn):  # noqa: N802
    """Skips: XNNPACK is not used."""
    return unittest.skip("XNNPACK must be enabled for these tests.")(fn)


def suppress_warnings(fn):
    """No warnings while a test runs."""
    import warnings

    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return fn(*args, **kwargs)
    return wrapper


# ---- parametrised tests ----

class subtest:  # noqa: N801
    """One set of values for :class:`parametrize`, with a name and decorators of its own."""

    def __init__(self, arg_values, name=None, decorators=None):
        self.arg_values, self.name, self.decorators = arg_values, name, decorators or []


def dtype_name(dtype):
    """The name of a dtype without "torch."."""
    return str(dtype).rpartition(".")[2]


class _Variations:
    """A decorator that stands for several tests: `variations(test, cls, device_class)` gives (name suffix, arguments, decorators) of each."""

    def variations(self, test, generic_cls, device_cls):
        raise NotImplementedError

    def __call__(self, fn):
        fn.__dict__.setdefault("_variations", []).insert(0, self)
        return fn


class parametrize(_Variations):  # noqa: N801
    """The decorated test once for each value: ``@parametrize("x,y", [(1, 2), subtest((3, 4), name="big")])``.

    `name_fn` names the tests. The class must go through :func:`instantiate_parametrized_tests` or `instantiate_device_type_tests`.
    """

    def __init__(self, arg_str, arg_values, name_fn=None):
        self.arg_names = [name.strip() for name in arg_str.split(",") if name.strip()]
        self.arg_values, self.name_fn = arg_values, name_fn

    def _name_of(self, number, values):
        if self.name_fn is not None:
            return self.name_fn(*values)
        return "_".join(f"{name}_{self._text(value, number)}" for name, value in zip(self.arg_names, values))

    @staticmethod
    def _text(value, number):
        if isinstance(value, torch.dtype):
            return dtype_name(value)
        if isinstance(value, type) or inspect.isfunction(value):
            return value.__name__
        return str(value).replace(".", "_") if isinstance(value, (int, float, str, bool, torch.device)) else str(number)

    def variations(self, test, generic_cls, device_cls):
        for number, values in enumerate(self.arg_values):
            given = values if isinstance(values, subtest) else subtest(values)
            arguments = (given.arg_values,) if len(self.arg_names) == 1 else tuple(given.arg_values)
            if len(arguments) != len(self.arg_names):
                raise RuntimeError(f"Expected # values == # arg names, but got: {len(arguments)} values and {len(self.arg_names)} names for test "
                                   f"\"{test.__name__}\"")
            yield given.name or self._name_of(number, arguments), dict(zip(self.arg_names, arguments)), given.decorators


def decorateIf(decorator, predicate_fn):  # noqa: N802
    """`decorator` for those of a parametrised test's variations whose arguments fulfil a predicate."""
    def mark(fn):
        fn.__dict__.setdefault("_conditional_decorators", []).append((decorator, predicate_fn))
        return fn
    return mark


def _varied(test, generic_cls, device_cls, base_arguments):
    """(name, function) of every test that one with variations stands for."""
    for combination in itertools.product(*(list(v.variations(test, generic_cls, device_cls)) for v in getattr(test, "_variations", ()))):
        arguments, suffix, decorators = dict(base_arguments), [], []
        for name, values, more in combination:
            arguments.update(values)
            suffix.append(name)
            decorators += more
        decorators += [d for d, predicate in getattr(test, "_conditional_decorators", ()) if predicate(arguments)]

        def method(self, _arguments=arguments):
            return test(self, **_arguments)

        functools.update_wrapper(method, test)
        del method.__wrapped__      # what runs takes no arguments
        for decorator in decorators:
            method = decorator(method)
        yield suffix, arguments, method


def instantiate_parametrized_tests(generic_cls):
    """Puts the tests that :class:`parametrize` stands for into a class, in place of the decorated ones. Returns the class."""
    for name in [n for n in dir(generic_cls) if n.startswith("test")]:
        test = getattr(generic_cls, name)
        if not getattr(test, "_variations", None):
            continue
        if name in vars(generic_cls):
            delattr(generic_cls, name)
        for suffix, _, method in _varied(test, generic_cls, None, {}):
            full = "_".join([name, *suffix])
            if hasattr(generic_cls, full):
                raise AssertionError(f"Redefinition of test {full}")
            method.__name__ = full
            setattr(generic_cls, full, method)
    return generic_cls


# ---- the case ----

class TestCase(unittest.TestCase):
    """unittest's TestCase with comparisons that know tensors and with a fresh seed for every test.

    `precision` and `rel_tol` are the least tolerances of `assertEqual`.
    """

    maxDiff = None  # noqa: N815
    exact_dtype = True
    _precision = 0.0
    _rel_tol = 0.0

    @property
    def precision(self):
        """The least absolute tolerance of assertEqual."""
        return self._precision

    @precision.setter
    def precision(self, value):
        self._precision = value

    @property
    def rel_tol(self):
        """The least relative tolerance of assertEqual."""
        return self._rel_tol

    @rel_tol.setter
    def rel_tol(self, value):
        self._rel_tol = value

    def setUp(self):
        set_rng_seed()

    def _tolerances(self, x, y, rtol, atol):
        if rtol is None and atol is None and (self.precision or self.rel_tol):
            known = [t.dtype for t in (x, y) if isinstance(t, torch.Tensor)] or [torch.float64]
            rtol, atol = default_tolerances(*known)
            return max(rtol, self.rel_tol), max(atol, self.precision)
        return rtol, atol

    def assertEqual(self, x, y, msg=None, *, atol=None, rtol=None, equal_nan=True, exact_dtype=True, exact_device=False, exact_layout=False,  # noqa: N802
                    exact_stride=False, exact_is_coalesced=False):
        """Numbers, tensors, arrays and containers of them are close; anything else is equal. A string `msg` goes before the report."""
        if TEST_NUMPY:
            x, y = (torch.as_tensor(a) if isinstance(a, (np.ndarray, np.generic)) else a for a in (x, y))
        if isinstance(x, torch.Tensor) != isinstance(y, torch.Tensor) and not isinstance(x if isinstance(y, torch.Tensor) else y, (list, tuple, str)):
            with contextlib.suppress(TypeError, ValueError, RuntimeError):
                one = x if isinstance(x, torch.Tensor) else y
                x, y = (a if isinstance(a, torch.Tensor) else torch.as_tensor(a, dtype=one.dtype, device=one.device) for a in (x, y))
        if not _holds_numbers(x, y):
            return super().assertEqual(x, y, msg)
        rtol, atol = self._tolerances(x, y, rtol, atol)
        try:
            assert_close(x, y, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=exact_dtype and self.exact_dtype, check_device=exact_device,
                         check_layout=exact_layout, check_stride=exact_stride)
        except AssertionError as error:
            note = msg(str(error)) if callable(msg) else f"{error}\n{msg}" if msg else str(error)
            raise self.failureException(note) from None

    def assertNotEqual(self, x, y, msg=None, *, atol=None, rtol=None, **kwargs):  # noqa: N802
        """Not assertEqual."""
        with self.assertRaises(AssertionError, msg=msg):
            self.assertEqual(x, y, msg, atol=atol, rtol=rtol, **kwargs)

    def assertEqualIgnoreType(self, *args, **kwargs):  # noqa: N802
        """assertEqual whatever the dtypes."""
        return self.assertEqual(*args, exact_dtype=False, **kwargs)

    def assertEqualBroadcasting(self, x, y, *args, **kwargs):  # noqa: N802
        """assertEqual of `x` and one value."""
        return self.assertEqual(x, torch.as_tensor(y, dtype=x.dtype).expand_as(x), *args, **kwargs)

    def assertObjectIn(self, obj, iterable):  # noqa: N802
        """Some element is the very object."""
        if not any(element is obj for element in iterable):
            raise AssertionError("object not found in iterable")

    @contextlib.contextmanager
    def assertWarnsOnceRegex(self, category, regex=""):  # noqa: N802
        """The block warns with a text that matches."""
        with self.assertWarnsRegex(category, regex):
            yield

    def compare_with_numpy(self, torch_fn, np_fn, tensor_like, device=None, dtype=None, **kwargs):
        """A function gives what a function of NumPy gives for the same values."""
        tensor = tensor_like if isinstance(tensor_like, torch.Tensor) else torch.tensor(tensor_like, device=device, dtype=dtype)
        array = tensor.detach().cpu()
        array = (array.float() if array.dtype is torch.bfloat16 else array).numpy()
        self.assertEqual(torch_fn(tensor), torch.as_tensor(np_fn(array)), exact_dtype=kwargs.pop("exact_dtype", False), **kwargs)

    @staticmethod
    def runWithPytorchAPIUsageStderr(code):  # noqa: N802
        """What a program of its own writes to its error stream."""
        import subprocess

        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        return run.stderr


def _holds_numbers(x, y):
    """Whether assert_close is the comparison: both sides are tensors or numbers, or containers of them."""
    if isinstance(x, (torch.Tensor, int, float, complex)) and isinstance(y, (torch.Tensor, int, float, complex)):
        return not (isinstance(x, bool) and isinstance(y, bool))
    if isinstance(x, (list, tuple)) and isinstance(y, (list, tuple)):
        return len(x) == len(y) and len(x) > 0 and all(map(_holds_numbers, x, y))
    if isinstance(x, dict) and isinstance(y, dict):
        return x.keys() == y.keys() and len(x) > 0 and all(_holds_numbers(x[key], y[key]) for key in x)
    return False


def run_tests(argv=None):
    """Runs the tests of the calling file, as `unittest.main` does."""
    unittest.main(module="__main__", argv=argv or sys.argv)


load_tests = None


# ---- small things tests share ----

def gradcheck(fn, inputs, **kwargs):
    """`torch.autograd.gradcheck`; fast where PYTORCH_TEST_WITH_SLOW_GRADCHECK does not ask for all columns."""
    kwargs.setdefault("fast_mode", not _flag("PYTORCH_TEST_WITH_SLOW_GRADCHECK"))
    return torch.autograd.gradcheck(fn, inputs, **kwargs)


def gradgradcheck(fn, inputs, grad_outputs=None, **kwargs):
    """`torch.autograd.gradgradcheck`, like :func:`gradcheck`."""
    kwargs.setdefault("fast_mode", not _flag("PYTORCH_TEST_WITH_SLOW_GRADCHECK"))
    return torch.autograd.gradgradcheck(fn, inputs, grad_outputs, **kwargs)


def is_iterable(obj):
    """Whether `iter(obj)` works."""
    try:
        iter(obj)
    except TypeError:
        return False
    return True


def is_iterable_of_tensors(iterable, include_empty=False):
    """Whether something is a sequence of tensors."""
    if isinstance(iterable, torch.Tensor) or not is_iterable(iterable):
        return False
    items = list(iterable)
    return all(isinstance(t, torch.Tensor) for t in items) if items else include_empty


def noncontiguous_like(t):
    """A tensor with the same elements that is not contiguous; `t` itself where it has at most one element or is so already."""
    if not t.is_contiguous() or t.numel() < 2:
        return t
    spread = torch.empty((*t.shape, 2), dtype=t.dtype, device=t.device)[..., 0]
    return spread.copy_(t.detach()).requires_grad_(t.requires_grad)


def clone_input_helper(input):
    """A clone of a tensor, or of the tensors of a sequence; anything else as it is."""
    if isinstance(input, torch.Tensor):
        return torch.clone(input)
    return tuple(map(clone_input_helper, input)) if isinstance(input, (list, tuple)) else input


def first_sample(self, samples):
    """The first of some samples; the test is skipped if there is none."""
    try:
        return next(iter(samples))
    except StopIteration:
        raise unittest.SkipTest("Skipped! Need at least 1 sample input") from None


def random_symmetric_matrix(size, *batch, dtype=torch.double, device="cpu"):
    """Random symmetric (Hermitian) matrices."""
    A = torch.randn(*batch, size, size, dtype=dtype, device=device)
    return (A + A.mH).div_(2)


def random_symmetric_pd_matrix(size, *batch, dtype=torch.double, device="cpu"):
    """Random symmetric (Hermitian) positive definite matrices."""
    A = torch.randn(*batch, size, size, dtype=dtype, device=device)
    return A @ A.mH + torch.eye(size, dtype=dtype, device=device) * 1e-5


random_hermitian_matrix, random_hermitian_pd_matrix = random_symmetric_matrix, random_symmetric_pd_matrix


def random_symmetric_psd_matrix(size, *batch, dtype=torch.double, device="cpu"):
    """Random symmetric positive semidefinite matrices."""
    A = torch.randn(*batch, size, size, dtype=dtype, device=device)
    return A @ A.mH


def make_fullrank_matrices_with_distinct_singular_values(*shape, device, dtype, requires_grad=False):
    """Random matrices (..., m, n) with the singular values 1 + 1/k, so that factorisations are well conditioned."""
    with torch.no_grad():
        U, _, Vh = torch.linalg.svd(make_tensor(shape, device=device, dtype=dtype), full_matrices=False)
        real = torch.empty((), dtype=dtype).real.dtype if dtype.is_complex else dtype
        S = torch.arange(1, U.shape[-1] + 1, dtype=real, device=device).reciprocal().add_(1.0).to(dtype)
        return (U * S @ Vh).requires_grad_(requires_grad)


def random_fullrank_matrix_distinct_singular_value(matrix_size, *batch_dims, **kwargs):
    """Random square matrices with the singular values 1 + 1/k."""
    return make_fullrank_matrices_with_distinct_singular_values(*batch_dims, matrix_size, matrix_size, dtype=kwargs.get("dtype", torch.double),
                                                                device=kwargs.get("device", "cpu"))


def find_free_port():
    """The number of a port that nobody listens on."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.bind(("localhost", 0))
        return s.getsockname()[1]


def outs_and_grads(fn, graph_inputs, inputs):
    """(results of a function, gradients of their sum with respect to `inputs`)."""
    outs = fn(*graph_inputs)
    leaves = torch.utils._pytree.tree_leaves(outs)
    sum(out.sum() for out in leaves if isinstance(out, torch.Tensor) and out.requires_grad).backward(retain_graph=True)
    grads = [t.grad for t in torch.utils._pytree.tree_leaves(inputs) if isinstance(t, torch.Tensor)]
    for t in torch.utils._pytree.tree_leaves(inputs):
        if isinstance(t, torch.Tensor):
            t.grad = None
    return outs, grads
