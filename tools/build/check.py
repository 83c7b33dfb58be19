"""Fails when a definition of torch/_opdefs is incomplete, with a line for each thing missing."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import source  # noqa: E402


def main():
    definitions = source.load_definitions()
    from torch._codegen import check
    found = check.problems(definitions)
    print("\n".join(found) or f"{len(definitions)} definitions are complete")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
