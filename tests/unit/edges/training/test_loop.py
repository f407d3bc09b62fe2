"""The loop: its plan, and what it refuses before harm is done."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")

from escalera.domain.levers import Levers  # noqa: E402
from escalera.edges.training import loop  # noqa: E402
from escalera.edges.training.lessons import Lesson  # noqa: E402
from escalera.errors import TrainingError  # noqa: E402

pytestmark = pytest.mark.local

LESSONS = [Lesson(tokens=(1, 2, 3), answer=1, place=place) for place in range(10)]
LEVERS = Levers(epochs=2, batch_tokens=9, learning_rate=0.1)


class Pull:
    """An objective that pulls one weight towards the places of the lessons."""

    def __init__(self, weight, *, spoil: int = -1) -> None:
        self.weight, self.spoil = weight, spoil

    def parts(self, batch, *, tokens):
        return [(lesson,) for lesson in batch]

    def loss(self, part, batch):
        (lesson,) = part
        each = (self.weight - lesson.place).square().sum()
        if lesson.place == self.spoil:
            each = each * float("nan")
        return SimpleNamespace(
            weighed=each / len(batch), samples=[(lesson.place, each.item())], tokens=3
        )


def made(spoil: int = -1, levers: Levers = LEVERS) -> loop.Loop:
    """A loop over one weight."""
    weight = torch.nn.Parameter(torch.zeros(1, 1))
    return loop.Loop(
        lessons=LESSONS,
        weights={"w": weight},
        objective=Pull(weight, spoil=spoil),
        levers=levers,
        pass_tokens=3,
    )


@pytest.mark.parametrize(("fewest", "steps"), [(0, 8), (8, 8), (9, 10), (13, 20), (500, 20)])
def test_batches_are_smaller_where_steps_would_be_few(fewest: int, steps: int) -> None:
    """Ten lessons of three tokens, nine a batch, twice: down to one lesson each, and no further."""
    plan = loop.plan(LESSONS, replace(LEVERS, fewest_steps=fewest))
    assert len(plan) == steps >= min(fewest, 20)
    assert sorted(les.place for batch in plan for les in batch) == sorted(list(range(10)) * 2)
    counted = replace(LEVERS, fewest_steps=fewest, batch_examples=10)
    assert len(loop.plan(LESSONS, counted)) == 2


def test_every_epoch_teaches_every_lesson_once_in_another_order() -> None:
    """The plan is a function of the seed."""
    plan = loop.plan(LESSONS, LEVERS)
    assert len(plan) == 8
    for epoch in (plan[:4], plan[4:]):
        assert sorted(les.place for batch in epoch for les in batch) == list(range(10))
    assert plan[:4] != plan[4:]
    assert loop.plan(LESSONS, LEVERS) == plan
    assert loop.plan(LESSONS, replace(LEVERS, seed=1)) != plan


def test_a_plan_leaves_lessons_out_behind_a_step() -> None:
    """Batches before are as they were, the others lose these lessons; an empty one is no step."""
    plan = loop.plan(LESSONS, LEVERS)
    (first, *_), last = plan[4], {one.place for one in plan[7]}
    found = loop.skipping(plan, {first.place, *last}, after=4)
    assert found[:4] == plan[:4]
    assert len(found) == 7
    taught = [one.place for batch in found[4:] for one in batch]
    assert sorted(taught) == sorted(set(range(10)) - {first.place, *last})


def test_a_step_adds_its_parts_and_tells_what_it_was_made_of() -> None:
    """Loss and gradient are those of the whole step; the norm is the one before clipping."""
    found = made()
    signal = found.step()
    places = [lesson.place for lesson in found.plan[0]]
    assert signal.loss == pytest.approx(sum(place**2 for place in places) / len(places))
    assert [sample.place for sample in signal.samples] == sorted(places)
    assert signal.norm == pytest.approx(2 * sum(places) / len(places), rel=1e-5)
    assert (signal.step, signal.tokens, signal.rate) == (1, 3 * len(places), pytest.approx(0.01))
    while not found.finished:
        found.step()
    assert len(found.signals) == 8


def test_a_loss_that_is_no_number_is_stopped_before_the_weights_move() -> None:
    """The message names step, example, rate and remedy; the weight is still a number."""
    found = made(spoil=4)
    until = next(n for n, batch in enumerate(found.plan) if 4 in [les.place for les in batch])
    for _ in range(until):
        found.step()
    with pytest.raises(TrainingError, match=r"examples 5 became nan.* at step \d of 8. Lower"):
        found.step()
    assert torch.isfinite(found.weights["w"]).all()


def test_a_rate_that_is_still_to_be_found_is_a_mistake() -> None:
    """It is found before a training."""
    with pytest.raises(AssertionError, match="found before"):
        made(levers=replace(LEVERS, learning_rate=None))
