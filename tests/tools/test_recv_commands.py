# SPDX-License-Identifier: Apache-2.0
"""What is sent is what the receiving commands show, keep and count; the reference's tools, too."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import decoder
import h5py
import numpy as np
import pytest
from commands import OURS, REFERENCE, Collector, free_port, run
from processes import wait_until_bound

RECORDING = Path(__file__).resolve().parents[1] / "data" / "us01.wav"
DATA = ["--heap-size", "8000", "--items", "3", "--dtype", "<u2", "--heaps", "5"]


def between(
    receiver: list[Any], sender: list[Any], kind: str = "udp", code: int = 0
) -> tuple[str, str]:
    """Start a receiver, run a sender to its end, and return what the receiver said.

    PORT in the words becomes a port.
    """
    port = free_port()
    words = [[str(word).replace("PORT", str(port)) for word in part] for part in (receiver, sender)]
    with subprocess.Popen(
        words[0], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until_bound(port, kind, process)
        run(Path(words[1][0]).name, *words[1][1:], folder=Path(words[1][0]).parent)
        output, errors = process.communicate()
    assert process.returncode == code, output + errors
    return output, errors


def port_of(result: dict[str, Any]) -> str:
    """Return the port in the lines that `describe` prints."""
    found = re.search(r"add_tcp_reader\((\d+)", result["python"])
    assert found is not None
    return found[1]


@pytest.mark.parametrize("kind", ["udp", "tcp"])
@pytest.mark.parametrize("sender", [OURS, REFERENCE], ids=["ours", "reference"])
def test_both_receivers_show_the_same(sender: Path, kind: str) -> None:
    tcp = ["--tcp"] if kind == "tcp" else []
    options = ["127.0.0.1:PORT", "--values", "--descriptors", *tcp]
    send = [sender / "spead2_send.py", "127.0.0.1:PORT", *DATA, "--rate", "0.1", *tcp]
    shown = []
    for receiver in (OURS, REFERENCE):
        output, _ = between([receiver / "spead2_recv.py", *options], send, kind)
        output = re.sub(r"127\.0\.0\.1:\d+", "SOURCE", output)
        # How packets were bundled is the machine's choice.
        shown.append(re.sub(r"(batches|max_batch|worker_blocked|search_dist): \d+", r"\1", output))
    assert shown[0] == shown[1]
    assert shown[0].count("Received heap") == 5


def test_max_heaps_ends_it() -> None:
    receiver = [OURS / "spead2_recv.py", "127.0.0.1:PORT", "--max-heaps", "2"]
    output, _ = between(receiver, [OURS / "spead2_send.py", "127.0.0.1:PORT", *DATA])
    assert output.count("Received heap") == 2
    assert "Shutting down" not in output


@pytest.mark.parametrize("ending", ["sigmf-meta", "h5", "npz"])
def test_a_recording_arrives_in_a_file(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"x.{ending}"
    output, _ = between(
        [OURS / "spead2", "recv", "127.0.0.1:PORT", "--tcp", "-o", file, "--json"],
        [OURS / "spead2", "send", RECORDING, "--heap-samples", "1000", "--fast", "--tcp", "--to",
         "127.0.0.1:PORT"],
        "tcp",
    )  # fmt: skip
    result = json.loads(output)
    data = RECORDING.read_bytes()
    samples = np.frombuffer(data[data.index(b"data") + 8 :], "<i2")
    samples = samples[: len(samples) // 1000 * 1000]
    assert result["heaps"] == len(samples) // 1000
    assert result["lost_heaps"] == 0
    if ending == "h5":
        with h5py.File(file) as kept:
            np.testing.assert_array_equal(np.ravel(kept["samples"]), samples)
            np.testing.assert_array_equal(kept["timestamp"], np.arange(0, len(samples), 1000))
    elif ending == "npz":
        with np.load(file) as kept:
            np.testing.assert_array_equal(np.ravel(kept["samples"]), samples)
    else:
        np.testing.assert_array_equal(np.fromfile(file.with_suffix(".sigmf-data"), "<i2"), samples)
        top = json.loads(file.read_text())["global"]
        assert top["core:datatype"] == "ri16_le"
        assert top["core:sample_rate"] == int.from_bytes(data[24:28], "little")


def test_describe_says_what_comes_and_its_program_receives_it(tmp_path: Path) -> None:
    send = [OURS / "spead2", "send", "--pattern", "ramp", "--heap-samples", "64", "--heaps", "30"]
    send += ["--tcp", "--to", "127.0.0.1:PORT"]
    receiver = [OURS / "spead2", "describe", "127.0.0.1:PORT", "--tcp", "--seconds", "60"]
    output, _ = between([*receiver, "--json"], send, "tcp")
    result = json.loads(output)
    assert result["heaps"] == 30
    assert result["flavour"] == "SPEAD-64-40"
    assert result["cnt_step"] == 1
    assert result["undescribed"] == {}
    found = {item["name"]: item for item in result["items"]}
    assert found["samples"]["shape"] == [64]
    assert found["samples"]["type"] == "uint32"
    assert found["samples"]["bytes"] == 256
    assert found["timestamp"]["heaps"] == 30
    assert found["sample_rate"]["heaps"] == 1
    # A new port: the one of the first run may still be closing.
    program = re.sub(r"add_tcp_reader\(\d+", "add_tcp_reader(PORT", result["python"])
    output, _ = between([OURS / "python", "-c", program], send, "tcp")
    assert output.count("[") == 30
    pytest.importorskip("gnuradio.gr")
    flowgraph = result["gnuradio"].replace(f"'127.0.0.1', {port_of(result)}", "'127.0.0.1', PORT")
    flowgraph = flowgraph.replace("null_sink(", "file_sink(").replace(
        "sizeof_stream_item(0)", f"sizeof_stream_item(0), {str(tmp_path / 'samples')!r}"
    )
    between([OURS / "python", "-c", flowgraph], send, "tcp")
    samples = np.fromfile(tmp_path / "samples", np.uint32)
    assert len(samples) == 30 * 64
    assert set(np.diff(samples)) == {1}


def test_a_capture_is_received_like_the_network(tmp_path: Path) -> None:
    file = tmp_path / "x.pcap"
    send = [OURS / "spead2_send.py", "127.0.0.1:PORT", *DATA, "--rate", "0.1"]
    collector = Collector()  # the same packets go over TCP, and can be counted there
    run("spead2_send.py", f"127.0.0.1:{collector.port}", *DATA, "--tcp")
    packets = ["--packets", len(decoder.split(collector.result()))]
    between([OURS / "spead2", "capture", file, "127.0.0.1:PORT", *packets], send)
    shown = run("spead2_recv.py", file).stdout
    assert shown.count("Received heap") == 5
    assert f"Shutting down stream {file} after 5 heaps" in shown
    result = json.loads(run("spead2", "recv", "--capture", file, "--json").stdout)
    assert result["heaps"] == 5
    assert list(result["items"]) == ["Test item 0", "Test item 1", "Test item 2"]


def test_nothing_comes_is_told_by_the_exit_code() -> None:
    source = f"127.0.0.1:{free_port()}"
    done = run("spead2", "describe", source, "--seconds", "0.1", code=3)
    assert "Nothing came" in done.stdout


def test_search_finds_a_rate(tmp_path: Path) -> None:
    port = free_port()
    words = [str(OURS / "spead2_bench.py"), "agent", str(port)]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as agent:
        wait_until_bound(port, "tcp", agent)
        done = run("spead2", "bench", f"127.0.0.1:{port}", "--heap-size", 1000, "--json")
        shown = run("spead2_bench.py", "master", f"127.0.0.1:{port}", "--heap-size", "1000")
        agent.terminate()
    result = json.loads(done.stdout)
    assert result["bits_per_second"] > 0
    good = [trial["actual"] * 8 for trial in result["trials"] if trial["good"]]
    assert result["bits_per_second"] in good
    assert re.match(r"Send rate: \d+\.\d{3} Gbps\nRate: ", shown.stdout)
    assert re.search(r"\nSustainable rate: \d+\.\d{3} Gbps\n$", shown.stdout)
