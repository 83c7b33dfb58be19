"""Building extension modules in C and C++.

This build has no C++ interface of its own (no ``torch/extension.h``): sources may use Python's C interface and whatever headers they
bring, and exchange tensors by the buffer protocol, DLPack or `data_ptr()`.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import warnings

from torch.utils.file_baton import FileBaton

__all__ = [
    "BuildExtension", "CUDAExtension", "CppExtension", "SyclExtension", "check_compiler_is_gcc", "check_compiler_ok_for_platform",
    "get_compiler_abi_compatibility_and_version", "get_cxx_compiler", "get_default_build_root", "include_paths", "is_ninja_available", "library_paths",
    "load", "load_inline", "remove_extension_h_precompiler_headers", "verify_ninja_availability",
]

MINIMUM_GCC_VERSION = (5, 0, 0)


# ---- tools ----

def get_cxx_compiler():
    """The C++ compiler: CXX of the environment, or the system's."""
    return os.environ.get("CXX", "cl" if sys.platform == "win32" else "c++")


def check_compiler_is_gcc(compiler):
    """Whether a compiler is GCC. False outside of Linux."""
    if sys.platform != "linux":
        return False
    try:
        text = subprocess.run([*compiler.split(), "-v"], capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError):
        return False
    return "gcc version" in text


def check_compiler_ok_for_platform(compiler):
    """Whether a compiler is there and, on Linux, GCC or Clang."""
    if shutil.which(compiler.split()[0]) is None:
        return False
    if sys.platform != "linux":
        return True
    try:
        text = subprocess.run([*compiler.split(), "-v"], capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError):
        return False
    return "gcc version" in text or "clang version" in text


def get_compiler_abi_compatibility_and_version(compiler):
    """(whether a compiler's binary interface fits, its version as numbers); it warns where it does not."""
    unknown = (0, 0, 0)
    if not check_compiler_ok_for_platform(compiler):
        warnings.warn(f"{compiler} is not a C++ compiler that is known to fit here", stacklevel=2)
        return False, unknown
    try:
        text = subprocess.run([*compiler.split(), "-dumpfullversion", "-dumpversion"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        warnings.warn(f"Error checking compiler version for {compiler}: {error}", stacklevel=2)
        return False, unknown
    numbers = tuple(int(n) for n in re.findall(r"\d+", text.split("\n", 1)[0])[:3])
    version = numbers + (0,) * (3 - len(numbers))
    if check_compiler_is_gcc(compiler) and version < MINIMUM_GCC_VERSION:
        warnings.warn(f"{compiler} {'.'.join(map(str, version))} is older than {'.'.join(map(str, MINIMUM_GCC_VERSION))}", stacklevel=2)
        return False, version
    return True, version


def is_ninja_available():
    """Whether the build tool ninja can be called."""
    return shutil.which("ninja") is not None


def verify_ninja_availability():
    """RuntimeError unless ninja can be called."""
    if not is_ninja_available():
        raise RuntimeError("Ninja is required to load C++ extensions (pip install ninja to get it)")


def get_default_build_root():
    """The folder below which :func:`load` builds: TORCH_EXTENSIONS_DIR, or one in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.environ.get("TORCH_EXTENSIONS_DIR") or os.path.join(cache, "torch_extensions")


def include_paths(device_type="cpu", torch_include_dirs=True):
    """Folders of headers an extension may include: none, this build has no headers. OSError for another device type than "cpu"."""
    _cpu_only(device_type)
    return []


def library_paths(device_type="cpu", torch_include_dirs=True, cross_target_platform=None):
    """Folders of libraries an extension may link with: that of the package. OSError for another device type than "cpu"."""
    _cpu_only(device_type)
    return [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))] if torch_include_dirs else []


def _cpu_only(device_type):
    if device_type == "cuda":
        raise OSError("CUDA_HOME environment variable is not set. Please set it to your CUDA install root.")
    if device_type != "cpu":
        raise OSError(f"extensions for {device_type!r} cannot be built: this build of torch is for the CPU")


def remove_extension_h_precompiler_headers():
    """Removes precompiled headers: none are kept."""


# ---- building by setup.py ----

def CppExtension(name, sources, *args, **kwargs):  # noqa: N802
    """A `setuptools.Extension` in C++."""
    import setuptools

    kwargs["language"] = "c++"
    return setuptools.Extension(name, sources, *args, **kwargs)


def CUDAExtension(name, sources, *args, **kwargs):  # noqa: N802
    """An extension with CUDA sources: OSError, there is no CUDA here."""
    _cpu_only("cuda")


def SyclExtension(name, sources, *args, **kwargs):  # noqa: N802
    """An extension with SYCL sources: OSError, there is no SYCL here."""
    _cpu_only("xpu")


def _build_extension():
    from setuptools.command.build_ext import build_ext

    class BuildExtension(build_ext):
        """setuptools' ``build_ext`` with C++17; `extra_compile_args` may be a dict whose "cxx" counts.

        `with_options(**options)` gives a class with options set, for ``cmdclass``: `use_ninja` and `no_python_abi_suffix`.
        """

        def __init__(self, *args, **kwargs):
            self.no_python_abi_suffix = kwargs.pop("no_python_abi_suffix", False)
            self.use_ninja = kwargs.pop("use_ninja", False)
            super().__init__(*args, **kwargs)

        @classmethod
        def with_options(cls, **options):
            """This class with options set."""
            class WithOptions(cls):
                def __init__(self, *args, **kwargs):
                    super().__init__(*args, **{**kwargs, **options})
            return WithOptions

        def build_extensions(self):
            """Compiles and links."""
            for extension in self.extensions:
                given = extension.extra_compile_args
                given = list(given.get("cxx", [])) if isinstance(given, dict) else list(given or [])
                extension.extra_compile_args = given if any("std=" in flag for flag in given) else [*given, "-std=c++17"]
            super().build_extensions()

        def get_ext_filename(self, ext_name):
            """The file of an extension, without the interpreter's tag if `no_python_abi_suffix`."""
            name = super().get_ext_filename(ext_name)
            if not self.no_python_abi_suffix:
                return name
            parts = name.split(".")
            return ".".join([*parts[:-2], parts[-1]]) if len(parts) > 2 else name

    return BuildExtension


# ---- building at once ----

def load(name, sources, extra_cflags=None, extra_cuda_cflags=None, extra_sycl_cflags=None, extra_ldflags=None, extra_include_paths=None,
         build_directory=None, verbose=False, with_cuda=None, with_sycl=None, is_python_module=True, is_standalone=False, keep_intermediates=True):
    """Compiles C++ sources and imports the module they define; a build that is newer than the sources is used as it is.

    With ``is_python_module=False`` the library is loaded into the process, and its path returned; with `is_standalone` a program is
    built, and its path returned. RuntimeError with the compiler's words where it fails.
    """
    if with_cuda or with_sycl:
        _cpu_only("cuda" if with_cuda else "xpu")
    sources = [sources] if isinstance(sources, str) else [os.fspath(s) for s in sources]
    folder = build_directory or os.path.join(get_default_build_root(), f"py{sys.version_info.major}{sys.version_info.minor}_cpu", name)
    os.makedirs(folder, exist_ok=True)
    target = os.path.join(folder, name if is_standalone else name + ".so")
    flags = ["-std=c++17", "-O2", *(() if is_standalone else ("-fPIC", "-shared")), *(extra_cflags or [])]
    if sys.platform == "darwin" and not is_standalone:
        flags += ["-undefined", "dynamic_lookup"]
    includes = [f"-I{path}" for path in (*(extra_include_paths or []), sysconfig.get_path("include"), *include_paths())]
    command = [*get_cxx_compiler().split(), *flags, *includes, *sources, "-o", target, *(extra_ldflags or [])]
    _build(command, sources, target, verbose)
    if is_standalone:
        return target
    return _import(name, target) if is_python_module else _load_library(target)


def _build(command, sources, target, verbose):
    """Runs a command unless what it makes is newer than the sources and was made by the same command."""
    baton, note, line = FileBaton(target + ".lock"), target + ".command", " ".join(command)
    if not baton.try_acquire():
        baton.wait()
        return
    try:
        if os.path.exists(target) and os.path.exists(note) and all(os.path.getmtime(s) <= os.path.getmtime(target) for s in sources):
            with open(note) as file:
                if file.read() == line:
                    return
        if verbose:
            print(line, file=sys.stderr)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"Error building extension '{os.path.basename(target)}': {line}\n{done.stdout}{done.stderr}")
        with open(note, "w") as file:
            file.write(line)
    finally:
        baton.release()


def _import(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported as {name}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _load_library(path):
    import ctypes

    ctypes.CDLL(path)
    return path


def load_inline(name, cpp_sources, cuda_sources=None, sycl_sources=None, functions=None, extra_cflags=None, extra_cuda_cflags=None,
                extra_sycl_cflags=None, extra_ldflags=None, extra_include_paths=None, build_directory=None, verbose=False, with_cuda=None,
                with_sycl=None, is_python_module=True, with_pytorch_error_handling=True, keep_intermediates=True, use_pch=False,
                no_implicit_headers=False):
    """:func:`load` of sources given as text, which define their module themselves.

    RuntimeError for `functions`, whose bindings would need torch's C++ headers; OSError for CUDA and SYCL sources.
    """
    if functions:
        raise RuntimeError("load_inline cannot make bindings for functions: this build of torch has no C++ headers. "
                           "Define the module in the source, with Python's C interface or pybind11.")
    if cuda_sources or sycl_sources:
        _cpu_only("cuda" if cuda_sources else "xpu")
    texts = [cpp_sources] if isinstance(cpp_sources, str) else list(cpp_sources)
    folder = build_directory or os.path.join(get_default_build_root(), f"py{sys.version_info.major}{sys.version_info.minor}_cpu", name)
    os.makedirs(folder, exist_ok=True)
    source = os.path.join(folder, "main.cpp")
    _write_if_changed(source, "\n".join(texts))
    return load(name, [source], extra_cflags, None, None, extra_ldflags, extra_include_paths, folder, verbose, with_cuda, with_sycl, is_python_module,
                False, keep_intermediates)


def _write_if_changed(path, text):
    if os.path.exists(path):
        with open(path) as file:
            if file.read() == text:
                return
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
    with os.fdopen(handle, "w") as file:
        file.write(text)
    os.replace(temporary, path)


def __getattr__(name):
    if name == "BuildExtension":
        global BuildExtension
        BuildExtension = _build_extension()     # only here: setuptools need not be installed
        return BuildExtension
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
