"""What a bug report should say about the machine: ``python -m torch.utils.collect_env``."""

from __future__ import annotations

import json
import locale
import os
import platform
import re
import subprocess
import sys
from collections import namedtuple

try:
    import torch

    TORCH_AVAILABLE = True
except (ImportError, AttributeError):
    TORCH_AVAILABLE = False

COMMON_PATTERNS = ["torch", "numpy", "triton", "optree", "llvmlite", "scipy-openblas32"]
NVIDIA_PATTERNS = ["cuda-cudart", "cuda-cupti", "cuda-libraries", "cuda-opencl", "cuda-nvrtc", "cuda-runtime", "cublas", "cudnn", "cufft", "curand",
                   "cusolver", "cusparse", "nccl", "nvjitlink", "nvtx"]
ONEAPI_PATTERNS = ["dpcpp-cpp-rt", "intel-cmplr-lib-rt", "intel-cmplr-lib-ur", "intel-opencl-rt", "intel-sycl-rt", "mkl", "onemkl-sycl-blas",
                   "onemkl-sycl-dft", "onemkl-sycl-lapack", "onemkl-sycl-rng", "onemkl-sycl-sparse", "pytorch-triton-xpu", "tcmlib", "tbb", "umf"]
CONDA_PATTERNS = ["cudatoolkit", "soumith", "mkl", "magma"]
PIP_PATTERNS = ["mypy", "flake8", "onnx"]

# field -> the words it is shown under; an empty line goes before the fields that begin with a newline
_SHOWN = {
    "torch_version": "PyTorch version", "is_debug_build": "Is debug build", "cuda_compiled_version": "CUDA used to build PyTorch",
    "hip_compiled_version": "ROCM used to build PyTorch", "os": "\nOS", "gcc_version": "GCC version", "clang_version": "Clang version",
    "cmake_version": "CMake version", "libc_version": "Libc version", "python_version": "\nPython version", "python_platform": "Python platform",
    "is_cuda_available": "Is CUDA available", "cuda_runtime_version": "CUDA runtime version", "cuda_module_loading": "CUDA_MODULE_LOADING set to",
    "nvidia_gpu_models": "GPU models and configuration", "nvidia_driver_version": "Nvidia driver version", "cudnn_version": "cuDNN version",
    "is_xpu_available": "Is XPU available", "hip_runtime_version": "HIP runtime version", "miopen_runtime_version": "MIOpen runtime version",
    "is_xnnpack_available": "Is XNNPACK available", "caching_allocator_config": "Caching allocator config", "cpu_info": "\nCPU",
}
SystemEnv = namedtuple("SystemEnv", [
    "torch_version", "is_debug_build", "cuda_compiled_version", "gcc_version", "clang_version", "cmake_version", "os", "libc_version",
    "python_version", "python_platform", "is_cuda_available", "cuda_runtime_version", "cuda_module_loading", "nvidia_driver_version",
    "nvidia_gpu_models", "cudnn_version", "is_xpu_available", "pip_version", "pip_packages", "conda_packages", "hip_compiled_version",
    "hip_runtime_version", "miopen_runtime_version", "caching_allocator_config", "is_xnnpack_available", "cpu_info"])


# ---- commands ----

def run(command):
    """(exit status, output, errors) of a command, a list or a line for the shell; status 127 where there is no such command."""
    try:
        done = subprocess.run(command, capture_output=True, shell=isinstance(command, str), timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return 127, "", str(error)
    encoding = "oem" if sys.platform == "win32" else locale.getpreferredencoding()
    return done.returncode, done.stdout.decode(encoding, "replace").strip(), done.stderr.decode(encoding, "replace").strip()


def run_and_read_all(run_lambda, command):
    """The output of a command, or None if it fails."""
    status, output, _ = run_lambda(command)
    return output if status == 0 else None


def run_and_parse_first_match(run_lambda, command, regex):
    """The first group of a pattern in the output of a command, or None."""
    output = run_and_read_all(run_lambda, command)
    match = re.search(regex, output) if output is not None else None
    return match.group(1) if match else None


def run_and_return_first_line(run_lambda, command):
    """The first line of the output of a command, or None if it fails."""
    output = run_and_read_all(run_lambda, command)
    return output.split("\n")[0] if output is not None else None


# ---- tools ----

def get_gcc_version(run_lambda):
    """The version of gcc."""
    return run_and_parse_first_match(run_lambda, "gcc --version", r"gcc (.*)")


def get_clang_version(run_lambda):
    """The version of clang."""
    return run_and_parse_first_match(run_lambda, "clang --version", r"clang version (.*)")


def get_cmake_version(run_lambda):
    """The version of CMake."""
    return run_and_parse_first_match(run_lambda, "cmake --version", r"cmake (.*)")


def get_pip_packages(run_lambda, patterns=None):
    """(the pip in use, its packages whose names hold one of the patterns, "name==version" a line)."""
    patterns = PIP_PATTERNS + COMMON_PATTERNS + NVIDIA_PATTERNS + ONEAPI_PATTERNS if patterns is None else patterns
    from importlib import metadata

    found = {f"{d.metadata['Name']}=={d.version}" for d in metadata.distributions() if d.metadata["Name"]
             and any(p in d.metadata["Name"] for p in patterns)}
    return f"pip{sys.version_info.major}", "\n".join(sorted(found))


def get_conda_packages(run_lambda, patterns=None):
    """The packages of conda whose lines hold one of the patterns, or None without conda."""
    patterns = CONDA_PATTERNS + COMMON_PATTERNS + NVIDIA_PATTERNS + ONEAPI_PATTERNS if patterns is None else patterns
    listed = run_and_read_all(run_lambda, [os.environ.get("CONDA_EXE", "conda"), "list"])
    if listed is None:
        return None
    return "\n".join(line for line in listed.splitlines() if not line.startswith("#") and any(p in line for p in patterns))


# ---- accelerators ----

def get_nvidia_smi():
    """The command that asks NVIDIA's driver."""
    if sys.platform != "win32":
        return "nvidia-smi"
    return '"{}"'.format(os.path.join(os.environ.get("SYSTEMROOT", "C:\\Windows"), "System32", "nvidia-smi"))


def get_gpu_info(run_lambda):
    """The NVIDIA GPUs, one a line, or None."""
    listed = run_and_read_all(run_lambda, get_nvidia_smi() + " -L")
    return re.sub(r" \(UUID: .+?\)", "", listed) if listed else None


def get_nvidia_driver_version(run_lambda):
    """The version of NVIDIA's driver, or None."""
    return run_and_parse_first_match(run_lambda, get_nvidia_smi(), r"Driver Version: (.*?) ")


def get_running_cuda_version(run_lambda):
    """The version of the CUDA toolkit in the path, or None."""
    return run_and_parse_first_match(run_lambda, "nvcc --version", r"release .+ V(.*)")


def get_cudnn_version(run_lambda):
    """The cuDNN libraries on the machine, or None."""
    listed = run_and_read_all(run_lambda, "ldconfig -p | grep libcudnn | rev | cut -d' ' -f1 | rev")
    files = sorted({os.path.realpath(f) for f in (listed or "").split() if os.path.isfile(f)})
    return files[0] if len(files) == 1 else "Probably one of the following:\n" + "\n".join(files) if files else None


def get_cuda_module_loading_config():
    """How CUDA loads kernels; "N/A" without CUDA."""
    return os.environ.get("CUDA_MODULE_LOADING", "") if TORCH_AVAILABLE and torch.cuda.is_available() else "N/A"


def get_cachingallocator_config():
    """The settings of the caching allocators in the environment."""
    names = ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF", "PYTORCH_ALLOC_CONF")
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def get_intel_gpu_driver_version(run_lambda):
    """The packages of Intel's GPU driver, a line each."""
    found = ((package, get_linux_pkg_version(run_lambda, package)) for package in ("intel-opencl-icd", "libze1", "level-zero"))
    return "\n".join(f"* {package}:\t{version}" for package, version in found if version not in (None, "N/A"))


def get_intel_gpu_onboard(run_lambda):
    """Intel's GPUs in the machine: "N/A" where they cannot be asked for."""
    listed = run_and_read_all(run_lambda, "xpu-smi discovery -j")
    try:
        devices = json.loads(listed)["device_list"] if listed else []
    except (ValueError, KeyError):
        devices = []
    return "\n".join(f"* {d.get('device_name')}" for d in devices) or "N/A"


def get_intel_gpu_detected(run_lambda):
    """Intel's GPUs that torch uses: "N/A"."""
    return "N/A"


def is_xnnpack_available():
    """Whether XNNPACK is used: "False"."""
    return str(torch.backends.xnnpack.enabled) if TORCH_AVAILABLE else "N/A"


# ---- the machine ----

def get_platform():
    """"linux", "win32", "cygwin", "darwin" or what Python calls it."""
    return next((name for name in ("linux", "win32", "cygwin", "darwin") if sys.platform.startswith(name)), sys.platform)


def get_linux_pkg_version(run_lambda, pkg_name):
    """The version of a Debian package; "N/A" if it is not installed."""
    found = run_and_read_all(run_lambda, ["dpkg-query", "-W", "-f=${Version}", pkg_name])
    return found or "N/A"


def get_cpu_info(run_lambda):
    """The processor as the system describes it."""
    commands = {"linux": "lscpu", "darwin": "sysctl -n machdep.cpu.brand_string",
                "win32": 'powershell -Command "Get-CimInstance Win32_Processor | Select-Object Name,NumberOfCores,MaxClockSpeed | ConvertTo-Json"'}
    command = commands.get(get_platform())
    return (run_and_read_all(run_lambda, command) if command else None) or platform.processor() or platform.machine()


def get_mac_version(run_lambda):
    """The version of macOS, or None."""
    return run_and_parse_first_match(run_lambda, "sw_vers -productVersion", r"(.*)")


def get_windows_version(run_lambda):
    """The version of Windows, or None."""
    command = 'powershell -Command "(Get-CimInstance Win32_OperatingSystem).Caption"'
    return run_and_return_first_line(run_lambda, command)


def get_lsb_version(run_lambda):
    """The distribution as lsb_release says it, or None."""
    return run_and_parse_first_match(run_lambda, "lsb_release -a", r"Description:\t(.*)")


def check_release_file(run_lambda):
    """The distribution as /etc/*-release says it, or None."""
    return run_and_parse_first_match(run_lambda, "cat /etc/*-release", r'PRETTY_NAME="(.*)"')


def get_os(run_lambda):
    """The operating system and the machine."""
    machine, system = platform.machine(), get_platform()
    if system in ("win32", "cygwin"):
        return get_windows_version(run_lambda)
    if system == "darwin":
        return f"macOS {get_mac_version(run_lambda)} ({machine})"
    described = (get_lsb_version(run_lambda) or check_release_file(run_lambda)) if system == "linux" else None
    return f"{described or system} ({machine})"


def get_python_platform():
    """The platform as Python calls it."""
    return platform.platform()


def get_libc_version():
    """The C library; "N/A" outside of Linux."""
    return "-".join(platform.libc_ver()) if get_platform() == "linux" else "N/A"


# ---- all together ----

def get_env_info():
    """The facts, a `SystemEnv`."""
    pip_version, pip_packages = get_pip_packages(run)
    version, debug, cuda, available = (
        (str(torch.__version__), str(torch.version.debug), torch.version.cuda, str(torch.cuda.is_available())) if TORCH_AVAILABLE else ("N/A",) * 4)
    bits = sys.maxsize.bit_length() + 1
    return SystemEnv(
        torch_version=version, is_debug_build=debug, cuda_compiled_version=cuda, gcc_version=get_gcc_version(run), clang_version=get_clang_version(run),
        cmake_version=get_cmake_version(run), os=get_os(run), libc_version=get_libc_version(),
        python_version="{} ({}-bit runtime)".format(sys.version.replace("\n", " "), bits), python_platform=get_python_platform(),
        is_cuda_available=available, cuda_runtime_version=get_running_cuda_version(run), cuda_module_loading=get_cuda_module_loading_config(),
        nvidia_driver_version=get_nvidia_driver_version(run), nvidia_gpu_models=get_gpu_info(run), cudnn_version=get_cudnn_version(run),
        is_xpu_available="False", pip_version=pip_version, pip_packages=pip_packages, conda_packages=get_conda_packages(run),
        hip_compiled_version="N/A", hip_runtime_version="N/A", miopen_runtime_version="N/A", caching_allocator_config=get_cachingallocator_config() or "N/A",
        is_xnnpack_available=is_xnnpack_available(), cpu_info=get_cpu_info(run))


def _text(value):
    return "Could not collect" if value is None or value == "" else str(value)


def pretty_str(envinfo):
    """A `SystemEnv` as text."""
    lines = []
    for name, words in _SHOWN.items():
        value = _text(getattr(envinfo, name))
        if "\n" in value:
            value = "\n" + value
        lines.append(f"{words}:{'' if value.startswith(chr(10)) else ' '}{value}")
    lines.append("\nVersions of relevant libraries:")
    for source, packages in ((envinfo.pip_version, envinfo.pip_packages), ("conda", envinfo.conda_packages)):
        lines += [f"[{source}] {line}" for line in _text(packages).splitlines()]
    return "\n".join(lines)


def get_pretty_env_info():
    """The facts as text."""
    return pretty_str(get_env_info())


def main():
    """Prints the facts."""
    print("Collecting environment information...")
    print(get_pretty_env_info())


if __name__ == "__main__":
    main()
