# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus is told what sinks and sources count, by a block and by the programs in apps/."""

from __future__ import annotations

import gc
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

import pmt
import pytest
from gnuradio import blocks, gr
from gnuradio import spead2 as gr_spead2
from gnuradio_fixtures import ROOT

import spead2
import spead2.send

FLOATS = (0x1000, "x", "", "float")


def page_at(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return str(answer.read().decode())


def wait_for(port: int, pattern: str) -> str:
    """Fetch the page until it has this; return the page."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        page = page_at(port)
        if re.search(pattern, page, re.MULTILINE):
            return page
    raise AssertionError(page)


def paced_sink() -> Any:
    stream = spead2.send.BytesStream(
        spead2.ThreadPool(), spead2.send.StreamConfig(rate=1e6, max_packet_size=9000)
    )
    return gr_spead2.heap_sink(stream, FLOATS, samples_per_heap=100)


def test_each_block_counts_under_its_name() -> None:
    names = ["left", 'the "right" one']
    counters = gr_spead2.prometheus_counters(0, names)
    top = gr.top_block()
    for index in range(2):
        sink = paced_sink()
        top.connect(blocks.null_source(4), sink)
        top.msg_connect(sink, "stats", counters, f"stats{index}")
    top.start()
    wait_for(counters.port, r'^spead2_heaps_sent_total{block="left"} [1-9]')
    page = wait_for(counters.port, r'^spead2_heaps_sent_total{block="the \\"right\\" one"} [1-9]')
    top.stop()
    top.wait()
    assert "# TYPE spead2_heaps_failed_total counter" in page
    assert "# TYPE spead2_queue_length gauge" in page
    assert re.search(r'(?m)^spead2_rate{block="left"} ', page)
    assert "last_error" not in page


def test_the_page_goes_with_the_block() -> None:
    counters = gr_spead2.prometheus_counters(0)
    port = counters.port
    assert page_at(port).strip() == ""
    del counters
    gc.collect()
    with pytest.raises(urllib.error.URLError):
        page_at(port)


def test_what_is_no_number_or_no_dictionary_is_left_out() -> None:
    counters = gr_spead2.prometheus_counters(0)
    top = gr.top_block()  # which needs samples to run
    top.connect(blocks.null_source(4), blocks.throttle(4, 1e3), blocks.null_sink(4))
    for message in (pmt.from_long(3), pmt.to_pmt({"heaps_sent": 8, "rate": "text", "on": True})):
        strobe = blocks.message_strobe(message, 10)
        top.msg_connect(strobe, "strobe", counters, "stats")
    top.start()
    page = wait_for(counters.port, r'^spead2_heaps_sent_total{block="spead2"} 8')
    top.stop()
    top.wait()
    assert "spead2_rate" not in page
    assert "spead2_on" not in page


def test_nobody_is_answered_at_minus_one() -> None:
    assert gr_spead2.prometheus_counters(-1).port == -1


def test_wrong_arguments_are_named() -> None:
    for port in (-2, 65536):
        with pytest.raises(ValueError, match=f"port is {port}"):
            gr_spead2.prometheus_counters(port)
    for names in ([], ["a", "a"]):
        with pytest.raises(ValueError, match="names are"):
            gr_spead2.prometheus_counters(0, names)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        gr_spead2.prometheus_counters(taken.getsockname()[1])


@pytest.mark.parametrize("name", ["digitiser_simulator", "pdu_bursts"])
def test_a_program_has_it_as_an_option(name: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        words = [str(ROOT / "apps" / "run"), name, "--port", str(receiver.getsockname()[1])]
        with subprocess.Popen(
            [*words, "--prometheus", "0"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "SPEAD2_GNURADIO_PYTHON": sys.executable},
        ) as process:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            line = next(line for line in lines if "Prometheus" in line)
            found = re.fullmatch(r"Prometheus: http://127\.0\.0\.1:(\d+)/metrics\n", line)
            assert found
            wait_for(int(found[1]), r'^spead2_heaps_sent_total{block="sink"} [1-9]')
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
