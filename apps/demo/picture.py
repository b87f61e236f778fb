# SPDX-License-Identifier: Apache-2.0
"""The demo's picture: spectrograms of what was sent and received, and of the difference."""

from __future__ import annotations

import pathlib
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from signals import Signal

matplotlib.use("Agg")
from matplotlib import pyplot as plt

#: Of samples; fewer have no spectra worth a picture.
FEWEST = 64


def spectrogram(samples: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return power in dB, one column a stretch of time; 0 where all samples are 0."""
    channels = int(np.clip(2 ** np.floor(np.log2(len(samples) / 32)), 16, 512))
    columns = int(np.clip(len(samples) // channels, 1, 300))
    # A column is all that lies in its stretch of time, so that no short pulse falls between two.
    spectra = len(samples) // columns // channels
    used = samples[: columns * spectra * channels].reshape(columns, spectra, channels)
    used = np.nan_to_num(used) * np.hanning(channels)
    if np.iscomplexobj(samples):
        amplitude = np.fft.fftshift(np.fft.fft(used), axes=2)
    else:
        amplitude = np.fft.rfft(used)
    power = (np.abs(amplitude) ** 2).max(axis=1).T
    with np.errstate(divide="ignore"):
        level = 10 * np.log10(power / channels)
    return np.where(np.isfinite(level), level, np.nan)


def draw(sent: Signal, received: npt.NDArray[Any], path: pathlib.Path) -> bool:
    """Write a PNG with the spectrograms side by side, on one scale.

    Returns
    -------
    bool
        Whether there were enough samples.
    """
    count = min(len(sent.samples), len(received))
    if count < FEWEST:
        return False
    difference = received[:count] - sent.samples[:count]
    panels = {"sent": sent.samples, "received": received, "received - sent": difference}
    figure, axes = plt.subplots(
        1, 3, figsize=(15, 5), sharex=True, sharey=True, layout="constrained"
    )
    low = 0.0 if not np.iscomplexobj(sent.samples) else -sent.sample_rate / 2e3
    levels = {title: spectrogram(samples) for title, samples in panels.items()}
    known = levels["sent"][np.isfinite(levels["sent"])]
    scale = np.percentile(known, [20, 99.9]) if len(known) else (-60.0, 0.0)
    for axis, (title, level) in zip(axes, levels.items()):
        image = axis.imshow(
            level,
            origin="lower",
            aspect="auto",
            interpolation="nearest",
            extent=(0, 1e3 * len(panels[title]) / sent.sample_rate, low, sent.sample_rate / 2e3),
            vmin=scale[0],
            vmax=scale[1],
        )
        axis.set_title(title)
        axis.set_xlabel("time in ms")
        axis.set_facecolor("0.9")
    if not np.any(np.nan_to_num(difference)):
        axes[2].text(0.5, 0.5, "all zero", transform=axes[2].transAxes, ha="center", color="0.3")
    axes[0].set_ylabel("frequency in kHz")
    figure.colorbar(image, ax=axes, label="power in dB")
    figure.suptitle(
        f"{sent.name}: {len(sent.samples)} samples at {sent.sample_rate:g} Hz".replace("$", r"\$")
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    plt.close(figure)
    return True
