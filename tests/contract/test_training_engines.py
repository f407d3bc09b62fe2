"""Both engines do the same with a recipe: tokens, labels, losses of twenty steps, and weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl", reason="the extra `trl` is not installed: the engines are NOT compared")

from safetensors.torch import load_file  # noqa: E402

from escalera.domain.levers import Levers, Trainable  # noqa: E402
from escalera.domain.message import Message  # noqa: E402
from escalera.domain.recipe import TrainingPair, TrainingRecipe  # noqa: E402
from escalera.edges.clock import SystemClock  # noqa: E402
from escalera.edges.training import loading, packing, trl_steps  # noqa: E402
from escalera.edges.training.local import LocalTrainer  # noqa: E402
from escalera.errors import TrainingError  # noqa: E402
from escalera.testing.tiny import tiny_model  # noqa: E402

pytestmark = pytest.mark.local

LEVERS = Levers(learning_rate=5e-3, epochs=8, batch_tokens=128, weight_decay=0.01)
RECIPE = TrainingRecipe(
    model="tiny",
    revision="r1",
    ingredients=(),
    trainable=Trainable(rank=4, alpha=8),
    levers=LEVERS,
)
PAIRS = [
    TrainingPair(
        messages=(
            Message(role="system", content="You count."),
            Message(role="user", content="x" * number),
        ),
        target=f"{number} ✓",
        rejected="no",
    )
    for number in range(1, 13)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model."""
    return tiny_model(tmp_path_factory.mktemp("tiny"))


def trained(folder: Path, root: Path, recipe: TrainingRecipe, *untils: float):
    """The last run of a training in parts, and its weights."""
    trainer = LocalTrainer(
        folders={"tiny": folder},
        checkpoints=root / "kept",
        clock=SystemClock(),
        engines={"trl": trl_steps.steps},
    )
    for until in untils or (1.0,):
        into = root / f"{recipe.engine}-{until}"
        into.mkdir(parents=True)
        run = trainer.train(recipe, PAIRS, into=into, progress=lambda *_: None, until=until)
    (file,) = [*into.glob("adapter_model.safetensors"), *into.glob("tuned_weights.safetensors")]
    return run, load_file(file)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_losses_of_twenty_steps_are_equal(folder: Path, tmp_path: Path, method: str) -> None:
    """To 1e-5 of a loss in float32, with the same rates and norms; what is learned is the same.

    Of the loss, not of 1: the two add up in other orders, and how far that goes is the processor's.
    """
    recipe = replace(RECIPE, trainable=replace(RECIPE.trainable, method=method))
    ours, weights = trained(folder, tmp_path, recipe)
    theirs, others = trained(folder, tmp_path, replace(recipe, engine="trl"))
    assert len(ours.signals) == len(theirs.signals) >= 20
    for one, other in zip(ours.signals[:20], theirs.signals[:20], strict=True):
        assert other.loss == pytest.approx(one.loss, rel=1e-5)
        assert other.rate == pytest.approx(one.rate, rel=1e-9)
        assert other.norm == pytest.approx(one.norm, rel=1e-3)
    assert set(weights) == set(others)
    for name, weight in weights.items():
        torch.testing.assert_close(weight, others[name], rtol=1e-2, atol=2e-4)


def test_tokens_and_labels_are_the_lessons(folder: Path) -> None:
    """What the second engine is given: the same ids, and labels where an answer is."""
    model, tokenizer = loading.load(folder, RECIPE.trainable, LEVERS, device="cpu")
    lessons = loading.teaching(model, tokenizer).lessons(PAIRS)
    for batch in packing.batches(lessons, batch_tokens=128, seed=0, epoch=0):
        found = trl_steps.collated(batch)
        for row, lesson in enumerate(batch):
            length = len(lesson.tokens)
            assert found["input_ids"][row, :length].tolist() == list(lesson.tokens)
            assert found["attention_mask"][row].sum() == length
            labels = found["labels"][row]
            assert (labels != trl_steps.IGNORED).sum() == length - lesson.answer
            assert labels[lesson.answer : length].tolist() == list(lesson.tokens[lesson.answer :])


def test_pauses_and_restarts_leave_no_trace(folder: Path, tmp_path: Path) -> None:
    """The second engine goes on from our checkpoint, with its place in schedule and data."""
    recipe = replace(RECIPE, engine="trl")
    whole, weights = trained(folder, tmp_path / "whole", recipe)
    parts, others = trained(folder, tmp_path / "parts", recipe, 0.4, 1.0)
    assert [s.loss for s in parts.signals] == [s.loss for s in whole.signals]
    for name, weight in weights.items():
        assert torch.equal(weight, others[name])


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (replace(RECIPE, engine="trl", objective="preference"), "no objective 'preference'"),
        (
            replace(
                RECIPE,
                engine="trl",
                trainable=Trainable(method="full"),
                levers=replace(LEVERS, optimizer="muon"),
            ),
            "needs two",
        ),
    ],
)
def test_what_the_second_engine_does_not_do_is_refused(
    folder: Path, tmp_path: Path, recipe: TrainingRecipe, words: str
) -> None:
    """In words, before a step."""
    with pytest.raises(TrainingError, match=words):
        trained(folder, tmp_path, recipe)


def test_an_engine_that_is_not_installed_is_named(folder: Path, tmp_path: Path) -> None:
    """With those that are."""
    trainer = LocalTrainer(folders={"tiny": folder}, checkpoints=tmp_path, clock=SystemClock())
    with pytest.raises(TrainingError, match=r"'trl' is not here; known are \['own'\]"):
        trainer.train(replace(RECIPE, engine="trl"), PAIRS, into=tmp_path, progress=lambda *_: None)
