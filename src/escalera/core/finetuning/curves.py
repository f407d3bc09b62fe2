"""The course of a training in figures that a few strange examples cannot move.

Medians stand for means, and the median absolute deviation for the standard deviation (Hampel 1974,
doi 10.1080/01621459.1974.10482962): half of the values may be anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from escalera.domain.training import StepSignal

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

NORMAL = 1.4826
"""Times the median absolute deviation: the standard deviation, where values are normal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A training as arrays: of one value per step, and of one per example and step (`seen_*`).

    `time` counts steps at the full learning rate: a step at half the rate counts half. `typical` is
    the median loss of the examples of a step; an engine may not tell them, and then `seen_*` are
    empty and steps stand for them.
    """

    loss: Floats
    norm: Floats
    rate: Floats
    time: Floats
    typical: Floats
    seen_step: Places
    seen_place: Places
    seen_loss: Floats

    @property
    def steps(self) -> int:
        """Steps done."""
        return len(self.loss)

    def last(self) -> tuple[Places, Floats]:
        """Every place with its loss when it was met last."""
        order = np.argsort(self.seen_step, kind="stable")[::-1]
        places, first = np.unique(self.seen_place[order], return_index=True)
        return places, self.seen_loss[order][first]


def course(signals: Sequence[StepSignal]) -> Course:
    """The signals as arrays. Needs at least one step."""
    rate = np.array([signal.rate for signal in signals])
    seen = [(n, s.place, s.loss) for n, signal in enumerate(signals) for s in signal.samples]
    steps, places, losses = np.array(seen).reshape(-1, 3).T
    return Course(
        loss=np.array([signal.loss for signal in signals]),
        norm=np.array([signal.norm for signal in signals]),
        rate=rate,
        time=np.cumsum(rate / rate.max()),
        typical=np.array([quantile(signal, 0.5) for signal in signals]),
        seen_step=steps.astype(np.int64),
        seen_place=places.astype(np.int64),
        seen_loss=losses.astype(np.float64),
    )


def quantile(signal: StepSignal, share: float) -> float:
    """A quantile of the losses of a step's examples; the step's own where it does not tell them."""
    told = [sample.loss for sample in signal.samples] or [signal.loss]
    return float(np.quantile(told, share))


def smooth(values: Floats, width: int) -> Floats:
    """The running median over *width* values, fewer at the ends."""
    half = width // 2
    return np.array(
        [np.median(values[max(0, n - half) : n + half + 1]) for n in range(len(values))]
    )


def spread(values: Floats) -> float:
    """The scaled median absolute deviation; 0 for fewer than two values."""
    return float(NORMAL * np.median(np.abs(values - np.median(values)))) if len(values) else 0.0
