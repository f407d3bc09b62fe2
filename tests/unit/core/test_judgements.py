"""What is remembered of judges' grades."""

from __future__ import annotations

from dataclasses import replace

from escalera.core.judgements import Judgements
from escalera.domain.event import Judged, Rescored
from escalera.domain.judge import AWAITING
from escalera.domain.message import Usage

EVENT = Judged(
    system="s",
    item="a/1",
    item_digest="d",
    repeat=0,
    task="a",
    answer="x",
    judge="j",
    order="alone",
    draw=0,
    turn=0,
    grade=None,
    reason="unreadable",
    request="q",
    bought=True,
    reply="Good.",
    finish="stop",
    attempts=1,
    usage=Usage(prompt_tokens=3, completion_tokens=2),
    micro_dollars=7,
    revision="r",
    seconds=0.5,
)


def test_the_later_turn_counts():
    """And both were paid."""
    found = Judgements()
    found.add(EVENT)
    found.add(replace(EVENT, turn=1, grade=0.75, reason=None))
    (one,) = found.of("s", "d")
    assert (one.grade, one.reason, one.turn) == (0.75, None, 1)
    assert (found.calls, found.prompt_tokens, found.completion_tokens) == (2, 6, 4)
    assert (found.seconds, found.micro_dollars) == (1.0, 14)
    assert found.answer("s", "d") == "x"
    assert len(found) == 1
    assert list(found.keys()) == [("s", "d", 0)]


def test_grades_of_another_answer_are_other_grades():
    """Where a system is asked again and says something else, old grades are not its."""
    found = Judgements()
    found.add(EVENT)
    assert found.knows(EVENT)
    assert not found.knows(replace(EVENT, turn=1))
    assert not found.knows(replace(EVENT, draw=1))
    assert not found.knows(replace(EVENT, answer="y"))
    found.add(replace(EVENT, answer="y", draw=1))
    assert [one.draw for one in found.of("s", "d")] == [1]
    assert found.of("s", "d", 1) == ()
    assert found.answer("s", "e") is None


def test_what_was_not_bought_costs_nothing_and_an_unknown_price_stays_unknown():
    """Unknown is never 0."""
    found = Judgements()
    found.add(replace(EVENT, bought=False))
    assert (found.calls, found.micro_dollars) == (0, 0)
    found.add(replace(EVENT, draw=1, micro_dollars=None))
    found.add(replace(EVENT, draw=2))
    assert (found.calls, found.micro_dollars) == (2, None)


def test_answers_that_got_their_score_are_kept_in_its_order():
    """Once each, by scorer; those that wait, or that no judge graded, are none of them."""
    found, scored = (
        Judgements(),
        Rescored(system="s", item_digest="d", repeat=0, scorer="judge:x", score=1.0, reason=None),
    )
    found.conclude(scored)
    assert found.concluded == {}
    found.add(EVENT)
    found.add(replace(EVENT, item_digest="e"))
    found.conclude(replace(scored, score=None, reason=AWAITING))
    assert found.concluded == {}
    for event in (replace(scored, item_digest="e"), scored, replace(scored, item_digest="e")):
        found.conclude(event)
    assert {name: [*keys] for name, keys in found.concluded.items()} == {
        "judge:x": [("s", "e", 0), ("s", "d", 0)]
    }


def test_what_was_asked_anew_was_paid_and_is_no_grade():
    """It does not move the answer's own grade; the endpoint's last word is remembered."""
    found = Judgements()
    found.add(replace(EVENT, grade=0.75))
    again = replace(EVENT, grade=0.25, anew=1, revision="r2")
    assert not found.knows(again)
    found.add(again)
    assert found.knows(again)
    assert not found.knows(replace(again, anew=2))
    assert [(one.grade, one.revision) for one in found.of("s", "d")] == [(0.75, "r")]
    assert found.calls == 2
    assert found.revisions == {"j": "r2"}
    found.add(replace(EVENT, finish=None, revision="", draw=1))
    assert found.revisions == {"j": "r2"}
