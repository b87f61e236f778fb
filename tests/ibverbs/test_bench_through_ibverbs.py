# SPDX-License-Identifier: Apache-2.0
"""``spead2_bench.py`` through ibverbs, on the software device: either end, the other on sockets."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from ibverbs_fixtures import GROUP, Device
from veth_network import RECEIVER_ADDRESS, SENDER_ADDRESS

from spead2.tools import reference_bench

AGENT = """
from spead2.tools import benchmark
benchmark.serve(0, once=True, ready=lambda port: print(port, flush=True))
"""
#: The command with shorter trials, and what came of each: what is tried is the way, not the rate.
MASTER = """
import sys
from spead2.tools import benchmark, reference_bench
benchmark.TRIAL_SECONDS = 0.02
trial = benchmark.Master.trial
def told(self, rate):
    made = trial(self, rate)
    print("heaps:", made.received, flush=True)
    return made
benchmark.Master.trial = told
sys.exit(reference_bench.main(sys.argv[1:]))
"""
HEAPS = ["--heap-size", "8000", "--multicast", GROUP, "--recv-buffer", "8000000"]


class Program:
    """A program at one end, with the software device or without."""

    def __init__(self, device: Device, namespace: str, *command: str, on_device: bool) -> None:
        self._log = device.directory / f"{command[1][:5].strip()}{on_device}.jsonl"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SOFTVERBS_")}
        if on_device:
            environment["LD_LIBRARY_PATH"] = str(device.libraries)
            environment["SOFTVERBS_LOG"] = str(self._log)
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", namespace, sys.executable, "-E", *command],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self) -> str:
        """Wait for its end, which must be a good one; return what it printed."""
        output, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, output + errors
        return output

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return what the device wrote of one kind."""
        lines = map(json.loads, pathlib.Path(self._log).read_text().splitlines())
        return [event for event in lines if event["event"] == name]


@contextlib.contextmanager
def agent(device: Device, namespace: str, on_device: bool) -> Iterator[tuple[Program, str]]:
    """Run an agent for one master; gives it and its port."""
    program = Program(device, namespace, "-c", AGENT, on_device=on_device)
    try:
        assert program.process.stdout is not None
        yield program, program.process.stdout.readline().strip()
    finally:
        program.process.kill()
        program.process.wait()


def check(output: str) -> None:
    """A device in software may lose heaps at any rate, but not all of them."""
    assert re.search(r"^Sustainable rate: \d+\.\d{3} Gbps$", output, re.MULTILINE), output
    assert any(int(count) > 0 for count in re.findall(r"(?m)^heaps: (\d+)$", output)), output


def test_the_master_sends_through_ibverbs(device: Device) -> None:
    ends = device.network
    options = ["--send-ibv", "--send-bind", SENDER_ADDRESS, "--send-ibv-vector", "3"]
    options += ["--recv-bind", RECEIVER_ADDRESS]
    with agent(device, ends.receiver, on_device=False) as (receiving, port):
        words = ["-c", MASTER, "master", f"{RECEIVER_ADDRESS}:{port}", *HEAPS, *options]
        master = Program(device, ends.sender, *words, on_device=True)
        check(master.finish())
        receiving.finish()
    queues = master.events("create_cq")
    assert queues
    assert {queue["comp_vector"] for queue in queues} == {3}


def test_the_agent_receives_through_ibverbs(device: Device) -> None:
    """The options of the receiver are given to the master, and the agent has them from there."""
    ends = device.network
    # A card gets single packets, and so has the device to, which a veth would give larger ones.
    link = ["ip", "-n", ends.receiver, "link", "set", ends.receiver_interface]
    subprocess.run([*link, "gso_max_segs", "1"], check=True)
    options = ["--recv-ibv", "--recv-bind", SENDER_ADDRESS, "--recv-ibv-vector", "2"]
    options += ["--send-bind", RECEIVER_ADDRESS, "--recv-ibv-max-poll", "4", "--memcpy-nt"]
    with agent(device, ends.sender, on_device=True) as (receiving, port):
        words = ["-c", MASTER, "master", f"{SENDER_ADDRESS}:{port}", *HEAPS, *options]
        master = Program(device, ends.receiver, *words, on_device=False)
        check(master.finish())
        receiving.finish()
    queues = receiving.events("create_cq")
    assert queues
    assert {queue["comp_vector"] for queue in queues} == {2}


def test_what_is_missing_is_named(capsys: Any) -> None:
    for words, wanted in (
        (["--send-ibv"], "--send-ibv requires --multicast"),
        (["--send-ibv", "--multicast", GROUP], "--send-ibv requires --send-bind"),
        (["--recv-ibv"], "--recv-ibv requires --recv-bind"),
    ):
        with pytest.raises(SystemExit, match="2"):
            reference_bench.main(["master", "127.0.0.1:1", *words])
        assert wanted in capsys.readouterr().err
