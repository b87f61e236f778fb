# SPDX-License-Identifier: Apache-2.0
"""What every recording can do."""

from __future__ import annotations

import abc
from typing import Any


class Recording(abc.ABC):
    """A file that takes values of items, heap by heap."""

    @abc.abstractmethod
    def write(self, name: str, value: Any) -> None:
        """Add the value that an item had in one heap."""

    @abc.abstractmethod
    def close(self) -> None:
        """Finish the file."""
