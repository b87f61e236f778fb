# SPDX-License-Identifier: Apache-2.0
"""Heaps that the ranks of an MPI communicator send together, each its part.

Making a collective stream, `start`, `flush`, `close` and the end of a stream exchange messages;
heaps do not. How parts become packets is the engine's matter. Needs mpi4py (the extra ``mpi``) for
streams; heaps can be made for any rank and size without it.
"""

from ..._spead2 import share_of_axis
from .clock import wait_until
from .heap import CollectiveHeap
from .item_group import ItemGroup
from .ranks import HasPlace, Place, RankFailedError
from .stream import AsyncCollectiveStream, CollectiveStream

__all__ = [
    "AsyncCollectiveStream",
    "CollectiveHeap",
    "CollectiveStream",
    "HasPlace",
    "ItemGroup",
    "Place",
    "RankFailedError",
    "share_of_axis",
    "wait_until",
]
