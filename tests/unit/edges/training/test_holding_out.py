"""Measures of what is held out, against the same computed one by one."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from escalera.domain.levers import Levers, Trainable  # noqa: E402
from escalera.domain.message import Message  # noqa: E402
from escalera.domain.recipe import TrainingPair, TrainingRecipe  # noqa: E402
from escalera.edges.training.session import Memory, Session  # noqa: E402
from escalera.testing.tiny import tiny_model  # noqa: E402

pytestmark = pytest.mark.local

PAIRS = [
    TrainingPair(
        messages=(Message(role="user", content="x" * n),), target="a" * n, rejected="b" * (7 - n)
    )
    for n in range(1, 6)
]


def session(folder: Path, objective: str) -> Session:
    recipe = TrainingRecipe(
        model="tiny",
        revision="r",
        ingredients=(),
        trainable=Trainable(rank=4, targets=("q_proj",)),
        levers=Levers(batch_examples=1, learning_rate=0.05),
        objective=objective,  # type: ignore[arg-type]
        beta=0.4,
    )
    return Session(recipe, PAIRS, folder=folder, memory=Memory(pass_tokens=64), held=PAIRS)


def test_answers_are_measured_token_by_token(tmp_path: Path) -> None:
    """The mean over all answer tokens, and the share that is likeliest."""
    made = session(tiny_model(tmp_path), "supervised")
    losses, right = [], []
    made.model.eval()
    for lesson in made.lessons:
        tokens = torch.tensor([lesson.tokens])
        with torch.no_grad():
            logits = made.model(tokens).logits[0, lesson.answer - 1 : -1]
        wanted = tokens[0, lesson.answer :]
        losses.append(functional.cross_entropy(logits, wanted, reduction="none"))
        right.append(logits.argmax(-1) == wanted)
    found = made.validation()
    assert found is not None
    assert found.loss == pytest.approx(torch.cat(losses).mean().item(), rel=1e-5)
    assert found.accuracy == pytest.approx(torch.cat(right).double().mean().item())


def test_preferences_are_measured_against_the_model_before(tmp_path: Path) -> None:
    """Before the first step nothing is gained; then the loss falls below log 2."""
    made = session(tiny_model(tmp_path), "preference")
    first = made.validation()
    assert first is not None
    assert first.loss == pytest.approx(0.6931, abs=1e-3)
    with made.running() as loop:
        for _ in range(4):
            loop.step()
    later = made.validation()
    assert later is not None
    assert later.step == 4
    assert later.loss < first.loss
    assert later.accuracy > first.accuracy
