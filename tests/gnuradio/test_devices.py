# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that receive with a SoapySDR device: one made for this, one without a receiver, none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gnuradio_fixtures import ROOT

pytest.importorskip("gnuradio.soapy", reason="this GNU Radio has no SoapySDR")

CHANNELS = 256


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / "apps" / "run"), "spectrometer", "--channels", str(CHANNELS), *options],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "SPEAD2_GNURADIO_PYTHON": sys.executable},
    )


@pytest.fixture(scope="module")
def _device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have SoapySDR find the device of soapy_tone.cc."""
    if not Path("/usr/include/SoapySDR").exists():
        pytest.skip("the device needs SoapySDR's headers")
    folder = tmp_path_factory.mktemp("soapy")
    source = Path(__file__).with_name("soapy_tone.cc")
    compiler = [*filter(None, [shutil.which("ccache")]), os.environ.get("CXX", "g++")]
    options = ["-std=c++20", "-shared", "-fPIC", "-o", str(folder / "tone.so"), "-lSoapySDR"]
    subprocess.run([*compiler, str(source), *options], check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOAPY_SDR_PLUGIN_PATH", str(folder))
        yield


@pytest.mark.cxx
@pytest.mark.usefixtures("_device")
@pytest.mark.parametrize(("tune", "gain", "channel"), [("100e6", "6", 32), ("100.25e6", "26", -32)])
def test_rate_frequency_and_gain_are_the_devices(
    receiver: Callable[..., Any], tune: str, gain: str, channel: int
) -> None:
    """Its antenna gets a tone at 100.125 MHz."""
    reception = receiver("udp")
    options = ["--device", "driver=tone", "--tune", tune, "--gain", gain, "--spectra", "8"]
    done = run(*options, "--sample-rate", "1e6", "--port", str(reception.ports[0]))
    assert done.returncode == 0, done.stdout + done.stderr
    heaps = [items for items in reception.items() if items]
    spectra = np.concatenate([items["spectrum"] for items in heaps])
    assert spectra.shape == (8, CHANNELS)
    assert set(np.argmax(spectra, axis=1)) == {CHANNELS // 2 + channel}
    # 16 powers of amplitude times length times the window's mean.
    peak = 16 * (10 ** (float(gain) / 20) * CHANNELS * 0.36) ** 2
    assert spectra.max() == pytest.approx(peak, rel=0.05)


@pytest.mark.cxx
@pytest.mark.usefixtures("_device")
@pytest.mark.parametrize(
    ("rate", "message"),
    [
        ("1.23e6", "takes 1.2e+06 samples per second when asked for 1.23e+06; use --sample-rate 1"),
        ("3e6", "Rate must be in the range"),
    ],
)
def test_a_rate_that_the_device_has_not_is_told(rate: str, message: str) -> None:
    done = run("--device", "driver=tone", "--sample-rate", rate)
    assert done.returncode == 1
    assert message in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--device", "driver=nobody"], "device 'driver=nobody' cannot be used: there is none"),
        (["--device", "driver=null"], "'driver=null' cannot be used: .*0 channels available"),
        (["--device", "driver=null", "--file", "a.cf32"], "(a.cf32) and a device .* are given"),
    ],
)
def test_a_device_that_cannot_be_used_is_told(options: list[str], message: str) -> None:
    done = run(*options)
    assert done.returncode == 1
    first, _, second = message.partition(".*")
    assert first in done.stderr
    assert second in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_module_a_sentence_says_so() -> None:
    program = (
        "import sys; sys.modules['gnuradio.soapy'] = None\n"
        "from recording_source import sky_source\n"
        "sky_source('', '', '', 1e6, 0, 0, 1e3, 0)\n"
        "sky_source('', '', 'driver=x', 1e6, 0, 0, 1e3, 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "apps" / "blocks")},
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: this GNU Radio has no gnuradio.soapy")
