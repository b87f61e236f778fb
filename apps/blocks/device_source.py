# SPDX-License-Identifier: GPL-3.0-or-later
"""A source of what a SoapySDR device receives."""

from __future__ import annotations

from typing import Any

from gnuradio import blocks, gr


def open_device(device: str, sample_rate: float, tune: float, gain: float) -> Any:
    """Open and set the first receiver of a device; end the program with a sentence otherwise.

    Parameters
    ----------
    device
        What SoapySDR knows it by: ``driver=rtlsdr``.
    sample_rate, tune
        In Hz.
    gain
        In dB; negative: the device's own choice.
    """
    try:
        from gnuradio import soapy
    except ImportError as error:
        raise SystemExit(
            f"error: this GNU Radio has no gnuradio.soapy for SoapySDR device {device!r}: {error}"
        ) from None
    try:
        source = soapy.source(device, "fc32", 1, "", "", [""], [""])
        source.set_sample_rate(0, sample_rate)
        source.set_frequency(0, tune)
        if gain >= 0:
            source.set_gain(0, gain)
        elif source.has_gain_mode(0):
            source.set_gain_mode(0, True)
        real_rate = source.get_sample_rate(0)
    except (RuntimeError, ValueError) as error:
        why = "there is none" if "no match" in str(error) else error
        raise SystemExit(
            f"error: SoapySDR device {device!r} cannot be used: {why}; SoapySDRUtil --find lists "
            "what is there"
        ) from None
    if abs(real_rate - sample_rate) > 1e-3 * sample_rate:
        raise SystemExit(
            f"error: SoapySDR device {device!r} takes {real_rate:g} samples per second when asked "
            f"for {sample_rate:g}; use --sample-rate {real_rate:g}"
        )
    return source


class DeviceSource(gr.hier_block2):  # type: ignore[misc]
    """Puts out what a device receives, for ever or some samples of it."""

    def __init__(self, source: Any, samples: int) -> None:
        complex_port = gr.io_signature(1, 1, gr.sizeof_gr_complex)
        gr.hier_block2.__init__(self, "device", gr.io_signature(0, 0, 0), complex_port)
        chain = [source, *([blocks.head(gr.sizeof_gr_complex, samples)] if samples > 0 else [])]
        self.connect(*chain, self)


def device_source(
    device: str, sample_rate: float, tune: float, gain: float, samples: int = 0
) -> DeviceSource:
    """Make a source of what a device receives."""
    return DeviceSource(open_device(device, sample_rate, tune, gain), samples)
