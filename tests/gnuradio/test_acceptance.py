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
import pmt
import pytest
from gnuradio import blocks, gr
from gnuradio import spead2 as sinks
from gnuradio_fixtures import ROOT, Reception, tag

Receive = Callable[..., Reception]
#: Send as fast as the samples would come, not as fast as possible: some minutes.
REAL_TIME = bool(os.environ.get("SPEAD2_REAL_TIME"))
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
    """Over TCP, with a tag whose value changes all the time."""
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
    throttle = [blocks.throttle(8, 1e6)] if REAL_TIME else []
    top.connect(repeat, *throttle, blocks.head(8, total), sink)
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


class Tagger(gr.sync_block):  # type: ignore[misc]
    """Passes samples on, with a tag on every `step`-th that says which it is."""

    def __init__(self, step: int) -> None:
        gr.sync_block.__init__(self, "tagger", [np.float32], [np.float32])
        self._step = step

    def work(self, input_items: list[np.ndarray], output_items: list[np.ndarray]) -> int:
        """Copy samples."""
        count = len(output_items[0])
        output_items[0][:] = input_items[0][:count]
        first = self.nitems_written(0)
        for offset in range(-(-first // self._step) * self._step, first + count, self._step):
            self.add_item_tag(0, offset, pmt.intern("mark"), pmt.from_uint64(offset // self._step))
        return count


@pytest.mark.timeout(300)
def test_a_recording_of_a_minute_at_48_kilohertz_arrives_sample_for_sample(
    receiver: Receive, tmp_path: Path
) -> None:
    """With tags whose distance is no multiple of a heap's length."""
    rng = np.random.default_rng(6)
    data = rng.integers(-(2**15), 2**15, 60 * 48_000).astype(np.int16)
    recording = tmp_path / "minute.wav"
    with wave.open(str(recording), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(data.tobytes())
    rx = receiver("udp")
    step, length = 5003, 4800
    sink = sinks.udp_heap_sink(
        rx.endpoint,
        [(0x1000, "x", "", "float")],
        samples_per_heap=length,
        rate=20e6,
        scalars=[
            sinks.counter_item(0x1600, "timestamp", "", dtype="uint48"),
            sinks.tag_item(0x1601, "standing", "", "mark"),
            sinks.tag_item(0x1602, "within", "", "mark", sticky=False),
        ],
    )
    top = gr.top_block()
    throttle = [blocks.throttle(4, 48e3)] if REAL_TIME else []
    tagger = Tagger(step)
    top.connect(blocks.wavfile_source(str(recording), False), *throttle, tagger, sink)
    top.run()
    items = [i for i in rx.items() if i]
    received = np.concatenate([i["x"] for i in items])
    assert len(received) == len(data)
    # GNU Radio divides by a number of its own.
    scale = np.float32(data[np.argmax(np.abs(data))]) / received[np.argmax(np.abs(data))]
    assert np.array_equal(np.round(received * scale).astype(np.int16), data)
    for n, values in enumerate(items):
        first = n * length
        assert values["timestamp"] == first
        assert values["standing"] == first // step
        mark = -(-first // step)
        assert values.get("within") == (mark if mark * step < first + length else None)
