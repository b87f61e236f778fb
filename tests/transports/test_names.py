# SPDX-License-Identifier: Apache-2.0
"""Host names that stand for several addresses, some of which do not answer."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import textwrap

import pytest
from namespaces import Link

#: In a network of its own, with names of its own: every case is a process.
PROLOGUE = """
    import json, logging, socket, sys, threading, time
    import spead2, spead2.send
    class Lines(logging.Handler):
        lines = []
        def emit(self, record):
            self.lines.append(record.getMessage())
    logging.getLogger("spead2").addHandler(Lines())
    def heap():
        group = spead2.send.ItemGroup()
        group.add_item(0x1000, "data", "", (), format=[("u", 48)], value=7)
        return group.get_heap(descriptors="none")
    def logged(n):
        limit = time.monotonic() + 30
        while len(Lines.lines) < n and time.monotonic() < limit:
            time.sleep(0.001)
        return Lines.lines
"""


def run_with_hosts(tmp_path: pathlib.Path, hosts: str, setup: str, program: str) -> object:
    """Run a program where /etc/hosts is `hosts`; return what it prints as JSON."""
    reason = Link.unavailable()
    if reason is not None:
        pytest.skip(reason)
    (tmp_path / "hosts").write_text(textwrap.dedent(hosts))
    (tmp_path / "nsswitch.conf").write_text("hosts: files\n")
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(PROLOGUE) + textwrap.dedent(program))
    shell = f"""
        set -e
        mount --bind {tmp_path}/hosts /etc/hosts
        touch /etc/nsswitch.conf
        mount --bind {tmp_path}/nsswitch.conf /etc/nsswitch.conf
        ip link set lo up
        {setup}
        exec {sys.executable} {script}
    """
    unshare = shutil.which("unshare")
    assert unshare is not None
    result = subprocess.run(
        [unshare, "--net", "--mount", "sh", "-c", shell],
        capture_output=True,
        text=True,
        timeout=90,
        env=os.environ,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


BOTH = """
    ::1 both
    127.0.0.1 both
    127.0.0.1 four
    ::1 six
"""


def test_tcp_tries_all_addresses(tmp_path: pathlib.Path) -> None:
    """The listener is on IPv4 only, the name's first address is of IPv6."""
    result = run_with_hosts(
        tmp_path,
        BOTH,
        "",
        """
        assert socket.getaddrinfo("both", 1)[0][0] == socket.AF_INET6
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            stream = spead2.send.TcpStream(spead2.ThreadPool(), [("both", port)])
            connection = listener.accept()[0]
            stream.send_heap(heap(), 1)
            n = len(connection.recv(1000))
        print(json.dumps([n > 0, repr(stream)]))
        """,
    )
    assert isinstance(result, list)
    assert result[0] is True
    assert "127.0.0.1" in result[1]


def test_tcp_does_not_wait_long_for_a_silent_address(tmp_path: pathlib.Path) -> None:
    """The first address drops everything; the kernel would try it for two minutes."""
    result = run_with_hosts(
        tmp_path,
        """
        fd78::1 slow
        127.0.0.1 slow
        """,
        "ip link add far type veth peer name near && ip addr add fd78::2/64 dev near nodad "
        "&& ip link set near up && ip link set far up "
        "&& ip neighbour add fd78::1 lladdr 02:00:00:00:00:09 dev near",
        """
        first = socket.getaddrinfo("slow", 1, type=socket.SOCK_STREAM)
        assert [a[4][0] for a in first] == ["fd78::1", "127.0.0.1"], first
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            stream = spead2.send.TcpStream(spead2.ThreadPool(), [("slow", port)])
        print(json.dumps(repr(stream)))
        """,
    )
    assert "127.0.0.1" in str(result)


def test_tcp_names_every_address_that_failed(tmp_path: pathlib.Path) -> None:
    result = run_with_hosts(
        tmp_path,
        BOTH,
        "",
        """
        try:
            spead2.send.TcpStream(spead2.ThreadPool(), [("both", 9)])
        except ConnectionRefusedError as error:
            print(json.dumps(str(error)))
        """,
    )
    assert "[::1]:9: Connection refused, 127.0.0.1:9: Connection refused" in str(result)


@pytest.mark.parametrize(
    ("endpoints", "expected"),
    [
        (["both"], ["[::1]"]),
        (["both", "four"], ["127.0.0.1", "127.0.0.1"]),
        (["four", "both"], ["127.0.0.1", "127.0.0.1"]),
        (["both", "six"], ["[::1]", "[::1]"]),
    ],
)
def test_udp_takes_a_family_that_all_share_and_says_which(
    tmp_path: pathlib.Path, endpoints: list[str], expected: list[str]
) -> None:
    result = run_with_hosts(
        tmp_path,
        BOTH,
        "",
        f"""
        stream = spead2.send.UdpStream(spead2.ThreadPool(), [(h, 77) for h in {endpoints!r}])
        print(json.dumps([repr(stream), logged(1)]))
        """,
    )
    assert isinstance(result, list)
    text, lines = result
    assert f"udp {', '.join(address + ':77' for address in expected)}" in text
    chosen = expected[endpoints.index("both")]
    assert [line for line in lines if "both" in line] == [
        f"host both has addresses of IPv4 and of IPv6: sending to {chosen}:77; give an address to "
        "choose another"
    ]
