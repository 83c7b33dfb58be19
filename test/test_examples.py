"""The examples, small: each runs to its end and leaves a picture; the training example is interrupted and goes on with the same losses."""

import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

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


def is_picture(data):
    return data[:8] == b"\x89PNG\r\n\x1a\n" and min(struct.unpack(">II", data[16:24])) >= 100


SHORT = sorted(path for path in EXAMPLE.parent.glob("*.py") if "--short" in path.read_text(encoding="utf-8"))


def test_each_example_has_a_short_form_with_a_picture(tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLCONFIGDIR": str(tmp_path)}
    running = {path.stem: subprocess.Popen([sys.executable, str(path), "--short", "--out", str(tmp_path / path.stem)], env=environment,
                                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for path in SHORT}
    assert set(running) == {path.stem for path in EXAMPLE.parent.glob("*.py")} - {EXAMPLE.stem}
    for name, process in running.items():
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
        pictures = list((tmp_path / name).glob("*.png"))
        assert output and len(pictures) == 1 and is_picture(pictures[0].read_bytes())
