"""The state of PyTorch's random numbers, which dropout draws from: taken, put back, set apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

State = dict[str, torch.Tensor]


def state() -> State:
    """What the generators of the processor and of the accelerator, if there is one, hold."""
    found = {"random": torch.get_rng_state()}
    if torch.cuda.is_available():
        found["random.cuda"] = torch.cuda.get_rng_state()
    return found


def restore(kept: Mapping[str, torch.Tensor]) -> None:
    """Go on from *kept*, which may hold other tensors too."""
    torch.set_rng_state(kept["random"])
    if "random.cuda" in kept and torch.cuda.is_available():
        torch.cuda.set_rng_state(kept["random.cuda"])


@contextmanager
def apart(seed: int | None = None) -> Iterator[None]:
    """Leave no trace in the random numbers of others; begin with *seed*, if there is one."""
    with torch.random.fork_rng():
        if seed is not None:
            torch.manual_seed(seed)
        yield
