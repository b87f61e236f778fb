# SPDX-License-Identifier: GPL-3.0-or-later
"""The flowgraphs in apps/: compiled with grcc, and run against the reference receiver."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("gnuradio.gr", reason="the flowgraphs need GNU Radio")

ROOT = Path(__file__).resolve().parents[2]
APPS = ROOT / "apps"
FLOWGRAPHS = sorted(APPS.glob("*.grc"))
HEAP_SAMPLES = 1000


def run(name: str, *options: str, **keywords: Any) -> subprocess.CompletedProcess[str]:
    """Run a program as users do; it is compiled where it has changed."""
    return subprocess.run(
        [str(APPS / "run"), name, *options],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "SPEAD2_GNURADIO_PYTHON": sys.executable},
        **keywords,
    )


def play(name: str, reception: Any, **options: object) -> list[dict[str, Any]]:
    """Run a program until it ends; return the items of each heap."""
    arguments = ["--port", str(reception.ports[0])]
    for key, value in options.items():
        arguments += [f"--{key.replace('_', '-')}", str(value)]
    done = run(name, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    start, *items = reception.items()
    assert start == {}, "the first heap is the start heap"
    assert f"{len(items)} heaps sent, 0 failed, " in done.stdout
    return items


def assert_timestamps(items: list[dict[str, Any]], step: int) -> None:
    assert [heap["timestamp"] for heap in items] == [i * step for i in range(len(items))]


def test_there_are_flowgraphs() -> None:
    assert len(FLOWGRAPHS) == 5
    usage = run("no_such_flowgraph")
    assert usage.returncode == 2
    assert all(path.stem in usage.stderr for path in FLOWGRAPHS)


@pytest.mark.parametrize("source", FLOWGRAPHS, ids=lambda path: path.stem)
def test_help(source: Path) -> None:
    text = run(source.stem, "--help").stdout
    for option in ("--host", "--port", "--packet-size"):
        assert option in text


def test_digitiser_simulator(receiver: Callable[..., Any]) -> None:
    heaps = 16
    items = play(
        "digitiser_simulator",
        receiver("udp"),
        sample_rate="1e6",
        frequency="125e3",
        amplitude="0.5",
        noise="0.02",
        heap_samples=4096,
        samples=heaps * 4096,
    )
    assert len(items) == heaps
    assert_timestamps(items, 4096)
    for name, other in (("pol_h", "pol_v"), ("pol_v", "pol_h")):
        samples = np.concatenate([heap[name] for heap in items])
        assert samples.dtype == np.int8
        assert len(samples) == heaps * 4096
        spectrum = np.abs(np.fft.rfft(samples.astype(float))) / len(samples)
        assert np.argmax(spectrum) == len(samples) // 8
        assert 2 * spectrum.max() == pytest.approx(0.5 * 127, rel=0.02)
        # The rest is the noise, which is each polarisation's own.
        spectrum[np.argmax(spectrum)] = 0
        rest = np.sqrt(2 * np.sum(spectrum**2))
        assert rest == pytest.approx(0.02 * 127, rel=0.15)
        assert not np.array_equal(items[0][name], items[0][other])


@pytest.mark.parametrize("rate", [None, "200e3"])
def test_recording_player(receiver: Callable[..., Any], tmp_path: Path, rate: str | None) -> None:
    data = np.random.default_rng(1).integers(-32768, 32767, 20 * HEAP_SAMPLES, dtype=np.int16)
    path = tmp_path / "noise.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48000)
        file.writeframes(data.astype("<i2").tobytes())
    options = {} if rate is None else {"sample_rate": rate}
    items = play(
        "recording_player", receiver("udp"), file=path, heap_samples=HEAP_SAMPLES, **options
    )
    assert len(items) == 20
    assert_timestamps(items, HEAP_SAMPLES)
    received = np.concatenate([heap["samples"] for heap in items])
    np.testing.assert_allclose(received * 32768, data, atol=1.01)


def test_iq_player(receiver: Callable[..., Any], tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    shape = 20 * HEAP_SAMPLES
    data = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)
    path = tmp_path / "samples.cf32"
    data.tofile(path)
    items = play("iq_player", receiver("udp"), file=path, heap_samples=HEAP_SAMPLES)
    assert_timestamps(items, HEAP_SAMPLES)
    np.testing.assert_array_equal(np.concatenate([heap["samples"] for heap in items]), data)


def test_spectrometer(receiver: Callable[..., Any]) -> None:
    items = play(
        "spectrometer",
        receiver("udp"),
        sample_rate="1e6",
        frequency="125e3",
        channels=512,
        integrate=8,
        heap_spectra=4,
        spectra=24,
    )
    assert len(items) == 6
    assert_timestamps(items, 4 * 512 * 8)
    for heap in items:
        assert heap["spectrum"].shape == (4, 512)
        assert heap["spectrum"].dtype == np.float32
        # An eighth of the rate, from the middle.
        assert set(np.argmax(heap["spectrum"], axis=1)) == {256 + 512 // 8}


def test_pdu_bursts(receiver: Callable[..., Any]) -> None:
    items = play(
        "pdu_bursts",
        receiver("udp"),
        sample_rate="1e6",
        frequency="10e3",
        burst=500,
        gap=1500,
        samples=20000,
    )
    assert len(items) == 10
    assert_timestamps(items, 2000)
    for i, heap in enumerate(items):
        # Numbers of any length are pairs in network byte order.
        assert heap["burst"].shape == (500, 2)
        received = heap["burst"][:, 0] + 1j * heap["burst"][:, 1]
        time = np.arange(500) + 2000 * i
        np.testing.assert_allclose(received, np.exp(2j * np.pi * 0.01 * time), atol=1e-3)


def decode(recording: Path) -> str:
    """Let gr_satellites print the frames in a recording."""
    command = ["gr_satellites", "us01", "--wavfile", str(recording)]
    command += ["--samp_rate", "48e3", "--hexdump"]
    done = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True)
    return "\n".join(line for line in done.stdout.splitlines() if re.match(r"[0-9a-f]+: ", line))


def test_frame_of_a_satellite(receiver: Callable[..., Any], tmp_path: Path) -> None:
    if shutil.which("gr_satellites") is None:
        pytest.skip("gr_satellites is not installed")
    recording = ROOT / "tests" / "data" / "us01.wav"
    frame = decode(recording)
    assert frame
    with wave.open(str(recording)) as file:
        count = file.getnframes()
    # One heap, much larger than GNU Radio's buffers, so that all samples fit in.
    (heap,) = play(
        "recording_player", receiver("udp"), file=recording, heap_samples=count, sample_rate="1e6"
    )
    received = tmp_path / "received.wav"
    with wave.open(str(received), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48000)
        scaled = np.clip(np.rint(heap["samples"] * 32767), -32768, 32767)
        file.writeframes(scaled.astype("<i2").tobytes())
    assert decode(received) == frame
