"""Trials: the same beginning every time, tested on what they were not taught, and thrown away."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from escalera.domain.levers import Levers, Trainable  # noqa: E402
from escalera.domain.message import Message  # noqa: E402
from escalera.domain.recipe import TrainingPair, TrainingRecipe  # noqa: E402
from escalera.edges.clock import SystemClock  # noqa: E402
from escalera.edges.training import optimizers  # noqa: E402
from escalera.edges.training.local import LocalTrainer  # noqa: E402
from escalera.edges.training.trials import shortened  # noqa: E402
from escalera.testing.tiny import tiny_model  # noqa: E402

pytestmark = pytest.mark.local

RECIPE = TrainingRecipe(
    model="tiny",
    revision="r1",
    ingredients=(),
    trainable=Trainable(rank=4, alpha=8),
    levers=Levers(epochs=4, batch_tokens=128),
)
PAIRS = [
    TrainingPair(
        messages=(Message(role="user", content=word),),
        target=word.upper(),
        rejected="no",
    )
    for word in ("cat", "dog", "cow", "hen", "ant", "bee") * 4
]


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> LocalTrainer:
    """A trainer of a tiny model."""
    root = tmp_path_factory.mktemp("tiny")
    folder = tiny_model(root / "model")
    return LocalTrainer(folders={"tiny": folder}, checkpoints=root, clock=SystemClock())


def tried(trainer: LocalTrainer, rate: float, share: float = 1.0, **changed: object) -> float:
    """The held-out loss of a trial."""
    levers = replace(RECIPE.levers, learning_rate=rate)
    recipe = replace(RECIPE, levers=levers, **changed)
    return trainer.trial(recipe, PAIRS, share=share).loss


@pytest.mark.parametrize("objective", ["supervised", "preference"])
def test_trials_begin_alike_and_leave_no_trace(trainer: LocalTrainer, objective: str) -> None:
    """The same rate gives the same loss again after another, and a good one learns more."""
    first = tried(trainer, 1e-2, objective=objective)
    none = tried(trainer, 1e-9, objective=objective)
    assert tried(trainer, 1e-2, objective=objective) == first
    assert first < 0.9 * none


def test_what_shares_a_cluster_with_the_taught_is_not_tested(trainer: LocalTrainer) -> None:
    """Of two customers one is held out whole: nothing of it was taught, and little is learned."""
    levers = replace(RECIPE.levers, learning_rate=1e-2)
    words = sorted({pair.target for pair in PAIRS})

    def left(customers: int) -> float:
        recipe = replace(RECIPE, levers=levers, revision=f"{customers} customers")
        pairs = [replace(pair, cluster=str(words.index(pair.target) % customers)) for pair in PAIRS]
        return trainer.trial(recipe, pairs, share=1.0).loss

    alone = tried(trainer, 1e-2)
    assert left(2) > 1.1 * alone  # the words of the other customer were never taught


def test_a_rate_that_diverges_has_an_infinite_loss(trainer: LocalTrainer) -> None:
    """No error ends the search."""
    assert tried(trainer, 1e30) == math.inf
    assert math.isfinite(tried(trainer, 1e-2))


def test_a_share_is_at_least_some_steps(trainer: LocalTrainer) -> None:
    """However short the training is."""
    levers = replace(RECIPE.levers, learning_rate=1e-2)
    long = replace(RECIPE, levers=replace(levers, batch_tokens=16))
    short = trainer.trial(long, PAIRS, share=1e-3)
    assert 0 < 4 * short.tokens < trainer.trial(long, PAIRS, share=1).tokens


def test_a_trial_is_the_whole_schedule_made_shorter() -> None:
    """At the same share of its steps it has the same share of the rate, however short it is."""
    for levers in (Levers(), Levers(warm_up=0.2, schedule="cosine")):
        short = shortened(levers, planned=100, steps=20)
        for step in (5, 10, 50, 100):
            whole = optimizers.share_of_rate(step, 100, levers)
            assert optimizers.share_of_rate(step // 5, 20, short) == pytest.approx(whole, abs=0.07)
    assert optimizers.share_of_rate(1, 4, shortened(Levers(), planned=100, steps=4)) == 1.0


def test_a_short_trial_with_momentum_goes_as_far_with_each_step() -> None:
    """Along a gradient that stays as it is; without momentum the rate is what is asked."""
    asked = Levers(optimizer="sgd", learning_rate=0.1)
    far = {}
    for steps in (8, 20, 100):
        levers = shortened(asked, planned=100, steps=steps)
        weight = torch.nn.Parameter(torch.zeros(1))
        made = optimizers.build({"w": weight}, levers)
        for step in range(1, steps + 1):
            share = optimizers.share_of_rate(step, steps, levers)
            optimizers.set_rate(made, levers.learning_rate * share)
            weight.grad = torch.ones(1)
            made[0].step()
        far[steps] = -weight.item() / steps
    assert far[8] == pytest.approx(far[100], rel=1e-4)
    assert far[20] == pytest.approx(far[100], rel=1e-4)
    for name in ("adamw", "muon", "adafactor"):
        other = replace(asked, optimizer=name)
        assert shortened(other, planned=100, steps=8).learning_rate == pytest.approx(0.1)


def test_a_training_after_trials_is_untouched_by_them(
    trainer: LocalTrainer, tmp_path: Path
) -> None:
    """The same bytes as without."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    first = trainer.train(RECIPE, PAIRS, into=tmp_path / "first", progress=lambda *_: None)
    tried(trainer, 1e-2)
    second = trainer.train(RECIPE, PAIRS, into=tmp_path / "second", progress=lambda *_: None)
    assert first.signals == second.signals
