# SPDX-License-Identifier: Apache-2.0
"""Whatever is given to the package: a result or an ordinary exception that shows what was wrong."""

from __future__ import annotations

import asyncio
import concurrent.futures
import copy
import logging
import pickle
import re
import reprlib
import subprocess
import sys
import textwrap
from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import strategies

import spead2
import spead2.send
import spead2.send.asyncio
from spead2 import _spead2
from spead2.send import BytesStream, GroupMode, Heap, HeapReference, StreamConfig

POOL = spead2.ThreadPool()
SHARED = BytesStream(POOL)
ASYNCIO = spead2.send.asyncio.InprocStream(POOL, [spead2.InprocQueue()])

NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70),
    st.sampled_from(
        [-1, 0, 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), 10**400]
    ),
    st.floats(),
    st.sampled_from([np.uint8(3), np.int64(-5), np.float32(2.5), np.float64("nan"), 1 + 2j]),
)
ARRAYS = st.sampled_from(
    [
        np.array("x"),
        np.array(None),
        np.zeros(0),
        np.zeros((0, 3), np.uint8),
        np.array([1, "a"], object),
        np.arange(6).reshape(2, 3)[:, ::2],
        np.array("2020-01-01", "M8[s]"),
        np.zeros(2, [("a", "u1"), ("b", "<f8")]),
        np.ma.masked_equal([1, 2], 2),  # type: ignore[no-untyped-call]
        np.array([1.5, np.nan, np.inf]),
        np.array(["é"]),
    ]
)
SIMPLE = st.one_of(
    st.none(),
    st.booleans(),
    NUMBERS,
    st.text(max_size=5),
    st.sampled_from(["\ud800", "a\0b", "x" * 1000, "é"]),
    st.binary(max_size=5),
    ARRAYS,
    st.builds(object),
    st.sampled_from([Heap, Heap(), StreamConfig(), GroupMode.SERIAL, spead2.Flavour(), np.uint8]),
)
ANYTHING = st.one_of(
    SIMPLE,
    st.lists(SIMPLE, max_size=3),
    st.tuples(SIMPLE, SIMPLE),
    st.dictionaries(st.text(max_size=3), SIMPLE, max_size=2),
)


def pieces(argument: Any) -> list[str]:
    """Return texts of which one must be in an error about an argument."""
    if isinstance(argument, (list, tuple)):
        inner = [text for element in argument for text in pieces(element)]
        return [
            *inner,
            repr(argument),
            reprlib.repr(argument),
            f"{len(argument)}",
            "empty" if not argument else "shape",
        ]
    if isinstance(argument, np.ndarray):
        return [
            *map(repr, argument.flat),
            repr(argument),
            reprlib.repr(argument),
            str(argument),
            str(argument.dtype),
            str(argument.shape),
        ]
    if isinstance(argument, str):
        return [repr(argument), reprlib.repr(argument), argument or "empty", *map(repr, argument)]
    return [repr(argument), str(argument), reprlib.repr(argument)]


def numbers(argument: Any) -> list[float]:
    """Return the real numbers in an argument, as the doubles they become."""
    if isinstance(argument, (list, tuple)):
        return [number for element in argument for number in numbers(element)]
    try:
        return [float(argument)] if isinstance(argument, (int, float, np.number)) else []
    except (TypeError, OverflowError):  # complex, or of hundreds of digits
        return []


def names_a_value(text: str, arguments: list[Any]) -> bool:
    """Whether the text of an error shows one of the arguments, or the double it became."""
    shown = [piece for argument in arguments for piece in pieces(argument)]
    hypothesis.note(f"{text!r} should have one of {shown}")
    # Where a value can be named so.
    words = ["empty", "zero", "null", "must be specified", "Only one", "ambiguous"]
    in_text = {float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", text)}
    return any(piece in text for piece in [*shown, *words]) or bool(
        in_text.intersection(number for argument in arguments for number in numbers(argument))
    )


def item(**kwargs: Any) -> spead2.Item:
    return spead2.Item(0x1000, "x", "", (2,), **{"dtype": "u1", **kwargs})


def heap() -> Heap:
    made = Heap()
    made.add_item(item(value=[1, 2]))
    return made


def in_loop(name: str, *arguments: Any, stream: Any = ASYNCIO) -> Any:
    async def run() -> Any:
        return await asyncio.wait_for(getattr(stream, name)(*arguments), 30)

    return asyncio.run(run())


def in_thread(function: Any) -> Any:
    """Return a function that calls the other one in a thread of its own."""

    def call(*arguments: Any) -> Any:
        with concurrent.futures.ThreadPoolExecutor(1) as executor:
            return executor.submit(function, *arguments).result()

    return call


def stopped_queue() -> spead2.InprocQueue:
    queue = spead2.InprocQueue()
    queue.stop()
    return queue


def set_attribute(make: Any, name: str) -> Any:
    return lambda value: setattr(make(), name, value)


def group(**kwargs: Any) -> spead2.send.ItemGroup:
    made = spead2.send.ItemGroup(**kwargs)
    made.add_item(None, "x", "", (), "u1", value=1)
    return made


U8 = [("u", 8)]
LOOPBACK = [("127.0.0.1", 9)]
MULTICAST = [("239.255.77.77", 9)]

#: What is called, and arguments that are right.
CALLS: list[Any] = [
    (spead2.Flavour, [4, 64, 40, 0]),
    (in_thread(spead2.ThreadPool.set_affinity), [0]),
    (lambda affinity: spead2.ThreadPool(1, affinity), [[]]),
    (lambda threads: spead2.ThreadPool(threads).stop() if bad_pool(threads) else None, [1]),
    (spead2.Descriptor, [1, "x", "", (2,), "u1", "C"]),
    (spead2.Descriptor, [1, "x", "", (None,), None, "C", U8]),
    (lambda *a: Heap().add_descriptor(spead2.Descriptor(*a)), [1, "x", "", (2,), "u1", "C"]),
    (lambda *a: Heap().add_descriptor(spead2.Descriptor(1, "x", "", *a)), [(2,), None, "C", U8]),
    (lambda v: Heap().add_item(item(value=v)), [[1, 2]]),
    (lambda v: Heap().add_item(item(dtype="<f4", value=v)), [[1, 2]]),
    (lambda v: Heap().add_item(item(dtype="S3", value=v)), [[b"a", b"b"]]),
    (lambda v: Heap().add_item(item(dtype=[("a", "u1"), ("b", "<f8")], value=v)), [[(1, 2)] * 2]),
    (lambda v, w: Heap().add_item(item(dtype=None, format=[("u", w)], value=v)), [[1, 2], 12]),
    (lambda v, w: Heap().add_item(item(dtype=None, format=[("i", w)], value=v)), [[1, 2], 70]),
    (lambda v: Heap().add_item(item(dtype=None, format=[("u", 4), ("f", 32)], value=v)), [[1, 2]]),
    (lambda v, c: Heap().add_item(spead2.Item(1, "", "", (), format=[(c, 8)], value=v)), [1, "u"]),
    (lambda v: Heap().add_item(spead2.Item(1, "", "", (), format=[("i", 48)], value=v)), [1]),
    (lambda v: Heap().add_item(spead2.Item(1, "", "", (None,), format=[("c", 8)], value=v)), ["a"]),
    (lambda i: Heap().add_item(spead2.Item(i, "", "", (), "u1", value=1)), [1]),
    *[
        (set_attribute(item, name), [good])
        for name, good in [("id", 1), ("shape", ()), ("value", 1), ("version", 2), ("dtype", "u1")]
    ],
    (item().dynamic_shape, [3]),
    (item().compatible_shape, [(2,)]),
    (spead2.ItemGroup().add_item, [None, "x", "", (), "u1"]),
    (lambda key: spead2.ItemGroup()[key], ["x"]),
    (lambda key: key in spead2.ItemGroup(), ["x"]),
    (spead2.InprocQueue().add_packet, [b""]),
    (stopped_queue().get_packet, [1.0]),
    (spead2.parse_range_list, ["1,3-5"]),
    (Heap, [spead2.Flavour()]),
    (Heap().add_item, [item(value=[1, 2])]),
    (Heap().add_descriptor, [item()]),
    (set_attribute(Heap, "repeat_pointers"), [True]),
    (HeapReference, [heap()]),
    (lambda c, s, r: HeapReference(heap(), cnt=c, substream_index=s, rate=r), [1, 0, 0.0]),
    *[
        (set_attribute(lambda: HeapReference(heap()), name), [0])
        for name in ("cnt", "substream_index", "rate")
    ],
    (spead2.send.HeapReferenceList, [[HeapReference(heap())]]),
    (lambda *a: spead2.send.HeapReferenceList([HeapReference(heap())])[slice(*a)], [0, 1, 1]),
    (lambda *a: list(spead2.send.PacketGenerator(*a)), [heap(), 1, 1472]),
    (spead2.send.HeapGenerator, [spead2.ItemGroup(), 1, spead2.Flavour()]),
    (spead2.send.ItemGroup, [1, spead2.Flavour()]),
    (lambda f: group(descriptor_frequency=f).get_heap(), [1]),
    (group().get_heap, ["stale", "all", None]),
    (lambda *a: group().add_to_heap(*a), [Heap(), "stale", "all"]),
    (lambda: StreamConfig(), []),
    *[
        (lambda v, *, name=name: StreamConfig(**{name: v}), [1])
        for name in (
            "max_packet_size",
            "rate",
            "burst_size",
            "max_heaps",
            "burst_rate_ratio",
            "rate_method",
            "burst_rate",
            "unknown",
        )
    ],
    (BytesStream, [POOL, StreamConfig()]),
    (spead2.send.InprocStream, [POOL, [spead2.InprocQueue()], StreamConfig()]),
    (spead2.send.asyncio.InprocStream, [POOL, [spead2.InprocQueue()], StreamConfig()]),
    (SHARED.set_cnt_sequence, [1, 1]),
    (SHARED.send_heap, [heap(), 1, 0, 0.0]),
    (SHARED.send_heaps, [[HeapReference(heap())], GroupMode.SERIAL]),
    (lambda m, r: BytesStream(POOL, StreamConfig(max_packet_size=m, rate=r)), [1472, 0.0]),
    (lambda m: BytesStream(POOL, StreamConfig(max_packet_size=m)).send_heap(heap()), [1472]),
    (lambda *a: in_loop("async_send_heap", *a), [heap(), 1, 0, 0.0]),
    (lambda *a: in_loop("async_send_heaps", *a), [[HeapReference(heap())], GroupMode.SERIAL]),
    (spead2.send.UdpIbvConfig, []),
    *[
        (lambda v, *, name=name: spead2.send.UdpIbvConfig(**{name: v}), [good])
        for name, good in [
            ("endpoints", []),
            ("interface_address", ""),
            ("buffer_size", 0),
            ("ttl", 1),
            ("comp_vector", 0),
            ("max_poll", 1),
            ("memory_regions", []),
        ]
    ],
    # No texts where they would be looked up as host names.
    *[
        call
        for stream in (spead2.send.UdpStream, spead2.send.asyncio.UdpStream)
        for call in [
            (
                lambda p, c, *, stream=stream: stream(POOL, [("127.0.0.1", p)], c),
                [9, StreamConfig()],
            ),
            (lambda b, *, stream=stream: stream(POOL, LOOPBACK, StreamConfig(), b), [0]),
            (lambda t, *, stream=stream: stream(POOL, MULTICAST, ttl=t), [1]),
            (lambda p, *, stream=stream: stream(POOL, "127.0.0.1", p), [9]),
            (lambda s, *, stream=stream: stream(POOL, LOOPBACK, socket=s), [None]),
        ]
    ],
    (
        lambda *a: spead2.send.UdpStream(POOL, *no_names(a)),
        [LOOPBACK, StreamConfig(), 0],
    ),
    (lambda *a: spead2.send.TcpStream(POOL, *no_names(a)), [[], StreamConfig(), 0]),
]


def bad_pool(threads: Any) -> bool:
    """Whether to try a number of threads: not those that would really be started."""
    return not isinstance(threads, (int, np.integer)) or not 8 < threads <= 4096


def no_names(arguments: tuple[Any, ...]) -> list[Any]:
    """Leave out what would be looked up as a host name."""
    return [a for a in arguments if not isinstance(a, (str, list, tuple))] or [LOOPBACK]


@pytest.mark.parametrize("call", range(len(CALLS)))
@hypothesis.given(data=st.data())
@strategies.examples(40)
@pytest.mark.filterwarnings("ignore")  # numpy's, about conversions
def test_any_arguments_give_a_result_or_an_exception(call: int, data: Any) -> None:
    function, right = CALLS[call]
    arguments = list(right)
    wrong = data.draw(st.lists(st.integers(0, len(arguments)), min_size=1, max_size=2))
    for position in wrong:
        arguments[position : position + 1] = [data.draw(ANYTHING)]
    if data.draw(st.integers(0, 9)) == 0:
        arguments = arguments[:-1]
    told = True
    try:
        function(*arguments)
    except (spead2.Stopped, TypeError, AttributeError, KeyError, UnicodeError, OSError):
        pass
    except (ValueError, OverflowError) as error:
        told = names_a_value(str(error), arguments)
    assert told
    assert SHARED.send_heap(Heap(), cnt=0) == 49


@pytest.mark.parametrize("number", [np.float32(2.5), np.float64(64), 64.0, 2.5])
def test_reals_are_no_integers(number: Any) -> None:
    for call in (
        lambda: spead2.Flavour(4, 64, number),
        lambda: spead2.ThreadPool(number),
        lambda: spead2.send.PacketGenerator(heap(), number, 1472),
        lambda: spead2.send.PacketGenerator(heap(), 1, number),
        lambda: StreamConfig(max_packet_size=number),
        lambda: StreamConfig(burst_size=number),
        lambda: StreamConfig(max_heaps=number),
        lambda: SHARED.set_cnt_sequence(number, 1),
        lambda: SHARED.set_cnt_sequence(1, number),
        lambda: SHARED.send_heap(heap(), number),
    ):
        with pytest.raises(TypeError, match=str(number)):
            call()
    assert spead2.Flavour(4, 64, np.int8(40)) == spead2.Flavour()
    assert StreamConfig(max_heaps=np.uint16(7)).max_heaps == 7


@pytest.mark.parametrize("integer", [np.uint8, np.int32, np.uint64])
def test_integers_of_numpy_are_integers(integer: Any) -> None:
    assert spead2.Flavour(*map(integer, (4, 64, 40, 2))) == spead2.Flavour(4, 64, 40, 2)
    packets = spead2.send.PacketGenerator(heap(), integer(5), integer(72))
    assert list(packets) == list(spead2.send.PacketGenerator(heap(), 5, 72))
    stream = BytesStream(POOL)
    stream.set_cnt_sequence(integer(5), integer(2))
    stream.send_heap(heap())
    assert stream.getvalue() == b"".join(spead2.send.PacketGenerator(heap(), 5, 1472))
    assert spead2.Item(integer(5), "x", "", (integer(2),), "u1").id == 5


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: StreamConfig(rate=-(2**53) - 1), "rate is -9007199254740992, but"),
        (lambda: StreamConfig(rate=-1e300), "rate is -1e+300, but"),
        (lambda: StreamConfig(rate=-0.1), "rate is -0.1, but"),
        (lambda: StreamConfig(rate=float("nan")), "rate is nan, but"),
        (
            lambda: StreamConfig(burst_rate_ratio=0.999999999),
            "burst_rate_ratio is 0.999999999, but",
        ),
        (lambda: item(dtype=Heap), f"dtype {Heap!r} that has reference-counted objects"),
        (lambda: item(dtype="V0"), "zero-sized dtype 'V0'"),
        (lambda: item(dtype={"": ""}), "dtype {'': ''}: "),
        (lambda: spead2.send.UdpIbvConfig(endpoints=[("239.1.1.1", -1)]), "port is -1, but"),
        (lambda: stopped_queue().get_packet(-1 / 128), "timeout is -0.0078125, but"),
        (lambda: spead2.ThreadPool(1, [1024]), "core 1024, but cores are numbered from 0 to 1023"),
        (lambda: spead2.ThreadPool.set_affinity(1024), "from 0 to 1023"),
    ],
)
def test_errors_show_what_was_given(call: Any, text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        call()


@pytest.mark.parametrize("wrong", [1, "x", {"a": 1}, Heap()])
def test_only_item_groups_are_item_groups(wrong: Any) -> None:
    generator = spead2.send.HeapGenerator(None)
    with pytest.raises(TypeError, match=r"item_?\s?group"):
        generator.get_heap("all", "all", wrong)


def test_a_keyword_that_is_no_text_is_refused_everywhere() -> None:
    """In a process of its own, since what it guards against is the end of the process."""
    script = r"""
    import inspect
    from spead2 import _spead2

    def functions(scope):
        for name in dir(scope):
            member = inspect.getattr_static(scope, name)
            if isinstance(member, property):
                yield from filter(None, (member.fget, member.fset))
            elif not name.startswith("__") or name == "__init__":
                member = getattr(scope, name)
                if inspect.ismodule(member) and member.__name__.startswith("spead2._spead2."):
                    yield from functions(member)
                if callable(member):
                    yield member
                if inspect.isclass(member) and member.__module__.startswith("spead2"):
                    yield from functions(member)

    for function in functions(_spead2):
        try:
            function(**{"\ud800": 1})
        except (TypeError, UnicodeEncodeError):
            print(function)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    refused = done.stdout
    for cls in CLASSES:
        assert str(cls) in refused
    for name in ("stop", "set_affinity", "__init__", "send_heap", "async_send_heaps", "getvalue"):
        assert name in refused


# ---- Objects that no constructor has seen

CLASSES = [
    _spead2.ConnectToken,
    spead2.Flavour,
    spead2.ThreadPool,
    spead2.InprocQueue,
    StreamConfig,
    spead2.send.UdpIbvConfig,
    spead2.send.PacketGenerator,
    spead2.send.Stream,
    spead2.send.SyncStream,
    BytesStream,
    spead2.send.UdpStream,
    spead2.send.TcpStream,
    spead2.send.InprocStream,
    spead2.send.UdpIbvStream,
    spead2.send.asyncio.AsyncStream,
    spead2.send.asyncio.UdpStream,
    spead2.send.asyncio.TcpStream,
    spead2.send.asyncio.InprocStream,
    spead2.send.asyncio.UdpIbvStream,
]


def call_or_get(instance: Any, name: str, arguments: tuple[Any, ...]) -> None:
    """Call a method, or get an attribute that is none."""
    member = getattr(instance, name)
    if name == "async_flush":
        asyncio.run(member())
    elif callable(member):
        member(*arguments)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: f"{cls.__module__}.{cls.__name__}")
def test_methods_without_init_raise_type_error(cls: Any) -> None:
    empty = cls.__new__(cls)
    own = [n for n in dir(cls) if not n.startswith("_") and not n.startswith("DEFAULT")]
    special = [n for n in ("__repr__", "__next__") if n in vars(cls)]
    tried = 0
    for name in own + special:
        if name in ("set_affinity", "connect"):  # not methods of an object
            continue
        attempts: list[tuple[Any, ...]] = [
            (),
            (1,),
            (1, 2),
            (Heap(),),
            ([], GroupMode.SERIAL),
            (b"",),
        ]
        for arguments in attempts:
            with pytest.raises(TypeError):
                call_or_get(empty, name, arguments)
            tried += 1
    assert tried or cls is spead2.send.UdpIbvConfig or not own


def test_objects_without_init_are_no_arguments() -> None:
    def empty(cls: Any) -> Any:
        return cls.__new__(cls)

    class NoInit(BytesStream):
        def __init__(self) -> None:
            kept.append(self)

    kept: list[Any] = []
    with pytest.raises(TypeError, match="__init__"):
        NoInit()
    config = StreamConfig()
    for call in (
        lambda: Heap(empty(spead2.Flavour)),
        lambda: spead2.send.HeapGenerator(None, flavour=empty(spead2.Flavour)),
        lambda: BytesStream(empty(spead2.ThreadPool)),
        lambda: BytesStream(POOL, empty(StreamConfig)),
        lambda: spead2.send.UdpStream(empty(spead2.ThreadPool), LOOPBACK),
        lambda: spead2.send.UdpStream(POOL, LOOPBACK, empty(StreamConfig)),
        lambda: spead2.send.InprocStream(POOL, [empty(spead2.InprocQueue)]),
        lambda: spead2.send.UdpIbvStream(POOL, config, empty(spead2.send.UdpIbvConfig)),
        lambda: Heap().add_item(empty(spead2.Item)),
        lambda: Heap().add_descriptor(empty(spead2.Descriptor)),
        lambda: kept[0].send_heap(Heap()),
        lambda: kept[0].getvalue(),
    ):
        with pytest.raises(TypeError):
            call()
    assert empty(spead2.Flavour) != spead2.Flavour()


# ---- Copying


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_flavours_can_be_pickled_and_streams_cannot(protocol: int) -> None:
    flavour = spead2.Flavour(4, 64, 48, 2)
    assert pickle.loads(pickle.dumps(flavour, protocol)) == flavour
    assert copy.copy(flavour) == copy.deepcopy(flavour) == flavour
    for kept in (SHARED, POOL, StreamConfig(), spead2.InprocQueue(), ASYNCIO):
        with pytest.raises(TypeError, match="cannot pickle"):
            pickle.dumps(kept, protocol)
        with pytest.raises(TypeError, match="cannot pickle"):
            copy.copy(kept)


# ---- What is logged


@pytest.mark.parametrize(
    ("heaps", "text"),
    [
        ([HeapReference(heap(), cnt=2**40)], str(2**40)),
        ([HeapReference(heap(), substream_index=1)], "substream_index 1"),
        ([HeapReference(heap())] * 5, "max_heaps 4"),
        ([], "empty"),
    ],
)
def test_refusals_are_logged(
    heaps: list[HeapReference], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    def logged() -> list[tuple[str, int, bool]]:
        found = [(r.name, r.levelno, text in r.getMessage()) for r in caplog.records]
        caplog.clear()
        return found

    def blocking() -> BytesStream:
        return BytesStream(POOL)  # a new one, since each tells the first of many only

    def refused_in_loop(name: str, *arguments: Any) -> None:
        stream = spead2.send.asyncio.InprocStream(POOL, [spead2.InprocQueue()])
        with pytest.raises(OSError, match=text):
            in_loop(name, *arguments, stream=stream)

    with caplog.at_level(logging.WARNING):
        stream = blocking()
        with pytest.raises(OSError, match=text):
            stream.send_heaps(heaps, GroupMode.SERIAL)
        assert logged() == [("spead2", logging.WARNING, True)]
        if len(heaps) == 1:
            reference = heaps[0]
            with pytest.raises(OSError, match=text):
                blocking().send_heap(reference.heap, reference.cnt, reference.substream_index)
            assert logged() == [("spead2", logging.WARNING, True)]
            refused_in_loop("async_send_heap", heap(), reference.cnt, reference.substream_index)
            assert logged() == [("spead2", logging.WARNING, True)]
        refused_in_loop("async_send_heaps", heaps, GroupMode.SERIAL)
        assert logged() == [("spead2", logging.WARNING, True)]
        stream.send_heap(heap())
        assert logged() == []


# ---- Limits


@pytest.mark.parametrize(
    "ranges", ["1-", "-1", "1--2", "1-2-3", "x", "1,", ",", "1;2", "0-99999999999", "9" * 5000]
)
def test_bad_range_lists(ranges: str) -> None:
    with pytest.raises(ValueError, match=r"neither|more than") as caught:
        spead2.parse_range_list(ranges)
    assert repr(ranges) in str(caught.value)


def test_range_lists() -> None:
    assert spead2.parse_range_list("1,3-5") == [1, 3, 4, 5]
    assert spead2.parse_range_list("") == []


@pytest.mark.parametrize("code", ["u", "i", "b"])
def test_format_fields_have_a_greatest_width(code: str) -> None:
    widest = spead2.Item(1, "x", "", (), format=[(code, 2**24 - 1)], value=1)
    assert len(bytes(widest.to_buffer())) == 2**21
    for bits in (2**24, 2**56, 2**64, 10**30):
        with pytest.raises(ValueError, match=f"{bits}.*{2**24 - 1}"):
            spead2.Descriptor(1, "x", "", (), format=[(code, bits)])
