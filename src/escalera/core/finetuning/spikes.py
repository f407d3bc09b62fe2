"""Steps at which the loss jumps, and the examples in them that made it jump.

An example is held against the others of its time: its loss above the running median, in robust
standard deviations. Ranked over the whole training, those come first that put the most into steps
beyond what was usual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from escalera.core.finetuning import contents, curves
from escalera.core.finetuning.curves import Floats
from escalera.core.finetuning.finding import Finding, beyond, measured
from escalera.core.finetuning.learning import Progress

SHOWN = 10
"""Examples in the list of suspects."""

_FAR = 6.0
"""Robust standard deviations from which a value is no accident."""

_JUMP = 0.25
"""Rise of a step's loss above the usual, in shares of the loss before the training."""

_FEW = 0.08
"""Share of the examples up to which bad ones are a few, and not a bad way of labelling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """A step whose loss is far above the usual: by how much, and the norm beside the usual."""

    step: int
    excess: float
    norm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """An example with what it put into the loss of its steps beyond the usual, in nats per token
    of the step and summed over its visits; `far` is its loss in robust standard deviations."""

    place: int
    item: str
    excess: float
    far: float


def jumps(seen: Progress) -> tuple[Jump, ...]:
    """Steps whose loss stands out, in order."""
    usual, scale = _usual(seen.course.loss, seen.start)
    norm = curves.smooth(seen.course.norm, _WIDTH)
    excess = seen.course.loss - usual
    return tuple(
        Jump(
            step=int(step) + 1,
            excess=float(excess[step]),
            norm=float(seen.course.norm[step] / max(norm[step], 1e-9)),
        )
        for step in np.flatnonzero((excess > _FAR * scale) & (excess > _JUMP * seen.start))
    )


def suspects(seen: Progress) -> tuple[Suspect, ...]:
    """Every example that put something into its steps beyond the usual, the most first."""
    course, examples = seen.course, seen.record.examples
    tokens = seen.learned.tokens
    whole = np.bincount(course.seen_step, weights=tokens[course.seen_place], minlength=course.steps)
    over = np.maximum(0.0, course.seen_loss - seen.level[course.seen_step])
    put = over * tokens[course.seen_place] / whole[course.seen_step]
    far = over / _scale(seen)
    total = np.bincount(course.seen_place, weights=put, minlength=len(examples))
    most = np.zeros(len(examples))
    np.maximum.at(most, course.seen_place, far)
    order = np.argsort(-total, kind="stable")
    return tuple(
        Suspect(
            place=int(place),
            item=examples[place].item,
            excess=float(total[place]),
            far=float(most[place]),
        )
        for place in order
        if total[place] > 0
    )


def spikes(seen: Progress) -> Finding | None:
    """A few examples that make the loss jump, while the others are learned."""
    found = jumps(seen)
    bad = _bad(seen)
    if not found or not 0 < len(bad) <= max(1, round(_FEW * len(seen.record.examples))):
        return None
    share = len(bad) / len(seen.record.examples)
    worst = max(found, key=lambda jump: jump.excess)
    items = tuple(one.item for one in suspects(seen)[:SHOWN])
    named = tuple(item for item in items if item in bad) or items[:1]
    return Finding(
        cause="spikes",
        strength=beyond(worst.excess / seen.start, _JUMP, 2 * _JUMP),
        words=f"the loss jumps at {len(found)} steps, most at step {worst.step}, by "
        f"{worst.excess:.2f}, and {len(bad)} of {len(seen.record.examples)} examples make it jump",
        figures=measured(
            steps=len(found),
            largest_jump=worst.excess,
            norm_there_to_the_usual=worst.norm,
            bad_examples=len(bad),
            share_of_examples=share,
        ),
        remedy=f"Go back and skip them: look through the examples, the worst first, and train "
        f"without those that are bad ({', '.join(named[:5])}).",
        items=items,
        setting=contents.without(named),
        command="escalera climb",
    )


# Below: private.

_WIDTH = 9


def _usual(losses: Floats, start: float) -> tuple[Floats, float]:
    """The running median, and how far values usually are from it."""
    usual = curves.smooth(losses, _WIDTH)
    return usual, max(curves.spread(losses - usual), 0.02 * start)


def _scale(seen: Progress) -> NDArray[np.float64]:
    """How far losses of examples usually are from the level of their step."""
    course = seen.course
    off = course.seen_loss - seen.level[course.seen_step]
    own = np.array(
        [curves.spread(off[np.abs(course.seen_step - s) <= _WIDTH]) for s in range(course.steps)]
    )
    return np.maximum(own, 0.05 * seen.start)[course.seen_step]


def _bad(seen: Progress) -> frozenset[str]:
    """Examples whose loss stands far out when they were met last, or for the only time."""
    course = seen.course
    limit = seen.level + _FAR * np.maximum(0.05 * seen.start, 0.0)
    scale = _scale(seen)
    worst: dict[int, bool] = {}
    for step, place, loss, one in zip(
        course.seen_step, course.seen_place, course.seen_loss, scale, strict=True
    ):
        worst[int(place)] = bool(
            loss > max(limit[step], seen.level[step] + _FAR * one) and loss > 0.5 * seen.start
        )
    return frozenset(seen.record.examples[place].item for place, far in worst.items() if far)
