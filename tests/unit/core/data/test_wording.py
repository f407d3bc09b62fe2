"""When texts say the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.data import wording

LONG = " ".join(f"word{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(300))
FEW = settings(derandomize=True, max_examples=60, deadline=None)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("Where is it?", "where  is\nit?", True),
        ("Where is it?", "Where is it!", False),
        ("ｗｈｅｒｅ", "where", True),
        ("3 + 2", "3 - 2", False),
    ],
)
def test_texts_are_equal_but_for_case_width_and_spacing(left, right, same):
    """Signs count: they are all that differs between two formulas."""
    assert (wording.key(left) == wording.key(right)) is same


@pytest.mark.parametrize(
    ("left", "right", "near"),
    [
        ("please add this tune to my playlist", "pleas add this tune to my playlst", True),
        ("add this tune to my playlist please", "please add this tune to my playlist", True),
        ("cancel order 17 for me please", "cancel order 18 for me please", False),
        ("what is the weather", "play some music", False),
        (LONG, LONG.replace("wordca", "other"), True),
        (LONG, " ".join(reversed(LONG.split())), False),
        ("", "", False),
        ("你好吗", "你好吗", True),
    ],
)
def test_texts_are_near_by_their_shingles(left, right, near):
    """Whatever their length; with other numbers never."""
    assert wording.near(left, right) is near
    assert wording.near(right, left) is near


@FEW
@given(st.text(max_size=400), st.text(max_size=400))
def test_the_jaccard_is_that_of_the_definition(left, right):
    """Common over all, by the sets themselves."""
    one, two = (frozenset(text.split()) for text in (left, right))
    expected = len(one & two) / len(one | two) if one | two else 0.0
    assert wording.jaccard(one, two) == pytest.approx(expected)


@FEW
@given(st.integers(1, 3000), st.floats(0.7, 1))
def test_near_texts_have_a_kind_of_shingles_in_common(length, share):
    """A text is found by the kind of every text that may be near to it."""
    shorter = wording.Shingled("x" * max(1, round(length * share)), "")
    longer = wording.Shingled("x" * length, "")
    assert shorter.kind in longer.kinds
    assert longer.kind in shorter.kinds


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("Shipping", "shipping ", True),
        ("42", "43", False),
        ("x + 1", "x - 1", False),
        ("on", "off", False),
        (LONG, LONG.replace("wordca", "other"), True),
        (f'{{"a": "{LONG}"}}', f'{{"a": "{LONG.replace("wordca", "other")}"}}', False),
        ('{"a": "b"}', ' {"a":  "B"} ', True),
    ],
)
def test_short_answers_and_json_must_be_equal_and_long_ones_near(left, right, same):
    """A label that is nearly another one is another one."""
    assert wording.same_answer(left, right) is same
