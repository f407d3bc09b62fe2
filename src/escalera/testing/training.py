"""What trainers tell, written down: for trainers and climbs that train nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence

from escalera.core.ladder import rating
from escalera.core.ladder.steps import Suggest, TryRate
from escalera.domain.recipe import TrainingRecipe
from escalera.domain.sweep import Suggested
from escalera.domain.training import RateTried, SampleLoss, StepSignal, Trained, TrainingRun


def told(losses: Sequence[float], *, examples: int = 1, planned: int | None = None) -> TrainingRun:
    """A training with these losses, whose every step took one example in turn."""
    signals = tuple(
        StepSignal(
            step=step,
            loss=loss,
            norm=1.0,
            rate=1e-3,
            tokens=10,
            samples=(SampleLoss(place=(step - 1) % examples, loss=loss),),
        )
        for step, loss in enumerate(losses, start=1)
    )
    return TrainingRun(
        signals=signals,
        planned=len(signals) if planned is None else planned,
        examples=examples,
        parameters=1,
        layout="packed",
        seconds=0.1,
    )


def adapter_of(recipe: TrainingRecipe) -> str:
    """What a simulated training leaves: "adapter(a 12, b 3)", or "model(a 12)" of all weights."""
    kind = "model" if recipe.trainable.method == "full" else "adapter"
    return f"{kind}({', '.join(f'{part.task} {part.examples}' for part in recipe.ingredients)})"


def rate_tried(step: TryRate) -> RateTried:
    """A model that learns best at a rate of 0.001, and diverges above 0.02."""
    rate = step.trial.rate
    return RateTried(
        question=rating.question(step.recipe),
        rate=rate,
        share=step.trial.share,
        loss=None if rate > 0.02 else 1 + abs(math.log10(rate) + 3),
        tokens=10,
        seconds=0.5,
    )


def trained(recipe: TrainingRecipe, before: float, until: float) -> Trained:
    """The part of a simulated training between two shares of its sixty steps."""
    count = sum(part.examples for part in recipe.ingredients)
    paused = "" if until == 1 else f" {until:.0%}"
    return Trained(
        recipe=recipe,
        adapter=adapter_of(recipe) + paused,
        log="0" * 64,
        steps=round(60 * until),
        planned=60,
        curve=(),
        layout="packed",
        tokens=round(10 * count * (until - before)),
        examples=count,
        parameters=1,
        seconds=2.0,
    )


def suggested(step: Suggest) -> Suggested:
    """Levers that walk through their ranges, the same for the same number; none of a merge."""
    if step.sweep.way == "evolution":
        return Suggested(question=step.question, number=step.number, values=())
    share = (step.number * 0.6180339887498949) % 1
    values = step.sweep.distinct(
        [
            lever.choices[int(share * len(lever.choices))]
            if lever.choices
            else lever.lowest * (lever.highest / lever.lowest) ** share
            for lever in step.sweep.levers
        ]
    )
    return Suggested(question=step.question, number=step.number, values=values)
