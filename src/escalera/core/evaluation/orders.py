"""In which orders a judge that compares is asked about an answer: both, or one drawn by a coin.

Asked in both orders, a judge's mean m = (f + s) / 2 is free of its position bias, and costs two
calls. Asked in one, drawn by a fair coin, its verdict is f or s with equal chances, so that its
mean over the coin is m, too: the score is unbiased, answer by answer, whatever the bias is and
however it drifts (Horvitz and Thompson 1952, with known chances of 1/2). What a coin adds to the
error, the mean of ((f - s) / 2)^2, stands in the scores themselves, which every interval is made
of. Two systems are asked about an item in the same order, so that in their difference what the
place is worth cancels.

One order is enough where the position bias is shown to be small and the order is not most of the
noise (`stats.position`); then both are still asked about a share of the answers, drawn with that
chance, by which a drift is found. Coins are a keyed hash of the item's id and the repeat: fixed
before there are results, and the same when a journal is replayed.

What is known of a bias is read after fixed numbers of answers that got their scores (`epoch`), from
nothing that came later, so that a climb that was killed asks what one that was not would have.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from escalera.core.evidence import Evidence
from escalera.core.judgements import Judgement, Key
from escalera.core.stats import position
from escalera.core.stats.position import Pair, Plan, State
from escalera.domain.dataset import Example, rank
from escalera.domain.judge import Judge, Order, Panel
from escalera.domain.project import Project

Asked = Mapping[str, tuple[Order, ...]]
"""The orders in which each judge of a panel, by its digest, is asked about one answer."""

ClusterOf = Callable[[str], str]
"""The cluster of an item, by its digest."""

FIRST, LATER = 64, 256
"""Answers between two readings of a bias: at first, and later on, where a word seldom changes.

Answers between two readings are judged together, so fewer would hold up many calls at once."""

LATE = 1024
"""Answers after which it is later on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of the judges of a panel after its first `answers` scores, by their digests."""

    answers: int = 0
    states: Mapping[str, State] = field(default_factory=dict)

    def one_order(self, judge: Judge) -> bool:
        """Whether one order is enough for most answers."""
        state = self.states.get(judge.digest)
        return state is not None and state.one_order


NOTHING = Known()


def both(panel: Panel) -> Asked:
    """Every order of every judge."""
    return {judge.digest: judge.orders for judge in panel.judges}


def asked(
    panel: Panel,
    known: Known,
    item: Example,
    repeat: int,
    *,
    seed: int,
    heard: Container[str] = (),
) -> Asked:
    """The orders in which *panel* is asked about an answer to *item*.

    The judges of a panel take turns, so that what the first place is worth to all of them cancels.
    Those that were *heard* in both orders on the same words before (`heard`) count in both: it
    costs nothing, and equal answers get equal scores.
    """
    if not panel.spares:
        return both(panel)
    draw = rank(f"second order/{item.id}/{repeat}", seed=seed)
    if int.from_bytes(draw[:8]) < panel.second_order * 2**64:
        return both(panel)
    coin = draw[-1] & 1
    return {
        judge.digest: (judge.orders[(coin + place) % 2],)
        if known.one_order(judge) and judge.digest not in heard
        else judge.orders
        for place, judge in enumerate(panel.judges)
    }


def heard(panel: Panel, evidence: Evidence, item: Example, answer: str) -> frozenset[str]:
    """The judges, by digest, that graded an *answer* with this digest in both orders before."""
    given = evidence.judged.first(item.digest, answer) if panel.spares else ()
    places = Counter(judge for judge, _ in {(one.judge, one.order) for one in given})
    return frozenset(judge for judge, count in places.items() if count == 2)


def epoch(concluded: int) -> tuple[int, int]:
    """From how many scores on a bias is read for the next answer, and at how many it is read again.

    At multiples of `FIRST` up to `LATE`, then of `LATER`.
    """
    size = FIRST if concluded < LATE else LATER
    start = concluded - concluded % size
    return start, start + size


def follow(
    panel: Panel, evidence: Evidence, known: Known, *, upto: int, plan: Plan, cluster_of: ClusterOf
) -> Known:
    """What is known after the first *upto* scores that *panel* gave, going on from *known*."""
    if upto <= known.answers:
        return known
    scored = evidence.judged.concluded.get(panel.scorer, {})
    new = [*islice(scored, known.answers, upto)]
    states = {
        judge.digest: position.update(
            known.states.get(judge.digest) or position.init(plan),
            _pairs(evidence, judge, new, cluster_of),
        )
        for judge in panel.judges
        if len(judge.orders) == 2
    }
    return Known(answers=known.answers + len(new), states=states)


def limits(project: Project, panel: Panel) -> Plan:
    """How small a bias of *panel* must be shown to be, and with which error."""
    return Plan(limit=panel.max_position_bias, alpha=project.policy.alpha)


def clusters(project: Project, panel: Panel) -> ClusterOf:
    """The clusters of the items that *panel* scores; one that is not there is its own."""
    tasks = (task for task in project.tasks if task.scorer == panel.scorer)
    found = {item.digest: item.cluster for task in tasks for item in task.examples}
    return lambda digest: found.get(digest, digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """How one judge of a panel was asked so far, and what its position bias is known to be.

    `answers` got a score by it, `single` of them in one order. That left out `calls`: equal answers
    to an item are asked about once, so they count once.
    """

    judge: Judge
    answers: int
    single: int
    calls: int
    state: State

    def wider(self, share: float) -> float:
        """How many times as wide an interval is as with both orders, where a *share* has both."""
        found = self.state.rests_on
        if not self.state.one_order or found is None or found.spread == 0.0:
            return 1.0
        return math.sqrt(1.0 + (1.0 - share) * found.noise / found.spread)


def savings(project: Project, panel: Panel, evidence: Evidence) -> tuple[Saving, ...]:
    """Every judge of *panel* that compares; none where both orders are always asked."""
    if not panel.spares:
        return ()
    scored = evidence.judged.concluded.get(panel.scorer, {})
    plan, cluster_of = limits(project, panel), clusters(project, panel)
    known = follow(panel, evidence, NOTHING, upto=len(scored), plan=plan, cluster_of=cluster_of)
    return tuple(
        _saving(panel, judge, evidence, known.states.get(judge.digest) or position.init(plan))
        for judge in panel.judges
        if len(judge.orders) == 2
    )


def fewest(panel: Panel) -> int:
    """The fewest grades that an answer needs."""
    return panel.repeats * len(panel.judges) if panel.spares else panel.grades


def expected(project: Project, panel: Panel, evidence: Evidence) -> float:
    """The grades that the next answers need on average, by what is known of the judges so far."""
    spared = sum(
        (1.0 - panel.second_order) * panel.repeats
        for found in savings(project, panel, evidence)
        if found.state.one_order
    )
    return panel.grades - spared


def sparing(project: Project, evidence: Evidence) -> float:
    """The grades that answers need from now on, to those that such answers got so far."""
    needed = got = 0.0
    for panel in project.judges:
        answers = len(evidence.judged.concluded.get(panel.scorer, ()))
        if answers:
            left_out = sum(found.calls for found in savings(project, panel, evidence))
            needed += answers * expected(project, panel, evidence)
            got += answers * panel.grades - left_out
    return needed / got if got else 1.0


# Below: private.


def _saving(panel: Panel, judge: Judge, evidence: Evidence, state: State) -> Saving:
    of_answers: list[frozenset[Order]] = []
    of_texts: dict[tuple[str, str | None], frozenset[Order]] = {}
    for key in evidence.judged.concluded.get(panel.scorer, {}):
        places = frozenset(one.order for one in _of(evidence, judge, key))
        text = key[1], evidence.judged.answer(*key)
        of_answers.append(places)
        of_texts[text] = of_texts.get(text, frozenset()) | places
    left_out = sum(len(places) == 1 for places in of_texts.values())
    return Saving(
        judge=judge,
        answers=sum(map(bool, of_answers)),
        single=sum(len(places) == 1 for places in of_answers),
        calls=left_out * panel.repeats,
        state=state,
    )


def _pairs(
    evidence: Evidence, judge: Judge, keys: Iterable[Key], cluster_of: ClusterOf
) -> Iterator[Pair]:
    """The answers that *judge* graded readably in both orders."""
    for key in keys:
        grades: dict[Order, list[float]] = {}
        for one in _of(evidence, judge, key):
            if one.grade is not None:
                grades.setdefault(one.order, []).append(one.grade)
        if len(grades) == 2:
            first, second = (math.fsum(grades[o]) / len(grades[o]) for o in judge.orders)
            yield Pair(first=first, second=second, cluster=cluster_of(key[1]))


def _of(evidence: Evidence, judge: Judge, key: Key) -> list[Judgement]:
    return [one for one in evidence.judged.of(*key) if one.judge == judge.digest]
