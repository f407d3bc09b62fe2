"""The variants are told apart by the planner, and the table counts what it decided."""

from __future__ import annotations

from collections import Counter

import pytest
from bench.combine import __main__ as combine


@pytest.mark.parametrize("number", range(len(combine.VARIANTS)))
def test_the_planner_finds_what_is_right(number):
    """With one seed; how often is the bench's business."""
    assert combine.decided(number, 3) == combine.VARIANTS[number].right


def test_each_way_out_is_right_somewhere():
    """Mixture, route and merge."""
    assert {variant.right for variant in combine.VARIANTS} == {"mixture", "route", "merge"}


def test_the_table_counts():
    """And what ended without a decision is seen to."""
    first = combine.VARIANTS[0]
    of = {variant.name: Counter({variant.right: 40}) for variant in combine.VARIANTS}
    of[first.name] = Counter({first.right: 30, "none (undecided)": 10})
    text = combine.page(of, "how")
    assert f"| {first.right} | 75.0 % | {first.right} 30, none (undecided) 10 |" in text
    assert combine.share(of, first) == 0.75
