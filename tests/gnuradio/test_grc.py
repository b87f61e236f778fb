# SPDX-License-Identifier: GPL-3.0-or-later
"""The block definitions, as GNU Radio Companion's own platform sees them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gnuradio.grc", reason="needs GNU Radio Companion's modules")

from gnuradio import gr
from gnuradio.grc.core.platform import Platform

GRC = Path(__file__).resolve().parents[2] / "grc"
STREAM_SINKS = ["spead2_udp_heap_sink", "spead2_tcp_heap_sink", "spead2_ibv_heap_sink"]
SINKS = [*STREAM_SINKS, "spead2_udp_pdu_heap_sink"]


@pytest.fixture(scope="module")
def platform() -> Any:
    platform = Platform(
        version=gr.version(),
        version_parts=(gr.major_version(), gr.api_version(), gr.minor_version()),
        prefs=gr.prefs(),
    )
    platform.build_library([str(GRC), "/usr/share/gnuradio/grc/blocks"])
    return platform


def make(platform: Any, key: str, **parameters: str) -> Any:
    """Put one block into an empty flowgraph."""
    graph = platform.make_flow_graph()
    block = graph.new_block(key)
    block.params["id"].set_value("sink")
    if key == "spead2_ibv_heap_sink":
        parameters = {"interface_address": "10.0.0.1", **parameters}
    for name, value in parameters.items():
        block.params[name].set_value(value)
    graph.rewrite()
    graph.validate()
    return block


def complaints(block: Any) -> list[str]:
    """What is wrong with a block, apart from ports that are not connected."""
    messages = [message for _, message in block.iter_error_messages()]
    return [message for message in messages if "not connected" not in message]


def test_definitions_are_all_known() -> None:
    names = sorted(path.name for path in GRC.glob("*.block.yml"))
    assert names == sorted(f"{key}.block.yml" for key in SINKS)


@pytest.mark.parametrize("key", SINKS)
def test_block_loads_without_complaint(platform: Any, key: str) -> None:
    block = make(platform, key)
    assert complaints(block) == []
    assert list(block.category) == ["SPEAD"]
    documentation = block.documentation[""]
    assert "Example:" in documentation
    assert [port.key for port in block.sources] == ["stats"]
    assert all(port.optional for port in block.sources)


@pytest.mark.parametrize("key", STREAM_SINKS)
@pytest.mark.parametrize(
    ("kind", "port"),
    [
        ("complex", "complex"),
        ("float", "float"),
        ("int", "int"),
        ("short", "short"),
        ("byte", "byte"),
        ("int8", "byte"),
        ("sc16", "sc16"),
        ("sc8", "sc8"),
    ],
)
def test_ports_follow_items_and_type(platform: Any, key: str, kind: str, port: str) -> None:
    block = make(
        platform,
        key,
        type=kind,
        vlen="4",
        num_items="3",
        names='["a", "b", "c"]',
        descriptions='["x", "y", "z"]',
    )
    assert complaints(block) == []
    assert [(sink.dtype, sink.vlen) for sink in block.sinks] == [(port, 4)] * 3
    code = block.templates.render("make")
    for i, name in enumerate("abc"):
        assert f"spead2.item({0x1000 + i:#x}, '{name}'" in code
    assert f"'{kind}', (4,)" in code


@pytest.mark.parametrize("key", SINKS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "0"),
        ("port", "65536"),
        ("first_id", "0"),
        ("first_id", "2**23"),
        ("timestamp_id", "0x1000"),
        ("timestamp_id", "2**23"),
        ("timestamp_start", "-1"),
        ("rate", "-1"),
        ("max_packet_size", "20"),
        ("max_heaps", "0"),
        ("descriptor_interval", "-1"),
        ("scalars", "5"),
        ("host", ""),
    ],
)
def test_asserts_catch_wrong_values(platform: Any, key: str, name: str, value: str) -> None:
    assert complaints(make(platform, key, **{name: value}))


@pytest.mark.parametrize("key", STREAM_SINKS)
@pytest.mark.parametrize(
    "parameters",
    [
        {"num_items": "2"},  # one name only
        {"num_items": "2", "names": '["a", "a"]', "descriptions": '["", ""]'},
        {"num_items": "0", "names": "[]", "descriptions": "[]"},
        {"names": '["\u00e4"]'},
        {"names": '"samples"'},
        {"vlen": "0"},
        {"samples_per_heap": "0"},
        {"heaps": "tagged", "length_tag": '""'},
        {"flavour": "48", "first_id": "0x8000"},
    ],
)
def test_asserts_about_items(platform: Any, key: str, parameters: dict[str, str]) -> None:
    assert complaints(make(platform, key, **parameters))


@pytest.mark.parametrize("key", ["spead2_udp_heap_sink", "spead2_udp_pdu_heap_sink"])
@pytest.mark.parametrize(
    "parameters",
    [
        {"more_endpoints": '[("127.0.0.1", 0)]'},
        {"more_endpoints": '["127.0.0.1"]'},
        {"substream": "1"},
        {"substream": '"everywhere"'},
        {"ttl": "256"},
        {"max_packet_size": "65508"},
    ],
)
def test_asserts_about_endpoints(platform: Any, key: str, parameters: dict[str, str]) -> None:
    assert complaints(make(platform, key, **parameters))


@pytest.mark.parametrize("key", ["spead2_udp_heap_sink", "spead2_udp_pdu_heap_sink"])
@pytest.mark.parametrize("substream", ["1", '"round_robin"', '"tag:beam"'])
def test_more_endpoints(platform: Any, key: str, substream: str) -> None:
    block = make(platform, key, more_endpoints='[("127.0.0.1", 8889)]', substream=substream)
    assert complaints(block) == []


def test_ibv_needs_an_interface(platform: Any) -> None:
    assert complaints(make(platform, "spead2_ibv_heap_sink", interface_address=""))


@pytest.mark.parametrize("key", STREAM_SINKS)
def test_parameters_without_use_are_hidden(platform: Any, key: str) -> None:
    fixed = make(platform, key)
    assert fixed.params["length_tag"].hide == "all"
    assert fixed.params["samples_per_heap"].hide == "none"
    tagged = make(platform, key, heaps="tagged", timestamps="False")
    assert tagged.params["length_tag"].hide == "none"
    assert tagged.params["samples_per_heap"].hide == "all"
    assert tagged.params["timestamp_step"].hide == "all"


@pytest.mark.parametrize("heaps", ["fixed", "tagged", "variable"])
@pytest.mark.parametrize("timestamps", ["True", "False"])
def test_python_code_makes_the_block(platform: Any, heaps: str, timestamps: str) -> None:
    spead2 = pytest.importorskip("gnuradio.spead2")
    block = make(
        platform,
        "spead2_udp_heap_sink",
        heaps=heaps,
        timestamps=timestamps,
        more_endpoints='[("127.0.0.1", 8889)]',
        scalars='[spead2.tag_item(0x1601, "freq", "Frequency", "rx_freq", dtype="float64")]',
        substream='"round_robin"',
        descriptor_interval="7",
    )
    assert complaints(block) == []
    sink = eval(block.templates.render("make"), {"spead2": spead2})
    assert sink.descriptor_interval() == 7


def test_pdu_code_makes_the_block(platform: Any) -> None:
    spead2 = pytest.importorskip("gnuradio.spead2")
    block = make(platform, "spead2_udp_pdu_heap_sink", type="byte", descriptor_interval="7")
    sink = eval(block.templates.render("make"), {"spead2": spead2})
    assert sink.descriptor_interval() == 7


@pytest.mark.parametrize("key", SINKS)
def test_cpp_code_is_complete(platform: Any, key: str) -> None:
    """Every value is filled in; test_grc_programs.py compiles it."""
    code = make(platform, key).cpp_templates.render("make")
    assert "this->sink = gr::spead2::" in code
    assert "${" not in code
