"""The scorers of a project behind one port."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from escalera.core.evaluation.labels import SetF1
from escalera.domain.scoring import Score
from escalera.edges.scoring import desk, kinds
from escalera.edges.scoring.binding import Kind
from escalera.edges.scoring.desk import Desk
from escalera.errors import ScorerFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Nap:
    """`seconds` that a score takes."""

    seconds: float = 0.01


class Napping:
    """Counts what is in hand at the same time."""

    made, closed, in_hand, most = 0, 0, 0, 0

    def __init__(self, options, means):
        type(self).made += 1
        self.seconds = options.seconds

    async def score(self, answer):
        Napping.in_hand += 1
        Napping.most = max(Napping.most, Napping.in_hand)
        await asyncio.sleep(self.seconds)
        Napping.in_hand -= 1
        if answer.reply == "fail":
            raise ScorerFailed("overslept")
        return Score(value=float(answer.reply))

    async def close(self):
        type(self).closed += 1


@pytest.fixture
def napping(monkeypatch):
    """The kind `nap`, registered for one test."""
    kind = Kind(options=Nap, open=Napping)
    monkeypatch.setattr(desk, "KINDS", {**kinds.KINDS, "nap": kind})
    Napping.made = Napping.closed = Napping.in_hand = Napping.most = 0
    monkeypatch.setattr("os.cpu_count", lambda: 3)


def test_answers_are_scored_side_by_side_and_come_in_order(bench, answer, napping):
    """As many at a time as there are cores; the scorer is made once and closed once."""
    chosen = bench.chosen("nap", Nap())
    answers = [answer(str(n / 10)) for n in range(10)]

    async def run():
        opened = Desk([chosen], bench.means)
        found = [*await opened.score(chosen.identity, answers)]
        found += await opened.score(chosen.identity, answers[:1])
        await opened.close()
        await opened.close()
        return found

    found = asyncio.run(run())
    assert [one.value for one in found] == [*(n / 10 for n in range(10)), 0.0]
    assert (Napping.made, Napping.closed, Napping.most) == (1, 1, 3)


def test_a_failure_is_a_reason_and_a_filtered_reply_is_not_asked_about(bench, answer, napping):
    """Neither is wrong."""
    asked = [answer("fail"), answer("1", finish="filtered")]
    found = bench.scores("nap", Nap(), *asked)
    assert [one.value for one in found] == [None, None]
    assert found[0].reason == "overslept"
    assert "filtered" in found[1].reason


def test_nothing_is_made_that_is_not_asked(bench, napping):
    """A scorer that no answer comes to starts no process."""
    chosen = bench.chosen("nap", Nap())
    asyncio.run(Desk([chosen], bench.means).close())
    assert Napping.made == 0


def test_scorers_of_the_core_get_their_options(bench, answer):
    """As they were chosen."""
    asked = answer("a;b", "b;a")
    assert bench.score("set_f1", SetF1(separator=";"), asked).value == 1.0
    assert bench.score("set_f1", SetF1(), asked).value == 0.0


def test_two_tasks_may_share_a_scorer_and_two_scorers_a_kind(bench, answer):
    """Told apart by their identities."""
    chosen = [bench.chosen("set_f1", SetF1(separator=mark)) for mark in ";,;"]

    async def run():
        opened = Desk(chosen, bench.means)
        return [await opened.score(one.identity, [answer("a;b", "b;a")]) for one in chosen]

    assert [found[0].value for found in asyncio.run(run())] == [1.0, 0.0, 1.0]
