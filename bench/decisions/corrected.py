"""Ever a false win where people's labels correct a judge that prefers one side?

Differences of random pairs with random signs are what people would say: their true mean is 0. The
judge hears most of it and leans to the first system. Four of ten items have a label, drawn at
random, and the looks of a verdict are made at the interval that a verdict rests on
(`stats.ppi.difference` at each look's nominal level). Looks at fewer than 30 labelled clusters are
left out: those are a judge's word, and say so.

labels            single items, each with a sign of its own.
labelled clusters a sign for each cluster of one to eight, whose items are alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from bench.decisions import nulls, rules
from bench.decisions.data import Board
from bench.decisions.deviate import Floats

from escalera.core.evaluation.correction import ENOUGH
from escalera.core.stats import distributions, paired, ppi, spending
from escalera.core.stats.clustering import Interval

ITEMS = 800
LABELLED = 0.4
LEANING = 0.1
HEARD = 0.8

FEW = 1_000

CORRECTED = "judge that labels correct"
ALONE = "judge alone"
PLANS = ("O'Brien-Fleming, 10 looks", "Pocock, 10 looks")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """One run: what people would say and the judge says of every item, in the order of looks."""

    people: Floats
    judge: Floats
    labelled: np.ndarray
    clusters: np.ndarray

    def until(self, n: int) -> Answers:
        """The first `n` items."""
        return Answers(
            people=self.people[:n],
            judge=self.judge[:n],
            labelled=self.labelled[:n],
            clusters=self.clusters[:n],
        )


Reader = Callable[[Answers, float], Interval | None]
"""The interval of what was answered so far at a level, or None where it is too early."""


def run(board: Board, *, count: int, seed: int) -> list[nulls.Row]:
    """Return how often each plan ever errs: labels correct the judge, or the judge is alone.

    The judge alone is asked in the first `FEW` runs: it errs in most.
    """
    found = []
    for number, scenario in enumerate(SCENARIOS):
        rng = np.random.default_rng([seed, 91, number, board.items])
        verdicts: dict[str, list[int]] = {}
        for n, answers in enumerate(draws(board, scenario, count, rng)):
            for name, read in READERS.items():
                if n < FEW or name == CORRECTED:
                    for plan, word in words(answers, read).items():
                        verdicts.setdefault(f"{name}, {plan}", []).append(word)
        found += [
            nulls.Row(
                board=board.name,
                scenario=scenario,
                rule=name,
                runs=len(words),
                errors=sum(word != rules.UNDECIDED for word in words),
                wins=sum(word == rules.BETTER for word in words),
                ours=name.startswith(CORRECTED),
            )
            for name, words in verdicts.items()
        ]
    return found


def draws(board: Board, scenario: str, count: int, rng: np.random.Generator) -> Iterator[Answers]:
    """Yield runs of a scenario."""
    draw = SCENARIOS[scenario]
    pairs = list(board.pairs())
    for _ in range(count):
        first, second = pairs[int(rng.integers(len(pairs)))]
        people, clusters = draw(board.scores[first] - board.scores[second], rng)
        yield Answers(
            people=people,
            judge=judged(people, rng, binary=board.binary),
            labelled=rng.random(len(people)) < LABELLED,
            clusters=clusters,
        )


def judged(people: Floats, rng: np.random.Generator, *, binary: bool) -> Floats:
    """What a judge says that leans to the first: it hears four of five, or is noisy by a fifth."""
    if binary:
        guess = rng.choice([-1.0, 0.0, 1.0], len(people), p=[0.15, 0.6, 0.25])
        return np.where(rng.random(len(people)) < HEARD, people, guess)
    noisy = people + LEANING + rng.normal(0.0, 0.2, len(people))
    said: Floats = np.round(np.clip(noisy, -1.0, 1.0), 1)
    return said


def words(answers: Answers, read: Reader) -> dict[str, int]:
    """Return the first verdict of every plan, whose numbers of looks are the same."""
    found = dict.fromkeys(PLANS, rules.UNDECIDED)
    ends = cutoffs(answers.clusters, rules.GROUP_SEQUENTIAL[PLANS[0]].looks)
    levels = np.array([_levels(plan, ends) for plan in PLANS])
    for n, end in enumerate(ends):
        # One interval at the least careful level: those at the others hold it.
        if _side(read(answers.until(end), float(levels[:, n].max()))) == rules.UNDECIDED:
            continue
        for plan, level in zip(PLANS, levels[:, n].tolist(), strict=True):
            if found[plan] == rules.UNDECIDED:
                found[plan] = _side(read(answers.until(end), level))
    return found


def cutoffs(clusters: np.ndarray, looks: int) -> list[int]:
    """Return where looks end: after equal parts of the items, each up to the end of a cluster."""
    last = np.flatnonzero(np.append(clusters[1:] != clusters[:-1], True)) + 1
    wanted = np.linspace(0, len(clusters), looks + 1)[1:]
    return sorted({int(last[np.searchsorted(last, one - 1e-9)]) for one in wanted})


# Private.


def _single(values: Floats, rng: np.random.Generator) -> tuple[Floats, np.ndarray]:
    chosen = rng.permutation(values)[:ITEMS]
    return chosen * rng.choice([-1.0, 1.0], len(chosen)), np.arange(len(chosen))


def _clustered(values: Floats, rng: np.random.Generator) -> tuple[Floats, np.ndarray]:
    """Items that are alike, by their difference and noise, in clusters of one to eight."""
    chosen = rng.permutation(values)[:ITEMS]
    alike = chosen[np.argsort(chosen + rng.normal(size=len(chosen)) * chosen.std())]
    ends = np.cumsum(rng.integers(1, 9, len(alike)))
    member = np.searchsorted(ends, np.arange(len(alike)), side="right")
    groups = int(member.max()) + 1
    place = rng.permutation(groups)[member]
    order = np.argsort(place, kind="stable")
    return (alike * rng.choice([-1.0, 1.0], groups)[member])[order], place[order]


SCENARIOS: dict[str, Callable[[Floats, np.random.Generator], tuple[Floats, np.ndarray]]] = {
    "labels": _single,
    "labelled clusters": _clustered,
}


def _levels(plan: str, ends: Sequence[int]) -> list[float]:
    """The two-sided level of each look."""
    looks = rules.GROUP_SEQUENTIAL[plan]
    shares = tuple(end / ends[-1] for end in ends)
    limits = spending.boundaries(shares, alpha=looks.alpha, spending=looks.kind)
    return [max(2.0 * distributions.normal_cdf(-limit), 1e-12) for limit in limits]


def _side(found: Interval | None) -> int:
    if found is None or found.lower <= 0.0 <= found.upper:
        return rules.UNDECIDED
    return rules.BETTER if found.lower > 0.0 else rules.WORSE


def _corrected(answers: Answers, level: float) -> Interval | None:
    if len(np.unique(answers.clusters[answers.labelled])) < ENOUGH:
        return None
    labelled = zip(answers.people.tolist(), answers.labelled.tolist(), strict=True)
    human = [y if known else None for y, known in labelled]
    clusters = answers.clusters.tolist()
    return ppi.difference(answers.judge, human, clusters, alpha=level).interval


def _alone(answers: Answers, level: float) -> Interval:
    gains, losses = np.maximum(answers.judge, 0.0), np.maximum(-answers.judge, 0.0)
    return paired.interval(gains, losses, answers.clusters.tolist(), alpha=level)


READERS: dict[str, Reader] = {CORRECTED: _corrected, ALONE: _alone}
