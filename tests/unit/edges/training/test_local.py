"""The training loop: its loss, its refusals and its bytes."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from escalera.domain.message import Message  # noqa: E402
from escalera.domain.recipe import LoraLevers, LossPoint, TrainingPair, TrainingRecipe  # noqa: E402
from escalera.edges.clock import SystemClock  # noqa: E402
from escalera.edges.training import checkpoints, local  # noqa: E402
from escalera.edges.training.data import Lesson  # noqa: E402
from escalera.errors import TrainingError  # noqa: E402
from escalera.testing.tiny import tiny_model  # noqa: E402

pytestmark = pytest.mark.local

LEVERS = LoraLevers(rank=4, alpha=8, epochs=2, batch_tokens=256, targets=("q_proj", "down_proj"))
RECIPE = TrainingRecipe(model="tiny", revision="r1", ingredients=(), levers=LEVERS)
PAIRS = [
    TrainingPair(
        messages=(
            Message(role="system", content="You count."),
            Message(role="user", content="x" * number),
        ),
        target=str(number),
    )
    for number in range(1, 21)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model."""
    return tiny_model(tmp_path_factory.mktemp("tiny"))


def trained(folder: Path, into: Path, recipe: TrainingRecipe = RECIPE, seen=None):
    """Train into a new folder."""
    into.mkdir()
    trainer = local.LocalTrainer(
        folders={"tiny": folder}, checkpoints=into.parent / "checkpoints", clock=SystemClock()
    )
    progress = (lambda *_: None) if seen is None else (lambda *what: seen.append(what))
    return trainer.train(recipe, PAIRS, into=into, progress=progress)


def test_the_same_recipe_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    """Every file is equal byte by byte, whatever random numbers were drawn before."""
    first = trained(folder, tmp_path / "first")
    torch.rand(5)
    second = trained(folder, tmp_path / "second")
    assert replace(first, seconds=0.0) == replace(second, seconds=0.0)
    names = {"adapter_config.json", "adapter_model.safetensors"}
    assert {file.name for file in (tmp_path / "first").iterdir()} == names
    for name in names:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_another_seed_gives_another_adapter(folder: Path, tmp_path: Path) -> None:
    """The seed of the levers decides initial weights and order."""
    trained(folder, tmp_path / "first")
    trained(folder, tmp_path / "second", replace(RECIPE, levers=replace(LEVERS, seed=1)))
    one, other = (
        load_file(tmp_path / name / "adapter_model.safetensors") for name in ("first", "second")
    )
    assert not all(torch.equal(one[key], other[key]) for key in one)


def test_the_callers_random_numbers_are_left_alone(folder: Path, tmp_path: Path) -> None:
    """Training seeds torch for itself only."""
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    trained(folder, tmp_path / "first")
    assert torch.equal(torch.rand(3), expected)


def test_the_adapter_names_the_model_and_no_path(folder: Path, tmp_path: Path) -> None:
    """The configuration can be stored and shared: nothing of this machine is in it."""
    trained(folder, tmp_path / "made")
    text = (tmp_path / "made" / "adapter_config.json").read_text()
    config = json.loads(text)
    assert config["base_model_name_or_path"] == "tiny"
    assert config["target_modules"] == ["down_proj", "q_proj"]
    assert str(folder) not in text
    assert str(tmp_path) not in text


def test_progress_and_figures_are_told(folder: Path, tmp_path: Path) -> None:
    """Every step is announced; tokens, examples and parameters are counted."""
    seen: list[tuple[str, int, int]] = []
    run = trained(folder, tmp_path / "made", seen=seen)
    steps = len(seen)
    assert seen == [("training", step, steps) for step in range(1, steps + 1)]
    assert [point.step for point in run.curve] == list(range(1, steps + 1))
    assert run.examples == 20
    marks, chars = 6, len("You count.")
    once = sum(marks + chars + number + len(str(number)) for number in range(1, 21))
    assert run.tokens == 2 * once
    assert run.parameters == 2 * (4 * (32 + 32) + 4 * (64 + 32))
    assert run.seconds > 0


def test_a_loss_that_is_not_finite_ends_the_training(folder: Path, tmp_path: Path) -> None:
    """The error names the step, the learning rate and the remedy, and nothing is saved."""
    wild = replace(RECIPE, levers=replace(LEVERS, learning_rate=1e30, epochs=8))
    with pytest.raises(TrainingError, match=r"at step \d+ of \d+\. Lower the learning rate"):
        trained(folder, tmp_path / "made", wild)
    assert not list((tmp_path / "made").iterdir())


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (replace(RECIPE, model="other"), "'other' has no folder here; known are"),
        (replace(RECIPE, levers=replace(LEVERS, targets=("q_proj", "w_pack"))), "'w_pack'"),
        (replace(RECIPE, levers=replace(LEVERS, rank=0)), "rank above 0"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    folder: Path, tmp_path: Path, recipe: TrainingRecipe, words: str
) -> None:
    """Unknown models, targets that match nothing, and ranks that are none."""
    with pytest.raises(TrainingError, match=words):
        trained(folder, tmp_path / "made", recipe)


def test_the_shared_beginning_changes_neither_loss_nor_gradient(folder: Path) -> None:
    """Against the plain way (each lesson alone, no cache, all positions) in double precision."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)
    start = tuple(range(20, 40))
    batch = [
        Lesson(tokens=(*start, *range(50, 50 + extra), 9, 8, 1), answer=len(start) + extra)
        for extra in (1, 4, 9)
    ]
    wanted = torch.zeros(())
    for lesson in batch:
        logits = model(input_ids=torch.tensor([lesson.tokens])).logits[0, lesson.answer - 1 : -1]
        answer = torch.tensor(lesson.tokens[lesson.answer :])
        wanted = wanted + torch.nn.functional.cross_entropy(logits, answer, reduction="sum") / 9
    expected = torch.autograd.grad(wanted, list(model.parameters()))
    loss = local._loss(model, batch)
    found = torch.autograd.grad(loss, list(model.parameters()))
    assert local._shared(batch) == 20
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-6)  # the loss is taken in float32
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_a_long_curve_is_thinned_evenly() -> None:
    """At most 200 points, with the first and the last."""
    curve = [LossPoint(step=step, loss=1.0) for step in range(1, 1001)]
    thin = local._thinned(curve)
    steps = [point.step for point in thin]
    assert len(thin) == 200
    assert (steps[0], steps[-1]) == (1, 1000)
    assert max(later - earlier for earlier, later in itertools.pairwise(steps)) <= 6
    assert local._thinned(curve[:200]) == tuple(curve[:200])


def test_the_rate_rises_over_ten_steps_and_falls_to_nothing() -> None:
    """Linear warm-up, linear decay, over the steps from 1 to 100."""
    assert local._share_of_rate(1, 100) == pytest.approx(0.1)
    assert local._share_of_rate(10, 100) == pytest.approx(0.91)
    assert local._share_of_rate(51, 100) == pytest.approx(0.5)
    assert local._share_of_rate(100, 100) == pytest.approx(0.01)


class Slow:
    """A clock that passes a checkpoint's time at every reading."""

    def __init__(self) -> None:
        self.now = 0.0

    def seconds(self) -> float:
        self.now += checkpoints.SECONDS
        return self.now

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


@pytest.mark.parametrize("kill_at", [1, 3, 6])
def test_a_killed_training_goes_on_and_gives_the_same_bytes(
    folder: Path, tmp_path: Path, kill_at: int
) -> None:
    """Killed after a step and started again: only later steps are run, and nothing differs."""
    whole = trained(folder, tmp_path / "whole")
    trainer = local.LocalTrainer(
        folders={"tiny": folder}, checkpoints=tmp_path / "kept", clock=Slow()
    )

    def dies(_: str, step: int, __: int) -> None:
        if step == kill_at:
            raise KeyboardInterrupt

    (tmp_path / "broken").mkdir()
    with pytest.raises(KeyboardInterrupt):
        trainer.train(RECIPE, PAIRS, into=tmp_path / "broken", progress=dies)
    seen: list[int] = []
    again = tmp_path / "again"
    again.mkdir()
    run = trainer.train(RECIPE, PAIRS, into=again, progress=lambda _, step, __: seen.append(step))
    assert seen[0] == kill_at  # the step that was killed before its checkpoint
    assert run.curve == whole.curve
    name = "adapter_model.safetensors"
    assert (again / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not list((tmp_path / "kept").iterdir())


def test_a_broken_checkpoint_is_as_good_as_none(folder: Path, tmp_path: Path) -> None:
    """A file that was cut off costs time, not the training."""
    whole = trained(folder, tmp_path / "whole")
    kept = tmp_path / "kept" / RECIPE.digest
    kept.mkdir(parents=True)
    (kept / "state.safetensors").write_bytes(b"cut off")
    trainer = local.LocalTrainer(
        folders={"tiny": folder}, checkpoints=tmp_path / "kept", clock=SystemClock()
    )
    (tmp_path / "again").mkdir()
    run = trainer.train(RECIPE, PAIRS, into=tmp_path / "again", progress=lambda *_: None)
    assert run.curve == whole.curve
