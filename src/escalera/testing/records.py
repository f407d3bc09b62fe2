"""Records of trainings that follow a curve: for what judges trainings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from escalera.core.finetuning.record import Held, RunRecord, Taught, Wanted
from escalera.domain.levers import Levers, Trainable
from escalera.domain.recipe import TrainingRecipe
from escalera.domain.training import Lesson, SampleLoss, StepSignal, Told


def record(  # noqa: PLR0913  one parameter per lever of what is simulated
    curve: Callable[[int, int], float],
    *,
    examples: int = 40,
    epochs: int = 4,
    batch: int = 5,
    rate: float = 5e-3,
    norm: Callable[[int], float] = lambda _: 1.0,
    held: Sequence[float] = (0.0, 1.0),
    trainable: Trainable | None = None,
) -> RunRecord:
    """What is known of a training in which `curve(step, place)` was the loss of an example.

    Examples are met in their order; every answer has one token and the one that ends it. `held` are
    scores on other items, the first before the training, the others evenly spread over it.
    """
    made = trainable or Trainable()
    order = [place for _ in range(epochs) for place in range(examples)]
    batches = [order[start : start + batch] for start in range(0, len(order), batch)]
    return RunRecord(
        recipe=TrainingRecipe(
            model="base",
            revision="r1",
            ingredients=(),
            trainable=made,
            levers=Levers(learning_rate=rate, epochs=epochs, schedule="constant"),
        ),
        signals=tuple(
            _signal(step, [(place, curve(step, place)) for place in places], rate, norm(step))
            for step, places in enumerate(batches, start=1)
        ),
        planned=len(batches),
        examples=tuple(
            Taught(item=f"i{n}", task="a", input=f"message {n}", target=f"answer {n % 3}")
            for n in range(examples)
        ),
        wanted=tuple(Wanted(task="a", target=f"answer {n % 3}") for n in range(30)),
        tested=60,
        held_out=tuple(
            Held(step=round(n * len(batches) / max(1, len(held) - 1)), score=score, items=32)
            for n, score in enumerate(held)
        ),
        told=Told(
            lessons=tuple(
                Lesson(place=n, prompt=9, learned=2, target=1, stops=True) for n in range(examples)
            ),
            known=("<|user|>",),
            used=("<|user|>",),
            broken=(),
        ),
    )


# Below: private.


def _signal(step: int, met: list[tuple[int, float]], rate: float, norm: float) -> StepSignal:
    return StepSignal(
        step=step,
        loss=sum(loss for _, loss in met) / len(met),
        norm=norm,
        rate=rate,
        tokens=11 * len(met),
        samples=tuple(SampleLoss(place=place, loss=loss) for place, loss in met),
    )
