"""Searching with Python's own engine."""

from __future__ import annotations

import pytest

from escalera.edges.matching.plain import PlainMatcher
from escalera.errors import InputError
from escalera.ports.serving import Sought


def test_signs_spare_a_look():
    """An expression is looked for only where one of its signs stands, in any case."""
    matcher = PlainMatcher(
        [
            Sought(expression="a+b", look="a+b", signs=("key",)),
            Sought(expression="a+b", look="a+b", signs=("key",)),
            Sought(expression="c", look="c"),
        ]
    )
    assert matcher.hits("aab") == []
    assert matcher.hits("KEY aab") == [(0, -1), (1, -1)]
    assert matcher.hits("c") == [(2, -1)]


def test_no_expression_is_an_error():
    """With the expression in it."""
    with pytest.raises(InputError, match=r"'\(' is no regular expression"):
        PlainMatcher([Sought(expression="(", look="a")])
