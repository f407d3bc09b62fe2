"""A placebo for ways to choose: copies of one system, none of them better, go through all of them.

Whatever gain a way of choosing reports here, it would also report where there is none. Three ways
get the same copies:

best of minibatches   every copy is scored on items of its own, as prompt optimisers do to save
                      calls, and the best mean is reported;
best of common items  every copy is scored on all `search` items, and the best mean is reported;
confirmed             successive halving on common `search` items, then the winner meets the
                      incumbent on fresh `confirm` items in group-sequential looks.

Scores are never made up. What is drawn, by a keyed hash, is which items a minibatch holds and which
of the recorded scores a copy shows. Where an item was answered several times with different scores,
a copy shows one of those (`sampled`). Otherwise copies would tie on every common item; they are
then drawn anew from the scores of whole clusters (`resampled`; Efron and Tibshirani 1993, section
8.3), which is what equally good systems would show that share no luck with the incumbent: of all
systems of that score the hardest not to be fooled by.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from escalera.core.evaluation.compare import spendable
from escalera.core.stats import draws, halving, paired, sequential
from escalera.core.stats.spending import Spending

Copying = Literal["sampled", "resampled"]
Array = NDArray[np.float64]

_DIGITS = 12
"""Means are rounded to these, so that the order of a sum decides no tie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """One system on one split: per item its recorded scores (at least one), and its cluster.

    Items are in the order in which they are asked.
    """

    scores: tuple[tuple[float, ...], ...]
    clusters: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How many copies, on how many items a minibatch, and how often all of it is repeated.

    Minibatches are capped at half of the `search` items: copies scored on nearly all items would
    share their luck.
    """

    candidates: int = 16
    minibatch: int = 35
    repetitions: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.candidates - 1, self.minibatch, self.repetitions) < 1:
            raise ValueError(
                f"{self.candidates!r} candidates, minibatches of {self.minibatch!r} items and "
                f"{self.repetitions!r} repetitions: pass at least two candidates, one item and one "
                "repetition"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a project chooses and confirms: the calls of a race per entrant, alpha and the looks.

    `spending` says how much of alpha an early look may spend.
    """

    race_calls: int
    alpha: float
    looks: tuple[float, ...]
    spending: Spending = "obrien-fleming"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a way of choosing reports over all repetitions, where nothing is better.

    `gain`: the mean of the winner's reported score minus the incumbent's, between `lower` and
    `upper` in 90 % of the repetitions. `better`: the share in which the winner is called better.
    `excess`: by how much the winner's reported score is too high on average.
    """

    gain: float
    lower: float
    upper: float
    better: float
    excess: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Placebo:
    """The three ways of choosing on the same copies, with what they were run on.

    `minibatch` is the size that was used. `search_score` and `confirm_score` are the system's
    means; `repeats` is the largest number of recorded scores of an item.
    """

    copying: Copying
    candidates: int
    minibatch: int
    repetitions: int
    seed: int
    alpha: float
    search_items: int
    confirm_items: int
    search_score: float
    confirm_score: float
    repeats: int
    best_of_minibatches: Claims
    best_of_common: Claims
    confirmed: Claims


def run(search: Answers, confirm: Answers, settings: Settings, rules: Rules) -> Placebo:
    """Run the copies of one system through the three ways. ValueError below two items of a split.

    The confirmation counts as "better" whatever crosses the upper boundary; a climb asks for more
    (each of its rungs has a part of alpha only), so its share of false claims is smaller.
    """
    shortest = min(len(search.scores), len(confirm.scores))
    if shortest < 2:
        raise ValueError(
            f"{len(search.scores)} search and {len(confirm.scores)} confirm items with a score: "
            "pass at least two of each"
        )
    copying = _copying(search, confirm)
    pools = _Pool(search, copying), _Pool(confirm, copying)
    used = replace(settings, minibatch=min(settings.minibatch, len(search.scores) // 2))
    trials = [_trial(pools, used, rules, number) for number in range(settings.repetitions)]
    return Placebo(
        copying=copying,
        candidates=settings.candidates,
        minibatch=used.minibatch,
        repetitions=settings.repetitions,
        seed=settings.seed,
        alpha=rules.alpha,
        search_items=len(search.scores),
        confirm_items=len(confirm.scores),
        search_score=_mean(pools[0].expected),
        confirm_score=_mean(pools[1].expected),
        repeats=max(len(scores) for scores in (*search.scores, *confirm.scores)),
        best_of_minibatches=_claims([trial[0] for trial in trials]),
        best_of_common=_claims([trial[1] for trial in trials]),
        confirmed=_claims([trial[2] for trial in trials]),
    )


# Below: private.


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """What is reported in one repetition: the winner's score, the incumbent's, and the verdict.

    `truth` is what the winner's score is an estimate of.
    """

    winner: float
    incumbent: float
    better: bool
    truth: float


class _Pool:
    """The recorded scores of one split, from which copies are drawn.

    `expected` is, item by item, the mean of what copies show there.
    """

    def __init__(self, answers: Answers, copying: Copying) -> None:
        self.clusters = answers.clusters
        self.size = len(answers.scores)
        self._sampled = copying == "sampled"
        self._counts = np.array([len(scores) for scores in answers.scores])
        self._scores = np.zeros((self.size, int(self._counts.max())))
        for item, scores in enumerate(answers.scores):
            self._scores[item, : len(scores)] = scores
        means = self._scores.sum(axis=1) / self._counts
        self._first = self._scores[:, 0]
        self.expected = means if self._sampled else np.full(self.size, _mean(self._first))
        self._number_clusters()

    def recorded(self, uniforms: Array) -> Array:
        """What copies of the system show on the items as they are; a row of uniforms per copy."""
        if not self._sampled:
            return np.broadcast_to(self._first, uniforms.shape)
        picked: Array = self._scores[np.arange(self.size), draws.below(self._counts, uniforms)]
        return picked

    def copies(self, uniforms: Array) -> Array:
        """What noisy copies show on common items; a row of uniforms per copy."""
        return self.recorded(uniforms) if self._sampled else self._resampled(uniforms)

    def pair(self, uniforms: Array) -> Array:
        """Two copies; where an item has several recorded scores they show different ones.

        Two draws with replacement would often show the same score, and so too little noise.
        """
        if not self._sampled:
            return self._resampled(uniforms)
        first = draws.below(self._counts, uniforms[0])
        others = np.maximum(self._counts - 1, 1)
        second = (first + 1 + draws.below(others, uniforms[1])) % self._counts
        shown: Array = self._scores[np.arange(self.size), np.stack([first, second])]
        return shown

    def _number_clusters(self) -> None:
        labels = {label: number for number, label in enumerate(dict.fromkeys(self.clusters))}
        self._cluster = np.array([labels[label] for label in self.clusters])
        self._sizes = np.bincount(self._cluster)
        self._starts = np.cumsum(self._sizes) - self._sizes
        self._by_cluster = np.argsort(self._cluster, kind="stable")
        self._rank = np.empty(self.size, dtype=np.int_)
        self._rank[self._by_cluster] = (
            np.arange(self.size) - self._starts[self._cluster[self._by_cluster]]
        )

    def _resampled(self, uniforms: Array) -> Array:
        """Scores drawn anew: an item is drawn for each cluster, and gives it its own cluster.

        The place of a cluster is filled from the drawn item on, round and round through the drawn
        item's cluster. So every item is as likely at every place, whatever the clusters' sizes,
        and what is alike within clusters stays alike.
        """
        leaders = draws.below(np.array(self.size), uniforms[:, : len(self._sizes)])
        drawn = leaders[:, self._cluster]
        donor = self._cluster[drawn]
        within = (self._rank[drawn] + self._rank) % self._sizes[donor]
        shown: Array = self._first[self._by_cluster[self._starts[donor] + within]]
        return shown


def _copying(search: Answers, confirm: Answers) -> Copying:
    varied = any(len(set(scores)) > 1 for scores in (*search.scores, *confirm.scores))
    return "sampled" if varied else "resampled"


def _trial(
    pools: tuple[_Pool, _Pool], settings: Settings, rules: Rules, repetition: int
) -> tuple[_Claim, _Claim, _Claim]:
    """One repetition. Copy 0 is the incumbent, the others are the candidates."""

    search, confirm = pools

    def uniform(what: str, *shape: int) -> Array:
        return draws.uniform(shape, "placebo", what, settings.seed, repetition)

    copies = settings.candidates + 1
    order = np.argsort(uniform("items", copies, search.size), axis=1, kind="stable")
    shown = search.recorded(uniform("answers", copies, search.size))
    batches = np.take_along_axis(shown, order[:, : settings.minibatch], axis=1)
    common = search.copies(uniform("common", copies, search.size))
    winner = 1 + _race(common[1:], rules)
    fresh = [uniform(f"fresh answers of {copy}", confirm.size) for copy in (0, winner)]
    truth = _mean(search.expected)
    return (
        _best(batches, truth),
        _best(common, truth),
        _confirmed(confirm.pair(np.stack(fresh)), confirm, rules),
    )


def _best(shown: Array, truth: float) -> _Claim:
    """Report the maximum: the best mean of the candidates beside the incumbent's."""
    means = np.round(shown.mean(axis=1), _DIGITS)
    winner, incumbent = float(means[1:].max()), float(means[0])
    return _Claim(winner=winner, incumbent=incumbent, better=winner > incumbent, truth=truth)


def _race(shown: Array, rules: Rules) -> int:
    """The candidate that is left after successive halving on the items in their order."""
    arms, pool = shown.shape
    rounds = halving.schedule(arms=arms, calls=rules.race_calls * arms, pool=pool)
    sums = np.cumsum(shown, axis=1)
    running, seen = list(range(arms)), 0
    for entry in rounds:
        seen += entry.new_items
        means = np.round(sums[running, seen - 1] / seen, _DIGITS).tolist()
        running = [running[at] for at in halving.survivors(means, keep=entry.survivors)]
    return running[0]


def _confirmed(fresh: Array, pool: _Pool, rules: Rules) -> _Claim:
    """The winner against the incumbent on fresh items, look by look; the last look is reported."""
    incumbent, winner = fresh
    state = sequential.init(sequential.Plan(alpha=spendable(rules.alpha), spending=rules.spending))
    status: sequential.Status = "continue"
    seen = 0
    for time in rules.looks:
        seen = math.ceil(time * pool.size - 1e-9)
        statistic = paired.z_statistic(winner[:seen], incumbent[:seen], pool.clusters[:seen])
        state = sequential.update(state, information_time=time, statistic_z=statistic)
        status = sequential.read(state).status
        if status != "continue":
            break
    return _Claim(
        winner=_mean(winner[:seen]),
        incumbent=_mean(incumbent[:seen]),
        better=status == "crossed-up",
        truth=_mean(pool.expected[:seen]),
    )


def _claims(claims: Sequence[_Claim]) -> Claims:
    gains = np.array([claim.winner - claim.incumbent for claim in claims])
    lower, upper = np.quantile(gains, (0.05, 0.95))
    count = len(claims)
    excess = math.fsum(claim.winner - claim.truth for claim in claims) / count
    return Claims(
        gain=_mean(gains),
        lower=round(float(lower), _DIGITS),
        upper=round(float(upper), _DIGITS),
        better=sum(claim.better for claim in claims) / count,
        excess=round(excess, _DIGITS),
    )


def _mean(values: Array) -> float:
    return round(math.fsum(values.tolist()) / len(values), _DIGITS)
