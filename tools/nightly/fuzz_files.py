"""Loads damaged files of every format in processes of their own; a crash, an unexpected exception or great memory fails.

    python tools/nightly/fuzz_files.py [COUNT] [SEED]      (a million by default)
"""

import multiprocessing
import os
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "test"))
BATCH = 20_000
MOST_MIB = 400


def run(format, seed):
    """One batch in this process; leaves the last file behind if it is the end of it."""
    import mutations

    for data in mutations.mutations(format, BATCH, random.Random(seed)):
        Path(f"last-{os.getpid()}").write_bytes(data)
        mutations.attempt(data)
    Path(f"last-{os.getpid()}").unlink()
    if mutations.peak_mib() > MOST_MIB:
        raise SystemExit(f"{format}, seed {seed}: {mutations.peak_mib():.0f} MiB in use")


def main():
    import mutations

    count, seed = (int(text) for text in (sys.argv[1:] + ["1000000", "0"][len(sys.argv) - 1:])[:2])
    failures = 0
    for number in range(max(1, count // BATCH)):
        format = list(mutations.SEEDS)[number % len(mutations.SEEDS)]
        process = multiprocessing.get_context("spawn").Process(target=run, args=(format, seed + number))
        process.start()
        process.join()
        print(f"{format}, seed {seed + number}: {'ok' if process.exitcode == 0 else f'exit {process.exitcode}'}", flush=True)
        failures += process.exitcode != 0
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
