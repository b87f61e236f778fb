# SPDX-License-Identifier: GPL-3.0-or-later
"""The block definitions, as GNU Radio Companion's own platform sees them."""

from __future__ import annotations

import inspect
import re
import types
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("gnuradio.grc", reason="needs GNU Radio Companion's modules")

from gnuradio import gr
from gnuradio.grc.core.platform import Platform

from spead2 import _spead2

GRC = Path(__file__).resolve().parents[2] / "grc"
HEAP_SINK, PDU_SINK = "spead2_heap_sink", "spead2_pdu_heap_sink"
SINKS = [HEAP_SINK, PDU_SINK]
HEAP_SOURCE, PDU_SOURCE = "spead2_heap_source", "spead2_pdu_heap_source"
SOURCES = [HEAP_SOURCE, PDU_SOURCE]
COUNTERS = "spead2_prometheus_counters"
TRANSPORTS = ["udp", "tcp", "ibv", "pcap"]
#: What a transport cannot do without.
NEEDED = {"ibv": {"interface_address": "10.0.0.1"}, "pcap": {"path": "/tmp/x.pcap"}}


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
    needed = NEEDED.get(parameters.get("transport", ""), {})
    needed = {name: value for name, value in needed.items() if name in block.params}
    for name, value in {**needed, **parameters}.items():
        block.params[name].set_value(value)
    graph.rewrite()
    graph.validate()
    return block


def complaints(block: Any) -> list[str]:
    """What is wrong with a block, apart from ports that are not connected."""
    messages = [message for _, message in block.iter_error_messages()]
    return [message for message in messages if "not connected" not in message]


def assert_help(block: Any) -> None:
    """It begins with what the block does and an example, and says what each transport is."""
    _, example, *others = block.documentation[""].split("\n\n")
    assert "Example:" in example
    (transports,) = [text for text in others if text.lstrip().startswith("Transport: ")]
    labels = dict(block.params["transport"].options).values()
    missing = [n for n in labels if n.partition(" (")[0].lower() not in transports.lower()]
    assert missing == []


def test_definitions_are_all_known() -> None:
    names = sorted(path.name for path in GRC.glob("*.block.yml"))
    keys = (HEAP_SINK, HEAP_SOURCE, PDU_SINK, PDU_SOURCE, COUNTERS, "variable_spead2_stream")
    assert names == [f"{key}.block.yml" for key in keys]


def test_counters_have_a_port_for_each_name(platform: Any) -> None:
    block = make(platform, COUNTERS, names='["sink", "other"]')
    assert complaints(block) == []
    assert list(block.category) == ["SPEAD"]
    assert "Example:" in block.documentation[""]
    assert [port.key for port in block.sinks] == ["stats0", "stats1"]
    assert complaints(make(platform, COUNTERS, names='["sink", "sink"]')) != []
    assert complaints(make(platform, COUNTERS, port="65536")) != []


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("key", SINKS)
def test_block_loads_without_complaint(platform: Any, key: str, transport: str) -> None:
    block = make(platform, key, transport=transport)
    assert complaints(block) == []
    assert list(block.category) == ["SPEAD"]
    assert_help(block)
    assert [port.key for port in block.sources] == ["stats"]
    assert all(port.optional for port in block.sources)


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
def test_ports_follow_items_and_type(platform: Any, kind: str, port: str) -> None:
    block = make(
        platform,
        HEAP_SINK,
        type=kind,
        vlen="4",
        num_items="3",
        names='["a", "b", "c"]',
        descriptions='["x", "y", "z"]',
    )
    assert complaints(block) == []
    assert [(p.dtype, p.vlen) for p in block.active_sinks if p.domain == "stream"] == [
        (port, 4)
    ] * 3
    code = block.templates.render("make")
    for i, name in enumerate("abc"):
        assert f"spead2.item({0x1000 + i:#x}, '{name}'" in code
    assert f"'{kind}', (4,)" in code


def test_each_input_may_have_a_type(platform: Any) -> None:
    block = make(
        platform,
        HEAP_SINK,
        num_items="3",
        types='["float", "sc16", "int8"]',
        names='["a", "b", "c"]',
        descriptions='["", "", ""]',
    )
    assert complaints(block) == []
    assert [p.dtype for p in block.active_sinks if p.domain == "stream"] == [
        "float",
        "sc16",
        "byte",
    ]
    code = block.templates.render("make")
    for name, kind in (("a", "float"), ("b", "sc16"), ("c", "int8")):
        assert f"'{name}', '', '{kind}')" in code
    assert complaints(make(platform, HEAP_SINK, types='["float", "float"]'))
    assert complaints(make(platform, HEAP_SINK, types='["double"]'))


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("key", SINKS)
def test_only_udp_goes_elsewhere(platform: Any, key: str, transport: str) -> None:
    block = make(platform, key, transport=transport, host="there")
    found = [c for c in block.templates.render("callbacks") if "destination" in c]
    assert found == (["set_destination('there', 8888)"] if transport == "udp" else [])


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
        ("max_packet_size", "65508"),
        ("max_heaps", "0"),
        ("descriptor_interval", "-1"),
        ("scalars", "5"),
        ("host", ""),
        ("transport", "stream"),  # and none given
        ("more_endpoints", '[("127.0.0.1", 0)]'),
        ("more_endpoints", '["127.0.0.1"]'),
        ("substream", "1"),
        ("substream", '"everywhere"'),
        ("ttl", "256"),
    ],
)
def test_asserts_catch_wrong_values(platform: Any, key: str, name: str, value: str) -> None:
    assert complaints(make(platform, key, **{name: value}))


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
def test_asserts_about_items(platform: Any, parameters: dict[str, str]) -> None:
    assert complaints(make(platform, HEAP_SINK, **parameters))


@pytest.mark.parametrize("key", SINKS)
@pytest.mark.parametrize("substream", ["1", '"round_robin"', '"tag:beam"'])
def test_more_endpoints(platform: Any, key: str, substream: str) -> None:
    block = make(platform, key, more_endpoints='[("127.0.0.1", 8889)]', substream=substream)
    assert complaints(block) == []


@pytest.mark.parametrize("key", [*SINKS, "variable_spead2_stream"])
def test_the_choice_is_that_of_the_engines_table(platform: Any, key: str) -> None:
    """All that go to endpoints, in the order of the table, with its labels."""
    rows = {
        name: row
        for name, row in _spead2.TRANSPORTS.items()
        if "endpoints" in {argument[0] for argument in row.arguments}
    }
    assert [*rows] == TRANSPORTS
    choice = make(platform, key).params["transport"].options
    more = {"stream": "A stream"} if key in SINKS else {}
    assert dict(choice) == {name: row.label for name, row in rows.items()} | more


@pytest.mark.parametrize("key", [*SINKS, "variable_spead2_stream"])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_choice_follows_from_the_row(platform: Any, key: str, transport: str) -> None:
    row = _spead2.TRANSPORTS[transport]
    block = make(platform, key, transport=transport)
    assert (block.params["more_endpoints"].hide == "all") == row.one_endpoint
    largest = row.largest_packet or 2**30
    fits = make(platform, key, transport=transport, max_packet_size=str(largest))
    too_large = make(platform, key, transport=transport, max_packet_size=str(largest + 1))
    assert (complaints(fits), len(complaints(too_large))) == ([], 1)


@pytest.mark.parametrize("transport", NEEDED)
def test_what_a_transport_needs(platform: Any, transport: str) -> None:
    for name in NEEDED[transport]:
        assert complaints(make(platform, HEAP_SINK, transport=transport, **{name: ""}))


def test_parameters_without_use_are_hidden(platform: Any) -> None:
    fixed = make(platform, HEAP_SINK)
    assert fixed.params["length_tag"].hide == "all"
    assert fixed.params["samples_per_heap"].hide == "none"
    tagged = make(platform, HEAP_SINK, heaps="tagged", timestamps="False")
    assert tagged.params["length_tag"].hide == "none"
    assert tagged.params["samples_per_heap"].hide == "all"
    assert tagged.params["timestamp_step"].hide == "all"


@pytest.mark.parametrize("key", [*SINKS, "variable_spead2_stream"])
def test_a_transport_shows_its_own_options(platform: Any, key: str) -> None:
    spead2 = pytest.importorskip("gnuradio.spead2")
    of_network = {"ttl", "interface_address", "buffer_size", "comp_vector", "max_poll", "reconnect"}
    of_network |= {"path", "source_port"}
    for name in TRANSPORTS:
        block = make(platform, key, transport=name)
        takes = set(inspect.signature(getattr(spead2, name)).parameters)
        shown = {p for p in of_network if block.params[p].hide != "all"}
        assert shown == takes & of_network


def test_a_shared_stream_has_no_options_in_the_sink(platform: Any) -> None:
    block = make(platform, HEAP_SINK, transport="stream", stream="object()")
    assert complaints(block) == []
    for name in ("host", "port", "rate", "ttl", "max_packet_size", "interface_address"):
        assert block.params[name].hide == "all"
    assert "\n    object(),\n" in block.templates.render("make")


def test_options_of_parts_are_hidden_where_a_heap_has_one_sender(platform: Any) -> None:
    names = ("rank", "split", "owners", "pointers")
    alone = make(platform, HEAP_SINK, rank="0")
    assert alone.params["size"].hide == "part"
    assert {alone.params[name].hide for name in names} == {"all"}
    several = make(platform, HEAP_SINK, size="4", rank="3")
    assert complaints(several) == []
    shown = {name: several.params[name].hide for name in names}
    assert shown == {"rank": "none", "split": "none", "owners": "part", "pointers": "part"}
    assert "descriptor_seconds=1" in alone.templates.render("make")
    assert "options.descriptor_seconds = 1;" in alone.cpp_templates.render("make")
    assert several.params["descriptor_seconds"].hide == "all"
    assert "descriptor_seconds" not in several.templates.render("make")
    owned = make(platform, HEAP_SINK, size="1", owners="[0]")
    assert owned.params["owners"].hide == "all"
    assert "owners" not in owned.templates.render("make")


@pytest.mark.parametrize(
    "parameters",
    [
        {"size": "0"},
        {"size": "2", "rank": "2"},
        {"size": "2", "rank": "-1"},
        {"size": "2", "split": "2"},
        {"size": "2", "split": '"old"'},
        {"size": "3", "split": "1", "vlen": "2"},
        {"size": "2", "owners": "[0, 1]"},
        {"size": "2", "owners": "[1]"},
        {"size": "2", "heaps": "tagged"},
    ],
)
def test_asserts_about_parts(platform: Any, parameters: dict[str, str]) -> None:
    assert complaints(make(platform, HEAP_SINK, **parameters))


@pytest.mark.parametrize(
    ("parameters", "ports"),
    [
        ({"split": '"new"'}, [("float", 5), ("int", 5), ("short", 5)]),
        ({"split": "1"}, [("float", 2), ("int", 2), ("short", 2)]),
        ({"owners": "[1, 0, 1]"}, [("float", 5), ("short", 5)]),
    ],
)
def test_ports_of_parts(platform: Any, parameters: dict[str, str], ports: list[Any]) -> None:
    spead2 = pytest.importorskip("gnuradio.spead2")
    block = make(
        platform,
        HEAP_SINK,
        num_items="3",
        types='["float", "int", "short"]',
        names='["a", "b", "c"]',
        descriptions='["", "", ""]',
        vlen="5",
        size="2",
        rank="1",
        **parameters,
    )
    assert complaints(block) == []
    found = [p for p in block.active_sinks if p.domain == "stream"]
    assert [(p.dtype, p.vlen) for p in found] == ports
    assert [p.key for p in found] == [str(i) for i in range(len(ports))]
    sink = eval(block.templates.render("make"), {"spead2": spead2})
    sizes = {"float": 4, "int": 4, "short": 2}
    assert sink.input_signature().sizeof_stream_items() == [
        sizes[kind] * length for kind, length in ports
    ]
    code = block.cpp_templates.render("make")
    assert "options.size = 2;" in code
    assert "options.rank = 1;" in code
    assert ("options.owners = {1, 0, 1};" in code) == ("owners" in parameters)


#: Parameters of the definitions that are no options: what they are for is in their labels.
OWN = {
    *(
        "transport",
        "stream",
        "host",
        "port",
        "more_endpoints",
        "type",
        "types",
        "vlen",
        "num_items",
    ),
    *("names", "descriptions", "name", "description", "first_id", "heaps"),
    *("timestamps", "timestamp_id", "timestamp_start", "timestamp_step"),
    # GNU Radio Companion's own, for every block
    *("id", "alias", "affinity", "minoutbuf", "maxoutbuf", "comment"),
}
#: Parameters that say what an option says by another name, or whose default suits beginners.
SET_BY_OTHERS = {"variable_length", "samples_per_heap", "descriptor_seconds"}


@pytest.mark.parametrize(
    ("key", "function"), [(HEAP_SINK, "heap_sink"), (PDU_SINK, "pdu_heap_sink")]
)
def test_parameters_are_the_options_of_python_and_cpp(
    platform: Any, key: str, function: str
) -> None:
    """By name and default. Python's are read from the C++ structures when the module is loaded."""
    spead2 = pytest.importorskip("gnuradio.spead2")
    block = make(platform, key)
    of_sink = dict(inspect.signature(getattr(spead2, function)).parameters)
    del of_sink["stream"], of_sink["items" if function == "heap_sink" else "item"]
    of_streams: dict[str, list[Any]] = {}
    for name in TRANSPORTS:
        for option, p in inspect.signature(getattr(spead2, name)).parameters.items():
            of_streams.setdefault(option, []).append(p.default)
    del of_streams["endpoints"]
    # Left to those who write Python.
    rows = yaml.safe_load((GRC / "options.yml").read_text())
    for option, row in {**rows["stream"], **rows["network"]}.items():
        if row is None:
            del of_streams[option]
    assert {*block.params} - OWN - SET_BY_OTHERS == {*of_sink, *of_streams} - SET_BY_OTHERS
    for name in {*block.params} - OWN - SET_BY_OTHERS - {"scalars"}:
        shown = block.params[name].get_evaluated()
        if name == "flavour":
            assert spead2.Flavour(4, 64, int(shown)) == spead2.Flavour()
        elif name in of_sink:
            assert shown == of_sink[name].default or str(shown) == str(of_sink[name].default)
        else:
            defaults = of_streams[name]
            assert shown in (None, "") or all(shown == default for default in defaults)
    for p in of_sink:
        assert p in block.params or p in SET_BY_OTHERS


@pytest.mark.parametrize("key", SINKS)
def test_only_what_is_not_the_default_is_passed_on(platform: Any, key: str) -> None:
    def names(**parameters: str) -> list[str]:
        code = make(platform, key, timestamps="False", **parameters).templates.render("make")
        return re.findall(r"(\w+)=", code)

    always = ["samples_per_heap"] if key == HEAP_SINK else []
    assert names() == [*always, "descriptor_seconds"]
    assert names(descriptor_seconds="0") == always
    options = {"send_end": "False", "flavour": "48", "rate": "1e6", "ttl": "3"}
    assert names(**options, descriptor_seconds="0") == [
        "rate",
        "ttl",
        *always,
        "send_end",
        "flavour",
    ]


@pytest.mark.parametrize("heaps", ["fixed", "tagged", "variable"])
@pytest.mark.parametrize("timestamps", ["True", "False"])
def test_python_code_makes_the_block(platform: Any, heaps: str, timestamps: str) -> None:
    spead2 = pytest.importorskip("gnuradio.spead2")
    block = make(
        platform,
        HEAP_SINK,
        heaps=heaps,
        timestamps=timestamps,
        more_endpoints='[("127.0.0.1", 8889)]',
        scalars='[spead2.tag_item(0x1601, "freq", "Frequency", "rx_freq", dtype="float64")]',
        substream='"round_robin"',
        descriptor_interval="7",
        on_send_error="error",
        flavour="48",
    )
    assert complaints(block) == []
    sink = eval(block.templates.render("make"), {"spead2": spead2})
    assert sink.descriptor_interval() == 7


def test_pdu_code_makes_the_block(platform: Any) -> None:
    spead2 = pytest.importorskip("gnuradio.spead2")
    block = make(platform, PDU_SINK, type="byte", descriptor_interval="7")
    sink = eval(block.templates.render("make"), {"spead2": spead2})
    assert sink.descriptor_interval() == 7


def test_code_of_a_shared_stream_makes_it(platform: Any) -> None:
    spead2 = pytest.importorskip("gnuradio.spead2")
    graph = platform.make_flow_graph()
    block = graph.new_block("variable_spead2_stream")
    block.params["id"].set_value("shared")
    block.params["rate"].set_value("5e6")
    block.params["more_endpoints"].set_value('[("127.0.0.1", 8889)]')
    graph.rewrite()
    graph.validate()
    assert complaints(block) == []
    program = types.SimpleNamespace()
    exec(block.templates.render("var_make"), {"spead2": spead2, "self": program})
    assert program.shared.num_substreams == 2
    sinks = [spead2.heap_sink(program.shared, (0x1000, "x", "", "f4"), samples_per_heap=1)] * 2
    assert all("127.0.0.1:8888" in repr(sink) for sink in sinks)


# ---- Sources


@pytest.mark.parametrize("transport", ["udp", "tcp", "ibv", "pcap"])
@pytest.mark.parametrize("key", SOURCES)
def test_a_source_loads_without_complaint(platform: Any, key: str, transport: str) -> None:
    block = make(platform, key, transport=transport, filename="heaps.pcap", host="239.1.2.3")
    assert complaints(block) == []
    assert list(block.category) == ["SPEAD"]
    assert_help(block)
    expected = ["stats"] if key == HEAP_SOURCE else ["pdus", "stats"]
    assert [port.key for port in block.active_sources if port.domain == "message"] == expected
    code = block.cpp_templates.render("make")
    assert "this->sink = gr::spead2::" in code
    assert "${" not in code


def test_outputs_follow_items_and_types(platform: Any) -> None:
    block = make(
        platform,
        HEAP_SOURCE,
        num_items="3",
        types='["float", "sc16", "int8"]',
        vlen="4",
        names='["a", "b", "c"]',
    )
    assert complaints(block) == []
    ports = [(p.dtype, p.vlen) for p in block.active_sources if p.domain == "stream"]
    assert ports == [("float", 4), ("sc16", 4), ("byte", 4)]
    assert "spead2.item(0x1001, 'b', \"\", 'sc16', (4,)" in block.templates.render("make")


@pytest.mark.parametrize("key", SOURCES)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "0"),
        ("first_id", "0"),
        ("timestamp_id", "0x1000"),
        ("timestamp_step", "0"),
        ("transport", "stream"),  # and none given
        ("scalars", "5"),
        ("window", "-1"),
        ("cnt_step", "-1"),
        ("heaps", "0"),
        ("max_heaps", "0"),
        ("max_size", "0"),
        ("transport", "pcap"),  # and no file
        ("transport", "ibv"),  # and no group
    ],
)
def test_asserts_of_sources(platform: Any, key: str, name: str, value: str) -> None:
    assert complaints(make(platform, key, **{name: value}))


@pytest.mark.parametrize(
    ("key", "function"), [(HEAP_SOURCE, "heap_source"), (PDU_SOURCE, "pdu_heap_source")]
)
def test_parameters_are_the_options_of_a_source(platform: Any, key: str, function: str) -> None:
    """By name and default."""
    spead2 = pytest.importorskip("gnuradio.spead2")
    block = make(platform, key)
    options = dict(inspect.signature(getattr(spead2, function)).parameters)
    del options["stream"], options["items" if function == "heap_source" else "item"]
    of_streams: dict[str, list[Any]] = {}
    for name in ("udp_receiver", "tcp_receiver", "ibv_receiver", "pcap_receiver"):
        for option, p in inspect.signature(getattr(spead2, name)).parameters.items():
            of_streams.setdefault(option, []).append(p.default)
    del of_streams["address"]
    own = OWN - {"heaps"}
    assert {*block.params} - own == {*options, *of_streams}
    for name in {*block.params} - own - {"scalars"}:
        shown = block.params[name].get_evaluated()
        defaults = [options[name].default] if name in options else of_streams[name]
        same = all(str(shown) == str(default) for default in defaults)
        assert same or (shown in (None, "") and name in of_streams)


@pytest.mark.parametrize("key", SOURCES)
@pytest.mark.parametrize("timestamps", ["True", "False"])
def test_python_code_makes_the_source(platform: Any, key: str, timestamps: str) -> None:
    spead2 = pytest.importorskip("gnuradio.spead2")
    block = make(
        platform,
        key,
        transport="stream",
        stream="stream",
        timestamps=timestamps,
        scalars='[spead2.tag_item(0x1601, "freq", "", "rx_freq", dtype="float64")]',
        window="7",
        on_bad_heap="skip",
        other_items="False",
    )
    code = block.templates.render("make")
    assert "window=7" in code
    assert "on_bad_heap='skip'" in code
    assert "other_items=False" in code
    import spead2 as engine

    stream = engine.recv.Stream(engine.ThreadPool())
    made = eval(code, {"spead2": spead2, "stream": stream})
    assert "0 heaps received" in repr(made)


@pytest.mark.parametrize("key", SOURCES)
def test_receivers_are_passed_what_is_not_the_default(platform: Any, key: str) -> None:
    code = make(platform, key, timestamps="False").templates.render("make")
    assert re.findall(r"(\w+)=", code) == []
    code = make(
        platform,
        key,
        timestamps="False",
        heaps="3",
        stop_on_stop_item="False",
        interface_address="eth0",
        host="239.1.2.3",
        max_size="9200",
    ).templates.render("make")
    assert "spead2.udp_receiver(\n        ('239.1.2.3', 8888),\n" in code
    assert re.findall(r"(\w+)=", code) == [
        "heaps",
        "stop_on_stop_item",
        "max_size",
        "interface_address",
    ]


@pytest.mark.parametrize("key", SOURCES)
def test_a_source_of_a_capture_file(platform: Any, key: str) -> None:
    block = make(
        platform,
        key,
        transport="pcap",
        filename="it's.pcap",
        filter="udp port 7",
        at_own_pace="True",
        interface_address="eth0",
        host="239.1.2.3",
    )
    assert complaints(block) == []
    hidden = {name for name, p in block.params.items() if p.hide == "all"}
    assert {"host", "port", "max_size", "buffer_size", "interface_address"} <= hidden
    assert not {"filename", "filter", "at_own_pace"} & hidden
    code = block.templates.render("make")
    assert 'spead2.pcap_receiver(\n        "it\'s.pcap",\n' in code
    assert "filter='udp port 7',\n        at_own_pace=True,\n    )" in code
    assert "max_size" not in code
    cpp = block.cpp_templates.render("make")
    assert 'reader.filter = "udp port 7"' in cpp.replace("'", '"')
    assert 'gr::spead2::pcap_receiver("it\'s.pcap", reader, config, ring)' in cpp


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("key", SINKS)
def test_cpp_code_is_complete(platform: Any, key: str, transport: str) -> None:
    """Every value is filled in; test_grc_programs.py compiles it."""
    code = make(platform, key, transport=transport).cpp_templates.render("make")
    assert "this->sink = gr::spead2::" in code
    assert "${" not in code
