"""Run the tests: ``python test/run_test.py`` for all, ``-i NAME ...`` for some files, more arguments (after `--` if you like) go to pytest.

    python test/run_test.py -i nn test_optim
    python test/run_test.py -i autograd -k hooks
"""

import argparse
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def files_of(names):
    """The test files called `names`, with or without ``test_`` and ``.py``. Exits for unknown names."""
    known = {path.stem.removeprefix("test_"): path for path in sorted(HERE.glob("test_*.py"))}
    wanted = [Path(name).stem.removeprefix("test_") for name in names]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise SystemExit(f"No test file for {', '.join(unknown)}; there are: {', '.join(known)}")
    return [known[name] for name in wanted] if names else list(known.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-i", "--include", nargs="+", default=[], metavar="NAME", help="test files to run")
    parser.add_argument("-x", "--exclude", nargs="+", default=[], metavar="NAME", help="test files to leave out")
    options, rest = parser.parse_known_args()
    rest = rest[rest[:1] == ["--"]:]
    # The repository's own folder `torch` has no extension module: neither this process nor those it starts may find it.
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE.parent]
    os.chdir(HERE)
    import pytest

    left_out = set(files_of(options.exclude)) if options.exclude else set()
    chosen = [str(path) for path in files_of(options.include) if path not in left_out]
    return pytest.main(["-q", "--import-mode=importlib", "--rootdir", str(HERE), "-p", "no:cacheprovider", *chosen, *rest])


if __name__ == "__main__":
    sys.exit(main())
