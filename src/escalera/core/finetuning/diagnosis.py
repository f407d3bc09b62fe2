"""What went wrong in a training, in words: each cause with its figures, remedy and command."""

from __future__ import annotations

from escalera.core.finetuning import contents, curves, learning, spikes, telling
from escalera.core.finetuning.finding import Cause, Finding, measured
from escalera.core.finetuning.learning import progress
from escalera.core.finetuning.record import RunRecord


def diagnose(record: RunRecord) -> tuple[Finding, ...]:
    """Everything that the figures show, the likeliest cause of the rest first; never empty.

    How examples were told comes before what they are, and that before how they were learned: a
    fault above explains figures below, and must be mended first. Raises ValueError for a training
    without a step.
    """
    if not record.signals:
        raise ValueError("a training without a step tells nothing: train on, and ask again")
    course = curves.course(record.signals)
    told = (telling.mask(record), telling.template(record))
    held = (contents.leakage(record), contents.duplicates(record), contents.imbalance(record))
    seen = progress(record, course)
    went = (
        learning.rate_high(seen) or learning.displaced(seen),
        learning.rate_low(seen),
        learning.few_steps(seen),
        learning.overfit(seen),
        learning.noise(seen),
        spikes.spikes(seen),
        learning.underfit(seen),
    )
    found = [
        (one.strength < _SURE, tier, -one.strength, one)
        for tier, group in enumerate((told, held, went))
        for one in group
        if one is not None and one.strength >= _WORTH
    ]
    ordered = [one for *_, one in sorted(found, key=lambda entry: entry[:3])]
    explained = {cause for one in ordered for cause in _EXPLAINS.get(one.cause, ())}
    return tuple(one for one in ordered if one.cause not in explained) or (_healthy(seen),)


# Below: private.

_WORTH, _SURE = 0.5, 0.6
"""Strengths from which a finding is told, and from which it goes before those below it."""

_WENT: tuple[Cause, ...] = (
    "rate too high",
    "rate too low",
    "too few steps",
    "overfit",
    "underfit",
    "label noise",
    "spikes",
)
_EXPLAINS: dict[Cause, tuple[Cause, ...]] = {
    "wrong mask": _WENT,
    "rate too high": ("rate too low", "underfit", "label noise", "spikes", "too few steps"),
    "rate too low": ("underfit", "too few steps"),
    "too few steps": ("underfit",),
    "label noise": ("underfit", "too few steps", "spikes"),
    "overfit": ("spikes",),
}
"""What is a consequence of a cause, and not told beside it."""


def _healthy(seen: learning.Progress) -> Finding:
    learned = "the loss fell and stayed down"
    if seen.known_before:
        learned = "typical answers were known before and stayed so"
    return Finding(
        cause="healthy",
        strength=1.0,
        words=f"{learned}, no example stands out, and how and what was taught shows no fault",
        figures=measured(
            loss_at_the_start=seen.start,
            loss_at_the_end=seen.end,
            **({"answers_learned": seen.right} if seen.tells else {}),
            **({} if seen.held is None else {"score_on_others": seen.held}),
        ),
        remedy="Nothing is to be done.",
    )
