"""The kinds of scorers: what they are filed under, and what holds for all of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.evaluation import labels, limits, rouge, scorers
from escalera.core.evaluation.scorers import SCORERS, NoOptions, identity, score
from escalera.domain import judge, likeness
from escalera.domain.dataset import Example
from escalera.domain.scoring import Submission

FEW = settings(derandomize=True, max_examples=100, deadline=None)
OPTIONS = {"latency": limits.Latency(seconds=1.0), "cost": limits.Cost(dollars=0.01)}


def seen(reply, target, **others):
    item = Example(id="1", task="t", split="confirm", input="q", target=target, cluster="1")
    return Submission(reply=reply, item=item, **others)


@FEW
@given(
    st.sampled_from(sorted(SCORERS)),
    st.text(),
    st.text(),
    st.floats(0, 1e6),
    st.none() | st.integers(0, 10**9),
)
def test_every_score_is_a_share_or_none_with_a_reason(kind, reply, target, seconds, price):
    """Whatever is written, and whatever it cost: no error, no score outside of [0, 1]."""
    answer = seen(reply, target, seconds=seconds, micro_dollars=price)
    found = score(kind, answer, OPTIONS.get(kind))
    if found.value is None:
        assert found.reason
    else:
        assert 0.0 <= found.value <= 1.0
        assert found.reason is None


@pytest.mark.parametrize("kind", sorted(SCORERS))
def test_a_filtered_reply_is_unscored(kind):
    """What the model would have said is not known; neither is how long it would have taken."""
    found = score(kind, seen("{}", "{}", finish="filtered"), OPTIONS.get(kind))
    assert found.value is None
    assert "filtered" in found.reason


def test_what_others_score_waits():
    """For a judge or for embeddings, each with its reason; an empty reply means nothing."""
    meaning, judged = 'semantic {"model":"e"}', "judge:kind@ab"
    reasons = {scorers.settled(name, seen("yes", "yes")).reason for name in (meaning, judged)}
    assert reasons == {judge.AWAITING, likeness.AWAITING}
    assert scorers.settled(meaning, seen(" \n", "yes")).value == 0.0
    assert "filtered" in scorers.settled(meaning, seen("yes", "yes", finish="filtered")).reason
    assert scorers.settled("exact", seen("yes", "yes")) is None


def test_a_scorer_that_can_only_be_named_is_filed_under_its_name():
    """So journals written before scorers had options keep their scores."""
    assert identity("exact", NoOptions()) == "exact"


def test_the_identity_holds_every_option_and_what_they_name():
    """Another option, or another content of a file, is another scorer."""
    found = identity("set_f1", labels.SetF1(separator=";"), source="ab12")
    assert found == 'set_f1 {"case":false,"separator":";","source":"ab12"}'
    known = {
        identity(kind, options, source=source)
        for kind in ("set_f1", "other")
        for options in (labels.SetF1(), labels.SetF1(case=True), labels.SetF1(separator="|"))
        for source in ("", "1", "2")
    }
    assert len(known) == 18


def test_the_defaults_are_said_too():
    """A later version with another default is another scorer."""
    assert identity("rouge", rouge.Rouge()) == 'rouge {"variant":"rougeL"}'


@pytest.mark.parametrize(
    ("kind", "wrong", "right"),
    [
        ("numeric", "seven", "7 parcels"),
        ("json_fields", "not json", "{}"),
        ("slot_f1", "[1]", '{"a": "b"}'),
    ],
)
def test_a_target_that_no_answer_could_be_scored_by_is_refused(kind, wrong, right):
    """Before anything is spent on its item, or a person's label of it is kept."""
    known = SCORERS[kind]
    assert scorers.score(kind, seen("7", wrong)).value is None
    assert known.refuses(wrong, known.options()) is not None
    assert known.refuses(right, known.options()) is None


def test_no_kind_refuses_what_it_can_score():
    """Only targets that leave every answer unscored are refused at the door."""
    for name, kind in SCORERS.items():
        for target in ("yes", "{}", "3"):
            options = OPTIONS.get(name) or kind.options()
            refused = kind.refuses(target, options) is not None
            answer = seen("x", target, micro_dollars=1)
            if refused:
                assert scorers.score(name, answer, options).value is None
