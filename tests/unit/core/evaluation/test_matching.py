"""Reply and target as they stand: how right a reply is, and when nothing can be said."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.evaluation import matching
from escalera.core.evaluation.scorers import score
from escalera.domain.dataset import Example
from escalera.domain.message import FinishReason
from escalera.domain.scoring import Submission

NAMES = ["exact", "json_fields", "normalised", "numeric"]
FEW = settings(derandomize=True, max_examples=80, deadline=None)
FIELDS = st.dictionaries(
    st.text(max_size=3), st.integers() | st.booleans() | st.text(max_size=3), max_size=5
)


def scored(scorer, reply, target, finish="stop", options=None):
    item = Example(id="1", task="t", split="confirm", input="q", target=target, cluster="1")
    return score(scorer, Submission(reply=reply, item=item, finish=finish), options)


def value(scorer, reply, target, options=None):
    return scored(scorer, reply, target, options=options).value


@FEW
@given(st.sampled_from(NAMES), st.text(), st.text(), st.sampled_from(get_args(FinishReason)))
def test_every_score_is_a_share_or_none_with_a_reason(scorer, reply, target, finish):
    """Whatever is written: no error, a value in [0, 1], or a reason why there is none."""
    found = scored(scorer, reply, target, finish)
    if found.value is None:
        assert found.reason
    else:
        assert 0.0 <= found.value <= 1.0
        assert found.reason is None


@pytest.mark.parametrize("scorer", NAMES)
def test_a_filtered_reply_is_unscored_even_if_it_is_right(scorer):
    """What the model would have said is not known, so it is neither right nor wrong."""
    target = '{"a": 1}'
    found = scored(scorer, target, target, "filtered")
    assert found.value is None
    assert "filtered" in found.reason
    assert value(scorer, target, target) == 1.0


@pytest.mark.parametrize("scorer", NAMES)
def test_a_reply_that_was_cut_off_is_scored(scorer):
    """Too long an answer is the system's fault: it is wrong, not unscored."""
    found = scored(scorer, "I think", '{"a": 1}', "length")
    assert found.value == 0.0


@pytest.mark.parametrize(
    ("reply", "target", "wanted"),
    [("yes", "yes", 1), (" yes\n", "yes", 1), ("Yes", "yes", 0), ("yes.", "yes", 0), ("", "", 1)],
)
def test_exact(reply, target, wanted):
    """The same text, but for white space at both ends."""
    assert value("exact", reply, target) == wanted


@pytest.mark.parametrize(
    ("reply", "target", "wanted"),
    [
        ("The  Blue-Lamp!", "the blue lamp", 1),
        ("ﬁne STRASSE", "fine straße", 1),
        ("the lamp blue", "the blue lamp", 0),
        ("the blue lamp, please", "the blue lamp", 0),
        ("", "the blue lamp", 0),
    ],
)
def test_normalised(reply, target, wanted):
    """The same words in the same order; case, punctuation, spacing and ligatures are ignored."""
    assert value("normalised", reply, target) == wanted


@pytest.mark.parametrize(
    ("left", "right"),
    [("C++", "C#"), ("C++", "C"), ("C#", "C"), ("C++11", "C#11"), ("A+", "A"), ("-5", "5")],
)
def test_normalised_keeps_the_marks_that_tell_answers_apart(left, right):
    """A + or # behind a word, a minus before a number; also in a sentence and in full width."""
    assert value("normalised", left, right) == value("normalised", right, left) == 0.0
    assert value("normalised", f"It is {left}.", f"it is {right}") == 0.0
    assert value("normalised", f" **{left.lower()}**!", left) == 1.0
    wide = left.replace("+", "\uff0b").replace("#", "\uff03").replace("-", "\N{MINUS SIGN}")
    assert value("normalised", wide, left) == 1.0


@pytest.mark.parametrize(
    ("reply", "target"),
    [("# Paris", "Paris"), ("- 5 apples", "5 apples"), ("`1 + 1`", "1 1"), ("10-12", "10 12")],
)
def test_normalised_ignores_the_same_marks_elsewhere(reply, target):
    """Headings, lists, sums and ranges: there they belong to no word."""
    assert value("normalised", reply, target) == 1.0


@FEW
@given(st.text(alphabet="abcdefghij XYZ.,!", max_size=20))
def test_normalised_forgives_case_and_marks(target):
    """Property: shouting and a full stop change no score."""
    assert value("normalised", f"  {target.upper()}. ", target) == 1.0


@pytest.mark.parametrize(
    ("reply", "target", "wanted"),
    [
        ("42", "42.0", 1),
        ("First 3, then 4, so it is 1,234.50 euros", "1234.5", 1),
        ("It is 42, not 43", "42", 0),
        ("-7", "7", 0),
        ("6.02e23", "602000000000000000000000", 1),
        ("no idea", "1", 0),
        ("1000001", "1000000", 1),
        ("1000002", "1000000", 0),
        ("0", "0", 1),
    ],
)
def test_numeric(reply, target, wanted):
    """The last number of the reply, within one millionth."""
    assert value("numeric", reply, target) == wanted


@pytest.mark.parametrize(
    ("reply", "stated"),
    [
        ("$1,234.50", 1234.5),
        ("-5", -5),
        ("\N{MINUS SIGN}5", -5),
        ("+5", 5),
        ("-$1,234.50", -1234.5),
        ("$-5", -5),
        ("x = -5", -5),
        ("(-5)", -5),
        ("- 5", 5),
        ("10-12", 12),
        ("10 - 12", 12),
        ("10\N{EN DASH}12", 12),
        ("5%-7%", 7),
        ("$5-$10", 10),
        ("5€-10€", 10),
        ("2024-05-06", 6),
        ("COVID-19", 19),
        ("1e3", 1000),
        ("1e-3", 0.001),
        ("-2.5E+2", -250),
        ("3.", 3),
        ("It is 3.", 3),
        (".5", 0.5),
        ("-.5", -0.5),
        ("no.5", 5),
        ("1,234,567", 1234567),
        ("1,2345", 2345),
        ("3, 4", 4),
        ("答案是5个", 5),
    ],
)
def test_numeric_reads_the_number_that_an_answer_states(reply, stated):
    """The last one; a sign is one only where no word or number stands before it."""
    assert value("numeric", reply, str(stated)) == 1.0
    assert value("numeric", str(stated), reply) == 1.0
    assert value("numeric", reply, str(-stated)) == 0.0


@pytest.mark.parametrize("reply", ["no number", "", "-", "$", "."])
def test_an_answer_without_a_number_is_wrong(reply):
    """It states none, so it is not unscored."""
    assert [value("numeric", reply, target) for target in ("0", "1", "-12")] == [0.0, 0.0, 0.0]


def test_numeric_cannot_score_a_target_without_a_number():
    """Our own data is at fault then: unscored, with the target in the reason."""
    found = scored("numeric", reply="7", target="seven")
    assert found.value is None
    assert "'seven'" in found.reason


@FEW
@given(st.integers(-(10**9), 10**9))
def test_numeric_reads_thousands_separators(number):
    """Property: 1234567 and 1,234,567 are one number."""
    assert value("numeric", f"So the answer is {number:,}.", str(number)) == 1.0


@pytest.mark.parametrize(
    ("reply", "target", "wanted"),
    [
        ('{"a": 1, "b": "x"}', '{"b": "x", "a": 1}', 1),
        ('{"a": 1, "b": "y"}', '{"a": 1, "b": "x"}', 0.5),
        ('{"a": 1}', '{"a": 1, "b": "x"}', 0.5),
        ('{"a": 1, "b": 2, "c": 3, "d": 4}', '{"a": 1}', 0.25),
        ('{"a": 1.0}', '{"a": 1}', 1),
        ('{"a": true}', '{"a": 1}', 0),
        ('{"a": null}', '{"b": null}', 0),
        ("{}", "{}", 1),
        ("a: 1", '{"a": 1}', 0),
        ('["a"]', '{"a": 1}', 0),
        ("[" * 100_000, '{"a": 1}', 0),
    ],
)
def test_json_fields(reply, target, wanted):
    """Right fields over all fields of either; what is no object is wrong."""
    assert value("json_fields", reply, target) == wanted


def test_json_fields_cannot_score_a_target_that_is_no_object():
    """Unscored, with the target in the reason."""
    found = scored("json_fields", reply="{}", target="[1]")
    assert found.value is None
    assert "'[1]'" in found.reason


@FEW
@given(FIELDS, FIELDS)
def test_json_fields_is_right_fields_over_all_fields(left, right):
    """Property: the same both ways round, and 1 exactly for equal objects."""
    there = value("json_fields", json.dumps(left), json.dumps(right))
    assert there == value("json_fields", json.dumps(right), json.dumps(left))
    same = sum(type(left[k]) is type(right[k]) and left[k] == right[k] for k in left if k in right)
    assert there == (same / len(left | right) if left | right else 1.0)


@pytest.mark.parametrize(
    ("reply", "target"),
    [('{"a": [true]}', '{"a": [1]}'), ('{"a": {"b": false}}', '{"a": {"b": 0}}')],
)
def test_json_fields_tells_true_from_one_at_any_depth(reply, target):
    """Nested values follow the same rule as fields."""
    assert value("json_fields", reply, target) == 0.0


@pytest.mark.parametrize(
    ("reply", "target", "options", "wanted"),
    [
        ("It was Paris, I think.", "paris", {}, 1),
        ("It was Rome.", "paris", {}, 0),
        ("It was Rome.", "paris", {"case": True}, 0),
        ("It was paris.", " paris\n", {"case": True}, 1),
        ("It was Paris.", "paris", {"case": True}, 0),
        ("the category", "cat", {}, 1),
        ("the category", "cat", {"words": True}, 0),
        ("the cat, too", "Cat too", {"words": True}, 1),
        ("the cat, too", "Cat too", {"words": True, "case": True}, 0),
        ("I prefer C++", "C", {"words": True}, 0),
        ("STRASSE", "straße", {}, 1),
        ("", "x", {}, 0),
        ("x", "?", {"words": True}, 0),
    ],
)
def test_contains(reply, target, options, wanted):
    """The target stands in the reply, by letters or by whole words."""
    assert value("contains", reply, target, matching.Contains(**options)) == wanted


@FEW
@given(st.text(), st.text(min_size=1), st.text())
def test_what_is_put_around_a_target_does_not_hide_it(before, target, after):
    """Contained however the rest reads, where the case counts."""
    case = matching.Contains(case=True)
    assert value("contains", f"{before}{target}{after}", target, case) == 1.0
