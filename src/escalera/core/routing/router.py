"""The router: which query type a message is, how sure that is, and whether it is any of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from escalera.arrays import np
from escalera.core.routing import features
from escalera.core.routing.abstention import NEVER, Rule
from escalera.core.routing.calibration import Scale
from escalera.core.routing.features import Floats
from escalera.core.routing.sense import Sense

if TYPE_CHECKING:
    from numpy.typing import NDArray

Refusal: TypeAlias = Literal["", "stranger", "unsure", "unread"]
"""Why a router abstains: the message is like none of the types, or like several, or its embedding,
which the router was taught with, could not be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a router says of a message.

    `type` is the most probable query type even where it abstains, `probability` how probable, given
    that it is one of the types. `familiarity` is high for messages like those it was taught.
    """

    type: str
    probability: float
    familiarity: float
    refusal: Refusal

    @property
    def sure(self) -> bool:
        """Whether the router stands by its choice."""
        return not self.refusal


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Router:
    """What was learned of the types, over the hashed features of a message.

    `slots` (BUCKETS) is the row of each bucket in `rarity` (rows) and `weights` (rows x 2 types):
    first the margins of each type against the others, then the cosines with its mean. Row 0 stands
    for all that no taught message has. `biases` (types) belong to the margins. `reference` has the
    familiarity of messages that were held out, ascending, for `drift`. With a `sense` it reads the
    embedding of a message too, and abstains without one.
    """

    types: tuple[str, ...]
    slots: NDArray[np.int32]
    rarity: Floats
    weights: NDArray[np.float32]
    biases: Floats
    scale: Scale
    rule: Rule = NEVER
    reference: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    sense: Sense | None = None

    def infer(self, text: str) -> str:
        """The most probable query type of *text*."""
        return self.choose(text).type

    def choose(self, text: str, vector: Floats | None = None) -> Choice:
        """The most probable type of *text*, whose embedding is *vector*; whether to stand by it."""
        margins, likeness = self.scores(text, vector)
        best = int(margins.argmax())
        odds = self.scale.probabilities(margins)
        familiarity = self.scale.familiarity(float(margins[best]), float(likeness[best]))
        refusal: Refusal = ""
        if self.sense is not None and vector is None:
            refusal = "unread"
        elif self.rule.too_strange(familiarity):
            refusal = "stranger"
        elif self.rule.too_risky(odds, best):
            refusal = "unsure"
        return Choice(
            type=self.types[best],
            probability=float(odds[best]),
            familiarity=familiarity,
            refusal=refusal,
        )

    def probabilities(self, text: str, vector: Floats | None = None) -> Floats:
        """One probability per type, in the order of `types`, given that it is one of them."""
        return self.scale.probabilities(self.scores(text, vector)[0])

    def scores(self, text: str, vector: Floats | None = None) -> tuple[Floats, Floats]:
        """Margins and cosines of *text*, one per type; without *vector* by its n-grams alone."""
        places, values = features.hashed(text)
        rows = self.slots.take(places)
        values = values * self.rarity.take(rows)
        length = float(values @ values) ** 0.5 or 1.0
        both = (values @ self.weights.take(rows, axis=0)) / np.float32(length)
        if self.sense is not None and vector is not None:
            both = both + self.sense.scores(vector)
        many = len(self.types)
        return both[:many] + self.biases, both[many:]
