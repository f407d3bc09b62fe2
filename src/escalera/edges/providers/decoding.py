"""The bare decoding loop: rows with a common prefix, one cache, finished rows leave the batch.

Nothing here knows adapters, text or prices. A row's tokens depend on the row alone (but for float
noise of the batched products): padding is masked, and the noise of sampling is drawn from a
generator that is seeded by the row's own content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from escalera.domain.message import Decoding
from escalera.edges.providers.cache import can_share_prefix, roomy_cache

_SHARE_FROM = 8
"""A common prefix shorter than this is not worth a call of its own."""
_COMPACT_AT = 0.75
"""Finished rows are dropped once the share of live rows is at most this: dropping copies the
cache, keeping costs a row of every product."""


class Guide(Protocol):
    """What one answer may still say (`grammar.Guide`)."""

    @property
    def cut(self) -> bool: ...

    def allowed(self) -> NDArray[np.bool_]: ...

    def settle(self, token: int, *, left: int) -> int: ...


Weighed = tuple[float, Sequence[int], Sequence[float]]
"""The logarithm of how probable a token was; the likeliest tokens at its place, and theirs."""


@dataclass(slots=True, kw_only=True)
class Row:
    """One prompt being completed. `tokens` includes the stop token when `stopped`.

    With a `guide`, only what it allows is said. `counts` says how often each token was said.
    `choice` counts several answers to one prompt. Where `logprobs` is a number, `weighed` tells of
    each token how likely it was, and so many of the likeliest.
    """

    prompt: tuple[int, ...]
    decoding: Decoding
    guide: Guide | None = None
    choice: int = 0
    logprobs: int | None = None
    weighed: list[Weighed] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    stopped: bool = False
    counts: dict[int, int] = field(default_factory=dict)
    _noise: np.random.Generator | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing is to be added."""
        return self.stopped or len(self.tokens) >= self.decoding.max_tokens

    @property
    def cut(self) -> bool:
        """Whether the limit ended the answer, by itself or through the guide."""
        return not self.stopped or (self.guide is not None and self.guide.cut)

    @property
    def answer(self) -> list[int]:
        """The tokens without the stop token."""
        return self.tokens[:-1] if self.stopped else self.tokens

    def say(self, token: int, stops: frozenset[int]) -> None:
        """Add a token, or the one that the guide wants instead; any of *stops* ends the answer."""
        if self.guide is not None:
            token = self.guide.settle(token, left=self.decoding.max_tokens - len(self.tokens))
        self.tokens.append(token)
        self.counts[token] = self.counts.get(token, 0) + 1
        self.stopped = token in stops

    def uniform(self) -> float:
        """Return the next number in [0, 1): of the row's seed, choice, prompt and place alone."""
        if self._noise is None:
            content = np.asarray(self.prompt, dtype="<i8").tobytes()
            mark = (
                f"{self.decoding.seed}/{self.choice}:" if self.choice else f"{self.decoding.seed}:"
            )
            seed = hashlib.sha256(mark.encode() + content).digest()
            self._noise = np.random.default_rng(int.from_bytes(seed, "big"))
        return self._noise.random()


class Batch:
    """Rows that are decoded together, one token a step."""

    def __init__(self, rows: Sequence[Row], *, stops: frozenset[int], pad: int) -> None:
        self._live = [row for row in rows if not row.finished]
        self._stops = stops
        self._pad = pad
        self._cache: Any = None
        self._mask = torch.empty(0)

    @property
    def finished(self) -> bool:
        """Whether every row is finished."""
        return all(row.finished for row in self._live)

    @torch.inference_mode()
    def step(self, model: Any) -> None:
        """Add one token to every unfinished row."""
        logits = self._first(model) if self._cache is None else self._next(model)
        guided = [n for n, row in enumerate(self._live) if row.guide and not row.finished]
        if guided:
            logits = _masked(logits, {n: self._live[n] for n in guided})
        chosen = logits.argmax(-1).tolist()
        for place, row in enumerate(self._live):
            if row.finished:
                continue
            if row.decoding.temperature > 0:
                chosen[place] = _sample(logits[place], row.decoding, row.uniform())
            row.say(chosen[place], self._stops)

    def _first(self, model: Any) -> torch.Tensor:
        """Run the prompts: the common prefix once, then the rest of each, padded on the left."""
        self._cache = roomy_cache(model.config.get_text_config())
        shared = common_prefix([row.prompt for row in self._live])
        if shared < _SHARE_FROM or len(self._live) == 1 or not can_share_prefix(self._cache):
            shared = 0
        else:
            prefix = torch.tensor([self._live[0].prompt[:shared]], device=model.device)
            self._run(model, prefix, torch.ones_like(prefix), torch.arange(shared)[None])
            self._cache.batch_repeat_interleave(len(self._live))
        rests = [row.prompt[shared:] for row in self._live]
        width = max(map(len, rests))
        tokens = torch.tensor([[self._pad] * (width - len(rest)) + list(rest) for rest in rests])
        real = torch.tensor([[0] * (width - len(rest)) + [1] * len(rest) for rest in rests])
        positions = (real.cumsum(1) - 1).clamp(min=0) + shared
        before = torch.ones(len(rests), shared, dtype=real.dtype)
        self._mask = torch.cat([before, real], 1).to(model.device)
        return self._run(model, tokens.to(model.device), self._mask, positions)

    def _next(self, model: Any) -> torch.Tensor:
        """Run the last token of every row."""
        self._compact()
        last = torch.tensor([[row.tokens[-1]] for row in self._live], device=model.device)
        self._mask = torch.cat([self._mask, torch.ones_like(last)], 1)
        return self._run(model, last, self._mask, self._mask.sum(1, keepdim=True) - 1)

    def _run(
        self, model: Any, tokens: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor
    ) -> torch.Tensor:
        output = model(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=positions.to(model.device),
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: torch.Tensor = output.logits[:, -1]
        return logits

    def _compact(self) -> None:
        keep = [place for place, row in enumerate(self._live) if not row.finished]
        if len(keep) > _COMPACT_AT * len(self._live):
            return
        chosen = torch.tensor(keep, device=self._mask.device)
        self._cache.batch_select_indices(chosen)
        self._mask = self._mask[chosen]
        self._live = [self._live[place] for place in keep]


def common_prefix(prompts: Sequence[tuple[int, ...]]) -> int:
    """How many first tokens all prompts share, leaving each at least one of its own."""
    first, last = min(prompts), max(prompts)
    limit = min(map(len, prompts)) - 1
    for place in range(limit):
        if first[place] != last[place]:
            return place
    return limit


def _masked(logits: torch.Tensor, rows: Mapping[int, Row]) -> torch.Tensor:
    """*logits* without what the guides of these *rows* do not allow."""
    allowed = np.ones(logits.shape, dtype=np.bool_)
    for place, row in rows.items():
        if row.guide is not None:
            allowed[place] = row.guide.allowed()
    return logits.masked_fill(~torch.from_numpy(allowed).to(logits.device), -torch.inf)


def _sample(logits: torch.Tensor, decoding: Decoding, uniform: float) -> int:
    """Inverse-CDF sampling from the smallest set of tokens that holds `top_p` of the mass."""
    scaled = torch.softmax(logits.double() / decoding.temperature, -1)
    mass, order = scaled.sort(descending=True, stable=True)
    above = mass.cumsum(-1)
    kept = int((above - mass < decoding.top_p).sum().clamp(min=1))
    place = int(torch.searchsorted(above[:kept], uniform * above[kept - 1]))
    return int(order[min(place, kept - 1)])
