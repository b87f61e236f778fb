# SPDX-License-Identifier: Apache-2.0
"""The demo's picture: spectrograms of what was sent and what was received."""

from __future__ import annotations

import pathlib

import matplotlib
import numpy as np
import numpy.typing as npt
from signals import Signal

matplotlib.use("Agg")
from matplotlib import pyplot as plt


def draw(sent: Signal, received: npt.NDArray[np.generic], path: pathlib.Path) -> None:
    """Write a PNG with the two spectrograms side by side, on one scale."""
    figure, axes = plt.subplots(
        1, 2, figsize=(12, 5), sharex=True, sharey=True, layout="constrained"
    )
    scale: dict[str, float] = {}
    for axis, samples, title in ((axes[0], sent.samples, "sent"), (axes[1], received, "received")):
        nfft = min(1024, max(16, len(samples) // 64))
        # Overlap so that the picture has neither too few columns nor millions.
        step = max(nfft // 4, len(samples) // 2000)
        with np.errstate(divide="ignore"):  # digital silence has no decibels
            power, _, _, image = axis.specgram(
                samples,
                NFFT=nfft,
                Fs=sent.sample_rate / 1e3,
                noverlap=max(nfft - step, 0),
                **scale,
            )
        if not scale:
            level = 10 * np.log10(power[power > 0])
            scale = dict(zip(("vmin", "vmax"), np.percentile(level, [5, 99.9])))
            image.set_clim(**scale)
        axis.set_title(title)
        axis.set_xlabel("time in ms")
    axes[0].set_ylabel("frequency in kHz")
    figure.colorbar(image, ax=axes, label="power in dB")
    figure.suptitle(f"{sent.name}: {len(sent.samples)} samples at {sent.sample_rate:g} Hz")
    figure.savefig(path, dpi=100)
    plt.close(figure)
