# SPDX-License-Identifier: GPL-3.0-or-later
"""The flowgraphs in apps/: compiled with grcc, and run against the reference receiver."""

from __future__ import annotations

import json
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
from spectra import spectra

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
    assert len(FLOWGRAPHS) == 7
    usage = run("no_such_flowgraph")
    assert usage.returncode == 2
    assert all(path.stem in usage.stderr for path in FLOWGRAPHS)


@pytest.mark.parametrize("source", FLOWGRAPHS, ids=lambda path: path.stem)
def test_help(source: Path) -> None:
    text = run(source.stem, "--help").stdout
    for option in ("--host", "--port", *(() if source.stem == "observer" else ("--packet-size",))):
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


def put_out(block: Any, count: int) -> np.ndarray:
    """Return the first samples of a source of floats."""
    from gnuradio import blocks, gr

    top, end = gr.top_block(), blocks.vector_sink_f()
    top.connect(block, blocks.head(gr.sizeof_float, count), end)
    top.run()
    return np.array(end.data(), np.float32)


def test_every_sample_of_the_digitiser_arrives(receiver: Callable[..., Any]) -> None:
    """What its generators, whose seeds are known, put out by themselves, as integers."""
    from gnuradio import analog

    count = 50 * 1000
    items = play(
        "digitiser_simulator",
        receiver("udp"),
        sample_rate="1e6",
        frequency="123456",
        amplitude="0.8",
        noise="0.1",
        heap_samples=1000,
        samples=count,
    )
    assert_timestamps(items, 1000)
    waves = {"pol_h": analog.GR_COS_WAVE, "pol_v": analog.GR_SIN_WAVE}
    for seed, (name, wave_form) in enumerate(waves.items(), start=1):
        tone = put_out(analog.sig_source_f(1e6, wave_form, 123456, 0.8), count)
        noise = put_out(analog.noise_source_f(analog.GR_GAUSSIAN, 0.1, seed), count)
        expected = np.clip(np.rint((tone + noise) * np.float32(127)), -128, 127)
        assert np.array_equal(np.concatenate([heap[name] for heap in items]), expected)


def write_wav(path: Path, data: np.ndarray, width: int) -> None:
    """Write integers of 32 bits, cut to `width` bytes; one column a channel."""
    raw = data.astype("<i4").reshape(-1, 1).view(np.uint8)[:, 4 - width :]
    if width == 1:
        raw = raw ^ 0x80  # those of 8 bits are unsigned
    with wave.open(str(path), "wb") as file:
        file.setnchannels(data.shape[1])
        file.setsampwidth(width)
        file.setframerate(48000)
        file.writeframes(raw.tobytes())


@pytest.mark.parametrize("rate", [None, "200e3"])
@pytest.mark.parametrize(
    ("channels", "width"), [(1, 2), (2, 2), (4, 3), (6, 3), (2, 1), (1, 3), (2, 4)]
)
def test_recording_player(
    receiver: Callable[..., Any], tmp_path: Path, rate: str | None, channels: int, width: int
) -> None:
    """Every channel, and the samples at the end that fill no heap."""
    count = 3 * HEAP_SAMPLES + 123
    rng = np.random.default_rng(1)
    data = rng.integers(-(2**31), 2**31, (count, channels), dtype=np.int32)
    path = tmp_path / "noise.wav"
    write_wav(path, data, width)
    options = {} if rate is None else {"sample_rate": rate}
    items = play(
        "recording_player", receiver("udp"), file=path, heap_samples=HEAP_SAMPLES, **options
    )
    assert [len(heap["samples"]) for heap in items] == [HEAP_SAMPLES] * 3 + [123]
    assert_timestamps(items, HEAP_SAMPLES)
    received = np.concatenate([heap["samples"] for heap in items]).reshape(count, channels)
    expected = (data >> (32 - 8 * width)) / 2.0 ** (8 * width - 1)
    np.testing.assert_allclose(received, expected, atol=1e-7)


@pytest.mark.parametrize("size", [0, 2**32 - 1, 10**9])
def test_a_wav_file_whose_header_was_never_finished(
    receiver: Callable[..., Any], tmp_path: Path, size: int
) -> None:
    data = np.arange(2000, dtype=np.int32).reshape(-1, 2) << 16
    path = tmp_path / "killed.wav"
    write_wav(path, data, 2)
    content = bytearray(path.read_bytes())
    content[40:44] = size.to_bytes(4, "little")
    path.write_bytes(content)
    items = play("recording_player", receiver("udp"), file=path, heap_samples=300)
    received = np.concatenate([heap["samples"] for heap in items])
    np.testing.assert_allclose(received * 2**15, data >> 16, atol=1e-2)


def iq(count: int) -> np.ndarray:
    """Complex numbers of which both parts are multiples of 2**-7 below 1."""
    parts = np.random.default_rng(2).integers(-128, 128, (count, 2)) / 128
    return parts.astype(np.float32).view(np.complex64)[:, 0]


def parts_of(items: list[dict[str, Any]]) -> np.ndarray:
    return np.ascontiguousarray(np.concatenate([heap["samples"] for heap in items])).astype("f4")


@pytest.mark.parametrize(
    ("format", "dtype", "scale"),
    [
        ("ci16", "<i2", 2**15),
        ("ci8", "i1", 2**7),
        ("cu8", "u1", 0),
        ("cf16", "<f2", 1),
        ("cf32", "<f4", 1),
        ("cf64", "<f8", 1),
        ("ci16_be", ">i2", 2**15),
    ],
)
@pytest.mark.parametrize("by", ["name", "option", "sigmf"])
def test_iq_player(
    receiver: Callable[..., Any], tmp_path: Path, format: str, dtype: str, scale: int, by: str
) -> None:
    count = 3 * HEAP_SAMPLES + 77
    parts = iq(count).view(np.float32)
    expected = parts
    if scale == 0:  # unsigned, with the zero between two numbers
        raw = np.round(parts * 127.5 + 127.5).astype(dtype)
        expected = (raw - 127.5) / 127.5
    else:
        raw = (parts * scale).astype(dtype)
    options: dict[str, object] = {}
    path = tmp_path / f"samples.{format.partition('_')[0]}"
    if by == "option" or (by == "name" and "_" in format):
        path = tmp_path / "samples.raw"
        options["file_format"] = format
    if by == "sigmf":
        path = tmp_path / "samples.sigmf-data"
        datatype = format if "8" in format or "_" in format else f"{format}_le"
        if format.endswith("8"):
            datatype = format
        meta = {
            "global": {"core:datatype": datatype, "core:sample_rate": 250e3},
            "captures": [{"core:sample_start": 0, "core:frequency": 1.4e9}],
            "annotations": [],
        }
        (tmp_path / "samples.sigmf-meta").write_text(json.dumps(meta))
    raw.tofile(path)
    items = play("iq_player", receiver("udp"), file=path, heap_samples=HEAP_SAMPLES, **options)
    assert [len(heap["samples"]) for heap in items] == [HEAP_SAMPLES] * 3 + [77]
    assert_timestamps(items, HEAP_SAMPLES)
    np.testing.assert_allclose(parts_of(items).ravel(), expected, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("iq_player", None, "No such file"),
        ("iq_player", b"", "has no samples"),
        ("iq_player", b"x" * 100, "samples.xyz does not say which format; use ci8"),
        ("recording_player", b"no recording at all", "is no WAV file"),
        ("recording_player", None, "No such file"),
    ],
)
def test_files_that_cannot_be_played_say_why(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    path = tmp_path / ("samples.xyz" if content and len(content) == 100 else "samples.cf32")
    if content is not None:
        path.write_bytes(content)
    done = run(name, "--file", str(path))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert message in done.stderr


#: How each program sends a little and ends.
SHORT = {
    "digitiser_simulator": ["--samples", "8192"],
    "spectrometer": ["--spectra", "8"],
    "pdu_bursts": ["--samples", "20000"],
    "iq_player": ["--file", "FOLDER/samples.cf32"],
    "recording_player": ["--file", "FOLDER/samples.wav"],
}


@pytest.mark.parametrize("name", SHORT)
def test_programs_that_could_not_send_say_so_and_exit_with_1(name: str, tmp_path: Path) -> None:
    """Nobody may send to everybody."""
    iq(5000).tofile(tmp_path / "samples.cf32")
    write_wav(tmp_path / "samples.wav", np.zeros((5000, 1), np.int32), 2)
    options = [option.replace("FOLDER", str(tmp_path)) for option in SHORT[name]]
    done = run(name, "--host", "255.255.255.255", *options)
    assert done.returncode == 1, done.stdout + done.stderr
    found = re.search(r"(\d+) heaps sent, (\d+) failed, (\d+) samples dropped", done.stdout)
    assert found, done.stdout
    assert (int(found[1]), int(found[2]) > 0) == (0, True)


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


def test_every_spectrum_of_a_recording_arrives(
    receiver: Callable[..., Any], tmp_path: Path
) -> None:
    """As numpy transforms it; what fills no heap at the end is left out."""
    samples = iq(64 * 8 * 22 + 99)
    samples.tofile(tmp_path / "samples.cf32")
    items = play(
        "spectrometer",
        receiver("udp"),
        file=tmp_path / "samples.cf32",
        sample_rate="1e6",
        channels=64,
        integrate=8,
        heap_spectra=4,
    )
    assert_timestamps(items, 4 * 64 * 8)
    received = np.concatenate([heap["spectrum"] for heap in items])
    np.testing.assert_allclose(received, spectra(samples, 64, 8)[:20], rtol=1e-4)


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
