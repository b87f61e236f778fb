# SPDX-License-Identifier: GPL-3.0-or-later
"""The spectra that the flowgraphs in apps/ make of samples, by numpy."""

from __future__ import annotations

import numpy as np


def spectra(samples: np.ndarray, channels: int, integrate: int) -> np.ndarray:
    """Return sums of `integrate` power spectra each, with the zero frequency in the middle."""
    from gnuradio.fft import window

    weights = np.array(window.blackmanharris(channels))
    count = len(samples) // (channels * integrate)
    pieces = samples[: count * integrate * channels].reshape(count, integrate, channels)
    transformed = np.fft.fftshift(np.fft.fft(pieces * weights), axes=-1)
    power: np.ndarray = np.sum(np.abs(transformed) ** 2, axis=1)
    return power
