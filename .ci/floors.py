"""Replays the recorded cases and compares the figures with .ci/floors.toml, which only ever rises.

    python .ci/floors.py PARITY_FOLDER
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

COMMANDS = {"ops": ["replay.py", "data"], "modules": ["replay.py", "modules", "data"], "optim": ["replay.py", "optim", "data"]}


def main():
    folder = Path(sys.argv[1]).resolve()
    floors = tomllib.loads((Path(__file__).parent / "floors.toml").read_text())
    fallen = False
    for suite, command in COMMANDS.items():
        done = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True)
        last = (done.stdout.strip().splitlines() or ["nothing printed"])[-1]
        print(last)
        match = re.search(r"(\d+)/(\d+) fully right.*cases (\d+)/(\d+)", last)
        if not match:
            print(done.stderr[-2000:])
            fallen = True
            continue
        found = {"right": int(match[1]), "cases": int(match[3])}
        for figure, floor in floors.get(suite, {}).items():
            if found[figure] < floor:
                print(f"{suite}.{figure} is {found[figure]}, under its floor {floor}")
                fallen = True
    sys.exit(fallen)


if __name__ == "__main__":
    main()
