"""What a system scored on a task: the figure, what is missing from it, and what it cost.

Missing scores are never filled in. The bounds say what the mean would be if all of them were wrong,
and if all were right; retries are a sensitivity: asking again until an answer comes must not have
changed the mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from escalera.core.answers import Answer
from escalera.core.stats import mean, repeats
from escalera.domain.dataset import Example
from escalera.domain.verdict import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One system on one task.

    `figure` is the mean of the items' scores (of an item's repeats their mean) with its interval,
    None without a scored item. `unscored` counts items without any score; `worst` and `best` are
    the mean over all items if they scored 0 and 1. `retried` counts answers that came after a
    failed try, `first_try` is the mean without their items. `noise` is the share of the figure's
    squared error that comes from drawing answers only so often, None where none was drawn twice.
    Price and duration are per answer, the price None where one is unknown; `reused` answers were
    bought for another system or target.
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


def summarise(
    system: str, task: str, found: Sequence[tuple[Example, Answer]], *, alpha: float = 0.05
) -> Summary:
    """Summarise the answers of one system to items of one task. ValueError when there are none."""
    if not found:
        raise ValueError(f"{system!r} has no answer to an item of {task!r}: ask it first")
    answers = [answer for _, answer in found]
    items = _by_item(found)
    scored = {item: score for item, seen in items.items() if (score := _mean(seen)) is not None}
    missing = len(items) - len(scored)
    total = math.fsum(scored.values())
    clusters = {item.digest: item.cluster for item, _ in found}
    first = [score for item, score in scored.items() if all(a.attempts == 1 for a in items[item])]
    costs = [answer.micro_dollars for answer in answers]
    known = [cost for cost in costs if cost is not None]
    count = len(answers)
    return Summary(
        system=system,
        task=task,
        figure=_figure(scored, clusters, alpha) if scored else None,
        unscored=missing,
        worst=total / len(items),
        best=(total + missing) / len(items),
        retried=sum(answer.attempts > 1 for answer in answers),
        first_try=math.fsum(first) / len(first) if first else None,
        noise=_noise(items, clusters),
        answers=count,
        reused=sum(not answer.bought for answer in answers),
        tokens=sum(a.usage.prompt_tokens + a.usage.completion_tokens for a in answers) / count,
        micro_dollars=sum(known) / count if len(known) == count else None,
        seconds=math.fsum(answer.seconds for answer in answers) / count,
        revisions=tuple(sorted({answer.revision for answer in answers if answer.revision})),
    )


# Below: private.


def _by_item(found: Sequence[tuple[Example, Answer]]) -> Mapping[str, list[Answer]]:
    items: dict[str, list[Answer]] = {}
    for item, answer in sorted(found, key=lambda pair: pair[0].digest):
        items.setdefault(item.digest, []).append(answer)
    return items


def _noise(items: Mapping[str, list[Answer]], clusters: Mapping[str, str]) -> float | None:
    measured = {
        item: scores
        for item, found in items.items()
        if (scores := [answer.score for answer in found if answer.score is not None])
    }
    if len(measured) < 2 or all(len(scores) < 2 for scores in measured.values()):
        return None
    labels = [clusters[item] for item in measured]
    return repeats.components(list(measured.values()), labels).noise_share


def _mean(found: Sequence[Answer]) -> float | None:
    scores = [answer.score for answer in found if answer.score is not None]
    return math.fsum(scores) / len(scores) if scores else None


def _figure(scored: Mapping[str, float], clusters: Mapping[str, str], alpha: float) -> Figure:
    interval = mean.interval(
        list(scored.values()), [clusters[item] for item in scored], alpha=alpha
    )
    return Figure(
        value=interval.estimate,
        lower=interval.lower,
        upper=interval.upper,
        n=len(scored),
        clusters=len({clusters[item] for item in scored}),
    )
