# SPDX-License-Identifier: Apache-2.0
"""UdpIbvConfig, and what is checked when a stream is made. Needs no device."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import spead2
import spead2.send
import spead2.send.asyncio

GOOD = [("239.1.2.3", 8888)]


@pytest.fixture(params=[spead2.send.UdpIbvStream, spead2.send.asyncio.UdpIbvStream])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def make(kind: Any, **arguments: Any) -> Any:
    return kind(
        spead2.ThreadPool(),
        spead2.send.StreamConfig(),
        spead2.send.UdpIbvConfig(**arguments),
    )


def test_defaults() -> None:
    config = spead2.send.UdpIbvConfig()
    assert config.endpoints == []
    assert config.interface_address == ""
    assert config.buffer_size == spead2.send.UdpIbvConfig.DEFAULT_BUFFER_SIZE == 512 * 1024
    assert config.ttl == 1
    assert config.comp_vector == 0
    assert config.max_poll == spead2.send.UdpIbvConfig.DEFAULT_MAX_POLL == 10
    assert config.memory_regions == []


def test_arguments_are_attributes() -> None:
    region = np.zeros(10, np.uint8)
    arguments = {
        "endpoints": [("239.1.2.3", 8888), ("example.invalid", 1)],
        "interface_address": "10.0.0.1",
        "buffer_size": 100000,
        "ttl": 7,
        "comp_vector": -1,
        "max_poll": 1,
        "memory_regions": [region],
    }
    config = spead2.send.UdpIbvConfig(**arguments)
    for name, value in arguments.items():
        assert getattr(config, name) == value
    other = spead2.send.UdpIbvConfig()
    for name, value in arguments.items():
        setattr(other, name, value)
        assert getattr(other, name) == value


def test_attributes_are_copies() -> None:
    regions = [bytearray(10)]
    config = spead2.send.UdpIbvConfig(endpoints=GOOD, memory_regions=regions)
    config.endpoints.append(("239.9.9.9", 1))
    config.memory_regions.append(bytearray(5))
    regions.append(bytearray(5))
    assert config.endpoints == GOOD
    assert config.memory_regions == [bytearray(10)]


def test_zero_buffer_size_is_the_default() -> None:
    config = spead2.send.UdpIbvConfig(buffer_size=0)
    assert config.buffer_size == spead2.send.UdpIbvConfig.DEFAULT_BUFFER_SIZE
    config.buffer_size = 1
    config.buffer_size = 0
    assert config.buffer_size == spead2.send.UdpIbvConfig.DEFAULT_BUFFER_SIZE


@pytest.mark.parametrize("value", [0, -1])
def test_max_poll_must_be_positive(value: int) -> None:
    with pytest.raises(ValueError, match=f"max_poll is {value}, but must be at least 1"):
        spead2.send.UdpIbvConfig(max_poll=value)
    config = spead2.send.UdpIbvConfig()
    with pytest.raises(ValueError, match="max_poll"):
        config.max_poll = value
    assert config.max_poll == 10


@pytest.mark.parametrize("value", [-1, 256])
def test_ttl_is_a_byte(value: int) -> None:
    with pytest.raises(ValueError, match=f"ttl is {value}, but must be from 0 to 255"):
        spead2.send.UdpIbvConfig(ttl=value)


@pytest.mark.parametrize(
    "arguments", [{"unknown": 1}, {"memory_regions": [1]}, {"endpoints": 5}, {"buffer_size": -1}]
)
def test_wrong_types(arguments: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        spead2.send.UdpIbvConfig(**arguments)


def test_arguments_have_names() -> None:
    with pytest.raises(TypeError):
        spead2.send.UdpIbvConfig(GOOD)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("region", "text"),
    [
        (np.zeros(10, np.uint8)[::2], r"memory_regions\[1\] has shape \(5,\) and strides \(2,\)"),
        (np.zeros(10, np.uint8)[::-1], r"strides \(-1,\)"),
        (np.broadcast_to(np.uint8(1), (5,)), r"strides \(0,\)"),
        (np.zeros((4, 4))[:, 1:], r"strides \(32, 8\)"),
    ],
)
def test_regions_must_be_contiguous(region: Any, text: str) -> None:
    with pytest.raises(ValueError, match="a memory region must be contiguous, but .*" + text):
        spead2.send.UdpIbvConfig(memory_regions=[b"", region])


def test_regions_without_memory() -> None:
    view = memoryview(bytearray(10))
    config = spead2.send.UdpIbvConfig(memory_regions=[view])
    with pytest.raises(TypeError, match=r"memory_regions\[1\] cannot be used: .*'str'"):
        config.memory_regions = [view, "text"]
    with pytest.raises(ValueError, match=r"memory_regions\[0\] cannot be used: .*'M'"):
        config.memory_regions = [np.zeros(3, "M8[s]")]
    view.release()
    config.endpoints = GOOD
    config.interface_address = "127.0.0.1"
    with pytest.raises(ValueError, match=r"memory_regions\[0\] cannot be used: .*released"):
        spead2.send.UdpIbvStream(spead2.ThreadPool(), spead2.send.StreamConfig(), config)


SPOILED: dict[str, Any] = {
    "endpoints": [],
    "memory_regions": [bytearray(0)],
    "interface_address": "",
}


@pytest.mark.parametrize(
    ("repaired", "text"),
    [
        ({}, "endpoints is empty"),
        (
            {"endpoints": [*GOOD, ("127.0.0.1", 8888)]},
            "endpoint is not an IPv4 multicast address",
        ),
        ({"endpoints": [("ff02::1", 8888)]}, "endpoint is not an IPv4 multicast address"),
        ({"endpoints": GOOD}, "memory region must have non-zero size"),
        (
            {"endpoints": GOOD, "memory_regions": "overlap"},
            "memory regions overlap",
        ),
        ({"endpoints": GOOD, "memory_regions": []}, "interface address"),
        (
            {"endpoints": GOOD, "memory_regions": [], "interface_address": "::1"},
            "interface address",
        ),
    ],
)
def test_checks_come_in_this_order(kind: Any, repaired: dict[str, Any], text: str) -> None:
    """Each case repairs one thing more; the first that is left wrong is reported."""
    arguments = {**SPOILED, **repaired}
    if arguments["memory_regions"] == "overlap":
        array = np.zeros(100, np.uint8)
        arguments["memory_regions"] = [array[50:], array[:51]]
    with pytest.raises(ValueError, match=text):
        make(kind, **arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"endpoints": GOOD, "interface_address": "no-such-host.invalid"},
        {"endpoints": [("no-such-host.invalid", 1)], "interface_address": "127.0.0.1"},
    ],
)
def test_unresolvable_host(kind: Any, arguments: dict[str, Any]) -> None:
    with pytest.raises(RuntimeError, match="Host not found"):
        make(kind, **arguments)


def test_errors_say_which_region(kind: Any) -> None:
    array = np.zeros(100, np.uint8)
    start = array.ctypes.data
    with pytest.raises(ValueError, match="but number 1 is empty"):
        make(kind, endpoints=GOOD, memory_regions=[array, array[5:5]])
    text = f"50 bytes at {start + 10:#x} and 41 bytes at {start + 59:#x}"
    with pytest.raises(ValueError, match=text):
        make(kind, endpoints=GOOD, memory_regions=[array[59:], array[:10], array[10:60]])


def test_packet_size_beyond_udp(kind: Any) -> None:
    with pytest.raises(ValueError, match="65507"):
        kind(
            spead2.ThreadPool(),
            spead2.send.StreamConfig(max_packet_size=65508),
            spead2.send.UdpIbvConfig(endpoints=GOOD, interface_address="127.0.0.1"),
        )


def run_python(program: str, **environment: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_libraries_are_not_loaded_by_importing() -> None:
    program = f"""
import json, sys
sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
import ibv_sender
print(json.dumps(ibv_sender.mapped_libraries()))
"""
    assert run_python(program) == []


@pytest.mark.parametrize("missing", ["libibverbs.so.1", "librdmacm.so.1"])
def test_missing_library(tmp_path: pathlib.Path, missing: str) -> None:
    # An empty file in front of the real library is as good as none.
    (tmp_path / missing).touch()
    program = """
import json, spead2, spead2.send
config = spead2.send.UdpIbvConfig(endpoints=[("239.1.2.3", 1)], interface_address="127.0.0.1")
try:
    spead2.send.UdpIbvStream(spead2.ThreadPool(), spead2.send.StreamConfig(), config)
except RuntimeError as error:
    print(json.dumps(str(error)))
"""
    text = run_python(program, LD_LIBRARY_PATH=str(tmp_path))
    assert missing in text
    assert "Install" in text
    assert "ibverbs-providers" in text
