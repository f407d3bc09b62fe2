"""How likely the weak of two models is right, learned from what both scored on common items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from escalera.core.routing import fitting
from escalera.core.routing.features import Floats
from escalera.core.routing.fitting import Terms, Weighed
from escalera.core.routing.router import Router
from escalera.core.routing.sense import Sensed

TERMS = Terms(most=3000, penalty=30.0)
"""Whether a model is right is chance for the most part: many items, and a large penalty."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Judge:
    """Tells from a message how likely the weak model is right."""

    router: Router

    def signal(self, text: str, vector: Floats | None = None) -> float:
        """The probability that the weak model is right on *text*, whose embedding is *vector*.

        0 without an embedding where it was learned from them: the weak model is not relied on.
        """
        if self.router.sense is not None and vector is None:
            return 0.0
        return float(self.router.probabilities(text, vector)[_OUTCOMES.index("right")])


def fit(
    texts: Sequence[str],
    right: Sequence[bool],
    *,
    sensed: Sensed | None = None,
) -> Judge:
    """Learn from messages and whether the weak model was right on each.

    The embeddings of *sensed* are its share of the features. Raises ValueError when the weak model
    always was right, or never: then there is nothing to tell apart.
    """
    labels = _labels(right)
    found = fitting.fit(_OUTCOMES, texts, labels, terms=TERMS, sensed=sensed)
    return Judge(router=found)


def weigh(
    texts: Sequence[str],
    right: Sequence[bool],
    sensed: Sensed,
    *,
    clusters: Sequence[str] | None = None,
    alpha: float = 0.05,
) -> Weighed:
    """Whether embeddings help to tell where the weak model is right, as `fitting.weigh` does."""
    labels = _labels(right)
    return fitting.weigh(texts, labels, sensed, clusters=clusters, terms=TERMS, alpha=alpha)


# Below: private.

_OUTCOMES = ("right", "wrong")


def _labels(right: Sequence[bool]) -> list[str]:
    if len(set(right)) < len(_OUTCOMES):
        raise ValueError(
            f"the weak model was {'always' if any(right) else 'never'} right on {len(right)} "
            "items: a router needs items of both kinds; one model is enough here, or add harder "
            "items"
        )
    return ["right" if one else "wrong" for one in right]
