"""From margins to probabilities, and to one number that says how familiar a message is."""

from __future__ import annotations

from dataclasses import dataclass

from escalera.arrays import np
from escalera.core.routing.features import Floats

LIKENESS = 0.5
"""The weight of the cosine beside the margin, from CLINC150 and Curekart (`dev/LOG.md`)."""
_SHARPEST, _BLUNTEST = 50.0, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How margins and cosines are read.

    Probabilities are softmax(`sharpness` * margins): temperature scaling (Guo et al. 2017, eq. 9)
    with the reciprocal of their T. Familiarity is the best margin plus `LIKENESS` times the cosine
    with the mean of its type, each divided by its spread among familiar messages: the margin knows
    what tells the types apart, the cosine what they have in common, and a stranger lacks either.
    """

    sharpness: float
    margin_spread: float
    likeness_spread: float

    def probabilities(self, margins: Floats) -> Floats:
        """Softmax of the sharpened *margins*, (..., types)."""
        odds = np.exp((margins - margins.max(axis=-1, keepdims=True)) * np.float32(self.sharpness))
        return np.asarray(odds / odds.sum(axis=-1, keepdims=True))

    def familiarity(self, margin: float, likeness: float) -> float:
        """Of the best type's *margin* and cosine; without unit, larger is more familiar."""
        return margin / self.margin_spread + LIKENESS * likeness / self.likeness_spread


UNSCALED = Scale(sharpness=1.0, margin_spread=1.0, likeness_spread=1.0)
"""Where no item could be left out to learn a scale from."""


def scale(margins: Floats, likeness: Floats, wanted: np.ndarray) -> Scale:
    """The scale that fits items which were not learned from, all (items x types).

    `wanted` says which type each is. The sharpness minimises the negative log-likelihood.
    """
    if not len(margins):
        return UNSCALED
    best = margins.argmax(axis=1)
    rows = np.arange(len(best))
    return Scale(
        sharpness=_sharpness(margins.astype(np.float64), wanted),
        margin_spread=_spread(margins[rows, best]),
        likeness_spread=_spread(likeness[rows, best]),
    )


def calibration_error(probabilities: Floats, right: np.ndarray, *, bins: int = 10) -> float:
    """Expected calibration error: the mean gap of confidence and accuracy over bins of confidence.

    `probabilities` are those of the choices, `right` whether each choice was right; Guo et al.
    (2017), eq. 3.
    """
    placed = np.minimum((probabilities * bins).astype(int), bins - 1)
    counts = np.bincount(placed, minlength=bins)
    sure = np.bincount(placed, weights=probabilities, minlength=bins)
    true = np.bincount(placed, weights=right.astype(float), minlength=bins)
    return float(np.abs(sure - true).sum() / max(1, counts.sum()))


# Below: private.


def _spread(values: Floats) -> float:
    return float(np.std(values.astype(np.float64))) or 1.0


def _sharpness(margins: np.ndarray, wanted: np.ndarray) -> float:
    """By golden section on its logarithm: the likelihood is convex in the sharpness."""
    low, high = np.log(_BLUNTEST), np.log(_SHARPEST)
    part = (np.sqrt(5) - 1) / 2
    for _ in range(40):
        left, right = high - part * (high - low), low + part * (high - low)
        if _loss(margins, wanted, np.exp(left)) < _loss(margins, wanted, np.exp(right)):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def _loss(margins: np.ndarray, wanted: np.ndarray, sharpness: float) -> float:
    scaled = margins * sharpness
    top = scaled.max(axis=1, keepdims=True)
    whole = top[:, 0] + np.log(np.exp(scaled - top).sum(axis=1))
    return float((whole - scaled[wanted]).mean())
