"""What trainers tell, written down: for trainers that train nothing."""

from __future__ import annotations

from collections.abc import Sequence

from escalera.domain.training import SampleLoss, StepSignal, TrainingRun


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
