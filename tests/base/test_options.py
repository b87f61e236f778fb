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
import spead2.recv
import spead2.send
import spead2.send.asyncio
from spead2 import _spead2

ROOT = pathlib.Path(__file__).resolve().parents[2]
Row = tuple[str, str, Any, str, Any]

#: The classes whose attributes are options, and the rows that they are held against.
CONFIGS: dict[str, tuple[Any, list[Row]]] = {
    "send.StreamConfig": (spead2.send.StreamConfig, _spead2.OPTIONS["StreamConfig"]),
    "send.UdpIbvConfig": (spead2.send.UdpIbvConfig, _spead2.OPTIONS["UdpIbvConfig"]),
    "recv.StreamConfig": (spead2.recv.StreamConfig, _spead2.recv.OPTIONS["StreamConfig"]),
    "recv.UdpIbvConfig": (spead2.recv.UdpIbvConfig, _spead2.recv.OPTIONS["UdpIbvConfig"]),
    "recv.RingStreamConfig": (
        spead2.recv.RingStreamConfig,
        _spead2.recv.OPTIONS["RingStreamConfig"],
    ),
}
#: Streams that take their transport's options by keyword; that for asyncio over TCP connects first.
STREAMS: dict[str, list[Any]] = {
    row.stream: [
        getattr(package, row.stream)
        for package in (spead2.send, spead2.send.asyncio)
        if (package, row.stream) != (spead2.send.asyncio, "TcpStream")
    ]
    for row in _spead2.TRANSPORTS.values()
    if row.stream in _spead2.OPTIONS
}
#: Methods that take their reader's options by keyword, and what is given before.
READERS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    row.method: ([0], {"bind_hostname": "127.0.0.1"}) if not row.arguments else (["file"], {})
    for row in _spead2.recv.READERS.values()
    if row.method in _spead2.recv.OPTIONS
}
#: Others are sevens, half numbers, addresses, and what is not so by default.
OTHER_VALUES: dict[str, Any] = {"bug_compat": 3, "memcpy": 1}
ATTRIBUTES = [(make, *row[:4]) for make, rows in CONFIGS.values() for row in rows]


def other_value(name: str, kind: str, default: Any) -> Any:
    """Return a value that is not the default."""
    values = {
        "int": 7,
        "float": 2.5,
        "str": "127.0.0.1",
        "bool": not default,
        "RateMethod": spead2.send.RateMethod.SW,
        "MemoryAllocator": spead2.MmapAllocator(),
    }
    return OTHER_VALUES.get(name, values[kind])


def test_every_configuration_is_looked_at() -> None:
    looked_at = {*CONFIGS, *(f"send.{name}" for name in STREAMS)}
    looked_at |= {f"recv.{name}" for name in READERS}
    for module, options in (("send", _spead2.OPTIONS), ("recv", _spead2.recv.OPTIONS)):
        assert {f"{module}.{owner}" for owner in options} <= looked_at


@pytest.mark.parametrize(("make", "name", "kind", "default", "text"), ATTRIBUTES)
def test_an_option_is_attribute_and_keyword(
    make: Any, name: str, kind: str, default: Any, text: str
) -> None:
    value = other_value(name, kind, default)
    config = make()
    if kind == "MemoryAllocator":
        assert type(getattr(config, name)) is type(default)
    else:
        assert getattr(config, name) == default
    setattr(config, name, value)
    assert getattr(config, name) == value
    assert getattr(make(**{name: value}), name) == value
    shown = str(value) if kind == "RateMethod" else repr(value)
    assert f"{name}={shown}" in repr(config)
    assert getattr(make, name).__doc__ == text
    with pytest.raises(TypeError, match=name):
        setattr(config, name, "text" if kind == "bool" else object())
    assert getattr(config, name) == value


DOCUMENTED = [
    *CONFIGS.values(),
    *((stream, _spead2.OPTIONS[owner]) for owner in STREAMS for stream in STREAMS[owner]),
    *((getattr(spead2.recv.Stream, name), _spead2.recv.OPTIONS[name]) for name in READERS),
]


@pytest.mark.parametrize(("documented", "rows"), DOCUMENTED)
def test_docstrings_have_every_option(documented: Any, rows: list[Row]) -> None:
    words = " ".join(documented.__doc__.split())
    for name, kind, _, text, _ in rows:
        assert f"{name} : {kind} {text}" in words


@pytest.mark.parametrize("owner", CONFIGS)
def test_unknown_keywords_are_refused(owner: str) -> None:
    make, rows = CONFIGS[owner]
    for name in ("unknown", "__class__", "endpoint"):
        with pytest.raises(TypeError, match=rf"^{make.__name__}\(\) got an unexpected .*'{name}'"):
            make(**{name: 1})
    fixed = {name for name in dir(make) if name[0] != "_"} - {name for name, *_ in rows}
    for name in fixed - {"endpoints", "memory_regions"}:
        with pytest.raises(AttributeError):
            make(**{name: 1})


@pytest.mark.parametrize("owner", STREAMS)
def test_streams_take_every_option_by_keyword(owner: str, tmp_path: pathlib.Path) -> None:
    pool = spead2.ThreadPool()
    (row,) = (row for row in _spead2.TRANSPORTS.values() if row.stream == owner)
    file = [tmp_path / "x.pcap"] if row.arguments[0][0] == "path" else []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for make in STREAMS[owner]:
            for name, kind, *_ in _spead2.OPTIONS[owner]:
                # Of the wrong type, so that it is known by its name and nothing is made.
                options = {"ttl": 1} if name == "interface_index" else {}
                with pytest.raises(TypeError) as caught:
                    make(pool, *file, [listener.getsockname()], **options, **{name: object()})
                assert re.match(rf"{name} must be an? {kind.split()[0]}", str(caught.value))
            with pytest.raises(TypeError, match="unexpected keyword argument 'unknown'"):
                make(pool, *file, [listener.getsockname()], unknown=1)


@pytest.mark.parametrize("name", READERS)
def test_readers_take_every_option_by_keyword(name: str) -> None:
    add = getattr(spead2.recv.Stream(spead2.ThreadPool()), name)
    places, names = READERS[name]
    for option, *_ in _spead2.recv.OPTIONS[name]:
        # Of the wrong type, so that it is known by its name and nothing is received.
        with pytest.raises(TypeError, match=f"^{option} must be"):
            add(*places, **names, **{option: object()})
    for wrong in ({"unknown": 1}, {"interface": 1}, {"socket": 1}):
        with pytest.raises(TypeError, match="got an unexpected keyword argument"):
            add(*places, **names, **wrong)


@pytest.mark.parametrize("name", ["add_udp_reader", "add_tcp_reader"])
def test_readers_with_forms_of_their_own_name_what_is_wrong(name: str) -> None:
    add = getattr(spead2.recv.Stream(spead2.ThreadPool()), name)
    with pytest.raises(TypeError, match="multiple values for argument 'port'"):
        add(0, port=0)
    with pytest.raises(TypeError, match="missing the argument 'port'"):
        add(max_size=1)


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
    for stubs, options in (
        (folder.glob("*.pyi"), _spead2.OPTIONS),
        (folder.glob("recv/*.pyi"), _spead2.recv.OPTIONS),
    ):
        text = "\n".join(stub.read_text() for stub in stubs)
        described = {*re.findall(r"# Options of (\w+)[\w, ]*: script/stubs", text)}
        # Those of streams and readers that only the tables describe are with their signatures.
        for name in {*options} - described:
            assert re.search(rf"\b{name}\b", text)
        assert described <= {*options}
