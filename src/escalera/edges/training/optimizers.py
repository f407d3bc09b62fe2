"""How weights move: optimizers of PyTorch by name, and how the learning rate changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from escalera.domain.levers import Levers
from escalera.edges.training.weights import Learning

Optimizers = tuple[torch.optim.Optimizer, ...]

_MOMENTUM = 0.9
"""Of SGD."""

_WARM_UP = 10


def build(weights: Learning, levers: Levers) -> Optimizers:
    """The optimizers of *weights*: two where Muon moves the matrices and AdamW the rest.

    Vectors (biases, norms) do not decay. The learning rate is set at every step.
    Muon: Jordan et al. 2024, with updates scaled like AdamW's (Liu et al. 2025, arXiv 2502.16982),
    so that both take the same learning rates. Adafactor: Shazeer and Stern 2018, arXiv 1804.04235.
    """
    every = list(weights.values())
    if levers.optimizer == "muon":
        inner = [w for name, w in weights.items() if w.dim() == 2 and "embed" not in name]
        rest = [w for name, w in weights.items() if w.dim() != 2 or "embed" in name]
        made: list[torch.optim.Optimizer] = []
        if inner:
            made.append(
                torch.optim.Muon(
                    inner, lr=1.0, weight_decay=levers.weight_decay, adjust_lr_fn="match_rms_adamw"
                )
            )
        return (*made, *((_adamw(rest, levers),) if rest else ()))
    if levers.optimizer == "adafactor":
        return (torch.optim.Adafactor(_groups(every, levers), lr=1.0),)
    if levers.optimizer == "sgd":
        return (torch.optim.SGD(_groups(every, levers), lr=1.0, momentum=_MOMENTUM),)
    return (_adamw(every, levers),)


def set_rate(optimizers: Optimizers, rate: float) -> None:
    """Give every weight this learning rate."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate


def share_of_rate(step: int, steps: int, levers: Levers) -> float:
    """The share of the learning rate at a step, counted from 1: up, and down to 0 at the end."""
    done = (step - 1) / steps
    falling = {
        "linear": 1 - done,
        "cosine": (1 + math.cos(math.pi * done)) / 2,
        "constant": 1.0,
    }[levers.schedule]
    return min(1.0, step / rising(steps, levers)) * falling


def gathered(steps: int, levers: Levers) -> float:
    """How far so many steps go along a gradient that stays as it is, per step and rate.

    Momentum (SGD) gathers over some ten steps, so that each of a few goes less far than each of
    many does. How far a step of the other optimizers goes does not depend on those before it: 1.
    """
    if levers.optimizer != "sgd":
        return 1.0
    each = (
        share_of_rate(step, steps, levers) * (1 - _MOMENTUM**step) for step in range(1, steps + 1)
    )
    return sum(each) / steps / (1 - _MOMENTUM)


def rising(steps: int, levers: Levers) -> int:
    """In how many of the steps the rate rises to its height."""
    return round(levers.warm_up * steps) or _WARM_UP


# Below: private.


def _adamw(weights: Sequence[torch.nn.Parameter], levers: Levers) -> torch.optim.Optimizer:
    return torch.optim.AdamW(_groups(weights, levers), lr=1.0, fused=True)


def _groups(weights: Sequence[torch.nn.Parameter], levers: Levers) -> list[dict[str, Any]]:
    matrices = [weight for weight in weights if weight.dim() >= 2]
    vectors = [weight for weight in weights if weight.dim() < 2]
    groups = [
        {"params": matrices, "weight_decay": levers.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
