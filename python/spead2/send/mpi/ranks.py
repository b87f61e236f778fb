# SPDX-License-Identifier: Apache-2.0
"""Ranks: who takes part, and who did not come."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Protocol


class HasPlace(Protocol):
    """What an item group asks of a communicator."""

    def Get_rank(self) -> int:  # noqa: N802 as in MPI
        """Return the rank."""

    def Get_size(self) -> int:  # noqa: N802
        """Return the number of ranks."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Rank and size without MPI, in place of a communicator."""

    rank: int
    size: int

    def Get_rank(self) -> int:  # noqa: N802 as in MPI
        """Return the rank."""
        return self.rank

    def Get_size(self) -> int:  # noqa: N802
        """Return the number of ranks."""
        return self.size


class RankFailedError(RuntimeError):
    """Ranks did not come to where all meet.

    Attributes
    ----------
    ranks : tuple of int
        Which.
    """

    def __init__(self, ranks: Iterable[int]) -> None:
        self.ranks = tuple(ranks)
        super().__init__(f"no answer from rank {', '.join(map(str, self.ranks))}")


def check_rank(name: str, rank: int, size: int) -> int:
    """Return a rank that there is.

    Raises
    ------
    ValueError
        If there is none of that number.
    """
    if not 0 <= rank < size:
        raise ValueError(f"{name} is {rank}, but must be a rank from 0 to {size - 1}")
    return rank
