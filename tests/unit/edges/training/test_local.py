"""The training loop: its loss, its refusals and its bytes."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from escalera.domain.levers import Levers, Softened, Trainable  # noqa: E402
from escalera.domain.message import Message  # noqa: E402
from escalera.domain.recipe import Rewind, TrainingPair, TrainingRecipe  # noqa: E402
from escalera.edges.clock import SystemClock  # noqa: E402
from escalera.edges.training import checkpoints, local  # noqa: E402
from escalera.edges.training.loop import Loop  # noqa: E402
from escalera.edges.training.session import Memory  # noqa: E402
from escalera.errors import TrainingError  # noqa: E402
from escalera.testing.tiny import tiny_model  # noqa: E402

pytestmark = pytest.mark.local

LORA = Trainable(rank=4, alpha=8, dropout=0.1, targets=("q_proj", "down_proj"))
LEVERS = Levers(epochs=2, batch_tokens=256)
RECIPE = TrainingRecipe(model="tiny", revision="r1", ingredients=(), trainable=LORA, levers=LEVERS)
METHODS = {
    "lora": RECIPE,
    "tokens and dora": replace(
        RECIPE, trainable=replace(LORA, method="dora", tokens=("<|assistant|>",))
    ),
    "muon": replace(RECIPE, levers=replace(LEVERS, optimizer="muon")),
    "full": replace(RECIPE, trainable=Trainable(method="full")),
    "partial": replace(RECIPE, trainable=Trainable(method="partial")),
    "preference": replace(RECIPE, objective="preference"),
    "distillation": replace(
        RECIPE, objective="distillation", softened=Softened(model="tiny", revision="r1")
    ),
}
FILES = {"prompt_tokens.json", "adapter_config.json", "adapter_model.safetensors"}
TUNED = {"prompt_tokens.json", "tuned_config.json", "tuned_weights.safetensors"}
PAIRS = [
    TrainingPair(
        messages=(
            Message(role="system", content="You count."),
            Message(role="user", content="x" * number),
        ),
        target=str(number),
        rejected="none",
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
    assert {file.name for file in (tmp_path / "first").iterdir()} == FILES
    for name in FILES:
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
    assert [found[1:] for found in seen] == [(step, steps) for step in range(1, steps + 1)]
    assert all(re.match(r"training, loss \d+\.\d{3}(, [\d,]+ tokens/s)?$", s[0]) for s in seen)
    assert [signal.step for signal in run.signals] == list(range(1, steps + 1))
    assert (run.steps, run.planned, run.layout) == (steps, steps, "packed")
    assert run.examples == 20
    taught = sorted(sample.place for signal in run.signals for sample in signal.samples)
    assert taught == sorted([*range(20), *range(20)])
    marks, chars = 6, len("You count.")
    once = sum(marks + chars + number + len(str(number)) for number in range(1, 21))
    read = sum(signal.tokens for signal in run.signals)
    assert once < read < 2 * once  # beginnings are read once per row
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
        (replace(RECIPE, trainable=replace(LORA, targets=("w_pack",))), "'w_pack'"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    folder: Path, tmp_path: Path, recipe: TrainingRecipe, words: str
) -> None:
    """Unknown models and targets that match nothing."""
    with pytest.raises(TrainingError, match=words):
        trained(folder, tmp_path / "made", recipe)


class Slow:
    """A clock on which every step takes as long as two checkpoints are apart."""

    def __init__(self) -> None:
        self.now = 0.0

    def seconds(self) -> float:
        return self.now

    def tick(self, _what: str, _step: int, _steps: int) -> None:
        self.now += checkpoints.SECONDS

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


@pytest.mark.parametrize("method", list(METHODS))
def test_a_killed_training_goes_on_and_gives_the_same_bytes(
    folder: Path, tmp_path: Path, method: str
) -> None:
    """Killed after a step and started again: only later steps are run, and nothing differs,
    dropout included."""
    recipe, kill_at = METHODS[method], 3
    whole = trained(folder, tmp_path / "whole", recipe)

    clock = Slow()

    def trainer() -> local.LocalTrainer:
        return local.LocalTrainer(
            folders={"tiny": folder}, checkpoints=tmp_path / "kept", clock=clock
        )

    def dies(what: str, step: int, steps: int) -> None:
        clock.tick(what, step, steps)
        if step == kill_at:
            raise KeyboardInterrupt

    (tmp_path / "broken").mkdir()
    with pytest.raises(KeyboardInterrupt):
        trainer().train(recipe, PAIRS, into=tmp_path / "broken", progress=dies)
    seen: list[int] = []
    again = tmp_path / "again"
    again.mkdir()
    run = trainer().train(recipe, PAIRS, into=again, progress=lambda _, step, __: seen.append(step))
    assert seen[0] == kill_at  # the step that was killed before its checkpoint
    assert run.signals == whole.signals
    assert {file.name for file in again.iterdir()} in (FILES, TUNED)
    for file in again.iterdir():
        assert file.read_bytes() == (tmp_path / "whole" / file.name).read_bytes()
    assert list((tmp_path / "kept").iterdir())  # nobody has stored it yet
    trainer().forget(recipe)
    assert not list((tmp_path / "kept").iterdir())


@pytest.mark.parametrize("method", list(METHODS))
def test_going_back_and_on_without_examples_is_a_training_that_left_them_out_there(
    folder: Path, tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss jumps at step 6: what the checkpoint before holds goes on without the bad examples,
    and gives what a training gives that comes there from its first step, bit for bit."""
    pairs = [replace(pair, item=f"i{place}") for place, pair in enumerate(PAIRS)]
    base = replace(METHODS[method], levers=replace(METHODS[method].levers, batch_tokens=128))
    back = replace(base, rewound=Rewind(recipe=base.digest, after=5, items=("i3", "i8")))

    def train(into: str, kept: str, recipe: TrainingRecipe, last: int = 0):
        """Train; with *last*, die there. Also the numbers of the steps that were done."""
        seen: list[int] = []

        def progress(_: str, number: int, __: int) -> None:
            seen.append(number)
            if number == last:
                raise KeyboardInterrupt

        (tmp_path / into).mkdir()
        trainer = local.LocalTrainer(
            folders={"tiny": folder}, checkpoints=tmp_path / kept, clock=Slow(), every=0.0
        )  # a clock that stands: all is kept behind every step
        if last:
            with pytest.raises(KeyboardInterrupt):
                trainer.train(recipe, pairs, into=tmp_path / into, progress=progress)
            return None, seen
        return trainer.train(recipe, pairs, into=tmp_path / into, progress=progress), seen

    monkeypatch.setattr(local.spikes, "SEEN", 6)
    monkeypatch.setattr(local.spikes, "jumped", lambda losses, start: len(losses) == 6 and start)
    jumped, _ = train("base", "kept", base)
    monkeypatch.undo()
    whole, every = train("whole", "none", back)
    _, seen = train("killed", "kept", back, last=8)
    again, rest = train("again", "kept", back)
    assert (every[0], seen, rest[0]) == (1, [6, 7, 8], 8)
    assert again.signals == whole.signals
    for file in (tmp_path / "whole").iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()
    before, after = whole.signals[:5], whole.signals[5:]
    assert before == jumped.signals[:5]
    taught = [{sample.place for sample in signal.samples} for signal in after]
    assert [signal.rate for signal in after] == [s.rate for s in jumped.signals[5 : 5 + len(after)]]
    assert not any(places & {3, 8} for places in taught)
    assert set().union(*taught) == set(range(20)) - {3, 8}


def test_a_training_that_never_was_so_is_no_place_to_go_back_to(
    folder: Path, tmp_path: Path
) -> None:
    """Fewer steps than that, or without the example."""
    pairs = [replace(pair, item=f"i{place}") for place, pair in enumerate(PAIRS)]
    for after, item in ((10**6, "i1"), (0, "absent")):
        recipe = replace(RECIPE, rewound=Rewind(recipe="r" * 64, after=after, items=(item,)))
        trainer = local.LocalTrainer(
            folders={"tiny": folder}, checkpoints=tmp_path / "kept", clock=SystemClock()
        )
        with pytest.raises(TrainingError, match=f"back to step {after} and on without .'{item}'"):
            trainer.train(recipe, pairs, into=tmp_path, progress=lambda *_: None)


def test_going_back_to_where_an_example_is_not_taught_any_more_is_refused(
    folder: Path, tmp_path: Path
) -> None:
    """It would be the same training again, paid for twice."""
    pairs = [replace(pair, item=f"i{place}") for place, pair in enumerate(PAIRS)]
    whole = trained(folder, tmp_path / "whole")
    last = {sample.place for sample in whole.signals[-1].samples}
    item = next(f"i{place}" for place in range(len(PAIRS)) if place not in last)
    back = Rewind(recipe="r" * 64, after=whole.planned - 1, items=(item,))
    trainer = local.LocalTrainer(
        folders={"tiny": folder}, checkpoints=tmp_path / "kept", clock=SystemClock()
    )
    with pytest.raises(TrainingError, match=r"changes nothing\. Name an earlier step"):
        trainer.train(replace(RECIPE, rewound=back), pairs, into=tmp_path, progress=lambda *_: None)


@pytest.mark.parametrize("again", [False, True])
def test_pauses_leave_no_trace(folder: Path, tmp_path: Path, *, again: bool) -> None:
    """In thirds, in one process or each in another: the last leaves what a training without a
    pause does, and what the pauses leave is what it was like then."""
    whole = trained(folder, tmp_path / "whole")
    made = [
        local.LocalTrainer(
            folders={"tiny": folder}, checkpoints=tmp_path / "kept", clock=SystemClock()
        )
        for _ in range(3)
    ]
    runs, bytes_of = [], []
    for third in range(3):
        into = tmp_path / f"{third}"
        into.mkdir()
        trainer = made[third] if again else made[0]
        runs.append(
            trainer.train(RECIPE, PAIRS, into=into, progress=lambda *_: None, until=(third + 1) / 3)
        )
        bytes_of.append((into / "adapter_model.safetensors").read_bytes())
    assert [run.steps for run in runs] == [
        round(whole.planned / 3),
        round(whole.planned * 2 / 3),
        whole.planned,
    ]
    assert runs[2].signals == whole.signals
    assert runs[0].signals == whole.signals[: runs[0].steps]
    assert bytes_of[2] == (tmp_path / "whole" / "adapter_model.safetensors").read_bytes()
    assert len(set(bytes_of)) == 3


def test_passes_change_memory_and_not_what_is_learned(folder: Path, tmp_path: Path) -> None:
    """One row at a time, or layers computed twice: the losses are those of whole steps, but for
    rounding. Without dropout, whose draws follow the passes."""
    plain = replace(RECIPE, trainable=replace(LORA, dropout=0.0))
    whole = trained(folder, tmp_path / "whole", plain)
    for number, memory in enumerate((Memory(pass_tokens=16), Memory(recompute=True))):
        into = tmp_path / f"{number}"
        into.mkdir()
        trainer = local.LocalTrainer(
            folders={"tiny": folder},
            checkpoints=tmp_path / "kept",
            clock=SystemClock(),
            memory=memory,
        )
        run = trainer.train(plain, PAIRS, into=into, progress=lambda *_: None)
        for one, other in zip(run.signals, whole.signals, strict=True):
            assert one.loss == pytest.approx(other.loss, rel=1e-4)
            assert one.norm == pytest.approx(other.norm, rel=1e-3)


def test_a_memory_that_does_not_suffice_says_what_to_change(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the settings; the training goes on from its checkpoint afterwards."""
    clock = Slow()
    trainer = local.LocalTrainer(
        folders={"tiny": folder}, checkpoints=tmp_path / "kept", clock=clock
    )
    step, calls = Loop.step, []

    def short(loop: Loop) -> object:
        calls.append(1)
        if len(calls) == 4:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")
        return step(loop)

    monkeypatch.setattr(Loop, "step", short)
    (tmp_path / "made").mkdir()
    with pytest.raises(TrainingError, match=r"Set training.memory.pass_tokens to 4096 .*recompute"):
        trainer.train(RECIPE, PAIRS, into=tmp_path / "made", progress=clock.tick)
    seen: list[int] = []
    trainer.train(RECIPE, PAIRS, into=tmp_path / "made", progress=lambda _, n, __: seen.append(n))
    assert seen[0] == 3  # the step behind the last checkpoint


def test_a_student_comes_nearer_to_its_teacher(folder: Path, tmp_path: Path) -> None:
    """The divergence falls, though no answer is taught; another vocabulary is refused."""
    teacher = tiny_model(tmp_path / "teacher", seed=1)
    folders = {"tiny": folder, "teacher": teacher}
    softened = Softened(model="teacher", revision="r2", share=1.0)
    recipe = replace(
        RECIPE,
        objective="distillation",
        softened=softened,
        trainable=Trainable(method="full"),
        levers=replace(LEVERS, epochs=10, learning_rate=1e-2),
    )

    def train(name: str):
        into = tmp_path / name
        into.mkdir()
        trainer = local.LocalTrainer(
            folders=folders, checkpoints=tmp_path / "checkpoints", clock=SystemClock()
        )
        return trainer.train(recipe, PAIRS, into=into, progress=lambda *_: None)

    losses = [signal.loss for signal in train("student").signals]
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])
    tokenizer = teacher / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text().replace("<|user|>", "<|person|>"))
    with pytest.raises(TrainingError, match="has another vocabulary"):
        train("other")


class Halt(Exception):
    """What whoever watches ends a training with."""


@pytest.mark.parametrize("name", ["lora", "preference"])
def test_a_watched_training_ends_where_it_is_told_and_goes_on(
    folder: Path, tmp_path: Path, name: str
) -> None:
    """Its bytes are those of one that nobody watched and that held nothing out."""
    recipe, held = METHODS[name], PAIRS[:3]
    trained(folder, tmp_path / "whole", recipe)
    seen: list[tuple[int, int]] = []

    def trainer() -> local.LocalTrainer:
        return local.LocalTrainer(
            folders={"tiny": folder}, checkpoints=tmp_path / "kept", clock=SystemClock(), every=1e9
        )

    def watch(signal, planned):
        seen.append((signal.step, planned))
        if len(seen) in (1, 3):
            raise Halt

    for part in range(2):
        (tmp_path / f"part{part}").mkdir()
        with pytest.raises(Halt):
            trainer().train(
                recipe, PAIRS, into=tmp_path / f"part{part}", progress=print, watch=watch, held=held
            )
    (tmp_path / "last").mkdir()
    run = trainer().train(
        recipe, PAIRS, into=tmp_path / "last", progress=print, watch=watch, held=held
    )
    assert [step for step, _ in seen] == list(range(1, run.planned + 1))
    for file in (tmp_path / "whole").iterdir():
        assert file.read_bytes() == (tmp_path / "last" / file.name).read_bytes()
    assert run.held is not None
    assert run.held.step == run.planned


def test_what_is_begun_is_never_begun_anew(folder: Path, tmp_path: Path) -> None:
    """The first step of a watched training is kept at once, whatever happens behind it."""
    trainer = local.LocalTrainer(
        folders={"tiny": folder}, checkpoints=tmp_path / "kept", clock=SystemClock(), every=1e9
    )
    sizes = []

    def watch(signal, planned):
        (file,) = (tmp_path / "kept").glob("*/state.safetensors")
        with safe_open(file, framework="pt") as kept:
            sizes.append(int(kept.metadata()["steps"]))

    (tmp_path / "into").mkdir()
    run = trainer.train(RECIPE, PAIRS, into=tmp_path / "into", progress=print, watch=watch)
    assert sizes == [1] * run.planned


def test_what_is_held_out_is_measured(folder: Path, tmp_path: Path) -> None:
    """Of what was learned by heart the loss falls, and the answers are right."""
    learned = replace(RECIPE, levers=replace(LEVERS, epochs=60, learning_rate=0.02))
    trainer = local.LocalTrainer(
        folders={"tiny": folder}, checkpoints=tmp_path / "kept", clock=SystemClock()
    )
    found = []
    for until in (0.01, 1.0):
        into = tmp_path / f"{until}"
        into.mkdir()
        run = trainer.train(
            learned, PAIRS[:5], into=into, progress=lambda *_: None, until=until, held=PAIRS[:5]
        )
        assert run.held is not None
        found.append(run.held)
    assert found[1].loss < 0.1 < found[0].loss
    assert found[0].accuracy < 0.9 < found[1].accuracy


def test_a_watched_trial_ends_where_it_is_told(folder: Path, tmp_path: Path) -> None:
    """Within a step."""
    trainer = local.LocalTrainer(
        folders={"tiny": folder}, checkpoints=tmp_path / "kept", clock=SystemClock()
    )
    steps = []

    def watch(signal, planned):
        steps.append(signal.step)
        if len(steps) == 2:
            raise Halt

    with pytest.raises(Halt):
        trainer.trial(RECIPE, PAIRS, share=1.0, watch=watch)
    assert steps == [1, 2]


def test_sizes_are_told_without_the_weights(folder: Path, tmp_path: Path) -> None:
    """The tokens of every pair, or why it cannot be taught."""
    trainer = local.LocalTrainer(
        folders={"tiny": folder}, checkpoints=tmp_path / "kept", clock=SystemClock()
    )
    long = replace(PAIRS[0], target="x" * 600)
    both, alone, refused = trainer.sizes("tiny", [PAIRS[0], replace(PAIRS[0], rejected=None), long])
    assert (both, alone) == (2 * alone + len("none") - len("1"), alone)
    assert refused == "has 617 tokens, and the model's context holds 512"
    with pytest.raises(TrainingError, match="'other'"):
        trainer.sizes("other", PAIRS)
