"""What a system scored on a task: the figure, what is missing from it, and what it cost.

Missing scores are never filled in. The bounds say what the mean would be if all of them were wrong,
and if all were right; retries are a sensitivity: asking again until an answer comes must not have
changed the mean.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, groupby

import numpy as np
from numpy.typing import NDArray

from escalera.core.answers import Answer
from escalera.core.stats import mean, repeats
from escalera.domain.dataset import Example
from escalera.domain.judge import Basis
from escalera.domain.verdict import Figure

_MOST_REASONS = 1000
"""Reasons that are told apart: some hold what was said, and are another for each answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One system on one task.

    `figure` is the mean of the items' scores (of an item's repeats their mean) with its interval,
    None without a scored item. `unscored` counts items without any score, `partly` those of which
    some repeats have none, and `unscored_why` is the most frequent reason; `worst` and `best` are
    the mean over all items if all these scored 0 and 1. `retried` counts answers that came after a
    failed try, `first_try` is the mean without their items. `noise` is the share of the figure's
    squared error that comes from drawing answers only so often, None where none was drawn twice.
    Price and duration are per answer, the price None where one is unknown; `reused` answers were
    bought for another system or target. Where a judge scores, `basis` says what the figure rests
    on; with `labels` enough it is `corrected` by them, beside what the judge alone says. `valid` is
    the share of answers that are valid against the task's schema with its interval, None where
    there is no schema; `repairs` is how often an answer was sent back on average.
    """

    system: str
    task: str
    figure: Figure | None
    unscored: int
    worst: float
    best: float
    retried: int
    first_try: float | None
    noise: float | None
    answers: int
    reused: int
    tokens: float
    micro_dollars: float | None
    seconds: float
    revisions: tuple[str, ...]
    basis: Basis = "scorer"
    corrected: Figure | None = None
    labels: int = 0
    valid: Figure | None = None
    repairs: float = 0.0
    partly: int = 0
    unscored_why: str | None = None


def summarise(
    system: str, task: str, found: Iterable[tuple[Example, Answer]], *, alpha: float = 0.05
) -> Summary | None:
    """Summarise the answers of one system to items of one task; those of an item in a row.

    None where there is no answer at all.
    """
    tally = _Tally()
    for _, group in groupby(found, key=lambda pair: pair[0].digest):
        tally.count([*group])
    if not tally.items:
        return None
    missing, count = tally.unscored, tally.answers
    least = math.fsum(chain(tally.scores, (-x for x in tally.filled)))
    return Summary(
        system=system,
        task=task,
        figure=_share(tally.scores, tally.clusters, alpha) if tally.scores else None,
        unscored=missing,
        worst=least / tally.items,
        best=(least + math.fsum(tally.lost) + missing) / tally.items,
        retried=tally.retried,
        first_try=_first_try(tally),
        noise=_noise(tally),
        answers=count,
        reused=tally.reused,
        tokens=tally.tokens / count,
        micro_dollars=None if tally.unpriced else tally.micro_dollars / count,
        seconds=math.fsum(tally.seconds) / count,
        revisions=tuple(sorted(tally.revisions)),
        valid=_share(tally.valid, tally.checked, alpha) if tally.valid else None,
        repairs=tally.repairs / count,
        partly=len(tally.lost),
        unscored_why=max(tally.reasons, key=tally.reasons.__getitem__, default=None),
    )


# Below: private.


class _Tally:
    """What is counted, item by item: memory for a few numbers each, not for the answers."""

    def __init__(self) -> None:
        self.items = self.unscored = self.answers = 0
        self.retried = self.reused = self.tokens = 0
        self.micro_dollars = self.unpriced = 0
        self.scores, self.later, self.seconds = array("d"), array("d"), array("d")
        self.lost, self.filled = array("d"), array("d")  # repeats without a score, and their part
        self.clusters = array("Q")
        self.drawn: list[tuple[float, ...]] = []
        self.revisions: set[str] = set()
        self.valid, self.repairs = array("d"), 0
        self.checked = array("Q")
        self.reasons: Counter[str] = Counter()

    def count(self, group: Sequence[tuple[Example, Answer]]) -> None:
        """Count one item with all its answers."""
        item, answers = group[0][0], [answer for _, answer in group]
        self.items += 1
        for answer in answers:
            self._one(answer)
        checked = [answer.valid for answer in answers if answer.valid is not None]
        if checked:
            self.valid.append(sum(checked) / len(checked))
            self.checked.append(_number(item.cluster))
        scores = tuple(answer.score for answer in answers if answer.score is not None)
        if not scores:
            self.unscored += 1
            return
        if len(scores) > 1 and not self.drawn:
            self.drawn = [(score,) for score in self.scores]
        score = math.fsum(scores) / len(scores)
        self.scores.append(score)
        if len(scores) < len(answers):
            self.lost.append(1.0 - len(scores) / len(answers))
            self.filled.append(score * self.lost[-1])
        self.clusters.append(_number(item.cluster))
        if len(scores) > 1 or self.drawn:
            self.drawn.append(scores)
        if any(answer.attempts > 1 for answer in answers):
            self.later.append(score)

    def _one(self, answer: Answer) -> None:
        self.answers += 1
        self.retried += answer.attempts > 1
        self.reused += not answer.bought
        self.tokens += answer.usage.prompt_tokens + answer.usage.completion_tokens
        self.micro_dollars += answer.micro_dollars or 0
        self.unpriced += answer.micro_dollars is None
        self.seconds.append(answer.seconds)
        self.repairs += answer.repairs
        if answer.score is None and answer.reason:
            self._unscored(answer.reason)
        if answer.revision:
            self.revisions.add(answer.revision)

    def _unscored(self, reason: str) -> None:
        if reason in self.reasons or len(self.reasons) < _MOST_REASONS:
            self.reasons[reason] += 1


def _first_try(tally: _Tally) -> float | None:
    """The mean without the items that needed another try; sums are exact in any order."""
    count = len(tally.scores) - len(tally.later)
    return math.fsum(chain(tally.scores, (-x for x in tally.later))) / count if count else None


def _noise(tally: _Tally) -> float | None:
    if len(tally.drawn) < 2:
        return None
    return repeats.components(tally.drawn, _numbered(tally.clusters)).noise_share


def _share(values: Sequence[float], clusters: array[int], alpha: float) -> Figure:
    numbers = _numbered(clusters)
    count, n = int(numbers.max()) + 1, len(values)
    interval = mean.interval(values, numbers if count < n else None, alpha=alpha)
    return Figure(
        value=interval.estimate,
        lower=interval.lower,
        upper=interval.upper,
        n=n,
        clusters=count,
    )


def _numbered(clusters: array[int]) -> NDArray[np.intp]:
    """The cluster of every value, numbered from 0."""
    return np.unique(np.asarray(clusters), return_inverse=True)[1]


def _number(cluster: str) -> int:
    """64 bits for a name: among a million, two that fall together are rarer than 1 in 10^7."""
    return int.from_bytes(hashlib.blake2b(cluster.encode(), digest_size=8).digest())
