"""Suggestions for numbers by CMA-ES, the covariance matrix adaptation evolution strategy.

Hansen 2016 ("The CMA Evolution Strategy: A Tutorial", arXiv 1604.00772), by the package `cmaes`
(Nomura and Shibata 2024, arXiv 2402.01373). Nothing is kept between suggestions: the generations
are told anew each time, so that the same history leads to the same values.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from cmaes import CMA
from numpy.typing import NDArray

from escalera.domain.sweep import LeverTrial, LeverValue, Sweep

SPREAD = 0.15
"""Of the first generation around the trial that it begins with, in parts of a range."""


class Evolution:
    """The port `Suggester`, for levers that are ranges of numbers; two at least."""

    def suggest(
        self, sweep: Sweep, tried: Sequence[LeverTrial], *, pauses: int
    ) -> tuple[LeverValue, ...]:
        """Values for the next trial, in the order of the levers; the first trial is the centre."""
        lowest = np.array([lever.lowest for lever in sweep.levers])
        span = np.array([lever.highest for lever in sweep.levers]) - lowest

        def place(one: LeverTrial) -> NDArray[np.float64]:
            numbers = np.array([float(value) for value in one.values])
            placed: NDArray[np.float64] = np.clip((numbers - lowest) / span, 0.0, 1.0)
            return placed

        strategy = CMA(
            mean=place(tried[0]),
            sigma=SPREAD,
            bounds=np.array([[0.0, 1.0]] * len(sweep.levers)),
            seed=sweep.seed,
        )
        size, told = strategy.population_size, tried[1:]
        for begin in range(0, len(told) - len(told) % size, size):
            for _ in range(size):
                strategy.ask()  # the generator goes on as it did then
            strategy.tell([(place(one), _loss(one, pauses)) for one in told[begin : begin + size]])
        for _ in range(len(told) % size):
            strategy.ask()
        asked = lowest + span * strategy.ask()
        return tuple(float(value) for value in asked)


# Below: private.


def _loss(one: LeverTrial, pauses: int) -> float:
    """What is minimised; a trial that was not measured is the worst."""
    return -one.scores[-1] if len(one.scores) == pauses else np.inf
