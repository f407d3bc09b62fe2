"""Many LoRA adapters over one model in one pass: every row is moved by its own adapter.

The matrices of all adapters stand behind each other for each layer, padded to one rank, with the
scale in the second of them. A pass says which of its tokens belong to which adapter; hooks on the
adapted layers add `B A x` to what these give (Hu et al. 2021, arXiv 2106.09685; for many adapters
in a batch, Chen et al. 2023, arXiv 2310.18547, and Sheng et al. 2023, arXiv 2311.03285).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from escalera.errors import InputError

Matrices = Mapping[str, tuple[torch.Tensor, torch.Tensor]]
"""By layer: A of shape (rank, in) and B of shape (out, rank), with the scale in B."""
Span = tuple[int, int, int]
"""The first token of a pass, the one behind its last, and the number of their adapter."""

_FEW = 3
"""So many adapters are applied one by one; more of them together, padded to equally many rows."""


@dataclass(slots=True)
class _Plan:
    """Which tokens of a pass belong to which adapters.

    Where these are many and have few tokens each, `tokens` are laid out as `width` places for each
    of `numbers`; `real` are those places that hold a token.
    """

    length: int
    spans: Sequence[Span]
    numbers: torch.Tensor | slice | None = None
    tokens: torch.Tensor | None = None
    real: torch.Tensor | None = None
    width: int = 0


class _Layer:
    """One layer's matrices for all adapters: (adapters, rank, in) and (adapters, out, rank)."""

    def __init__(self, module: Any, like: torch.Tensor, take: Callable[[], _Plan | None]) -> None:
        self._take = take
        self._like = like
        self.pair: tuple[torch.Tensor, torch.Tensor] | None = None
        self.handle = module.register_forward_hook(self._add)

    def put(self, number: int, found: tuple[torch.Tensor, torch.Tensor] | None) -> None:
        """Set the matrices of an adapter that no row uses now; None where it leaves this be."""
        if found is None and self.pair is None:
            return
        down, up = self._grown(number, found)
        down[number].zero_()
        up[number].zero_()
        if found is not None:
            first, second = found
            down[number, : len(first)].copy_(first)
            up[number, :, : len(first)].copy_(second)
        self.pair = down, up

    # Private

    def _grown(
        self, number: int, found: tuple[torch.Tensor, torch.Tensor] | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Room for *number* with its rank; a pass that runs meanwhile goes on with the old."""
        old, like = self.pair or found, self._like
        assert old is not None  # noqa: S101  there is one of them
        inner, outer = old[0].shape[-1], old[1].shape[-2]
        many, most = (0, 0) if self.pair is None else self.pair[0].shape[:2]
        rank = most if found is None else max(most, len(found[0]))
        if self.pair is not None and number < many and rank == most:
            return self.pair
        room = many if number < many else max(2 * many, number + 1)
        down, up = like.new_zeros(room, rank, inner), like.new_zeros(room, outer, rank)
        if self.pair is not None:
            down[:many, :most] = self.pair[0]
            up[:many, :, :most] = self.pair[1]
        return down, up

    def _add(self, module: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        """Add what adapters make of *inputs* to *output*, both of shape (1, tokens, width)."""
        plan, pair = self._take(), self.pair
        if plan is None or pair is None:
            return
        asked = inputs[0]
        if asked.shape[:-1] != (1, plan.length):
            raise RuntimeError(f"{type(module).__name__} is not run on all tokens of a pass")
        down, up = pair
        if plan.numbers is None or plan.tokens is None:
            for first, end, number in plan.spans:
                low = asked[0, first:end] @ down[number].T
                output[0, first:end].addmm_(low, up[number].T)
            return
        laid = asked[0].index_select(0, plan.tokens).view(len(plan.spans), plan.width, -1)
        low = torch.bmm(laid, down[plan.numbers].transpose(1, 2))
        high = torch.bmm(low, up[plan.numbers].transpose(1, 2)).flatten(0, 1)
        tokens = plan.tokens
        if plan.real is not None:
            high, tokens = high.index_select(0, plan.real), tokens.index_select(0, plan.real)
        output[0].index_add_(0, tokens, high)


class BatchedLora:
    """The adapters of one model by number. `put` and `drop` may run beside a pass."""

    def __init__(self, network: Any) -> None:
        self._network = network
        self._layers: dict[str, _Layer] = {}
        self._taken: list[bool] = []
        self._plan: _Plan | None = None
        self._lock = threading.Lock()

    def put(self, matrices: Matrices) -> int:
        """Take an adapter up; its number. Raises `InputError` where it is not for this model."""
        modules = {name: self._module(name, pair) for name, pair in matrices.items()}
        with self._lock:
            number = self._taken.index(False) if False in self._taken else len(self._taken)
            for name, module in modules.items():
                if name not in self._layers:
                    like = next(module.parameters()).detach()
                    self._layers[name] = _Layer(module, like, lambda: self._plan)
            for name, layer in self._layers.items():
                layer.put(number, matrices.get(name))
            self._taken[number : number + 1] = [True]
        return number

    def drop(self, number: int) -> None:
        """Forget an adapter that no row uses; its number and room are given to another."""
        with self._lock:
            self._taken[number] = False

    @contextmanager
    def applied(self, spans: Sequence[Span], length: int, device: torch.device) -> Iterator[None]:
        """While this holds, a pass over *length* tokens is moved by the adapters of *spans*."""
        self._plan = _planned(spans, length, device) if spans else None
        try:
            yield
        finally:
            self._plan = None

    # Private

    def _module(self, name: str, pair: tuple[torch.Tensor, torch.Tensor]) -> Any:
        try:
            module = self._network.get_submodule(name)
        except AttributeError as error:
            raise InputError(f"it adapts {name!r}, which this model does not have.") from error
        weight = getattr(module, "weight", None)
        shape = [pair[1].shape[0], pair[0].shape[1]]
        if weight is None or sorted(weight.shape) != sorted(shape):
            raise InputError(f"its matrices for {name!r} are for a weight of shape {shape!r}.")
        return module


# Below: private.


def _planned(spans: Sequence[Span], length: int, device: torch.device) -> _Plan:
    widest = max(end - first for first, end, _ in spans)
    covered = sum(end - first for first, end, _ in spans)
    if len(spans) <= _FEW or widest * len(spans) > 2 * covered + len(spans):
        return _Plan(length, spans)
    tokens: list[int] = []
    real: list[int] = []
    for place, (first, end, _) in enumerate(spans):
        count = end - first
        real += range(place * widest, place * widest + count)
        tokens += [*range(first, end), *[first] * (widest - count)]
    numbers = [number for _, _, number in spans]
    follow = numbers == list(range(numbers[0], numbers[0] + len(spans)))
    return _Plan(
        length,
        spans,
        numbers=slice(numbers[0], numbers[-1] + 1)
        if follow  # then nothing is copied
        else torch.tensor(numbers, device=device),
        tokens=torch.tensor(tokens, device=device),
        real=None if len(real) == len(tokens) else torch.tensor(real, device=device),
        width=widest,
    )
