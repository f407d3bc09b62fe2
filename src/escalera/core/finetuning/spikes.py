"""Steps at which the loss jumps, and the examples in them that made it jump.

An example is held against the others of its time: what it puts into the loss of its step above the
running median. Ranked over the whole training, those come first that put in the most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from escalera.core.finetuning import contents, curves
from escalera.core.finetuning.finding import Finding, beyond, measured
from escalera.core.finetuning.learning import Progress

SHOWN = 10
"""Examples in the list of suspects."""

_FAR = 6.0
"""Robust standard deviations from which a value is no accident."""

_JUMP = 0.25
"""Rise of a step's loss above the usual, in shares of `Progress.scale`."""

_FEW = (0.85, 0.95)
"""Shares of all excess that a few examples put in: from which it is they, and beyond doubt."""

_WIDTH = 9
"""Steps over which what is usual is taken."""

SEEN = _WIDTH + 1
"""Losses that tell, while a training runs, whether the last of them jumped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """A step whose loss is far above the usual: by how much, and its norm to the usual one."""

    step: int
    excess: float
    norm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """An example with what it put into the losses of its steps beyond the usual, in nats per
    answer token of the step, summed over the times that it was met."""

    item: str
    excess: float


def jumps(seen: Progress) -> tuple[Jump, ...]:
    """Steps whose loss stands out, in order."""
    usual = curves.smooth(seen.course.loss, _WIDTH)
    norm = curves.smooth(seen.course.norm, _WIDTH)
    excess = seen.course.loss - usual
    limit = max(_FAR * curves.spread(excess), _JUMP * seen.scale)
    return tuple(
        Jump(
            step=int(step) + 1,
            excess=float(excess[step]),
            norm=float(seen.course.norm[step] / max(norm[step], 1e-9)),
        )
        for step in np.flatnonzero(excess > limit)
    )


def jumped(losses: Sequence[float], *, start: float) -> bool:
    """Whether the last of `SEEN` losses stands out from the others, in a training that began at
    *start* and goes on; never of fewer."""
    if len(losses) < SEEN:
        return False
    before = np.asarray(losses[:-1])
    usual = float(np.median(before))
    return losses[-1] - usual > max(_FAR * curves.spread(before), _JUMP * start)


def suspects(seen: Progress) -> tuple[Suspect, ...]:
    """Every example that put something into its steps beyond the usual, the most first."""
    order = np.argsort(-seen.excess, kind="stable")
    return tuple(
        Suspect(item=seen.record.examples[place].item, excess=float(seen.excess[place]))
        for place in order
        if seen.excess[place] > 0
    )


def spikes(seen: Progress) -> Finding | None:
    """A few examples that make the loss jump, while the others are learned."""
    found, ranked = jumps(seen), suspects(seen)
    strength = beyond(seen.few, *_FEW)
    if not found or not ranked or strength < 0.5:
        return None
    worst = max(found, key=lambda jump: jump.excess)
    bad = tuple(one.item for one in ranked if one.excess >= 0.05 * ranked[0].excess)[:SHOWN]
    last = min(jump.step for jump in found) - 1
    return Finding(
        cause="spikes",
        strength=min(strength, beyond(worst.excess / seen.scale, _JUMP, 2 * _JUMP)),
        words=f"the loss jumps at {len(found)} of {seen.course.steps} steps, most at step "
        f"{worst.step}, by {worst.excess:.2f}, and a few examples make it jump",
        figures=measured(
            steps_with_a_jump=len(found),
            largest_jump=worst.excess,
            norm_there_to_the_usual=worst.norm,
            share_of_the_excess_that_few_put_in=seen.few,
        ),
        remedy="Go back and skip them: look through the examples, the worst first, and go on from "
        f"step {last} without those that are bad.",
        items=tuple(one.item for one in ranked[:SHOWN]),
        setting=contents.rewind(seen.record.recipe, last, bad),
        command="escalera climb",
    )
