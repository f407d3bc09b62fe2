"""Trainings on a device whose memory is apart from the processor's, as a GPU's is.

No operation mixes the two, and what is learned is what the processor learns, but for rounding. What
a GPU's arithmetic does differently is not shown here; the rest of a session is in `test_local`.
"""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import pytest

torch = pytest.importorskip("torch")

from tests.unit.edges import apart  # noqa: E402

from escalera.domain.levers import Levers, Softened, Trainable  # noqa: E402
from escalera.domain.message import Message  # noqa: E402
from escalera.domain.recipe import TrainingPair, TrainingRecipe  # noqa: E402
from escalera.edges.training.session import Memory, Session  # noqa: E402
from escalera.testing.tiny import tiny_model  # noqa: E402

pytestmark = pytest.mark.local

PAIRS = [
    TrainingPair(
        messages=(Message(role="user", content=f"say {number}"),),
        target=str(7 * number),
        rejected=str(3 * number + 1),
    )
    for number in range(12)
]
LEVERS = Levers(seed=0, epochs=1, batch_tokens=128, learning_rate=1e-3)
PLAIN = TrainingRecipe(
    model="m", revision="", ingredients=(), trainable=Trainable(method="full"), levers=LEVERS
)
RECIPES = {
    "full": PLAIN,
    "partial, chosen": replace(PLAIN, trainable=Trainable(method="partial", share=0.3)),
    "preference": replace(PLAIN, objective="preference"),
    "distillation": replace(
        PLAIN, objective="distillation", softened=Softened(model="m", revision="")
    ),
    **{
        name: replace(PLAIN, trainable=Trainable(method=name, targets=("q_proj", "up_proj")))
        for name in ("lora", "rslora", "dora")
    },
    **{
        name: replace(PLAIN, levers=replace(LEVERS, optimizer=name))
        for name in ("sgd", "adafactor", "muon")
    },
}


def losses(recipe, base, teacher, memory):
    """Of every step, and of what is held out in the end."""
    softened = {"teacher": teacher} if recipe.softened is not None else {}
    made = Session(recipe, PAIRS, folder=base, memory=memory, held=PAIRS[:3], **softened)
    told = []
    with made.running() as loop:
        while not loop.finished:
            told.append(loop.step().loss)
        told.append(made.validation().loss)
    return told


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A base and a teacher."""
    folder = tmp_path_factory.mktemp("models")
    return tiny_model(folder / "base"), tiny_model(folder / "teacher", seed=1)


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("name", list(RECIPES))
def test_a_training_keeps_to_the_memory_of_a_device(name, recompute, models):
    """The batches, what is learned from, the steps of every optimizer, and what is held out."""
    memory = Memory(pass_tokens=96, recompute=recompute)
    expected = losses(RECIPES[name], *models, memory)
    fused = "torch.optim.optimizer._get_fused_kernels_supported_devices"
    with apart.device() as ran, patch(fused, lambda: ["cpu", apart.NAME]):
        found = losses(RECIPES[name], *models, replace(memory, device=apart.NAME))
    assert len(ran) > 1000
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    assert found == pytest.approx(expected, rel=1e-2)
