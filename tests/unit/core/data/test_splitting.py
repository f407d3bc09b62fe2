"""Which split a row belongs to."""

from __future__ import annotations

from collections import Counter

import pytest

from escalera.core.data.rows import Row
from escalera.core.data.splitting import Shares

SHARES = Shares(shares={"train": 0.6, "search": 0.1, "confirm": 0.3})


def row(**more):
    return Row(**({"name": "", "split": None, "input": "i", "target": "t"} | more))


def test_shares_are_kept_and_rows_stay():
    """By a hash: rows that are added move none of the others."""
    drawn = [SHARES.of(row(input=f"message {n}"), str(n)) for n in range(5000)]
    counts = Counter(drawn)
    assert counts["train"] == pytest.approx(3000, abs=110)
    assert counts["search"] == pytest.approx(500, abs=65)
    again = Shares(shares=SHARES.shares, seed=1)
    assert [again.of(row(input=f"message {n}"), str(n)) for n in range(100)] != drawn[:100]


def test_what_belongs_together_stays_together():
    """Rows of a cluster, and twins; a row that says its split has it."""
    assert len({SHARES.of(row(input=f"m {n}", cluster="c"), str(n)) for n in range(50)}) == 1
    assert SHARES.of(row(input="Hello  you"), "1") == SHARES.of(row(input="hello you"), "2")
    assert SHARES.of(row(split="golden"), "1") == "golden"


@pytest.mark.parametrize("shares", [{}, {"train": 0.5}, {"train": 1.5, "search": -0.5}])
def test_shares_that_are_none_are_refused(shares):
    """With what they are."""
    with pytest.raises(ValueError, match="shares must be above 0 and add up to 1"):
        Shares(shares=shares)
