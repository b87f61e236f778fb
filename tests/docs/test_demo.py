# SPDX-License-Identifier: Apache-2.0
"""The demo: what it shows, and what it says to those who ask for what cannot be."""

from __future__ import annotations

import re
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rich", reason="the demo's extra is not installed")
pytest.importorskip("matplotlib", reason="the demo draws a picture")

ROOT = Path(__file__).resolve().parents[2]


def demo(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the demo in a folder, without setting up first."""
    return subprocess.run(
        [sys.executable, str(ROOT / "apps" / "demo" / "demo.py"), *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", "MPLCONFIGDIR": str(folder)},
    )


def write_wav(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples.astype("<i2").tobytes())


def shown(done: subprocess.CompletedProcess[str], row: str) -> list[str]:
    """Return the numbers of a row of the table."""
    found = re.search(rf"{row} +│ *(\S*) *│ *(\S*) *│", done.stdout)
    assert found, done.stdout + done.stderr
    return [found[1], found[2]]


@pytest.mark.parametrize("sender", ["python", "gnuradio"])
def test_a_recording_arrives(tmp_path: Path, sender: str) -> None:
    """Paths are relative to where it is called; the last heap is filled with zeros."""
    if sender == "gnuradio":
        pytest.importorskip("gnuradio.gr")
    write_wav(tmp_path / "tone.wav", 1000 * np.sin(np.arange(5000)))
    done = demo(tmp_path, "tone.wav", "--sender", sender, "--heap-samples", "1024")
    assert done.returncode == 0, done.stdout + done.stderr
    assert shown(done, "samples") == ["5,120", "5,120"]
    assert shown(done, "equal") == ["", "yes"]
    assert (tmp_path / "demo.png").stat().st_size > 10_000


def test_ten_samples_are_enough_to_send(tmp_path: Path) -> None:
    write_wav(tmp_path / "short.wav", np.arange(10))
    done = demo(tmp_path, "short.wav", "--sender", "python", "--heap-samples", "10")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "there are too few samples" in done.stdout


def test_numbers_that_are_none_are_equal_to_themselves(tmp_path: Path) -> None:
    import soundfile

    samples = np.sin(np.arange(5000, dtype=np.float32))
    samples[100] = np.nan
    soundfile.write(tmp_path / "nan.wav", samples, 8000, subtype="FLOAT")
    done = demo(tmp_path, "nan.wav", "--sender", "python", "--heap-samples", "1000")
    assert done.returncode == 0, done.stdout + done.stderr
    assert shown(done, "equal") == ["", "yes"]


def test_a_path_is_a_path(tmp_path: Path) -> None:
    (tmp_path / "[").mkdir()
    write_wav(tmp_path / "[" / "b].wav", 100 * np.sin(np.arange(3000)))
    options = ["--sender", "python", "--picture", "[/b].png"]
    done = demo(tmp_path, "[/b].wav", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[/b].png" in done.stdout
    assert (tmp_path / "[" / "b].png").exists()
    done = demo(tmp_path, "[/c].wav")
    assert (done.returncode, done.stderr) == (2, "")
    assert "[/c].wav cannot be read" in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--heap-samples", "0"], "0 samples a heap cannot be; use 1 to"),
        (["--rate", "-5"], "-5 bytes per second cannot be; use more than 0"),
        (["--rate", "nan"], "nan bytes per second cannot be"),
        (["--packet-size", "10"], "10 bytes of a packet cannot be; use 64 to 65507"),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, options: list[str], message: str) -> None:
    done = demo(tmp_path, *options)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_help_installs_nothing(tmp_path: Path) -> None:
    """In a copy of the sources, where anything would have to be set up."""
    for name in ("script/demo", "apps/demo/options.py"):
        copy = tmp_path / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
    done = subprocess.run(
        ["bash", str(tmp_path / "script" / "demo"), "--help"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "--heap-samples" in done.stdout
    files = sorted(p.name for p in tmp_path.rglob("*") if p.is_file() and p.suffix != ".pyc")
    assert files == ["demo", "options.py"]
