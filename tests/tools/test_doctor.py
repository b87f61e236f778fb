# SPDX-License-Identifier: Apache-2.0
"""``spead2 doctor`` names each fault of a network that was broken on purpose, and no other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import ROOT, run
from namespaces import Link


@pytest.fixture
def link() -> Iterator[Link]:
    reason = Link.unavailable()
    if reason is not None:
        pytest.skip(reason)
    with Link() as made:
        yield made


def examine(link: Link, *arguments: Any) -> dict[str, dict[str, str]]:
    """Run the command at the near end; return the findings by name."""
    with link.at("near"):
        done = run("spead2", "doctor", "--json", *arguments, code=1)
    report = json.loads(done.stdout)
    found = {finding["name"]: finding for finding in report["findings"]}
    assert report["faults"] == sum(f["state"] == "fault" for f in found.values())
    return found


def break_network(link: Link) -> None:
    """Too small an MTU, no route but for groups, and a filter that drops what comes of them."""
    link.ip("near", *["link", "set", "near0", "mtu", "1200"])
    link.ip("near", *["route", "add", "239.0.0.0/8", "dev", "near0"])
    with link.at("near"):
        Path("/proc/sys/net/ipv4/conf/near0/rp_filter").write_text("1")


def test_faults_of_a_broken_network_are_named(link: Link) -> None:
    break_network(link)
    found = examine(link, link.far_address, "239.1.2.3", "10.99.0.1", "--buffer", 1 << 30)

    buffer = found["receive buffer"]
    assert buffer["state"] == "fault"
    assert "1073741824 bytes asked for" in buffer["text"]
    assert buffer["command"] == "sysctl -w net.core.rmem_max=1073741824"

    way = found[f"way to {link.far_address}"]
    assert way["state"] == "fault"
    assert "(near0), MTU 1200: packets of more than 1172 bytes" in way["text"]
    assert "ip link set near0 mtu 1500, or send with packets of 1168 bytes" in way["command"]

    no_route = found["way to 10.99.0.1"]
    assert no_route["state"] == "fault"
    assert "no route" in no_route["text"]
    assert no_route["command"] == "ip route add 10.99.0.1 dev INTERFACE"

    assert [name for name in found if name.startswith("interface ")] == ["interface near0"]
    assert found["interface near0"]["text"].startswith("MTU 1200")

    strict = found["rp_filter of near0"]
    assert strict["state"] == "fault"
    assert "net.ipv4.conf.near0.rp_filter=2" in strict["command"]


def test_what_it_advises_mends_it(link: Link) -> None:
    link.ip("near", *["link", "set", "near0", "mtu", "1200"])
    arguments = (link.far_address, "10.99.0.1", "--buffer", 4096)
    broken = examine(link, *arguments)
    mtu = broken[f"way to {link.far_address}"]["command"].split(", or ")[0]
    link.ip("near", *mtu.split()[1:])
    route = broken["way to 10.99.0.1"]["command"].replace("INTERFACE", "near0")
    link.ip("near", *route.split()[1:])
    with link.at("near"):
        done = run("spead2", "doctor", "--json", *arguments)
    assert json.loads(done.stdout)["faults"] == 0


def test_it_speaks_to_people_too() -> None:
    done = run("spead2", "doctor", "127.0.0.1", "--buffer", 4096)
    assert "good  way to 127.0.0.1: from 127.0.0.1 (lo)" in done.stdout
    assert done.stdout.endswith("0 faults\n")


def test_the_transcript_in_the_manual_is_what_it_says(link: Link) -> None:
    break_network(link)
    text = (ROOT / "docs" / "tuning.md").read_text(encoding="utf-8")
    found = re.search(r"(?ms)^\$ spead2 (doctor 10\.77.*?)\n(.*?)^```$", text)
    assert found
    with link.at("near"):
        shown = run("spead2", *found[1].split(), code=1).stdout

    def lines(transcript: str) -> set[str]:
        """What the machine's kernel decides is left out."""
        return set(re.sub(r"\d+ given", "some given", transcript).splitlines())

    # Kernels differ in what a new interface has switched on.
    interface = {line for line in lines(found[2]) if "interface near0" in line or "gro on" in line}
    assert lines(found[2]) - interface - lines(shown) == set()
    faults = {line for line in lines(shown) if line.startswith("  fault")}
    assert faults - lines(found[2]) == set()
