# SPDX-License-Identifier: Apache-2.0
"""Values that run code when they are looked into, which changes what lends them.

In processes of their own, whose memory is overwritten when it is freed: what is used after that
ends the process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

COMMON = """
import contextlib, gc
import numpy as np
import spead2, spead2.send

def new(**keywords):
    return spead2.Item(0x1000, "n", "", (), **{"dtype": np.uint8, "value": 1, **keywords})

def refused(call, *kinds):
    try:
        call()
    except kinds:
        return
    raise AssertionError("not refused")

@contextlib.contextmanager
def collecting(run, *arguments):
    # Have garbage collected whenever an object is made, and run something then.
    def callback(phase, _):
        if phase == "start":
            run(*arguments)
    gc.callbacks.append(callback)
    thresholds = gc.get_threshold()
    gc.set_threshold(1)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(callback)

def packets(heap):
    return list(spead2.send.PacketGenerator(heap, 1, 1472))

class Runs:
    # An integer whose conversion runs code.
    def __init__(self, run, number):
        self.run, self.number = run, number
    def __index__(self):
        self.run()
        return self.number
    def __repr__(self):
        return "Runs"
"""

CASES = {
    "the ID of an item": """
        item = new()
        def run():
            item.id = 5
        for number in (-1, 2**64, 7):
            for add in (spead2.send.Heap().add_item, spead2.send.Heap().add_descriptor):
                item.id = Runs(run, number)
                if number == 7:
                    add(item)
                else:
                    refused(lambda: add(item), ValueError, TypeError)
    """,
    "the value of an item": """
        class Number(np.int64):
            def __index__(self):
                item.value = 3
                return 2
        item = new(format=[("u", 48)], dtype=None)
        item.value = Number(5)
        heap = spead2.send.Heap()
        heap.add_item(item)
        assert item.value == 3
    """,
    "the flavour of a heap": """
        heap = spead2.send.Heap(spead2.Flavour(4, 64, 48))
        item = spead2.Item(9, "n", "", (1,), np.uint8, value=[1])
        item.shape = (Runs(heap.__init__, 1),)
        refused(lambda: heap.add_descriptor(item), ValueError)
        heap = spead2.send.Heap(spead2.Flavour(4, 64, 48))
        group = spead2.send.ItemGroup(flavour=spead2.Flavour(4, 64, 48))
        item = group.add_item(9, "n", "", (1,), np.uint8, value=[1])
        item.shape = (Runs(heap.__init__, 1),)
        refused(lambda: group.add_to_heap(heap), ValueError)
        # What was made anew is a heap like others.
        heap.add_item(new())
        assert len(list(spead2.send.PacketGenerator(heap, 1, 1472))) == 1
    """,
    "the format of a descriptor": """
        class Fields(list):
            def __iter__(self):
                item.format = [("u", 16)]
                return super().__iter__()
        class Field(tuple):
            def __iter__(self):
                item.format = None
                inner.clear()
                return super().__iter__()
        for fields in (Fields([("u", 8)]), [Field(("u", 8)), ("u", 8)]):
            item = new(format=[("u", 8)], dtype=None)
            inner = list(fields)
            item.format = fields if isinstance(fields, Fields) else inner
            try:
                spead2.send.Heap().add_descriptor(item)
            except (ValueError, TypeError, IndexError):
                pass
    """,
    "the texts of a descriptor": """
        class Text(bytes):
            def __repr__(self):
                item.name = "other"
                return "Text"
        item = new()
        item.name = Text(b"n")
        refused(lambda: spead2.send.Heap().add_descriptor(item), TypeError)
    """,
    "the group of a generator": """
        class Group:
            def __getattribute__(self, name):
                if name == "values":
                    generator.__init__(None)
                return object.__getattribute__(self, name)
            def values(self):
                return [new()]
        generator = spead2.send.HeapGenerator(Group())
        generator.get_heap()
    """,
    "the flavour of a part": """
        heap = spead2.send.Heap(spead2.Flavour(4, 64, 48))
        heap.set_part("first")
        item = spead2.Item(9, "n", "", (1,), np.uint8, value=[1])
        item.shape = (Runs(heap.__init__, 1),)
        refused(lambda: heap.add_descriptor_elsewhere(item), ValueError)
    """,
    "the pointer order of a heap, when garbage is collected": """
        heap = spead2.send.Heap()
        order = [0x1000 + i for i in range(50)] + [1, 3, 4]
        heap.set_pointer_order(order)
        with collecting(heap.__init__):
            assert heap.pointer_order in (tuple(order), ())
    """,
    "the shape and format of a raw descriptor": """
        class Fresh:
            # A sequence that has no elements but those it makes when asked.
            def __init__(self, *numbers):
                self.numbers = numbers
            def __len__(self):
                return len(self.numbers)
            def __getitem__(self, i):
                return Runs(lambda: None, self.numbers[i])
        raw = spead2._spead2.RawDescriptor()
        raw.shape = Fresh(1000, 2000, 3000)
        assert raw.shape == [1000, 2000, 3000]
        class Fields(Fresh):
            def __getitem__(self, i):
                return ["u", Runs(lambda: None, self.numbers[i])]
        raw.format = Fields(8, 16)
        assert raw.format == [("u", 8), ("u", 16)]
        for _ in range(20):
            raw.shape = range(100)
            raw.format = [("u", 8)] * 100
            with collecting(raw.__setattr__, "shape", []):
                assert len(raw.shape) in (0, 100)
            with collecting(raw.__setattr__, "format", []):
                assert len(raw.format) in (0, 100)
    """,
    "the format that an item takes over, when garbage is collected": """
        def change():
            for descriptor in list(spead2._templates._templates.values()):
                descriptor.format = None
        group = spead2.ItemGroup()
        for i in range(20):
            with contextlib.suppress(ValueError), collecting(change):
                group.add_item(None, f"n{i}", "", (), format=[("u", 8)] * 50)
            spead2._templates._templates.clear()
    """,
    "an item that gets its value, when garbage is collected": """
        item = spead2.Item(9, "n", "", (2,), ">u4", value=[1, 2])
        raw = spead2.send.Heap()
        def larger():
            if item.shape == (2,):
                item.shape = (1 << 20,)
                item.allow_immediate()
        class Raw(bytearray):
            is_immediate = False
        for _ in range(20):
            item.shape = (2,)
            with collecting(larger):
                try:
                    item.set_from_raw(Raw(8))
                except ValueError:
                    continue
            assert np.array(item.value).sum() == 0
    """,
    "the name of an item in an error": """
        class Name(str):
            def __str__(self):
                item.name = "other"
                return "Name"
        class Raw(bytearray):
            is_immediate = False
        item = spead2.Item(9, "n", "", (2,), ">u4", value=[1, 2])
        item.name = Name("n")
        refused(lambda: item.set_from_raw(Raw(4)), ValueError)
    """,
    "what a generator knows, while it makes heaps within heaps": """
        group = spead2.send.ItemGroup()
        def more():
            second.id = 0x1001
            for _ in range(300):
                other = spead2.ItemGroup()
                item = other.add_item(None, "n", "", (), "u1", value=1)
                item.id = numbers.pop()
                group.get_heap(item_group=other)
        numbers = list(range(0x2000, 0x2000 + 2000))
        first = group.add_item(0x1000, "first", "", (), "u1", value=1)
        second = group.add_item(0x1001, "second", "", (1,), "u1", value=[1])
        second.id = Runs(more, 0x1001)
        assert len(b"".join(packets(group.get_heap()))) > 100
        assert packets(group.get_heap(descriptors="none")) == packets(spead2.send.Heap())
    """,
    "a descriptor that is described anew": """
        item = spead2.Item(9, "n", "", (1,), np.uint8, value=[1])
        def change():
            item.description = "second"
        item.id = Runs(change, 9)
        heaps = []
        for _ in range(2):
            heap = spead2.send.Heap()
            heap.add_descriptor(item)
            heaps.append(b"".join(spead2.send.PacketGenerator(heap, 1, 1472)))
        assert b"second" in heaps[1]
    """,
}


@pytest.mark.parametrize("what", CASES)
def test_what_is_lent_is_kept(what: str) -> None:
    body = textwrap.dedent(CASES[what])
    script = f"{COMMON}\nfor _ in range(50):\n{textwrap.indent(body, '    ')}\nprint('done')"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "PYTHONMALLOC": "debug", "MALLOC_PERTURB_": "90"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
