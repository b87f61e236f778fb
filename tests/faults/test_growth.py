# SPDX-License-Identifier: Apache-2.0
"""Objects that live long do not grow with what they met."""

from __future__ import annotations

import pytest
from python_programs import check

COMMON = """
import logging, struct
import spead2.recv
logging.getLogger("spead2").addHandler(logging.NullHandler())

def megabytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6

def grown(step, times):
    # Megabytes that so many steps cost, after as many that may fill what is kept.
    for _ in range(times):
        step()
    gc.collect()
    before = megabytes()
    for _ in range(times):
        step()
    gc.collect()
    return megabytes() - before

def descriptor(number, name, description=b"d", bits=8):
    raw = spead2._spead2.RawDescriptor()
    raw.id, raw.name, raw.description, raw.format = number, name, description, [("u", bits)]
    return raw

class Received:
    # A heap as item groups take it.
    flavour = spead2.Flavour()
    def __init__(self, *descriptors, items=()):
        self.descriptors, self.items = descriptors, items
    def get_descriptors(self):
        return list(self.descriptors)
    def get_items(self):
        return list(self.items)

class Raw(bytearray):
    is_immediate = False
    def __init__(self, number, value):
        super().__init__(value)
        self.id = number
"""


def held(script: str, expected: str = "True") -> None:
    check(COMMON + script, expected, timeout=100)


def test_a_generator_forgets_items_that_are_gone() -> None:
    """A new item with a new ID for each heap; what was sent of items that stay is not forgotten."""
    held("""
numbers = iter(range(0x2000, 1 << 38))
group = spead2.send.ItemGroup()
stays = group.add_item(0x1000, "stays", "", (), "u1", value=1)
other = spead2.ItemGroup()
elsewhere = other.add_item(0x1001, "elsewhere", "", (), "u1", value=1)
group.get_heap()
group.get_heap(item_group=other)

def step():
    group.add_item(next(numbers), "changes", "", (), "u1", value=2)
    group.get_heap()

cost = grown(step, 100_000)
empty = [bytes(p) for p in spead2.send.PacketGenerator(spead2.send.Heap(), 1, 1472)]
for heap in (group.get_heap(), group.get_heap(item_group=other)):
    assert [bytes(p) for p in spead2.send.PacketGenerator(heap, 1, 1472)] == empty
print(cost < 4 or cost)
""")


def test_a_generator_forgets_other_ids_of_an_item() -> None:
    held("""
numbers = iter(range(0x2000, 1 << 38))
group = spead2.send.ItemGroup()
item = group.add_item(0x1000, "item", "", (), "u1", value=1)

def step():
    item.id = next(numbers)
    group.get_heap()

cost = grown(step, 100_000)
print(cost < 4 or cost)
""")


@pytest.mark.parametrize("long", [False, True], ids=["many", "long texts"])
def test_a_group_takes_no_more_items_than_it_may(long: bool) -> None:
    """Whatever a sender describes; what is known goes on, and so does what replaces it."""
    held(
        f"""
group = spead2.ItemGroup(max_items=50)
text = b"x" * ({200_000 if long else 1})
group.update(Received(descriptor(0x1000, b"known")))
for i in range(2000):
    group.update(Received(descriptor(0x2000 + i, b"n%d" % i, text)))
assert len(group) == {2 if long else 50}, len(group)
assert group.refused_items == {1999 if long else 1951}, group.refused_items
"""
        """
group.update(Received(descriptor(0x1000, b"known")))  # the same again
group.update(Received(items=[Raw(0x1000, b"7")]))
assert group["known"].value == ord("7")
group.update(Received(descriptor(0x1000, b"known", bits=16), items=[Raw(0x1000, b"ab")]))
assert group["known"].value == 0x6162
before = len(group)
group.add_item(None, "mine", "", (), "u1")
assert len(group) == before + 1 and spead2.ItemGroup().max_items == 16384
for i in range(100_000):  # one that is described ever anew costs nothing in the end
    group.update(Received(descriptor(0x1000, b"known", bits=8 + 8 * (i % 2))))
group.update(Received(descriptor(0x1000, b"known"), items=[Raw(0x1000, b"8")]))
print(group["known"].value == ord("8"))
"""
    )


def test_what_a_group_has_to_say_of_a_sender_is_bounded() -> None:
    held("""
records = []
handler = logging.Handler()
handler.emit = lambda record: records.append(record.getMessage())
logging.getLogger("spead2").addHandler(handler)
logging.getLogger("spead2").setLevel(logging.INFO)
group = spead2.ItemGroup(max_items=1)
began = time.monotonic()
for i in range(3000):
    group.update(Received(descriptor(0x1000, b"n%d" % (i % 2))))
    group.update(Received(descriptor(0x2000, b"other")))
    group.update(Received(items=[Raw(0x3000 + i, b"1") for i in range(40)]))
most = 102 * (2 + int(time.monotonic() - began))
assert 100 <= len(records) <= most, (len(records), most)
time.sleep(1.05)
group.update(Received(items=[Raw(0x3000, b"1")]))
assert "more log messages of an item group were left out" in records[-2], records[-2]
print(records[-1] == "Item with ID 0x3000 received but there is no descriptor")
""")


def test_messages_that_nobody_writes_do_not_pile_up() -> None:
    """A handler of the log blocks, while streams have much to say; then their number is told."""
    held("""
blocked = threading.Event()
records = []
class Handler(logging.Handler):
    def emit(self, record):
        records.append(record.getMessage())
        if record.getMessage() == "block":
            blocked.wait(60)

logging.getLogger("spead2").addHandler(Handler())
logging.getLogger("spead2").setLevel(logging.INFO)
spead2._spead2.log_info("block")
while not records:
    time.sleep(0.001)
text = "x" * 2000
cost = grown(lambda: spead2._spead2.log_info(text), 50_000)
blocked.set()
while not records[-1].endswith("as they came"):
    time.sleep(0.001)
assert records.count(text) <= 4096, records.count(text)
assert records[-1].startswith(str(100_000 - records.count(text))), records[-1]
print(cost < 4 or cost)
""")


def test_readers_that_have_ended_are_not_kept() -> None:
    """A stream goes on, and gets packets in memory, again and again."""
    held("""
queue = spead2.InprocQueue()
stream = spead2.recv.Stream(pool)
stream.add_inproc_reader(queue)  # keeps it open
packets = b"".join(spead2.send.PacketGenerator(make_heap(10_000), 3, 1472))

def step():
    stream.add_buffer_reader(bytes(packets))
    assert stream.get().cnt == 3

cost = grown(step, 4000)  # 40 MB, if memory were kept
queue.stop()
print((cost < 8 or cost) and list(stream) == [])
""")


def test_an_event_loop_costs_a_stream_nothing_when_it_is_closed() -> None:
    held("""
queue = spead2.InprocQueue()
stream = spead2.send.asyncio.InprocStream(pool, [queue])
heap = make_heap(10)

def step():
    async def send():
        await stream.async_send_heap(heap)
        queue.get_packet()
    asyncio.run(send())

before = len(os.listdir("/proc/self/fd"))
cost = grown(step, 300)
after = len(os.listdir("/proc/self/fd"))
print((cost < 4 or cost) and after <= before + 1)
""")
