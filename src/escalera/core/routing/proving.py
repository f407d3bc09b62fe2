"""From what two systems said and scored to a quality route, and to what it is worth: tested.

The signal is learned from one set of items, the threshold calibrated on a second, and what the
route brings is told from a third, so that no figure rests on items that chose it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from escalera.arrays import np
from escalera.core.routing import cascade, gain, quality
from escalera.core.routing.cascade import Found
from escalera.core.routing.features import Floats
from escalera.core.routing.fitting import Weighed
from escalera.core.routing.gain import Gain
from escalera.core.routing.quality import Judge
from escalera.core.routing.sense import Sensed
from escalera.core.stats import clustering, mean, paired
from escalera.core.stats.clustering import Interval
from escalera.domain.message import FinishReason
from escalera.domain.quality import Asking, Expense, Side, Worth


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What may be known of an answer before it is given: its text, how it ended, its form.

    `valid` is None where nothing is said of its form.
    """

    text: str
    finish: FinishReason | None
    valid: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An item that both systems answered, with scores in [0, 1] and what the answers cost.

    `answer` is the weak system's, None where the strong one is asked before it.
    """

    item: str
    cluster: str
    text: str
    weak: float
    strong: float
    weak_expense: float
    strong_expense: float
    answer: Answered | None = None

    @property
    def told(self) -> str:
        """What the signal reads."""
        return told(self.text, self.answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a route is worth, on items that neither taught nor calibrated it.

    The figures are those of `domain.quality.QualityTested`.
    """

    single: Side
    gain: Interval
    saved: Interval
    blind: Gain
    margin: float

    @property
    def worth(self) -> Worth:
        """A gain where routing beats chance, and one system in score, or in price at no loss.

        Each of the three intervals errs with its alpha, half of it on either side; a false gain
        needs one of them to err on one side.
        """
        if self.blind.word == "loss" or self.gain.upper < -self.margin:
            return "loss"
        better = self.gain.lower > 0
        cheaper = self.saved.lower > 0 and self.gain.lower > -self.margin
        return "gain" if self.blind.word == "gain" and (better or cheaper) else "no gain"


def said(text: str, answer: Answered) -> str:
    """A message with its answer and what is known of it, as words that a router learns from.

    Of both only the beginning is read, so that neither can hide the other.
    """
    known = [f"ended{answer.finish}", f"long{_long(answer.text)}"]
    if answer.valid is not None:
        known.append("isvalid" if answer.valid else "isinvalid")
    return f"{' '.join(known)} answered {_beginning(answer.text)} asked {_beginning(text)}"


def told(text: str, answer: Answered | None) -> str:
    """What the signal reads of a message and, where there is one, the weak system's answer."""
    return text if answer is None else said(text, answer)


def signal(judge: Judge, text: str, answer: Answered | None, vector: Floats | None = None) -> float:
    """How likely the weak system is enough; 0 for an answer that is cut off, blocked or invalid.

    *vector* is the embedding of what the signal reads, for a judge that was learned from them: 0
    where it could not be had.
    """
    if answer is not None and (answer.finish != "stop" or answer.valid is False):
        return 0.0
    return judge.signal(told(text, answer), vector)


def learn(pairs: Sequence[Pair], sensed: Sensed | None = None) -> Judge:
    """Learn where the weak system scores no less than the strong one.

    The embeddings of *sensed* are its share of the features: then pairs without one teach nothing.
    Raises ValueError where it always does, or never.
    """
    known = _known(pairs, sensed) if sensed is not None and sensed.share > 0 else pairs
    texts, right = [pair.told for pair in known], [pair.weak >= pair.strong for pair in known]
    return quality.fit(texts, right, sensed=sensed)


def weigh(pairs: Sequence[Pair], sensed: Sensed, *, alpha: float) -> Weighed:
    """Whether embeddings help to tell where the weak system scores no less.

    Raises ValueError where it always does, or never.
    """
    known = _known(pairs, sensed)
    return quality.weigh(
        [pair.told for pair in known],
        [pair.weak >= pair.strong for pair in known],
        sensed,
        clusters=[pair.cluster for pair in known],
        alpha=alpha,
    )


def calibrate(
    judge: Judge,
    pairs: Sequence[Pair],
    *,
    most_lost: float,
    risk: float = 0.05,
    sensed: Sensed | None = None,
) -> Found:
    """The threshold that keeps the bound, by `cascade.calibrate`."""
    return cascade.calibrate(
        _signals(judge, pairs, sensed),
        [pair.weak for pair in pairs],
        [pair.strong for pair in pairs],
        most_lost=most_lost,
        risk=risk,
        clusters=[pair.cluster for pair in pairs],
    )


def best(pairs: Sequence[Pair]) -> Side:
    """Which system scores more on *pairs*; of equal ones, the weak."""
    weak = sum(pair.weak for pair in pairs)
    return "strong" if sum(pair.strong for pair in pairs) > weak else "weak"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What is to be proved: the route, the system it is held against, and what counts as none."""

    threshold: float | None
    asking: Asking
    single: Side
    margin: float


def prove(
    judge: Judge,
    pairs: Sequence[Pair],
    claim: Claim,
    *,
    alpha: float,
    sensed: Sensed | None = None,
) -> Proof:
    """Hold a route against one system, and against chance at the same price, on fresh *pairs*."""
    threshold, single = claim.threshold, claim.single
    clusters = [pair.cluster for pair in pairs]
    signals = _signals(judge, pairs, sensed)
    strong = np.array([threshold is None or one < threshold for one in signals], dtype=np.bool_)
    low, high = _column(pairs, "weak"), _column(pairs, "strong")
    cheap, dear = _column(pairs, "weak_expense"), _column(pairs, "strong_expense")
    paid = np.where(strong, dear + (cheap if claim.asking == "after" else 0.0), cheap)
    alone, price = (low, cheap) if single == "weak" else (high, dear)
    routed = np.where(strong, high, low)
    return Proof(
        single=single,
        gain=paired.interval(routed, alone, clusters, alpha=alpha),
        saved=_mean(price - paid, clusters, alpha),
        blind=gain.at_equal_price(
            strong.tolist(),
            low.tolist(),
            high.tolist(),
            clusters=clusters,
            alpha=alpha,
            blindly=_share(float(paid.mean()), float(cheap.mean()), float(dear.mean())),
        ),
        margin=claim.margin,
    )


def expense(*micro_dollars: float | None) -> Expense:
    """What answers are compared by: money where all prices are known, or else time."""
    return "seconds" if any(one is None for one in micro_dollars) else "micro-dollars"


# Below: private.

_READ = 900
"""Bytes of a message, and of an answer: both fit into what a router reads."""


def _known(pairs: Sequence[Pair], sensed: Sensed) -> list[Pair]:
    """The pairs whose embedding is there."""
    return [pair for pair in pairs if pair.told in sensed.vectors]


def _signals(judge: Judge, pairs: Sequence[Pair], sensed: Sensed | None) -> list[float]:
    vectors = {} if sensed is None else sensed.vectors
    return [signal(judge, pair.text, pair.answer, vectors.get(pair.told)) for pair in pairs]


def _beginning(text: str) -> str:
    return text[:_READ].encode()[:_READ].decode(errors="ignore")


def _long(text: str) -> int:
    """The length of an answer in words, in steps of a doubling."""
    return len(text.split()).bit_length()


def _column(pairs: Sequence[Pair], name: str) -> np.ndarray:
    return np.array([getattr(pair, name) for pair in pairs], dtype=np.float64)


def _share(paid: float, weak: float, strong: float) -> float:
    """How often chance asks the strong system for what a route costs; 1 where it is no dearer."""
    return 1.0 if strong <= weak else min(1.0, max(0.0, (paid - weak) / (strong - weak)))


def _mean(values: np.ndarray, clusters: Sequence[str], alpha: float) -> Interval:
    found = clustering.robust_mean(values.tolist(), clusters)
    lower, upper = mean.t_interval(found, alpha=alpha)
    return Interval(estimate=found.value, lower=lower, upper=upper, alpha=alpha, method="cluster-t")
