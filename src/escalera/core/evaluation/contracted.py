"""What an output contract does: the same prompt with and without it, on common items.

Validity, score, tokens, price and time side by side, each as a mean of paired differences: what the
grammar gives and what it takes are read from the same answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from escalera.core.answers import Answer
from escalera.core.stats import clustering, paired
from escalera.core.stats.clustering import Interval
from escalera.domain.dataset import Example
from escalera.domain.verdict import Figure

Pair = tuple[Example, Answer, Answer]
"""An item with the answer under the contract and the answer without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A contract against the same prompt without one.

    `valid` and `valid_without` are shares of valid answers, `repairs` how often an answer was sent
    back on average. The others are mean differences per answer, with minus without: `validity` and
    `score` in [-1, 1], `tokens`, `micro_dollars` (None where a price is unknown) and `seconds`.
    `score` is None where fewer than two items have both scores.
    """

    valid: float
    valid_without: float
    repairs: float
    validity: Figure
    score: Figure | None
    tokens: Figure
    micro_dollars: Figure | None
    seconds: Figure


def effect(pairs: Iterable[Pair], *, alpha: float = 0.05) -> Effect | None:
    """The effect on items whose answers were both checked; None for fewer than two."""
    found = [p for p in pairs if p[1].valid is not None and p[2].valid is not None]
    if len(found) < 2:
        return None
    held = [float(bool(answer.valid)) for _, answer, _ in found]
    free = [float(bool(answer.valid)) for _, _, answer in found]
    costs = [(p[1].micro_dollars, p[2].micro_dollars) for p in found]
    known = [(a, b) for a, b in costs if a is not None and b is not None]
    return Effect(
        valid=sum(held) / len(held),
        valid_without=sum(free) / len(free),
        repairs=sum(p[1].repairs for p in found) / len(found),
        validity=_shares(found, held, free, alpha),
        score=_scores(found, alpha),
        tokens=_means(found, [(_tokens(p[1]), _tokens(p[2])) for p in found], alpha),
        micro_dollars=_means(found, known, alpha) if len(known) == len(found) else None,
        seconds=_means(found, [(p[1].seconds, p[2].seconds) for p in found], alpha),
    )


# Below: private.


def _scores(pairs: Sequence[Pair], alpha: float) -> Figure | None:
    scored = [(p, p[1].score, p[2].score) for p in pairs]
    both = [(p, a, b) for p, a, b in scored if a is not None and b is not None]
    if len(both) < 2:
        return None
    kept, held, free = zip(*both, strict=True)
    return _shares(kept, held, free, alpha)


def _shares(
    pairs: Sequence[Pair], held: Sequence[float], free: Sequence[float], alpha: float
) -> Figure:
    clusters = _clusters(pairs)
    return _figure(paired.interval(held, free, clusters, alpha=alpha), clusters)


def _means(pairs: Sequence[Pair], both: Sequence[tuple[float, float]], alpha: float) -> Figure:
    """Of what has no bound: the cluster-robust mean on its t distribution."""
    clusters = _clusters(pairs)
    mean = clustering.robust_mean([held - free for held, free in both], clusters)
    lower, upper = clustering.t_interval(mean, alpha=alpha)
    return Figure(
        value=mean.value, lower=lower, upper=upper, n=len(both), clusters=len(set(clusters))
    )


def _figure(found: Interval, clusters: Sequence[str]) -> Figure:
    return Figure(
        value=found.estimate,
        lower=found.lower,
        upper=found.upper,
        n=len(clusters),
        clusters=len(set(clusters)),
    )


def _clusters(pairs: Sequence[Pair]) -> list[str]:
    return [item.cluster for item, _, _ in pairs]


def _tokens(answer: Answer) -> float:
    return float(answer.usage.prompt_tokens + answer.usage.completion_tokens)
