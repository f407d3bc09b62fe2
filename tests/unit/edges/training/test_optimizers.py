"""Optimizers by name, and the learning rate over the steps."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from escalera.domain.levers import Levers  # noqa: E402
from escalera.edges.training import optimizers  # noqa: E402

pytestmark = pytest.mark.local


def weights() -> dict[str, torch.nn.Parameter]:
    """A matrix, a vector and an embedding."""
    torch.manual_seed(0)
    return {
        "layer.weight": torch.nn.Parameter(torch.randn(4, 4)),
        "layer.bias": torch.nn.Parameter(torch.randn(4)),
        "embed.weight": torch.nn.Parameter(torch.randn(6, 4)),
    }


@pytest.mark.parametrize("name", ["adamw", "adafactor", "muon", "sgd"])
def test_every_optimizer_moves_every_weight_downhill(name: str) -> None:
    """Fifty steps on a square make it smaller; each weight is moved by exactly one optimizer."""
    found = weights()
    made = optimizers.build(found, Levers(optimizer=name))
    homes = [id(w) for one in made for group in one.param_groups for w in group["params"]]
    assert sorted(homes) == sorted(id(weight) for weight in found.values())
    before = [weight.detach().clone() for weight in found.values()]
    optimizers.set_rate(made, 0.02)
    losses = []
    for _ in range(50):
        loss = sum((weight**2).sum() for weight in found.values())
        loss.backward()
        for one in made:
            one.step()
            one.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert all(not torch.equal(w, b) for w, b in zip(found.values(), before, strict=True))


def test_matrices_decay_and_vectors_do_not() -> None:
    """Weight decay alone moves the matrices and leaves bias and norms."""
    found = weights()
    made = optimizers.build(found, Levers(weight_decay=0.5))
    optimizers.set_rate(made, 0.1)
    for weight in found.values():
        weight.grad = torch.zeros_like(weight)
    before = {name: weight.detach().clone() for name, weight in found.items()}
    for one in made:
        one.step()
    assert torch.equal(found["layer.bias"], before["layer.bias"])
    torch.testing.assert_close(found["layer.weight"].detach(), 0.95 * before["layer.weight"])


def test_the_rate_rises_and_falls_to_nothing() -> None:
    """Ten steps or a share of them up; linear, half a cosine or nothing down."""
    share = optimizers.share_of_rate
    assert share(1, 100, Levers()) == pytest.approx(0.1)
    assert share(10, 100, Levers()) == pytest.approx(0.91)
    assert share(51, 100, Levers()) == pytest.approx(0.5)
    assert share(100, 100, Levers()) == pytest.approx(0.01)
    assert share(10, 100, Levers(warm_up=0.2)) == pytest.approx(0.5 * 0.91)
    cosine = Levers(schedule="cosine")
    assert share(51, 100, cosine) == pytest.approx(0.5)
    assert share(100, 100, cosine) < 0.001
    assert share(100, 100, Levers(schedule="constant")) == 1.0


def test_momentum_takes_some_steps_to_gather() -> None:
    """By the closed form at a constant rate; the others have it from the first step on."""
    flat = Levers(optimizer="sgd", schedule="constant", warm_up=0.01)
    mean = 1 - 0.9 * (1 - 0.9**100) / (0.1 * 100)
    assert optimizers.gathered(100, flat) == pytest.approx(10 * mean)
    assert optimizers.gathered(10, flat) < optimizers.gathered(100, flat) / 2
    assert optimizers.gathered(10, Levers()) == 1.0
