# SPDX-License-Identifier: GPL-3.0-or-later
"""Blocks that play recordings: samples, with the length of a heap on its first one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pmt
from device_source import DeviceSource, device_source
from gnuradio import gr
from recordings import Recording, open_iq, open_wav, simulate


def wav_channels(name: str) -> int:
    """Return how many channels a WAV file has; 1 where there is none, as in the editor."""
    return open_or_leave(open_wav, name).channels if Path(name).exists() else 1


def open_or_leave(opener: Any, *arguments: Any) -> Recording:
    """Open a recording; end the program with a sentence if that cannot be."""
    try:
        recording: Recording = opener(*arguments)
    except (OSError, ValueError, KeyError) as error:
        raise SystemExit(f"error: {error}") from None
    return recording


class RecordingSource(gr.sync_block):  # type: ignore[misc]
    """Puts out a recording once."""

    def __init__(self, recording: Recording, kind: Any, heap_samples: int, samples: int) -> None:
        if heap_samples < 1:
            raise SystemExit(f"error: a heap of {heap_samples} samples is none; use 1 or more")
        gr.sync_block.__init__(self, "recording", None, [kind])
        self._recording = recording
        self._heap_samples = heap_samples
        self._end = min(len(recording), samples) if samples > 0 else len(recording)
        self._next = 0

    def sample_rate(self) -> float:
        """Return what the file says; 0: nothing."""
        return self._recording.sample_rate

    def work(self, input_items: Any, output_items: Any) -> int:
        """Put out what there is room for."""
        (out,) = output_items
        first = self._next
        count = min(len(out), self._end - first)
        if count == 0:
            return -1
        out[:count] = self._recording.read(first, count).reshape(out[:count].shape)
        step = self._heap_samples
        for start in range(-(-first // step) * step, first + count, step):
            length = min(step, self._end - start)
            self.add_item_tag(0, start, pmt.intern("packet_len"), pmt.from_long(length))
        self._next += count
        return count


def wav_source(name: str, heap_samples: int, samples: int = 0) -> RecordingSource:
    """Make a source of a WAV file: floats, or vectors of them with several channels."""
    recording = open_or_leave(open_wav, name)
    kind = np.float32 if recording.channels == 1 else (np.float32, recording.channels)
    return RecordingSource(recording, kind, heap_samples, samples)


def iq_source(name: str, format: str, heap_samples: int, samples: int = 0) -> RecordingSource:
    """Make a source of a file of complex numbers."""
    recording = open_or_leave(open_iq, name, format)
    return RecordingSource(recording, np.complex64, heap_samples, samples)


def sky_source(
    name: str,
    format: str,
    device: str,
    sample_rate: float,
    tune: float,
    gain: float,
    frequency: float,
    noise: float,
    samples: int = 0,
) -> RecordingSource | DeviceSource:
    """Make a source of a file of complex numbers, of a device, or of a tone in noise."""
    if name and device:
        raise SystemExit(f"error: a file ({name}) and a device ({device}) are given; use one")
    if device:
        return device_source(device, sample_rate, tune, gain, samples)
    if name:
        return iq_source(name, format, 2**30, samples)
    return RecordingSource(simulate(sample_rate, frequency, noise), np.complex64, 2**30, samples)
