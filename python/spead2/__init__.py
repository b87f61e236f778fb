# SPDX-License-Identifier: Apache-2.0
"""SPEAD sender: flavours, thread pools and descriptions of items. Streams are in spead2.send."""
from ._spead2 import (
    Empty,
    Flavour,
    Full,
    InprocQueue,
    Stopped,
    ThreadPool,
)
