# SPDX-License-Identifier: GPL-3.0-or-later
"""A block that records spectra, as SigMF and as HDF5."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pmt
from gnuradio import gr


def _library(name: str, what: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise SystemExit(
            f"error: recording to {what} needs the package {name}: pip install {name}"
        ) from None


class Recorder(gr.sync_block):  # type: ignore[misc]
    """Writes spectra, with the numbers of their first samples from the tags "timestamp".

    SigMF has a channel of the recording for each channel of a spectrum. HDF5 has datasets
    ``spectra`` (one row each), ``timestamps`` and, where some were lost, ``lost``: number of the
    spectrum, and how many are missing before it.
    """

    def __init__(self, sigmf: str, hdf5: str, channels: int, spectra_rate: float) -> None:
        gr.sync_block.__init__(self, "recorder", [(np.float32, channels)], None)
        self._channels = channels
        self._rate = spectra_rate
        self._count = 0
        self._starts: list[tuple[int, int]] = []
        self._lost: list[tuple[int, int]] = []
        self._sigmf = _library("sigmf", "SigMF") if sigmf else None
        self._base = Path(sigmf.removesuffix(".sigmf-data").removesuffix(".sigmf-meta"))
        self._samples = Path(f"{self._base}.sigmf-data")
        self._raw = self._samples.open("wb") if sigmf else None
        self._file: Any = None
        if hdf5:
            self._file = _library("h5py", "HDF5").File(hdf5, "w")
            self._file.create_dataset(
                "spectra", (0, channels), np.float32, maxshape=(None, channels), chunks=True
            )
            self._file.attrs["spectra_rate"] = spectra_rate

    def work(self, input_items: Any, output_items: Any) -> int:
        """Write what there is."""
        (spectra,) = input_items
        begin = self.nitems_read(0)
        for tag in self.get_tags_in_range(0, begin, begin + len(spectra)):
            number = tag.offset - begin + self._count
            if pmt.eq(tag.key, pmt.intern("timestamp")):
                self._starts.append((number, pmt.to_python(tag.value)))
            elif pmt.eq(tag.key, pmt.intern("lost")):
                self._lost.append((number, pmt.to_python(tag.value)))
        if self._raw is not None:
            spectra.tofile(self._raw)
        if self._file is not None:
            data = self._file["spectra"]
            data.resize(self._count + len(spectra), axis=0)
            data[self._count :] = spectra
        self._count += len(spectra)
        return len(spectra)

    def stop(self) -> bool:
        """Finish the files."""
        if self._raw is not None:
            self._raw.close()
            self._raw = None
            self._describe()
        if self._file is not None:
            pairs = {"timestamps": self._starts, "lost": self._lost}
            for name, values in pairs.items():
                self._file[name] = np.array(values, np.int64).reshape(-1, 2)
            self._file.close()
            self._file = None
        return True

    def _describe(self) -> None:
        """Write SigMF's description beside the spectra."""
        assert self._sigmf is not None
        meta = self._sigmf.SigMFFile(
            data_file=str(self._samples) if self._count else None,
            global_info={
                "core:datatype": "rf32_le",
                "core:num_channels": self._channels,
                "core:sample_rate": self._rate,
                "core:description": "Power spectra: a channel here is one of a spectrum",
            },
        )
        meta.add_capture(0)
        for number, timestamp in self._starts:
            meta.add_annotation(number, metadata={"core:comment": f"timestamp {timestamp}"})
        for number, lost in self._lost:
            meta.add_annotation(number, metadata={"core:comment": f"{lost} spectra lost before"})
        meta.tofile(str(self._base))
