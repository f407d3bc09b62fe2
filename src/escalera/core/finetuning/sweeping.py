"""A sweep over levers: where its trials pause, what it costs, and how sweeps once stopped trials.

Sweeps go in `rounds` today. Those that were begun before go on by the rule here: trials come one
after the other, and at every pause one goes on only among the best third of those that came as far
before it (asynchronous successive halving in its stopping form: Li et al. 2020, arXiv 1810.05934,
section 3). The first trial has the project's own levers; nothing came before it, so that it is
never stopped, and the winner has to beat it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from escalera.domain.sweep import LeverTrial

PAUSES = (0.125, 0.25, 0.5, 1.0)
"""Shares of the steps after which a trial is measured."""

KEPT = 3
"""At a pause one in so many goes on."""

OWN = 0
"""The number of the trial with the project's own levers."""

Verdict = Literal["goes on", "stopped", "ended"]


def verdict(trial: LeverTrial, before: Sequence[LeverTrial], *, kept: int = KEPT) -> Verdict:
    """Whether the trial at hand goes on from its last pause.

    Of n trials that were measured there, itself included, the best n / kept, rounded up, go on; of
    equal ones those that came before. One that diverged is stopped.
    """
    if trial.diverged:
        return "stopped"
    if ended(trial):
        return "ended"
    if not trial.scores:
        return "goes on"
    place = len(trial.scores) - 1
    others = [one.scores[place] for one in before if len(one.scores) > place]
    better = sum(other >= trial.scores[place] for other in others)
    return "goes on" if better < -(-(len(others) + 1) // kept) else "stopped"


def ended(trial: LeverTrial) -> bool:
    """Whether it was trained to its end."""
    return len(trial.scores) == len(PAUSES)


def winner(tried: Sequence[LeverTrial]) -> int | None:
    """The number of the trial with the highest score at its end; of equal ones the first."""
    done = [number for number, one in enumerate(tried) if ended(one)]
    return max(done, key=lambda number: (tried[number].scores[-1], -number), default=None)


def cost(tried: Sequence[LeverTrial]) -> float:
    """What was trained, in full trainings."""
    return sum(PAUSES[len(one.scores) - 1] for one in tried if one.scores)
