# SPDX-License-Identifier: Apache-2.0
"""A network that fails in the middle of a heap: what is lost, what is told, that the next goes."""

from __future__ import annotations

import errno
import logging
import shutil
import socket
import time
from collections.abc import Callable

import pytest
from faults_fixtures import OnItsWay, arrived, lines, make_heap, packets, receiver, wait_for_line
from namespaces import Link

import spead2
import spead2.send

#: Slow enough that whatever happens after the tenth packet happens in the middle of the heap.
RATE = 1e6
SIZE = 1_000_000
CONFIG = spead2.send.StreamConfig(rate=RATE, burst_size=1472)


def routed(link: Link, *command: str) -> Callable[[], None]:
    return lambda: link.ip("near", *command)


def nft(link: Link, rules: str) -> Callable[[], None]:
    return lambda: link.run("near", "nft", "-f", "-", text=rules)


DROP = """
table ip faults {
    chain output {
        type filter hook output priority 0; policy accept;
        ip daddr 10.77.0.2 drop
    }
}
"""


def faults(link: Link) -> dict[str, tuple[Callable[[], None], Callable[[], None], set[int]]]:
    """Return by name: how to break it, how to mend it, and what it is told as."""
    device = link.near_device
    address = f"{link.near_address}/24"
    neighbour = f"neighbour replace {link.far_address} lladdr 02:00:00:00:00:02 dev {device}"

    def with_neighbour(*command: str) -> Callable[[], None]:
        def mend() -> None:
            link.ip("near", *command)
            link.ip("near", *neighbour.split())

        return mend

    return {
        "link down": (
            routed(link, "link", "set", device, "down"),
            with_neighbour("link", "set", device, "up"),
            {errno.ENETUNREACH, errno.ENETDOWN},
        ),
        "address removed": (
            routed(link, "addr", "del", address, "dev", device),
            with_neighbour("addr", "add", address, "dev", device),
            {errno.ENETUNREACH},
        ),
        "route gone": (
            routed(link, "route", "del", "10.77.0.0/24"),
            with_neighbour("route", "add", "10.77.0.0/24", "dev", device),
            {errno.ENETUNREACH},
        ),
        "black hole": (
            routed(link, "route", "add", "blackhole", f"{link.far_address}/32"),
            routed(link, "route", "del", f"{link.far_address}/32"),
            {errno.EINVAL},
        ),
        "prohibited": (
            routed(link, "route", "add", "prohibit", f"{link.far_address}/32"),
            routed(link, "route", "del", f"{link.far_address}/32"),
            {errno.EACCES},
        ),
        "nftables drop": (
            nft(link, DROP),
            nft(link, "delete table ip faults"),
            {errno.EPERM},
        ),
    }


@pytest.mark.parametrize(
    "fault",
    [
        "link down",
        "address removed",
        "route gone",
        "black hole",
        "prohibited",
        "nftables drop",
    ],
)
def test_in_the_middle_of_a_heap(link: Link, caplog: pytest.LogCaptureFixture, fault: str) -> None:
    """Lost are the packets of that time. Told is the heap's error. The next heap arrives whole."""
    if fault.startswith("nft") and shutil.which("nft") is None:
        pytest.skip("there is no program nft (Debian package nftables)")
    break_it, mend, told = faults(link)[fault]
    heap = make_heap(SIZE)
    with link.at("far"):
        sock = receiver(link.far_address)
    with link.at("near"):
        stream = spead2.send.UdpStream(spead2.ThreadPool(), [sock.getsockname()], CONFIG)
    with sock, lines(caplog):
        sending = OnItsWay(stream, heap, 1)
        got = [sock.recv(65536) for _ in range(10)]
        break_it()
        error = sending.join()
        assert isinstance(error, OSError)
        assert error.errno in told
        assert link.far_address in str(error)
        got += arrived(sock)
        whole = packets(heap, 1)
        assert got == whole[: len(got)]
        assert len(got) < len(whole)
        mend()
        after = make_heap(100_000, 1)
        assert stream.send_heap(after, 2, rate=0.0) > 100_000
        assert arrived(sock) == packets(after, 2)
        # Whatever it was, it was not segmentation offload.
        assert not [r for r in caplog.records if r.levelno >= logging.INFO]


def test_a_link_that_comes_back_in_the_middle_of_a_heap(link: Link) -> None:
    """What comes after the gap goes: receivers can use incomplete heaps."""
    heap = make_heap(SIZE)
    with link.at("far"):
        sock = receiver(link.far_address)
    with link.at("near"):
        stream = spead2.send.UdpStream(spead2.ThreadPool(), [sock.getsockname()], CONFIG)
    with sock:
        sending = OnItsWay(stream, heap, 1)
        for _ in range(10):
            sock.recv(65536)
        link.ip("near", "route", "del", "10.77.0.0/24")
        got = len(arrived(sock))
        link.ip("near", *f"route add 10.77.0.0/24 dev {link.near_device}".split())
        last = packets(heap, 1)[-1]
        while sock.recv(65536) != last:
            got += 1
        error = sending.join()
        assert isinstance(error, OSError)
        assert error.errno == errno.ENETUNREACH
        assert got < len(packets(heap, 1)) - 11


def test_no_listener_is_not_noticed() -> None:
    """As UDP is: nothing is told, and who starts to listen gets the next heap."""
    sock = receiver()
    where = sock.getsockname()
    stream = spead2.send.UdpStream(spead2.ThreadPool(), [where])
    sock.close()
    heap = make_heap(10_000)
    for cnt in range(3):
        assert stream.send_heap(heap, cnt) > 10_000
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late:
        late.bind(where)
        late.settimeout(30)
        stream.send_heap(heap, 9)
        assert [late.recv(65536) for _ in packets(heap, 9)] == packets(heap, 9)


def test_offload_comes_back_after_the_mtu_was_low(
    link: Link, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is lost meanwhile, and both changes are told, with what was seen."""
    heap = make_heap(100_000)
    with link.at("far"):
        sock = receiver(link.far_address)
    with link.at("near"):
        stream = spead2.send.UdpStream(spead2.ThreadPool(), [sock.getsockname()])
    with sock, lines(caplog):
        link.ip("near", "link", "set", link.near_device, "mtu", "1000")
        stream.send_heap(heap, 1)
        assert sorted(arrived(sock)) == sorted(packets(heap, 1))
        line = wait_for_line(caplog, "without UDP segmentation offload for now")
        assert "packets of 1472 bytes together were refused" in line
        link.ip("near", "link", "set", link.near_device, "mtu", "1500")
        limit = time.monotonic() + 60
        cnt = 2
        while not any("offload again" in r.getMessage() for r in caplog.records):
            assert time.monotonic() < limit, "offload did not come back"
            stream.send_heap(heap, cnt)
            assert arrived(sock) == packets(heap, cnt)
            cnt += 1


def test_an_error_names_the_substream_that_failed(link: Link) -> None:
    link.ip("near", "route", "add", "unreachable", "10.78.0.0/24")
    with link.at("near"):
        stream = spead2.send.UdpStream(
            spead2.ThreadPool(), [(link.far_address, 7148), ("10.78.0.9", 7149)]
        )
    heap = make_heap(1000)
    stream.send_heap(heap, substream_index=0)
    with pytest.raises(OSError, match=r"10\.78\.0\.9:7149") as caught:
        stream.send_heap(heap, substream_index=1)
    assert caught.value.errno == errno.EHOSTUNREACH
