"""Checkpoints: training on from one is training on from memory."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from escalera.domain.recipe import LossPoint  # noqa: E402
from escalera.edges.training.checkpoints import Checkpoint  # noqa: E402

pytestmark = pytest.mark.local


def start():
    """One weight matrix and its optimizer, the same every time."""
    weight = torch.nn.Parameter(torch.linspace(-1, 1, 12).reshape(3, 4))
    return [weight], torch.optim.AdamW([weight], lr=0.1, weight_decay=0.0, fused=True)


def step(weights, optimizer, number: int) -> LossPoint:
    """One step on a loss that depends on the step's number."""
    loss = ((weights[0] - number) ** 2).mean()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return LossPoint(step=number, loss=loss.item())


def test_going_on_from_a_checkpoint_changes_no_bit(tmp_path: Path) -> None:
    """Weights, moments and curve after three more steps are those of a run without a break."""
    weights, optimizer = start()
    curve = [step(weights, optimizer, number) for number in range(1, 5)]
    kept = Checkpoint(tmp_path / "recipe")
    kept.save(weights, optimizer, curve)
    curve += [step(weights, optimizer, number) for number in range(5, 8)]

    again, other = start()
    later = Checkpoint(tmp_path / "recipe").restore(again, other)
    assert [point.step for point in later] == [1, 2, 3, 4]
    later += [step(again, other, number) for number in range(5, 8)]
    assert later == curve
    assert torch.equal(again[0], weights[0])
    for name, moment in optimizer.state[weights[0]].items():
        assert torch.equal(other.state[again[0]][name], moment)


def test_without_a_checkpoint_nothing_is_touched(tmp_path: Path) -> None:
    """No file, a broken file and a dropped one: an empty curve, and the weights as they were."""
    kept = Checkpoint(tmp_path / "recipe")
    weights, optimizer = start()
    before = weights[0].detach().clone()
    assert kept.restore(weights, optimizer) == []
    step(weights, optimizer, 1)
    kept.save(weights, optimizer, [LossPoint(step=1, loss=0.5)])
    (tmp_path / "recipe" / "state.safetensors").write_bytes(b"cut off")
    fresh, other = start()
    assert kept.restore(fresh, other) == []
    kept.drop()
    assert kept.restore(fresh, other) == []
    assert torch.equal(fresh[0], before)
    assert not (tmp_path / "recipe").exists()
