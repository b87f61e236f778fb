# SPDX-License-Identifier: Apache-2.0
"""Each option stands once, in C++: attributes, keywords, texts and stubs are held against that."""

from __future__ import annotations

import pathlib
import re
import socket
import subprocess
import sys
from typing import Any

import pytest

import spead2
import spead2.send
import spead2.send.asyncio
from spead2 import _spead2

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPTIONS = _spead2.OPTIONS
CONFIGS: dict[str, Any] = {
    "StreamConfig": spead2.send.StreamConfig,
    "UdpIbvConfig": spead2.send.UdpIbvConfig,
}
STREAMS: dict[str, list[Any]] = {
    "UdpStream": [spead2.send.UdpStream, spead2.send.asyncio.UdpStream],
    "TcpStream": [spead2.send.TcpStream],
}
ATTRIBUTES = [(owner, *row) for owner in CONFIGS for row in OPTIONS[owner]]


def other_value(kind: str, default: Any) -> Any:
    """Return a value that is not the default."""
    if kind == "RateMethod":
        return spead2.send.RateMethod.SW
    return {"int": 7, "float": 2.5, "str": "127.0.0.1", "bool": not default}[kind]


@pytest.mark.parametrize(("owner", "name", "kind", "default", "text"), ATTRIBUTES)
def test_an_option_is_attribute_and_keyword(
    owner: str, name: str, kind: str, default: Any, text: str
) -> None:
    make = CONFIGS[owner]
    value = other_value(kind, default)
    config = make()
    assert getattr(config, name) == default
    setattr(config, name, value)
    assert getattr(config, name) == value
    assert getattr(make(**{name: value}), name) == value
    shown = str(value) if kind == "RateMethod" else repr(value)
    assert f"{name}={shown}" in repr(config)
    assert getattr(make, name).__doc__ == text
    with pytest.raises(TypeError):
        setattr(config, name, object())
    assert getattr(config, name) == value


@pytest.mark.parametrize("owner", [*CONFIGS, *STREAMS])
def test_docstrings_have_every_option(owner: str) -> None:
    for documented in [CONFIGS[owner]] if owner in CONFIGS else STREAMS[owner]:
        words = " ".join(documented.__doc__.split())
        for name, kind, _, text in OPTIONS[owner]:
            assert f"{name} : {kind} {text}" in words


@pytest.mark.parametrize("owner", CONFIGS)
def test_unknown_keywords_are_refused(owner: str) -> None:
    for name in ("unknown", "__class__", "burst_rate", "DEFAULT_BUFFER_SIZE", "endpoint"):
        with pytest.raises(TypeError, match=rf"{owner}\(\) got an unexpected .*'{name}'"):
            CONFIGS[owner](**{name: 1})


@pytest.mark.parametrize("owner", STREAMS)
def test_streams_take_every_option_by_keyword(owner: str) -> None:
    pool = spead2.ThreadPool()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for make in STREAMS[owner]:
            for name, kind, _, _ in OPTIONS[owner]:
                # Of the wrong type, so that it is known by its name and nothing is made.
                options = {"ttl": 1} if name == "interface_index" else {}
                with pytest.raises(TypeError) as caught:
                    make(pool, [listener.getsockname()], **options, **{name: object()})
                assert re.match(rf"{name} must be an? {kind.split()[0]}", str(caught.value))
            with pytest.raises(TypeError, match="unexpected keyword argument 'unknown'"):
                make(pool, [listener.getsockname()], unknown=1)


def test_ranges_are_told_and_are_both_errors() -> None:
    for value in (-1, 256, 2**40, 10**30):
        for kind in (ValueError, IndexError):
            with pytest.raises(kind, match=f"^ttl is {value}, but must be from 0 to 255$"):
                spead2.send.UdpIbvConfig(ttl=value)


def test_an_option_that_runs_code_changes_nothing_else() -> None:
    class Index:
        def __index__(self) -> int:
            config.max_heaps = 5
            raise KeyError("no number")

    config = spead2.send.StreamConfig()
    with pytest.raises(KeyError, match="no number"):
        config.max_heaps = Index()  # type: ignore[assignment]
    assert config.max_heaps == 5


def test_stubs_are_as_the_structures_are() -> None:
    command = [sys.executable, str(ROOT / "script" / "stubs"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    folder = ROOT / "python" / "spead2" / "_spead2"
    stubs = "".join(path.read_text() for path in folder.rglob("*.pyi"))
    described = set(re.findall(r"# Options of (\w+): script/stubs", stubs))
    assert described >= set(OPTIONS)
