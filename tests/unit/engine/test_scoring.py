"""Answers on their way to the scorers of their tasks."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from escalera.core.evidence import fold
from escalera.core.ladder import rescoring
from escalera.core.ladder.case import Case
from escalera.domain.event import Observed
from escalera.domain.scoring import Score, Submission, unscored
from escalera.engine import scoring
from escalera.testing import playbook
from escalera.testing.playbook import luck, simulate

TASK = playbook.task("a")
ITEMS = TASK.items("search")
BEFORE = [
    replace(event, reply=f"{event.item}'s reply") if isinstance(event, Observed) else event
    for event in simulate(playbook.project(TASK), lambda _, item: float(luck(item) < 0.9)).events
]


class Listening:
    """Gives each scorer its own value, and remembers what came together."""

    def __init__(self, values):
        self.values = values
        self.asked = []

    async def score(self, scorer, answers):
        self.asked.append((scorer, [answer.reply for answer in answers]))
        return [Score(value=self.values[scorer]) for _ in answers]

    async def close(self):
        pass


def answer(reply):
    return Submission(reply=reply, item=ITEMS[0])


def test_each_scorer_gets_its_answers_together_and_scores_come_in_order():
    """What has a score already is not asked about."""
    desk = Listening({"one": 0.25, "two": 0.75})
    asked = [("one", answer("a")), ("two", answer("b")), ("one", unscored("refused"))]
    asked.append(("one", answer("c")))
    found = asyncio.run(scoring.scores(desk, asked))
    assert [score.value for score in found] == [0.25, 0.75, None, 0.25]
    assert found[2].reason == "refused"
    assert desk.asked == [("one", ["a", "c"]), ("two", ["b"])]


def test_replies_in_the_journal_are_scored_anew(monkeypatch):
    """All of them, a bounded number at a time, by the scorer that the task has now."""
    monkeypatch.setattr(scoring, "AT_ONCE", 7)
    project = playbook.project(replace(TASK, scorer='other {"a":1}'))
    evidence = fold(BEFORE)
    desk = Listening({'other {"a":1}': 0.5})
    found = asyncio.run(scoring.anew(project, evidence, BEFORE, desk))
    observed = [event for event in BEFORE if isinstance(event, Observed)]
    assert len(found) == len(observed)
    assert {(event.scorer, event.score) for event in found} == {('other {"a":1}', 0.5)}
    assert max(len(replies) for _, replies in desk.asked) == 7
    assert [r for _, replies in desk.asked for r in replies] == [e.reply for e in observed]
    after = Case(project=project, evidence=fold([*BEFORE, *found]))
    assert not rescoring.due(after)


def test_what_a_scorer_sees_of_a_reply_in_the_journal():
    """Finish reason, price and time are those of the call that was paid for."""
    project = playbook.project(replace(TASK, scorer="normalised"))
    journal = [
        replace(event, seconds=1.5, micro_dollars=7, finish="length")
        if isinstance(event, Observed)
        else event
        for event in BEFORE
    ]
    first = next(rescoring.waiting(project, fold(journal), journal))
    item = next(item for item in TASK.examples if item.id == first.event.item)
    assert first.answer == Submission(
        reply=f"{item.id}'s reply", item=item, finish="length", seconds=1.5, micro_dollars=7
    )
