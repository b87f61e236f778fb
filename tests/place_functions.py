# SPDX-License-Identifier: Apache-2.0
"""Place functions in C, in the capsules that chunk streams take; knows no package of spead2's."""

from __future__ import annotations

import ctypes
import pathlib
import subprocess
from typing import Any

SOURCE = r"""
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct place_data {
    const uint8_t *packet;
    size_t packet_size;
    const int64_t *items;
    int64_t chunk_id;
    size_t heap_index;
    size_t heap_offset;
    uint64_t *batch_stats;
    uint8_t *extra;
    size_t extra_offset;
    size_t extra_size;
};

struct settings {
    int64_t heaps_a_chunk;
    int64_t heap_size;
    int64_t stat;
    int64_t flags_a_heap;
    int64_t extra_size;
};

/* Item 0 is the time: four heaps of 16 bytes a chunk. */
void by_time(void *d, size_t size)
{
    struct place_data *data = d;
    int64_t time = data->items[0];
    if (time < 0) return;
    data->chunk_id = time / 4;
    data->heap_index = time % 4;
    data->heap_offset = time % 4 * 16;
    (void) size;
}

/* The same by settings; counts what it is told. */
void by_settings(void *d, size_t size, void *context)
{
    struct place_data *data = d;
    const struct settings *s = context;
    int64_t time = data->items[0];
    if (s->stat != 0) data->batch_stats[s->stat] += data->packet_size + size;
    if (time < 0) return;
    data->chunk_id = time / s->heaps_a_chunk;
    data->heap_index = time % s->heaps_a_chunk * s->flags_a_heap;
    data->heap_offset = time % s->heaps_a_chunk * s->heap_size;
    if (s->extra_size != 0 && data->extra != NULL) {
        memset(data->extra, (int) (time + data->items[1]), (size_t) s->extra_size);
        data->extra_size = (size_t) s->extra_size;
        data->extra_offset = (size_t) (time % s->heaps_a_chunk * s->extra_size);
    }
}

/* Answers what the items say: chunk, index, offset, offset and size of extra bytes. */
void as_told(void *d, size_t size)
{
    struct place_data *data = d;
    data->chunk_id = data->items[0];
    data->heap_index = (size_t) data->items[1];
    data->heap_offset = (size_t) data->items[2];
    data->extra_offset = (size_t) data->items[3];
    data->extra_size = (size_t) data->items[4];
    (void) size;
}
"""

SIMPLE = b"void (void *, size_t)"
WITH_CONTEXT = b"void (void *, size_t, void *)"


class Settings(ctypes.Structure):
    """What by_settings() is given."""

    _fields_ = [(name, ctypes.c_int64) for name in
                ("heaps_a_chunk", "heap_size", "stat", "flags_a_heap", "extra_size")]  # fmt: skip


def build(folder: pathlib.Path) -> str:
    """Compile the functions; return the name of the library."""
    source, library = folder / "place.c", folder / "place.so"
    source.write_text(SOURCE)
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
    return str(library)


def capsule(function: Any, signature: bytes | None, context: Any = None) -> tuple[Any, ...]:
    """Return a capsule of a function of ctypes, and what has to be kept with it."""
    python = ctypes.pythonapi
    python.PyCapsule_New.restype = ctypes.py_object
    python.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    python.PyCapsule_SetContext.argtypes = [ctypes.py_object, ctypes.c_void_p]
    name = None if signature is None else ctypes.create_string_buffer(signature)
    made = python.PyCapsule_New(ctypes.cast(function, ctypes.c_void_p), name, None)
    if context is not None:
        python.PyCapsule_SetContext(made, ctypes.addressof(context))
    return made, name, function, context


def function(library: str, name: str, settings: Settings | None = None) -> tuple[Any, ...]:
    """Return one of the functions in the library, as ChunkStreamConfig.place takes it."""
    loaded = getattr(ctypes.CDLL(library), name)
    return capsule(loaded, SIMPLE if settings is None else WITH_CONTEXT, settings)
