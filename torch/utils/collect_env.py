"""What a bug report should say about the machine: ``python -m torch.utils.collect_env``."""

import os
import platform
import subprocess
import sys

import torch

__all__ = ["get_env_info", "get_pretty_env_info", "main"]


def _first_line(*command):
    """The first line that a command prints, or None when there is no such command."""
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.splitlines()[0] if found else None


def _processor():
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _version_of(package):
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def get_env_info():
    """The facts, by name."""
    return {
        "torch version": torch.__version__,
        "Python version": sys.version.replace("\n", " "),
        "Operating system": platform.platform(),
        "libc": " ".join(platform.libc_ver()),
        "Processor": f"{_processor()}, {os.cpu_count()} logical cores",
        "Instruction set in use": torch.backends.cpu.get_cpu_capability(),
        "Threads": torch.get_num_threads(),
        "Compiler": _first_line("c++", "--version"),
        "CMake": _first_line("cmake", "--version"),
        "CUDA available": torch.cuda.is_available(),
        **{name: _version_of(name) for name in ("numpy", "scipy-openblas32", "llvmlite")},
    }


def get_pretty_env_info():
    """The facts as text."""
    return "\n".join(f"{name}: {'not found' if value is None else value}" for name, value in get_env_info().items())


def main():
    """Print the facts."""
    print(get_pretty_env_info())


if __name__ == "__main__":
    main()
