"""A changed scorer: replies are scored anew and nothing is bought again."""

from __future__ import annotations

from dataclasses import replace

from escalera.core.evidence import fold
from escalera.core.ladder import rescoring, steps
from escalera.core.ladder.case import Case
from escalera.domain.event import Observed, Rescored
from escalera.testing import playbook
from escalera.testing.playbook import luck, simulate

TASK = playbook.task("a")
SAID = {item.id: item.target if luck(item) < 0.96 else "no" for item in TASK.examples}


def worded(events):
    """The events of a simulated climb with the replies that their scores stand for."""
    return tuple(
        replace(event, reply=SAID[event.item]) if isinstance(event, Observed) else event
        for event in events
    )


BEFORE = worded(simulate(playbook.project(TASK), lambda _, item: float(luck(item) < 0.96)).events)
OTHER = playbook.project(replace(TASK, scorer="normalised"))


def rescored(project, journal):
    return playbook.rescored(project, fold(journal), journal)


def answers(evidence):
    return {
        (event.system, event.item_digest): evidence.answers.get(event.system, event.item_digest)
        for event in BEFORE
        if isinstance(event, Observed)
    }


def test_every_reply_is_scored_by_the_new_scorer_and_none_is_bought():
    """The climb under another scorer ends without a call; changed back, it does so again."""
    forth = simulate(OTHER, lambda *_: 1 / 0, events=BEFORE)
    assert sum(isinstance(step, steps.Rescore) for step in forth.steps) == 1
    new = [event for event in forth.events if isinstance(event, Rescored)]
    assert len(new) == len(fold(BEFORE).answers)
    assert forth.evidence.spent == fold(BEFORE).spent
    assert {answer.scorer for answer in answers(forth.evidence).values()} == {"normalised"}
    assert forth.evidence.stopped[0].reason == "adequate"
    back = simulate(playbook.project(TASK), lambda *_: 1 / 0, events=forth.events)
    assert answers(back.evidence) == answers(fold(BEFORE))
    assert back.evidence.spent == fold(BEFORE).spent


def test_scores_follow_the_reply():
    """Another scorer gives another score where the replies deserve it."""
    shouted = tuple(
        replace(event, reply=event.reply.upper(), score=0.0)
        if isinstance(event, Observed)
        else event
        for event in BEFORE
    )
    found = rescored(OTHER, shouted)
    right = {item.digest for item in TASK.examples if SAID[item.id] == item.target}
    assert found
    assert all(event.score == float(event.item_digest in right) for event in found)


def test_a_refused_call_stays_refused():
    """There is no reply to score: the reason is kept."""
    first, *rest = [event for event in BEFORE if isinstance(event, Observed)]
    refused = replace(first, reply="", finish=None, score=None, reason="the endpoint said no")
    found = rescored(OTHER, [refused, *rest])[0]
    assert (found.score, found.reason) == (None, "the endpoint said no")


def test_items_that_the_project_no_longer_has_are_left_alone():
    """Their targets are unknown; they hold up nothing."""
    fewer = replace(TASK, scorer="normalised", examples=TASK.examples[:-3])
    kept = {item.digest for item in fewer.examples}
    project = playbook.project(fewer)
    found = rescored(project, BEFORE)
    assert {event.item_digest for event in found} <= kept
    before = Case(project=project, evidence=fold(BEFORE))
    after = Case(project=project, evidence=fold([*BEFORE, *found]))
    assert rescoring.due(before)
    assert not rescoring.due(after)
