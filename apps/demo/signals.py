# SPDX-License-Identifier: Apache-2.0
"""Signals to send: a recording from a WAV file, or one that looks like what a radio hears."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np
import numpy.typing as npt


@dataclasses.dataclass(frozen=True)
class Signal:
    """A stretch of samples.

    Attributes
    ----------
    samples
        One-dimensional, float32 (real) or complex64.
    sample_rate
        In Hz.
    name
        For people.
    """

    samples: npt.NDArray[np.float32] | npt.NDArray[np.complex64]
    sample_rate: float
    name: str

    def padded(self, multiple: int) -> Signal:
        """Return the signal with zeros behind it, up to a whole `multiple` of samples."""
        missing = -len(self.samples) % multiple
        return dataclasses.replace(
            self, samples=np.concatenate([self.samples, np.zeros(missing, self.samples.dtype)])
        )


def read_wav(path: pathlib.Path) -> Signal:
    """Read a WAV file: one channel is a real signal, two are I and Q.

    Raises
    ------
    ValueError
        If the file has more than two channels, or no samples.
    OSError
        If it cannot be read as sound.
    """
    import soundfile

    try:
        data, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise OSError(f"{path} cannot be read as a WAV file: {error}") from error
    if len(data) == 0:
        raise ValueError(f"{path} has no samples")
    if data.shape[1] == 1:
        return Signal(np.ascontiguousarray(data[:, 0]), sample_rate, path.name)
    if data.shape[1] == 2:
        return Signal(np.ascontiguousarray(data).view(np.complex64)[:, 0], sample_rate, path.name)
    raise ValueError(
        f"{path} has {data.shape[1]} channels, but 1 (real) or 2 (I and Q) can be sent"
    )


def generate(seconds: float = 4.0, sample_rate: float = 1e6, seed: int = 1) -> Signal:
    """Make noise with a drifting carrier and the pulses of a dispersed pulsar in it."""
    n = round(seconds * sample_rate)
    rng = np.random.default_rng(seed)
    time = np.arange(n) / sample_rate
    noise = 0.1 * (rng.standard_normal((n, 2), dtype=np.float32) @ [1, 1j])
    # A carrier that drifts by a fifth of the band, as a satellite's does.
    carrier = 0.2 * np.exp(2j * np.pi * sample_rate * (-0.3 * time + 0.1 * time**2 / seconds))
    # A pulse a second, which sweeps down the band in less than half of that.
    phase = np.mod(time, 1.0) / 0.4
    sweep = np.where(phase < 1, np.sin(np.pi * np.minimum(phase, 1)) ** 2, 0.0)
    cycles = sample_rate * 0.4 * (0.45 * phase - 0.4 * phase**2)
    chirp = sweep * np.exp(2j * np.pi * cycles)
    return Signal((noise + carrier + 0.8 * chirp).astype(np.complex64), sample_rate, "generated")
