"""Races: sequential halving on common `search` items chooses, and proves nothing.

The rounds are planned beforehand; an entrant that is clearly behind leaves before its turn
(`halving.behind`), and what it would have cost is not spent. On real leaderboards winners are as
good for a half of the calls where entrants are far apart, and nearly all where they are close
(`bench/decisions/races.py`).

The means of a race are biased upwards for its winner; the figures that count come from `confirm`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from escalera.core.answers import Answer
from escalera.core.evidence import Evidence
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Evaluate, Halve, Step
from escalera.core.stats import halving
from escalera.domain.dataset import Example
from escalera.domain.event import Raced
from escalera.domain.identity import digest_of
from escalera.domain.project import RungName
from escalera.domain.system import System
from escalera.domain.task import Task

CALLS_PER_ENTRANT = 60
"""Budget of a race: enough for the winner of eleven to be seen on most of 200 items."""

NO_SCORE = -1.0
"""Stands for the mean of an entrant without enough scores: below every mean, so it drops out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """The entrants of one rung and task, in the order that breaks ties (simplest first)."""

    rung: RungName
    task: Task
    entrants: tuple[System, ...]

    @property
    def id(self) -> str:
        """Content hash of rung, task and entrants."""
        return digest_of([self.rung, self.task.name, [system.digest for system in self.entrants]])

    def schedule(self) -> tuple[halving.Round, ...]:
        """How many new items each round gives to how many entrants."""
        return schedule(len(self.entrants), self.task)


def schedule(arms: int, task: Task) -> tuple[halving.Round, ...]:
    """The rounds of a race of so many *arms* on the task's `search` items."""
    pool = len(task.items("search"))
    return halving.schedule(arms=arms, calls=CALLS_PER_ENTRANT * arms, pool=pool)


def step(case: Case, race: Race) -> Step | None:
    """The next step of *race*, or None when it has a winner."""
    rounds = case.evidence.raced.get(race.id, [])
    schedule = race.schedule()
    alone = bool(rounds) and len(rounds[-1].survivors) == 1
    if alone or len(rounds) == len(schedule):
        return None
    before = sum(entry.new_items for entry in schedule[: len(rounds)])
    now = schedule[len(rounds)]
    running = _running(race, rounds)
    items = race.task.items("search")[: before + now.new_items]
    calls = tuple(case.call(s, item) for s in running for item in items[before:])
    if case.missing(calls):
        return Evaluate(rung=race.rung, purpose="race", task=race.task.name, calls=calls)
    return Halve(event=_halve(case.evidence, race, running, items, keep=now.survivors))


def winner(case: Case, race: Race) -> System:
    """The system that won; the only entrant needs no race."""
    return finalists(case, race)[0]


def finalists(case: Case, race: Race) -> tuple[System, ...]:
    """The winner, then whoever was left beside it in the last round, best first."""
    rounds = case.evidence.raced.get(race.id, [])
    if not rounds:
        return race.entrants[:1]
    last = _running(race, rounds[:-1])
    means = dict(zip(rounds[-1].entrants, rounds[-1].means, strict=True))
    first = rounds[-1].survivors[0]
    return tuple(sorted(last, key=lambda s: (s.digest != first, -means[s.digest])))


def mean_score(answers: Iterable[Answer | None]) -> float:
    """Mean of the scores of *answers*; `NO_SCORE` when a twentieth or more lack one."""
    seen = [answer.score for answer in answers if answer is not None]
    scores = [score for score in seen if score is not None]
    if len(scores) <= 0.95 * len(seen):
        return NO_SCORE
    return sum(scores) / len(scores)


# Below: private.


def _running(race: Race, rounds: Sequence[Raced]) -> tuple[System, ...]:
    if not rounds:
        return race.entrants
    by_digest = {system.digest: system for system in race.entrants}
    return tuple(by_digest[digest] for digest in rounds[-1].survivors)


def _halve(
    evidence: Evidence,
    race: Race,
    running: tuple[System, ...],
    items: Sequence[Example],
    *,
    keep: int,
) -> Raced:
    means = [mean_score(evidence.sample(system, item) for item in items) for system in running]
    kept = halving.survivors(means, keep=min(keep, len(running)))
    first, *others = sorted(kept, key=lambda position: (-means[position], position))
    best_first = [first]
    for position in others:
        common = _common(evidence, (running[first], running[position]), items)
        if not halving.behind(*common):
            best_first.append(position)
    rounds = evidence.raced.get(race.id, [])
    return Raced(
        rung=race.rung,
        task=race.task.name,
        race=race.id,
        round=len(rounds) + 1,
        items=len(items),
        entrants=tuple(system.digest for system in running),
        means=tuple(means),
        survivors=tuple(running[position].digest for position in best_first),
    )


def _common(
    evidence: Evidence, pair: tuple[System, System], items: Sequence[Example]
) -> tuple[list[float], list[float]]:
    """The scores of two systems on the items that both have scored."""
    leader, other = [], []
    for item in items:
        mine, theirs = (evidence.sample(system, item) for system in pair)
        if mine is None or theirs is None or mine.score is None or theirs.score is None:
            continue
        leader.append(mine.score)
        other.append(theirs.score)
    return leader, other
