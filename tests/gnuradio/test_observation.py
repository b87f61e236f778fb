# SPDX-License-Identifier: GPL-3.0-or-later
"""The observation of apps/: from samples to spectra, over the network, to picture and records."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gnuradio.qtgui", reason="the observation has a window")
pytest.importorskip("sigmf", reason="the observation is recorded")
import h5py
import sigmf
from gnuradio_fixtures import ROOT
from processes import wait_until_bound
from spectra import spectra

if shutil.which("xvfb-run") is None:
    pytest.skip("a window needs a display: xvfb-run", allow_module_level=True)

CHANNELS = 256
INTEGRATE = 16
RATE = 1e6


def unused_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def look_at(name: str, folder: Path, *options: str) -> subprocess.Popen[str]:
    """Start a program with a window; its picture and records go into a folder."""
    command = ["xvfb-run", "-a", sys.executable, str(ROOT / "script" / "screenshot"), name]
    command += [str(folder / "picture.png"), "--heaps", "20"]
    command += ["--sigmf", str(folder / "spectra"), "--hdf5", str(folder / "spectra.h5")]
    command += ["--channels", str(CHANNELS), "--sample-rate", str(RATE), *options]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "HOME": str(folder)},
    )


def check(folder: Path, channel: int) -> None:
    """Look at picture and records: the tone is in its channel."""
    from matplotlib import image

    picture = image.imread(folder / "picture.png")
    assert picture.shape[:2] == (800, 900)
    assert len(np.unique(picture.reshape(-1, picture.shape[2]), axis=0)) > 100
    with h5py.File(folder / "spectra.h5") as file:
        recorded = file["spectra"][:]
        assert file["timestamps"][0].tolist() == [0, 0]
        assert len(file["lost"]) == 0
    assert len(recorded) >= 80
    power = recorded.mean(axis=0)
    assert np.argmax(power) == channel
    assert power[channel] > 100 * np.median(power)
    file_of_sigmf = sigmf.fromfile(str(folder / "spectra.sigmf-meta"))
    assert file_of_sigmf.get_global_info()["core:num_channels"] == CHANNELS
    assert np.array_equal(file_of_sigmf.read_samples(), recorded)
    assert file_of_sigmf.get_annotations()[0]["core:comment"] == "timestamp 0"


def write_sky(path: Path) -> np.ndarray:
    """Write two seconds of a tone in noise; return the samples."""
    n = np.arange(2_000_000)
    noise = np.random.default_rng(1).standard_normal(len(n))
    samples: np.ndarray = (np.exp(-0.5j * np.pi * n) + 0.01 * noise).astype(np.complex64)
    samples.tofile(path)
    return samples


def check_every_spectrum(folder: Path, samples: np.ndarray) -> None:
    """What is recorded is what numpy makes of the samples, from the first one on."""
    with h5py.File(folder / "spectra.h5") as file:
        recorded = file["spectra"][:]
    expected = spectra(samples, CHANNELS, INTEGRATE)[: len(recorded)]
    np.testing.assert_allclose(recorded, expected, rtol=1e-2, atol=1e-3 * expected.mean())


@pytest.mark.timeout(120)
@pytest.mark.parametrize("source", ["simulator", "file"])
def test_an_observation_from_end_to_end(tmp_path: Path, source: str) -> None:
    options = ["--port", str(unused_port())]
    channel = CHANNELS // 2 + CHANNELS // 8
    if source == "file":
        samples = write_sky(tmp_path / "sky.cf32")
        options += ["--file", str(tmp_path / "sky.cf32")]
        channel = CHANNELS // 4
    with look_at("observation", tmp_path, *options) as process:
        printed = process.communicate()[0]
    assert process.returncode == 0, printed
    assert ", 0 lost" in printed
    check(tmp_path, channel)
    if source == "file":
        check_every_spectrum(tmp_path, samples)


@pytest.mark.timeout(120)
def test_sender_and_receiver_apart(tmp_path: Path) -> None:
    port = unused_port()
    options = ["--port", str(port)]
    samples = write_sky(tmp_path / "sky.cf32")
    with look_at("observer", tmp_path, *options) as process:
        wait_until_bound(port, "udp", process)
        sender = subprocess.Popen(
            [
                *(str(ROOT / "apps" / "run"), "spectrometer", "--port", str(port)),
                *("--channels", str(CHANNELS), "--sample-rate", str(RATE)),
                *("--file", str(tmp_path / "sky.cf32")),
            ],
            env={**os.environ, "SPEAD2_GNURADIO_PYTHON": sys.executable},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with sender:
            printed = process.communicate()[0]
            sender.terminate()
    assert process.returncode == 0, printed
    check(tmp_path, CHANNELS // 4)
    check_every_spectrum(tmp_path, samples)
