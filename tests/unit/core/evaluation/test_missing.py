"""How many items an open gate still needs."""

from __future__ import annotations

import pytest

from escalera.core.evaluation import missing
from escalera.core.evaluation.sample import Row, Sample
from escalera.core.stats import distributions


def sample(pairs, clusters=None):
    rows = [
        Row(
            cluster=str(n if clusters is None else clusters[n]),
            candidate=new,
            incumbent=old,
            human=None,
            chance=1.0,
        )
        for n, (new, old) in enumerate(pairs)
    ]
    return Sample(rows=tuple(rows), paired=True)


def test_the_number_is_that_of_the_formula():
    """Paired variance over the squared distance to the margin (Miller 2024), less what is there."""
    pairs = [(1.0, 0.0)] * 10 + [(0.0, 1.0)] * 10 + [(1.0, 1.0)] * 80
    variance = 20 / 99
    effort = distributions.normal_quantile(0.975) + distributions.normal_quantile(0.8)
    whole = effort**2 * variance / 0.05**2
    assert missing.items(sample(pairs), margin=0.05, alpha=0.05) == pytest.approx(
        whole - 100, abs=1
    )


def test_more_error_is_shared_by_fewer_items():
    """A smaller alpha needs more; a wider margin needs fewer."""
    pairs = [(1.0, 0.0)] * 5 + [(0.0, 1.0)] * 5 + [(1.0, 1.0)] * 40
    usual = missing.items(sample(pairs), margin=0.05, alpha=0.05)
    assert missing.items(sample(pairs), margin=0.05, alpha=0.01) > usual
    assert missing.items(sample(pairs), margin=0.1, alpha=0.05) < usual


def test_items_that_share_their_luck_count_for_less():
    """Copies of one another prove what one of them does."""
    pairs = [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 1.0), (1.0, 1.0)] * 10
    alone = missing.items(sample(pairs), margin=0.05, alpha=0.05)
    five = [pair for pair in pairs[:10] for _ in range(5)]
    together = missing.items(sample(five, [n // 5 for n in range(50)]), margin=0.05, alpha=0.05)
    assert together > 3 * alone


def test_what_the_interval_leaves_open_takes_more_than_the_next_item():
    """Sixty items without a difference and an interval of a tenth: that halves with 120 at best."""
    pairs = [(1.0, 1.0)] * 60
    assert missing.items(sample(pairs), margin=0.05, alpha=0.05) == 1
    assert missing.items(sample(pairs), margin=0.05, alpha=0.05, reach=0.1) == 60


def test_where_no_number_helps_that_is_said():
    """A difference at or beyond the margin cannot pass."""
    pairs = [(0.0, 1.0)] * 20 + [(1.0, 1.0)] * 80
    found = missing.items(sample(pairs), margin=0.05, alpha=0.05)
    assert found is None
    assert "no number of items" in missing.words(found)


def test_it_is_always_one_more_at_least():
    """An open gate is not told that nothing is missing."""
    assert missing.items(sample([(1.0, 1.0)] * 500), margin=0.05, alpha=0.05) == 1
    assert missing.items(sample([(1.0, 1.0)]), margin=0.05, alpha=0.05) == 1
    assert missing.words(7) == "about 7 more `confirm` items are likely to settle it"
