"""Checkpoints: training on from one is training on from memory."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from escalera.domain.levers import Levers  # noqa: E402
from escalera.domain.training import SampleLoss, StepSignal  # noqa: E402
from escalera.edges.training import optimizers, underway  # noqa: E402
from escalera.edges.training.checkpoints import MARKS, Checkpoint  # noqa: E402
from escalera.errors import TrainingError  # noqa: E402

pytestmark = pytest.mark.local


def start(name: str = "adamw"):
    """A weight matrix, a vector and their optimizers, the same every time."""
    weights = {
        "matrix": torch.nn.Parameter(torch.linspace(-1, 1, 12).reshape(3, 4)),
        "vector": torch.nn.Parameter(torch.linspace(-1, 1, 4)),
    }
    made = optimizers.build(weights, Levers(optimizer=name))
    optimizers.set_rate(made, 0.1)
    return weights, made


def step(weights, made, number: int) -> StepSignal:
    """One step on a loss that depends on the step's number and on chance."""
    loss = sum(((weight - number * torch.rand(())) ** 2).mean() for weight in weights.values())
    loss.backward()
    for optimizer in made:
        optimizer.step()
        optimizer.zero_grad()
    sample = SampleLoss(place=number, loss=0.5)
    return StepSignal(
        step=number, loss=loss.item(), norm=1.0, rate=0.1, tokens=9, samples=(sample,)
    )


@pytest.mark.parametrize("name", ["adamw", "adafactor", "muon", "sgd"])
def test_going_on_from_a_checkpoint_changes_no_bit(tmp_path: Path, name: str) -> None:
    """Weights, moments, random numbers and log after three more steps are those of a run without
    a break, for every optimizer, also when more was logged than the checkpoint holds."""
    torch.manual_seed(3)
    weights, made = start(name)
    signals = [step(weights, made, number) for number in range(1, 5)]
    kept = Checkpoint(tmp_path / "recipe")
    kept.save(weights, made, signals)
    signals += [step(weights, made, number) for number in range(5, 8)]
    with (tmp_path / "recipe" / "log.jsonl").open("ab") as log:
        log.write(b'{"step":5,"loss":1.0,"no')

    again, other = start(name)
    back = Checkpoint(tmp_path / "recipe")
    later = back.restore(again, other)
    assert [signal.step for signal in later] == [1, 2, 3, 4]
    later += [step(again, other, number) for number in range(5, 8)]
    assert later == signals
    back.save(again, other, later)
    for key, weight in weights.items():
        assert torch.equal(again[key], weight)
    third, fresh = start(name)
    assert Checkpoint(tmp_path / "recipe").restore(third, fresh) == signals


def test_without_a_checkpoint_nothing_is_touched(tmp_path: Path) -> None:
    """No file, a broken one, one of another model, a lost log and a dropped one: nothing told,
    and the weights as they were."""
    kept = Checkpoint(tmp_path / "recipe")
    weights, made = start()
    before = weights["matrix"].detach().clone()
    assert kept.restore(weights, made) == []
    signal = step(weights, made, 1)
    state, log = tmp_path / "recipe" / "state.safetensors", tmp_path / "recipe" / "log.jsonl"
    fresh, other = start()
    for spoil in (lambda: state.write_bytes(b"cut off"), lambda: log.write_bytes(b"")):
        Checkpoint(tmp_path / "recipe").save(weights, made, [signal])
        spoil()
        assert Checkpoint(tmp_path / "recipe").restore(fresh, other) == []
    Checkpoint(tmp_path / "recipe").save(weights, made, [signal])
    bigger = {**fresh, "matrix": torch.nn.Parameter(torch.zeros(5, 5))}
    assert Checkpoint(tmp_path / "recipe").restore(bigger, other) == []
    kept.drop()
    assert kept.restore(fresh, other) == []
    assert torch.equal(fresh["matrix"], before)
    assert not (tmp_path / "recipe").exists()


def test_a_full_disk_keeps_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what to do, and what was kept can still be read."""
    kept = Checkpoint(tmp_path / "recipe")
    weights, made = start()
    signals = [step(weights, made, 1)]
    kept.save(weights, made, signals)

    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("escalera.edges.training.checkpoints.save_file", full)
    more = [*signals, step(weights, made, 2)]
    with pytest.raises(TrainingError, match=r"No space left.*Make room on the disk"):
        kept.save(weights, made, more)
    again, other = start()
    assert Checkpoint(tmp_path / "recipe").restore(again, other) == signals


def test_a_state_that_cannot_be_marked_is_told(tmp_path: Path) -> None:
    """Like one that cannot be kept; what was kept can still be read."""
    kept = Checkpoint(tmp_path / "recipe")
    weights, made = start()
    signals = [step(weights, made, 1)]
    kept.save(weights, made, signals)
    (tmp_path / "recipe" / "before").write_text("no folder")
    with pytest.raises(TrainingError, match="Make room on the disk"):
        kept.mark()
    assert Checkpoint(tmp_path / "recipe").restore(weights, made) == signals


def test_marked_states_stay_when_the_training_has_ended(tmp_path: Path) -> None:
    """The last one in time is put back, with what was told until then, and changes no bit; no more
    than a few are kept, and what runs looks ended."""
    torch.manual_seed(3)
    weights, made = start()
    kept, signals, states = Checkpoint(tmp_path / "recipe"), [], {}
    kept.mark()
    for number in range(1, 12):
        signals.append(step(weights, made, number))
        if number % 2 == 0:
            kept.save(weights, made, signals)
            states[number] = weights["matrix"].detach().clone()
            kept.mark()
            kept.mark()
    kept.drop()
    assert underway.signals(tmp_path) == {}
    assert not (tmp_path / "recipe" / "state.safetensors").exists()
    for most, found in ((1, 0), (2, 2), (5, 4), (6, 6), (11, 2 * MARKS)):
        again, other = start()
        assert Checkpoint(tmp_path / "recipe").go_back(again, other, most) == signals[:found]
        assert torch.equal(again["matrix"], states[found] if found else start()[0]["matrix"])
    assert Checkpoint(tmp_path / "recipe").restore(weights, made) == []


def test_a_marked_state_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    """The one before is taken."""
    weights, made = start()
    kept = Checkpoint(tmp_path / "recipe")
    signals = [step(weights, made, number) for number in range(1, 4)]
    for count in (2, 3):
        kept.save(weights, made, signals[:count])
        kept.mark()
    (tmp_path / "recipe" / "before" / "3.safetensors").write_bytes(b"torn")
    assert kept.go_back(weights, made, 3) == signals[:2]


@pytest.mark.parametrize("name", ["state.safetensors", "log.jsonl"])
def test_a_bit_that_is_another_one_now_is_found(tmp_path: Path, name: str) -> None:
    """Going on from it would give other weights, and nobody would know: it is as good as none."""
    weights, made = start()
    signals = [step(weights, made, number) for number in range(1, 4)]
    Checkpoint(tmp_path / "recipe").save(weights, made, signals)
    file = tmp_path / "recipe" / name
    whole = file.read_bytes()
    place = whole.rindex(b"0.5") if name == "log.jsonl" else len(whole) - 2
    file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    again, other = start()
    assert Checkpoint(tmp_path / "recipe").restore(again, other) == []
    assert torch.equal(again["matrix"], start()[0]["matrix"])
    file.write_bytes(whole)
    assert Checkpoint(tmp_path / "recipe").restore(again, other) == signals
