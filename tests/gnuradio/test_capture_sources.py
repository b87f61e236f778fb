# SPDX-License-Identifier: GPL-3.0-or-later
"""Sources of capture files: what a sink wrote into one comes back, tags included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pmt
import pytest
from gnuradio import blocks, gr
from gnuradio import spead2 as heaps
from gnuradio_fixtures import source, tag, wait_until
from loop import Output

SHORTS = heaps.item(0x1000, "x", "", "short")
COUNTER = heaps.counter_item(0x1600, "timestamp", "first sample", dtype="uint48")
PLACES = [("192.0.2.1", 7000), ("192.0.2.2", 7001)]


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Six heaps of 100 samples, to two places in turn."""
    path = tmp_path / "heaps.pcap"
    stream = heaps.pcap(PLACES, path=str(path))
    gain = heaps.tag_item(0x1601, "gain", "", "gain", dtype="float64")
    sink = heaps.heap_sink(
        stream, SHORTS, samples_per_heap=100, scalars=[COUNTER, gain], substream="round_robin"
    )
    top = gr.top_block()
    top.connect(source(samples(), [tag(0, "gain", 1.5), tag(300, "gain", 2.5)]), sink)
    top.run()
    return path


def samples() -> np.ndarray:
    return np.arange(600, dtype=np.int16)


def play(block: heaps.HeapSource) -> Output:
    top = gr.top_block()
    output = Output(top, block, SHORTS)
    top.run()
    return output


def test_a_capture_of_a_sink_gives_its_samples_and_tags(capture: Path) -> None:
    gain = heaps.tag_item(0x1601, "gain", "", "gain", dtype="float64")
    # The first of the two end heaps is not the end: there are heaps of the other place.
    block = heaps.pcap_heap_source(capture, SHORTS, scalars=[COUNTER, gain], cnt_step=1)
    output = play(block)
    assert block.last_error() == ""
    assert np.array_equal(output.data(), samples())
    assert output.tags("gain") == [(0, 1.5), (300, 2.5)]
    assert [offset for offset, _ in output.tags("packet_len")] == [100 * i for i in range(6)]


def test_a_filter_chooses_packets(capture: Path) -> None:
    block = heaps.pcap_heap_source(str(capture), SHORTS, filter="udp port 7001", cnt_step=2)
    assert np.array_equal(play(block).data(), samples().reshape(6, 100)[1::2].ravel())


def test_pdus_of_a_capture(capture: Path) -> None:
    block = heaps.pcap_pdu_heap_source(capture, SHORTS, filter="dst host 192.0.2.1", cnt_step=2)
    debug = blocks.message_debug()
    top = gr.top_block()
    top.msg_connect(block, "pdus", debug, "store")
    top.start()
    wait_until(lambda: debug.num_messages() >= 3)
    top.stop()
    top.wait()
    found = [pmt.to_python(pmt.cdr(debug.get_message(i))) for i in range(3)]
    assert np.array_equal(found, samples().reshape(6, 100)[::2])


def test_a_capture_at_its_own_pace(tmp_path: Path) -> None:
    """Heaps that were to go several seconds apart: the second one does not come."""
    path = tmp_path / "slow.pcap"
    sink = heaps.heap_sink(
        heaps.pcap(PLACES[:1], path=str(path), rate=40.0), SHORTS, samples_per_heap=100
    )
    top = gr.top_block()
    top.connect(source(samples()), sink)
    top.run()
    block = heaps.pcap_heap_source(path, SHORTS, at_own_pace=True)
    output_top = gr.top_block()
    output = Output(output_top, block, SHORTS)
    output_top.start()
    wait_until(lambda: len(output.data()) >= 100)
    output_top.stop()
    output_top.wait()
    assert len(output.data()) == 100


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({}, OSError, "missing.pcap"),
        ({"filter": "no such filter"}, RuntimeError, "no such filter"),
        ({"max_size": 9}, TypeError, "pcap_receiver.* got an unexpected keyword .*max_size"),
    ],
)
def test_captures_that_cannot_be_played(
    capture: Path, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    path = capture if "filter" in options else capture.with_name("missing.pcap")
    with pytest.raises(error, match=text):
        heaps.pcap_receiver(path, **options)
    with pytest.raises(TypeError, match="PathLike"):
        heaps.pcap_receiver(8888)  # type: ignore[arg-type]
