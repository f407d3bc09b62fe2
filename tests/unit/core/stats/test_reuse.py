"""Wear of a test set: counts per item, bits per split, and the bound they enter."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.stats import reuse
from escalera.core.stats.reuse import Use


def test_counts_per_item_and_split() -> None:
    """Each split has its own counts, in the order of first use; an item counts once per use."""
    found = reuse.read(
        [
            Use(split="confirm", items=("a", "b", "b")),
            Use(split="search", items=("x",), answers=32),
            Use(split="confirm", items=("b", "c"), answers=4),
        ]
    )
    confirm, search = found
    assert (confirm.split, search.split) == ("confirm", "search")
    assert confirm.uses == (("a", 1), ("b", 2), ("c", 1))
    assert (confirm.items, confirm.decisions, confirm.bits) == (3, 2, 3.0)
    assert search.bits == 5.0


def test_bound_worked_example() -> None:
    """1,000 items, 10 binary decisions: sqrt((10 ln 2 + ln 40) / 2000) = 0.0729, 1.70 times."""
    items = tuple(range(1000))
    (found,) = reuse.read([Use(split="confirm", items=items)] * 10)
    assert round(found.half_width, 4) == 0.0729
    assert found.widening == pytest.approx(math.sqrt(1 + 10 * math.log(2) / math.log(40)))
    assert (found.worn, found.decisions_left) == (True, 0)


def test_five_binary_decisions_are_left_at_first() -> None:
    """At alpha 0.05 the sixth binary decision wears a split out: 6 ln 2 > ln 40 > 5 ln 2."""
    assert reuse.decisions_until_worn() == 5
    for k in range(1, 8):
        (found,) = reuse.read([Use(split="s", items=(1,))] * k)
        assert found.worn == (k >= 6)
        assert found.decisions_left == max(0, 5 - k)


@given(answers=st.lists(st.integers(1, 40), min_size=1, max_size=12), alpha=st.floats(0.001, 0.5))
@settings(derandomize=True, max_examples=100, deadline=None)
def test_wear_only_grows_and_worn_means_double(answers: list[int], alpha: float) -> None:
    """More uses never narrow the bound; worn is widening sqrt(2), twice the items."""
    uses = [Use(split="s", items=(1, 2), answers=a) for a in answers]
    previous = 1.0
    for k in range(1, len(uses) + 1):
        (found,) = reuse.read(uses[:k], alpha=alpha)
        assert found.widening >= previous
        assert found.worn == (found.widening**2 >= 2 * (1 - 1e-12))
        previous = found.widening


def test_the_bound_holds_against_an_adaptive_climber() -> None:
    """A climber keeps each of 12 random changes of guesses that looked better on 100 items whose
    labels are coins: true accuracy is 0.5, and its apparent gain stays within the bound in 95 %
    (seeded, 400 climbs), while it leaves the plain 95 % interval of one share far oftener.
    """
    rng = np.random.default_rng(51)
    n, steps, runs, outside, naive = 100, 12, 400, 0, 0
    (wear,) = reuse.read([Use(split="s", items=tuple(range(n)))] * steps)
    for _ in range(runs):
        truth = rng.integers(0, 2, n)
        guess = rng.integers(0, 2, n)
        for _ in range(steps):
            tried = np.where(rng.random(n) < 0.5, guess, rng.integers(0, 2, n))
            if (tried == truth).mean() > (guess == truth).mean():
                guess = tried
        gain = (guess == truth).mean() - 0.5
        outside += gain > wear.half_width
        naive += gain > 1.96 * math.sqrt(0.25 / n)
    assert outside / runs <= 0.05
    assert naive / runs > 0.1


def test_no_decision_is_refused() -> None:
    """A use without an answer, or an alpha that is none, raises; no uses, no wear."""
    with pytest.raises(ValueError, match="0 answers"):
        Use(split="s", items=(), answers=0)
    with pytest.raises(ValueError, match=r"alpha 0\.0"):
        reuse.decisions_until_worn(alpha=0.0)
    assert reuse.read([]) == ()
    assert reuse.read([Use(split="s", items=())])[0].half_width == math.inf
