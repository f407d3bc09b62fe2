"""First looks with Vectorscan."""

from __future__ import annotations

from itertools import pairwise

import pytest

from escalera.errors import InputError
from escalera.ports.serving import Sought

engine = pytest.importorskip("escalera.edges.matching.hyperscan_engine")


def test_looks_end_at_characters():
    """Not at bytes; two expressions with one look are both told."""
    matcher = engine.HyperscanMatcher(
        [
            Sought(expression="xx", look="é[0-9]{2}"),
            Sought(expression="yy", look="é[0-9]{2}"),
        ]
    )
    assert sorted(matcher.hits("🙂é12")) == [(0, 4), (1, 4)]
    assert matcher.hits("nothing") == []


def test_foreign_expressions_are_searched_anywhere():
    """They are none of the database's business."""
    pytest.importorskip("re2")
    matcher = engine.HyperscanMatcher([Sought(expression="b+", look="b+", foreign=True)])
    assert matcher.hits("abb") == [(0, -1)]
    assert matcher.search(0, "abb", 0, 3) == (1, 3)


def test_what_it_cannot_look_for():
    """Is an error with its words."""
    with pytest.raises(InputError, match="cannot be compiled"):
        engine.HyperscanMatcher([Sought(expression="a", look="(?=a)")])


def test_looks_that_end_everywhere_are_told_now_and_then():
    """Digits end a look at every one of them; a hostile text must not make a list of them all."""
    matcher = engine.HyperscanMatcher([Sought(expression="[0-9]{4}", look="[0-9]{4}")])
    ends = [end for _, end in matcher.hits("1" * 1000)]
    assert ends[0] == 4
    assert ends[-1] > 1000 - engine.NEXT
    assert all(later - sooner == engine.NEXT for sooner, later in pairwise(ends))
