"""What spoke for a choice: the words of the message, with what each added to the margin."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from escalera.core.routing import features
from escalera.core.routing.features import Floats
from escalera.core.routing.router import Choice, Router


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A word of a message; positive weights speak for the choice, negative for the runner-up."""

    word: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A choice against the second best type.

    The weights of all words, `bias` and what the message's embedding added, `meaning`, add up to
    the difference of the two margins. `unknown` are the words of which no piece was seen in
    training.
    """

    choice: Choice
    runner_up: str
    reasons: tuple[Reason, ...]
    bias: float
    unknown: tuple[str, ...]
    meaning: float = 0.0

    def words(self) -> str:
        """The explanation in a sentence."""
        held = [one for one in self.reasons if one.weight > 0][:3]
        said = ", ".join(f"{one.word!r} ({one.weight:+.2f})" for one in held) or "no word"
        strange = f"; never seen: {', '.join(self.unknown)}" if self.unknown else ""
        meant = f", its meaning ({self.meaning:+.2f})" if self.meaning else ""
        return f"{self.choice.type} rather than {self.runner_up}, for {said}{meant}{strange}"


def explain(router: Router, text: str, vector: Floats | None = None) -> Explanation:
    """Why *router* chooses what it chooses for *text*, whose embedding is *vector*.

    ValueError for a router of one type.

    An n-gram's weight goes in equal parts to the words that it touches.
    """
    if len(router.types) == 1:
        raise ValueError(f"the router has one type, {router.types[0]!r}: nothing is chosen")
    margins, _ = router.scores(text, vector)
    second, best = np.argsort(margins)[-2:]
    raw, spans, buckets = features.pieces(text)
    worth = _worth(router, text, int(best), int(second))
    times = Counter(buckets.tolist())
    owners = np.cumsum(np.frombuffer(raw, np.uint8) == _SPACE).tolist()
    weights = np.zeros(raw.count(b" "))
    seen = np.zeros(len(weights), np.bool_)
    for (start, stop), bucket in zip(spans, buckets.tolist(), strict=True):
        touched = sorted({owners[at] - 1 for at in range(start, stop) if raw[at] != _SPACE})
        weights[touched] += worth[bucket] / times[bucket] / len(touched)
        seen[touched] |= router.slots[bucket] > 0
    words = [word.decode("utf-8", "replace") for word in raw.split()]
    order = np.argsort(-np.abs(weights[: len(words)]), kind="stable")
    return Explanation(
        choice=router.choose(text, vector),
        runner_up=router.types[int(second)],
        reasons=tuple(Reason(word=words[n], weight=float(weights[n])) for n in order),
        bias=float(router.biases[best] - router.biases[second]),
        unknown=tuple(word for n, word in enumerate(words) if not seen[n]),
        meaning=_meant(router, vector, int(best), int(second)),
    )


# Below: private.

_SPACE = 32


def _meant(router: Router, vector: Floats | None, best: int, second: int) -> float:
    """What the embedding adds to the difference of two margins."""
    if router.sense is None or vector is None:
        return 0.0
    added = router.sense.scores(vector)
    return float(added[best] - added[second])


def _worth(router: Router, text: str, best: int, second: int) -> dict[int, float]:
    """What each bucket of *text* adds to the difference of two margins."""
    places, values = features.hashed(text)
    rows = router.slots[places]
    weighed = values * router.rarity[rows]
    length = float(np.sqrt(weighed @ weighed)) or 1.0
    apart = router.weights[rows, best] - router.weights[rows, second]
    return dict(zip(places.tolist(), (weighed * apart / length).tolist(), strict=True))
