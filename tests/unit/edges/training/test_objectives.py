"""Objectives: parts add up to the step, and preference is the published loss."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from escalera.domain.levers import Levers, Softened, Trainable  # noqa: E402
from escalera.domain.message import Message  # noqa: E402
from escalera.domain.recipe import TrainingPair  # noqa: E402
from escalera.edges.training import loading  # noqa: E402
from escalera.edges.training.losses import AnswerLosses  # noqa: E402
from escalera.edges.training.objectives import (  # noqa: E402
    Distillation,
    Preference,
    Supervised,
    distilled,
)
from escalera.testing.tiny import tiny_model  # noqa: E402

pytestmark = pytest.mark.local

PAIRS = [
    TrainingPair(
        messages=(Message(role="user", content="count " + "x" * number),),
        target=str(number),
        rejected="many",
    )
    for number in range(1, 9)
]


class World:
    """A model, its losses, and lessons with both answers."""

    def __init__(self, folder: Path) -> None:
        full = Trainable(method="full")
        self.model, tokenizer = loading.load(folder, full, Levers(), device="cpu")
        told = loading.teaching(self.model, tokenizer)
        self.right, self.wrong = told.lessons(PAIRS), told.rejected(PAIRS)
        self.losses = AnswerLosses(self.model, precision="float32")

    def chance(self, lesson) -> float:
        """Log-probability of an answer, by the library itself."""
        with torch.no_grad():
            logits = self.model(input_ids=torch.tensor([lesson.tokens])).logits[0]
        wanted = torch.tensor(lesson.tokens[lesson.answer :])
        found = torch.log_softmax(logits[lesson.answer - 1 : -1], -1)
        return found.gather(1, wanted[:, None]).sum().item()


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A tiny model."""
    return World(tiny_model(tmp_path))


@pytest.mark.parametrize("tokens", [1, 40, 10_000])
def test_supervised_parts_add_up_to_the_mean_per_answer_token(world: World, tokens: int) -> None:
    """However small the passes are."""
    objective = Supervised(world.losses)
    parts = [
        objective.loss(part, world.right) for part in objective.parts(world.right, tokens=tokens)
    ]
    answers = sum(len(lesson.tokens) - lesson.answer for lesson in world.right)
    expected = -sum(world.chance(lesson) for lesson in world.right) / answers
    assert sum(part.weighed.item() for part in parts) == pytest.approx(expected, rel=1e-5)
    told = dict(sample for part in parts for sample in part.samples)
    for lesson in world.right:
        own = -world.chance(lesson) / (len(lesson.tokens) - lesson.answer)
        assert told[lesson.place] == pytest.approx(own, rel=1e-5)


@pytest.mark.parametrize("tokens", [1, 10_000])
def test_preference_is_the_published_loss(world: World, tokens: int) -> None:
    """log 2 before anything is learned; afterwards equation 7 from plain log-probabilities."""
    objective = Preference(world.losses, world.wrong, beta=0.5)
    objective.refer(world.right, tokens=tokens)

    def found() -> float:
        parts = objective.parts(world.right, tokens=tokens)
        return sum(objective.loss(part, world.right).weighed.item() for part in parts)

    def margins() -> list[float]:
        both = zip(world.right, world.wrong, strict=True)
        return [world.chance(right) - world.chance(wrong) for right, wrong in both]

    before = margins()
    assert found() == pytest.approx(math.log(2), rel=1e-4)
    with torch.no_grad():
        world.model.model.layers[1].mlp.down_proj.weight *= 1.3
    grown = [0.5 * (now - then) for now, then in zip(margins(), before, strict=True)]
    expected = sum(math.log1p(math.exp(-margin)) for margin in grown) / len(grown)
    assert found() == pytest.approx(expected, rel=1e-4)


def test_preferences_are_learned(world: World) -> None:
    """Steps on the loss make right answers likelier than rejected ones."""
    objective = Preference(world.losses, world.wrong, beta=0.5)
    objective.refer(world.right, tokens=10_000)
    optimizer = torch.optim.AdamW(world.model.parameters(), lr=1e-2)
    first = last = 0.0
    for step in range(12):
        loss = objective.loss(world.right, world.right).weighed
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        first, last = (loss.item() if step == 0 else first), loss.item()
    assert last < 0.2 * first


def test_distillation_is_the_published_loss_token_by_token():
    """Against sums over the vocabulary in plain Python (Hinton et al. 2015, section 2)."""
    generator = torch.Generator().manual_seed(3)
    student, teacher = (torch.randn(4, 7, generator=generator).double() for _ in range(2))
    wanted = torch.tensor([0, 6, 3, 3])

    def chances(logits, heat):
        powers = [math.exp(value / heat) for value in logits.tolist()]
        return [power / sum(powers) for power in powers]

    for heat, share in ((1.0, 1.0), (2.0, 0.5), (5.0, 0.2)):
        softened = Softened(model="t", revision="r", temperature=heat, share=share)
        found = distilled(student, teacher, wanted, softened)
        for row in range(4):
            soft, taught = chances(student[row], heat), chances(teacher[row], heat)
            apart = sum(p * math.log(p / q) for p, q in zip(taught, soft, strict=True))
            hard = -math.log(chances(student[row], 1.0)[wanted[row]])
            expected = share * heat**2 * apart + (1 - share) * hard
            assert found[row].item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("tokens", [1, 10_000])
def test_who_says_the_same_as_the_teacher_learns_nothing_from_it(world, tmp_path, tokens):
    """The divergence is 0 and its gradient, too; another teacher's is not."""
    softened = Softened(model="t", revision="r", share=1.0)
    same = World(tiny_model(tmp_path / "same"))
    other = World(tiny_model(tmp_path / "other", seed=1))

    def loss(teacher):
        objective = Distillation(world.losses, teacher.losses, softened)
        parts = objective.parts(world.right, tokens=tokens)
        return sum(objective.loss(part, world.right).weighed for part in parts)

    assert loss(same).item() == pytest.approx(0, abs=1e-5)
    assert loss(other).item() > 0.01


def test_both_read_in_the_layout_that_is_exact_for_both(world, tmp_path):
    """A teacher that cannot be packed is read padded, and so is who learns."""
    teacher = World(tiny_model(tmp_path / "teacher"))
    teacher.losses.layout = "padded"
    Distillation(world.losses, teacher.losses, Softened(model="t", revision="r"))
    assert world.losses.layout == "padded"
