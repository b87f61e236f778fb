# SPDX-License-Identifier: Apache-2.0
"""What one rank knows of a heap that all send together."""

from __future__ import annotations

import dataclasses

from ..._spead2 import Heap


@dataclasses.dataclass(frozen=True)
class CollectiveHeap:
    """What :meth:`ItemGroup.get_heap` makes, for :meth:`CollectiveStream.send_heap`.

    Attributes
    ----------
    heap : Heap or None
        What this rank sends; None if it holds nothing of the heap.
    whole : int
        Bytes of payload of the whole heap.
    held : int
        Those that this rank sends.
    control : bool
        It is a whole heap that one rank sends for all.
    end : bool
        It ends the stream, and waits until all ranks have sent what was before it.
    """

    heap: Heap | None
    whole: int
    held: int
    control: bool = False
    end: bool = False
