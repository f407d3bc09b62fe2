"""Answers in columns: everything comes back as it went in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.answers import Answers
from escalera.domain.event import Observed, Rescored
from escalera.domain.message import Usage

PLAIN = Observed(
    system="s" * 64,
    item="1",
    item_digest="0" * 64,
    repeat=0,
    task="a",
    split="confirm",
    cluster="c",
    scorer="exact",
    score=1.0,
    reason=None,
    request="q",
    bought=True,
    reply="yes",
    finish="stop",
    attempts=1,
    usage=Usage(prompt_tokens=5, completion_tokens=2),
    micro_dollars=7,
    revision="r",
    seconds=0.25,
)
DIGESTS = st.integers(0, 5).map(lambda n: f"{n:064x}"[::-1])
COUNT = st.integers(0, 2**32 - 1)
EVENTS = st.lists(
    st.builds(
        replace,
        st.just(PLAIN),
        system=DIGESTS,
        item_digest=DIGESTS,
        repeat=st.integers(0, 3),
        task=st.sampled_from("ab"),
        scorer=st.sampled_from(["exact", "numeric"]),
        score=st.none() | st.floats(0, 1),
        reason=st.none() | st.text(),
        finish=st.sampled_from([None, "stop", "length", "filtered"]),
        bought=st.booleans(),
        attempts=st.integers(1, 10**6),
        usage=st.builds(Usage, prompt_tokens=COUNT, completion_tokens=COUNT),
        micro_dollars=st.none() | st.integers(0, 2**60),
        revision=st.text(),
        seconds=st.floats(0, 1e9),
        valid=st.sampled_from([None, False, True]),
        repairs=st.integers(0, 2**16 - 1),
    ),
    max_size=40,
)
KEPT = (
    "task", "scorer", "score", "reason", "finish", "bought", "attempts", "usage",
    "micro_dollars", "seconds", "revision", "valid", "repairs",
)  # fmt: skip


def filled(events):
    made = Answers()
    for event in events:
        made.add(event)
    return made


@settings(deadline=None)
@given(EVENTS)
def test_it_is_a_dictionary_of_what_was_observed(events):
    """The last answer of a system to an item at a repeat, field by field; nothing else."""
    made, known = filled(events), {}
    for event in events:
        known[event.system, event.item_digest, event.repeat] = event
    assert len(made) == len(known)
    for key, event in known.items():
        assert made.has(*key)
        found = made.get(*key)
        assert {name: getattr(found, name) for name in KEPT} == {
            name: getattr(event, name) for name in KEPT
        }
    assert not made.has("s" * 64, "f" * 64)
    assert made.get("t" * 64, "0" * 64) is None


@settings(deadline=None)
@given(EVENTS)
def test_measures_are_those_of_the_answers(events):
    """Tokens, prices and seconds, of all answers and of one system."""
    known = {(e.system, e.item_digest, e.repeat): e for e in events}
    made = filled(events)
    for system in (None, f"{1:064x}"[::-1], "nobody"):
        mine = [e for e in known.values() if system in (None, e.system)]
        found = made.measures(system)
        assert sorted(found.prompt_tokens.tolist()) == sorted(e.usage.prompt_tokens for e in mine)
        assert sorted(found.completion_tokens.tolist()) == sorted(
            e.usage.completion_tokens for e in mine
        )
        prices = [-1 if e.micro_dollars is None else e.micro_dollars for e in mine]
        assert sorted(found.micro_dollars.tolist()) == sorted(prices)
        assert sorted(found.seconds.tolist()) == sorted(e.seconds for e in mine)


def test_a_new_score_replaces_the_old_one():
    """Score, reason and scorer; an answer that is not there cannot be scored."""
    made = filled([PLAIN])
    new = Rescored(
        system=PLAIN.system, item_digest=PLAIN.item_digest, repeat=0, scorer="numeric",
        score=None, reason="no number",
    )  # fmt: skip
    made.rescore(new)
    found = made.get(PLAIN.system, PLAIN.item_digest)
    assert (found.score, found.reason, found.scorer) == (None, "no number", "numeric")
    assert found.usage == PLAIN.usage
    made.rescore(replace(new, score=0.5, reason=None))
    assert made.get(PLAIN.system, PLAIN.item_digest).reason is None
    with pytest.raises(KeyError):
        made.rescore(replace(new, repeat=1))


def test_outdated_scorers_are_found_at_every_repeat():
    """Only of the items that are asked about."""
    made = filled([PLAIN, replace(PLAIN, repeat=2, scorer="numeric")])
    assert made.outdated({PLAIN.item_digest: "exact"})
    assert made.outdated({PLAIN.item_digest: "numeric"})
    assert not made.outdated({"f" * 64: "numeric"})
    assert not filled([PLAIN]).outdated({PLAIN.item_digest: "exact"})


@settings(deadline=None)
@given(
    EVENTS,
    st.dictionaries(st.sampled_from("abc"), st.sampled_from(["exact", "numeric", "new"])),
)
def test_tasks_with_another_scorer_are_found(events, scorers):
    """By the latest score of each answer; tasks that are not asked about do not count."""
    latest = {(e.system, e.item_digest, e.repeat): e for e in events}
    known = any(scorers.get(e.task, e.scorer) != e.scorer for e in latest.values())
    assert filled(events).by_another(scorers) == known


def test_equal_answers_are_equal():
    """Missing scores too, though they are no numbers."""
    missing = replace(PLAIN, score=None, reason="gone")
    assert filled([missing]) == filled([missing])
    assert filled([missing]) != filled([PLAIN])
    assert filled([PLAIN]) != [PLAIN]
