"""How likely the weak of two models is right, learned from what both scored on common items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from escalera.core.routing import fitting
from escalera.core.routing.router import Router

ITEMS = 3000
"""Items of either outcome that are learned from."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Judge:
    """Tells from a message how likely the weak model is right."""

    router: Router

    def signal(self, text: str) -> float:
        """The probability that the weak model is right on *text*."""
        return float(self.router.probabilities(text)[_OUTCOMES.index("right")])


def fit(texts: Sequence[str], right: Sequence[bool]) -> Judge:
    """Learn from messages and whether the weak model was right on each.

    Raises ValueError when it always was, or never: then there is nothing to tell apart.
    """
    if len(set(right)) < len(_OUTCOMES):
        raise ValueError(
            f"the weak model was {'always' if any(right) else 'never'} right on {len(right)} "
            "items: a router needs items of both kinds; one model is enough here, or add harder "
            "items"
        )
    labels = ["right" if one else "wrong" for one in right]
    return Judge(router=fitting.fit(_OUTCOMES, texts, labels, most=ITEMS))


# Below: private.

_OUTCOMES = ("right", "wrong")
