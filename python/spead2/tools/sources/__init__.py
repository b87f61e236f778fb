# SPDX-License-Identifier: Apache-2.0
"""What can be sent: files and patterns, each as a Source. Sending them is the command's matter."""

from __future__ import annotations

from .base import Field, Source
from .files import open_source
from .patterns import PATTERNS, open_pattern

__all__ = ["PATTERNS", "Field", "Source", "open_pattern", "open_source"]
