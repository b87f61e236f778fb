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
