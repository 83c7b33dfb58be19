"""The training example, small: it learns, is interrupted and goes on with the same losses."""

import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "train_gpt.py"
SMALL = ["--size", "tiny", "--steps", "40", "--batch", "4", "--warmup", "5", "--validate-every", "10", "--save-every", "5",
         "--corpus-bytes", "400000", "--threads", "1"]


def command(out, *more):
    return [sys.executable, str(EXAMPLE), *SMALL, "--out", str(out), *more]


def test_it_learns_and_an_interrupt_changes_nothing(tmp_path):
    subprocess.run(command(tmp_path / "whole"), check=True, capture_output=True)
    whole = (tmp_path / "whole" / "losses.csv").read_text()
    curve = [float(line.split(",")[2]) for line in whole.splitlines() if line.startswith("train")]
    assert len(curve) == 40 and curve[0] > 5 and curve[-1] < 4.5
    assert len((tmp_path / "whole" / "sample.txt").read_text(encoding="utf-8")) > 100
    picture = (tmp_path / "whole" / "losses.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">II", picture[16:24]) == (960, 540)

    parts = tmp_path / "parts"
    process = subprocess.Popen(command(parts), stdout=subprocess.DEVNULL)
    while not (parts / "checkpoint.pt").exists() and process.poll() is None:
        time.sleep(0.02)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGINT)
    process.wait(timeout=60)
    subprocess.run(command(parts, "--resume"), check=True, capture_output=True)
    assert (parts / "losses.csv").read_text() == whole
