# SPDX-License-Identifier: Apache-2.0
"""Long streams and real recordings, from a flowgraph to the reference receiver and beyond."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gnuradio import blocks, gr
from gnuradio import spead2 as sinks
from gnuradio_fixtures import ROOT, Reception, source, tag

Receive = Callable[..., Reception]
RECORDING = ROOT / "tests" / "data" / "us01.wav"


def decoded_frame(recording: Path, folder: Path) -> str:
    """Hexadecimal dump of what gr_satellites finds in a recording."""
    command = ["gr_satellites", "us01", "--wavfile", str(recording), "--samp_rate", "48e3"]
    done = subprocess.run(
        [*command, "--hexdump"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": str(folder)},
    )
    return "\n".join(re.findall(r"(?m)^[0-9a-f]{4}:.*$", done.stdout))


def test_a_satellite_decodes_the_same_after_the_journey(receiver: Receive, tmp_path: Path) -> None:
    rx = receiver("udp")
    with wave.open(str(RECORDING)) as file:
        sent = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        assert (file.getnchannels(), file.getframerate()) == (1, 48000)
    sink = sinks.udp_heap_sink(
        rx.endpoint,
        [(0x1000, "samples", "of the recording", "float")],
        samples_per_heap=480,
        rate=20e6,
    )
    top = gr.top_block()
    top.connect(blocks.wavfile_source(str(RECORDING), False), sink)
    top.run()
    heaps = [i["samples"] for i in rx.items() if i]
    assert sink.samples_dropped() == len(sent) % 480
    values = np.concatenate(heaps)
    received = np.round(values * 32767).astype(np.int16)
    # GNU Radio scales by a number of its own; what matters first is that no sample is off.
    assert np.abs(received.astype(int) - sent[: len(received)]).max() <= 1
    copy = tmp_path / "received.wav"
    with wave.open(str(copy), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48000)
        file.writeframes(received.tobytes())
    frame = decoded_frame(RECORDING, tmp_path)
    assert frame.count("\n") >= 10
    assert decoded_frame(copy, tmp_path) == frame


@pytest.mark.timeout(300)
def test_100_seconds_at_1_megasample_arrive_sample_for_sample(receiver: Receive) -> None:
    """As fast as it goes, over TCP, with a tag whose value changes all the time."""
    period, heap, total = 1 << 20, 100_000, 100_000_000
    rng = np.random.default_rng(5)
    data = (rng.integers(-99, 99, period) + 1j * rng.integers(-99, 99, period)).astype(np.complex64)
    rx = receiver(hash=True)
    tags = [tag(n * period // 8, "rx_freq", 1e9 + n) for n in range(8)]
    repeat = blocks.vector_source_c(data.tolist(), True, 1, tags)
    sink = sinks.tcp_heap_sink(
        rx.endpoint,
        [(0x1000, "samples", "", "complex64")],
        samples_per_heap=heap,
        scalars=[
            sinks.counter_item(0x1600, "timestamp", "", dtype="uint48"),
            sinks.tag_item(0x1601, "freq", "", "rx_freq", dtype="float64"),
        ],
    )
    top = gr.top_block()
    top.connect(repeat, blocks.head(8, total), sink)
    top.run()
    items = [i for i in rx.items() if i]
    assert len(items) == total // heap
    for n, values in enumerate(items):
        first = n * heap
        assert values["timestamp"] == first
        assert values["freq"] == 1e9 + first % period // (period // 8)
        expected = np.take(data, np.arange(first, first + heap) % period)
        assert values["samples"]["sha256"] == hashlib.sha256(expected).hexdigest()
    assert (sink.heaps_failed(), sink.samples_dropped()) == (0, 0)


def test_a_minute_at_48_kilohertz_arrives_sample_for_sample(receiver: Receive) -> None:
    rng = np.random.default_rng(6)
    data = rng.integers(-(2**15), 2**15, 60 * 48_000).astype(np.int16)
    rx = receiver("udp")
    sink = sinks.udp_heap_sink(
        rx.endpoint, [(0x1000, "x", "", "int16")], samples_per_heap=4800, rate=20e6
    )
    top = gr.top_block()
    top.connect(source(data), sink)
    top.run()
    assert np.array_equal(np.concatenate([i["x"] for i in rx.items() if i]), data)
