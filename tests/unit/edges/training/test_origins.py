"""Trainings that go on from what another one left: they begin with exactly that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402

from escalera.domain.levers import Levers, Trainable  # noqa: E402
from escalera.domain.message import Message  # noqa: E402
from escalera.domain.recipe import TrainingPair, TrainingRecipe  # noqa: E402
from escalera.domain.training import TrainingRun  # noqa: E402
from escalera.edges.artifacts import FolderArtifacts  # noqa: E402
from escalera.edges.clock import SystemClock  # noqa: E402
from escalera.edges.training.local import LocalTrainer  # noqa: E402
from escalera.errors import TrainingError  # noqa: E402
from escalera.testing.tiny import tiny_model  # noqa: E402

pytestmark = pytest.mark.local

LORA = Trainable(rank=4, alpha=8, targets=("q_proj", "down_proj"))
FULL = Trainable(method="full")
UPPER, LOWER = (Trainable(method="partial", layers=(f"layers.{n}.mlp",)) for n in (0, 1))
KINDS = {
    "lora": (LORA, LORA),
    "dora with tokens": (replace(LORA, method="dora", tokens=("<|assistant|>",)),) * 2,
    "full": (FULL, FULL),
    "partial": (UPPER, UPPER),
    "other weights": (UPPER, LOWER),
    "all after some": (UPPER, FULL),
    "folded": (replace(LORA, merged=True), LOWER),
}
STILL = Levers(epochs=1, batch_tokens=256, learning_rate=0.0)
MOVING = replace(STILL, learning_rate=1e-2)
PAIRS = [
    TrainingPair(
        messages=(Message(role="user", content="x" * number),),
        target=str(number),
        rejected="none",
    )
    for number in range(1, 13)
]


class Bench:
    """A trainer over a tiny model, and the artifacts that it makes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.artifacts = FolderArtifacts(folder / "artifacts")
        self._model = tiny_model(folder / "model")

    def train(
        self, trainable: Trainable, levers: Levers, **more: object
    ) -> tuple[str, TrainingRun]:
        """The artifact of a training, and what it told."""
        recipe = TrainingRecipe(
            model="tiny",
            revision="r1",
            ingredients=(),
            trainable=trainable,
            levers=levers,
            **more,  # type: ignore[arg-type]
        )
        trainer = LocalTrainer(
            folders={"tiny": self._model},
            checkpoints=self._folder / "checkpoints",
            clock=SystemClock(),
            origins=self.artifacts.path,
        )
        into = self.artifacts.scratch()
        run = trainer.train(recipe, PAIRS, into=into, progress=lambda *_: None)
        return self.artifacts.put(into), run

    def weights(self, artifact: str) -> dict[str, torch.Tensor]:
        """What is in it."""
        (file,) = self.artifacts.path(artifact).glob("*.safetensors")
        return load_file(file)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("kind", list(KINDS))
def test_nothing_is_lost_of_what_is_gone_on_from(bench: Bench, kind: str) -> None:
    """A training at the rate 0 leaves exactly what it began with, and what may learn besides."""
    before, after = KINDS[kind]
    first, _ = bench.train(before, MOVING)
    second, _ = bench.train(after, STILL, origin=first)
    one, other = bench.weights(first), bench.weights(second)
    assert one.keys() <= other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert (one.keys() == other.keys()) == (before == after)


def test_losses_go_on_where_they_were(bench: Bench) -> None:
    """The first loss of the second training is that of a model that learned, not of the base; one
    that begins with the base does not know it."""
    first, run = bench.train(LORA, replace(MOVING, epochs=8))
    _, further = bench.train(LORA, STILL, origin=first)
    _, anew = bench.train(LORA, STILL)
    assert further.signals[0].loss < anew.signals[0].loss
    assert anew.signals[0].loss == pytest.approx(run.signals[0].loss, rel=0.2)


def test_preferences_hold_to_what_is_gone_on_from(bench: Bench) -> None:
    """The model before the training is the finetuned one: the first loss is that of no difference,
    the logarithm of 2 (Rafailov et al. 2023, equation 7)."""
    first, _ = bench.train(LORA, replace(MOVING, epochs=8))
    _, further = bench.train(LORA, MOVING, origin=first, objective="preference")
    assert further.signals[0].loss == pytest.approx(0.693147, abs=1e-5)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (FULL, LORA, "holds no adapter"),
        (LORA, FULL, "holds no weights of the model itself"),
        (LORA, replace(LORA, rank=2), "differ in name or shape"),
        (LORA, replace(LORA, targets=("q_proj",)), "differ in name or shape"),
        (LORA, replace(LORA, targets=("q_proj", "down_proj", "v_proj")), "differ in name or shape"),
    ],
)
def test_what_is_of_another_kind_is_refused(
    bench: Bench, before: Trainable, after: Trainable, said: str
) -> None:
    """Nothing of it would be gone on with, or not all."""
    first, _ = bench.train(before, STILL)
    with pytest.raises(TrainingError, match=said):
        bench.train(after, STILL, origin=first)


def test_another_origin_is_another_recipe() -> None:
    """So that a training is never taken for that from the base."""
    recipe = TrainingRecipe(
        model="tiny", revision="r1", ingredients=(), trainable=LORA, levers=STILL
    )
    assert replace(recipe, origin="a").digest != recipe.digest
