"""Which split a row belongs to: a keyed hash of its cluster, which stays when rows are added."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

from escalera.core.data.rows import Row
from escalera.core.data.wording import key
from escalera.domain.dataset import Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How much of the rows each split gets, by a seed. Shares are above 0 and add up to 1."""

    shares: Mapping[Split, float]
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise `ValueError` for shares that are none."""
        values = list(self.shares.values())
        if not values or min(values) <= 0 or not math.isclose(sum(values), 1, abs_tol=1e-6):
            said = ", ".join(f"{split} {value:g}" for split, value in self.shares.items())
            raise ValueError(f"shares must be above 0 and add up to 1, and are {said or 'none'}")

    def of(self, row: Row, name: str) -> Split:
        """The split of a row: its own, or by chance; rows of a cluster together.

        Without a cluster the question decides, so that twins stay together.
        """
        if row.split is not None:
            return row.split
        asked = row.cluster.encode() if row.cluster else key(row.input) or name.encode()
        digest = hashlib.blake2b(asked, key=str(self.seed).encode(), digest_size=8).digest()
        drawn, upto = int.from_bytes(digest, "big") / 2**64, 0.0
        for split, share in self.shares.items():
            upto += share
            if drawn < upto:
                return split
        return split
