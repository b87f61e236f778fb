# SPDX-License-Identifier: Apache-2.0
"""Multicast between two hosts: both packages send, both receive, on interfaces of all kinds."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import recipes
from namespaces import Link

import spead2
import spead2.recv as recv

PORT = 7148
FLAVOUR = (4, 64, 48, 0)
DATA = np.random.default_rng(5).integers(0, 256, 20_000, np.uint8)
CNTS = [3, 4, 5]


@dataclasses.dataclass(frozen=True)
class Group:
    """A multicast group.

    Attributes
    ----------
    scoped
        The text names the interface, too.
    chosen
        Who joins says by which interface; else the routes do.
    """

    address: str
    scoped: bool = False
    chosen: bool = True

    def at(self, end: str) -> str:
        return f"{self.address}%{end}0" if self.scoped else self.address

    def interface(self, link: Link, end: str) -> dict[str, Any]:
        """Return the argument for the receiver; in the namespace."""
        if not self.chosen:
            return {} if ":" not in self.address else {"interface_index": 0}
        if ":" in self.address:
            return {"interface_index": socket.if_nametoindex(f"{end}0")}
        return {"interface_address": getattr(link, f"{end}_address")}


GROUPS = {
    "IPv4": Group("239.77.7.7"),
    "IPv4, as the routes say": Group("239.77.7.8", chosen=False),
    "IPv4, of the link": Group("224.0.0.177"),
    "IPv6": Group("ff15::7:7"),
    "IPv6, as the routes say": Group("ff15::7:8", chosen=False),
    "IPv6, of the link": Group("ff12::7:9"),
    "IPv6, of the link by its name": Group("ff12::7:a", scoped=True),
    "IPv6, of the link by its name alone": Group("ff12::7:b", scoped=True, chosen=False),
}


@pytest.fixture
def hosts(link: Link) -> Link:
    """Give a link on which IPv6 works at once, and where multicast goes out by the cable."""
    for number, end in enumerate(("near", "far"), 1):
        device = f"{end}0"
        link.ip(end, *f"addr add fd77::{number}/64 dev {device} nodad".split())
        link.ip(end, *f"addr add fe80::77:{number}/64 dev {device} nodad".split())
        link.ip(end, *f"route add 224.0.0.0/4 dev {device}".split())
    return link


def recipe() -> recipes.HeapRecipe:
    description = recipes.Description(
        0x1000, "data", "d", DATA.shape, "|u1", value=recipes.Array("|u1", DATA.shape, bytes(DATA))
    )
    return recipes.HeapRecipe(
        FLAVOUR, (recipes.Part("descriptor", description), recipes.Part("item", description))
    )


def receive_here(link: Link, group: Group) -> recv.Stream:
    stream = recv.Stream(
        spead2.ThreadPool(),
        recv.StreamConfig(max_heaps=8),
        recv.RingStreamConfig(heaps=16),
    )
    with link.at("far"):
        stream.add_udp_reader(
            group.at("far"), PORT, buffer_size=1 << 20, **group.interface(link, "far")
        )
    return stream


def check_received(stream: recv.Stream) -> None:
    items = spead2.ItemGroup()
    cnts = []
    for heap in stream:
        assert isinstance(heap, recv.Heap)
        cnts.append(heap.cnt)
        np.testing.assert_array_equal(items.update(heap)["data"].value, DATA)
    assert cnts == CNTS


def sending_interface(link: Link, group: Group) -> str | int:
    with link.at("near"):
        if ":" in group.address:
            return socket.if_nametoindex("near0")
        return link.near_address


@pytest.mark.parametrize("name", GROUPS)
def test_ours_receives_what_both_send(
    hosts: Link, new_reference: Callable[[], Any], name: str
) -> None:
    group = GROUPS[name]
    interface = sending_interface(hosts, group)
    with hosts.at("near"):
        reference = new_reference()
    for sender in ("ours", "theirs"):
        stream = receive_here(hosts, group)
        arguments = (group.address, PORT, interface, recipe(), CNTS)
        if sender == "ours":
            with hosts.at("near"):
                recipes.send_to_group(*arguments)
        else:
            reference.call("send_to_group", *arguments)
        check_received(stream)


@pytest.mark.parametrize("name", ["IPv4", "IPv6", "IPv6, of the link"])
def test_several_receive_what_one_sends(hosts: Link, name: str) -> None:
    """As many streams as want to may join a group, on one host."""
    group = GROUPS[name]
    streams = [receive_here(hosts, group) for _ in range(3)]
    with hosts.at("near"):
        recipes.send_to_group(group.address, PORT, sending_interface(hosts, group), recipe(), CNTS)
    for stream in streams:
        check_received(stream)


@pytest.mark.parametrize("name", ["IPv4", "IPv6", "IPv6, of the link"])
def test_the_reference_receives_what_ours_sends(
    hosts: Link, new_reference: Callable[[], Any], name: str
) -> None:
    """It can join a group of the link only with a socket of its user's, which this one is."""
    group = GROUPS[name]
    host = "fd77::2" if ":" in group.address else hosts.far_address
    with hosts.at("far"):
        index = socket.if_nametoindex("far0")
        process = new_reference()
    number, port = process.call("listen", "udp", host, 9200, 0, group.address, index)
    process.start("receive", number)
    with hosts.at("near"):
        recipes.send_to_group(group.address, port, sending_interface(hosts, group), recipe(), CNTS)
    received = process.finish()
    assert [cnt for cnt, _ in received] == CNTS
    for _, items in received:
        assert [item[5] for item in items] == [("array", ("|u1", DATA.shape, bytes(DATA)))]


def test_a_group_that_was_not_joined_is_not_received(hosts: Link) -> None:
    """Nor is what comes for another group on the same port."""
    stream = receive_here(hosts, GROUPS["IPv4"])
    interface = sending_interface(hosts, GROUPS["IPv4"])
    with hosts.at("near"):
        recipes.send_to_group("239.77.7.99", PORT, interface, recipe(), [100])
        recipes.send_to_group("239.77.7.7", PORT, interface, recipe(), CNTS)
    check_received(stream)
