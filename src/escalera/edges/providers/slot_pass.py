"""One pass of a model over tokens of many rows, packed one behind the other without padding.

To the layers it is one sequence; only the attention knows rows. It is registered with Transformers
under `NAME`, and a `Pass` is the cache that the model is given: it puts new keys and values into
the rows' places, and each row attends to its own. Models whose attention does more than this refuse
the pass or fail the trial of `exactness`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.cache_utils import Cache

from escalera.edges.providers.slot_store import Place, Shelf
from escalera.errors import EscaleraError

NAME = "escalera_slots"
_KNOWN = frozenset(
    {
        "cache_position",
        "dropout",
        "is_causal",
        "layer_idx",
        "output_attentions",
        "output_hidden_states",
        "position_ids",
        "return_dict",
        "scaling",
        "sliding_window",
        "use_cache",
    }
)
"""What attention may be told; whatever else a model tells it would be lost."""


class UnknownAttention(EscaleraError):
    """The model's attention wants something that packed rows do not have; it never leaves here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Tokens of one row that are run: the first of them at position `start`.

    Where it `ends`, the logits behind its last token are wanted.
    """

    place: Place
    tokens: Sequence[int]
    start: int
    ends: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One layer's attention: its number, scale, sliding window and the width of its values."""

    layer: int
    scale: float | None
    window: int | None
    width: int


@dataclass(slots=True)
class _Steps:
    """Rows of one shelf that run one token each: where in the pass, in which place, where to."""

    shelf: Shelf
    tokens: torch.Tensor
    places: torch.Tensor
    positions: torch.Tensor
    used: int
    whole: bool
    masks: dict[int | None, torch.Tensor] = field(default_factory=dict)

    def mask(self, window: int | None, like: torch.Tensor) -> torch.Tensor:
        """What each place of the shelf may look at, to be added: (used, 1, 1, length)."""
        found = self.masks.get(window)
        if found is None:
            last = self.positions
            if not self.whole:
                # Whoever runs nothing now looks at its first token; nobody reads what it sees.
                last = last.new_zeros(self.used).index_copy(0, self.places, last)
            found = _additive(last[:, None], int(last.max()) + 1, window, like)
            found = self.masks[window] = found[:, None, None]
        return found


@dataclass(slots=True)
class _Stretch:
    """One row that runs tokens `first` to `end` of the pass, from position `start` on."""

    place: Place
    first: int
    end: int
    start: int
    masks: dict[int | None, torch.Tensor] = field(default_factory=dict)

    @property
    def stop(self) -> int:
        """The position behind its last token."""
        return self.start + self.end - self.first

    def mask(self, window: int | None, like: torch.Tensor) -> torch.Tensor | None:
        """What its tokens may look at; None where they are the first and see all before them."""
        if self.start == 0 and (window is None or self.end - self.first <= window):
            return None
        found = self.masks.get(window)
        if found is None:
            last = torch.arange(self.start, self.stop, device=like.device)
            found = self.masks[window] = _additive(last[:, None], self.stop, window, like)
        return found


class Pass(Cache):
    """Tokens, positions and places of one pass; for the model its cache.

    `ends` are the places in the pass of the last tokens of pieces that end, in their order.
    `windows` tells afterwards which sliding window each layer asked for.
    """

    def __init__(self, pieces: Sequence[Piece], device: torch.device) -> None:
        super().__init__(layers=[])
        tokens: list[int] = []
        positions: list[int] = []
        ends: list[int] = []
        single: dict[Shelf, list[tuple[int, Place, int]]] = {}
        self._stretches: list[_Stretch] = []
        for piece in pieces:
            first, count = len(tokens), len(piece.tokens)
            tokens += piece.tokens
            positions += range(piece.start, piece.start + count)
            if piece.ends:
                ends.append(len(tokens) - 1)
            if count == 1:
                rows = single.setdefault(piece.place.shelf, [])
                rows.append((first, piece.place, piece.start))
            else:
                self._stretches.append(_Stretch(piece.place, first, first + count, piece.start))
        self.input_ids = torch.tensor([tokens], device=device)
        self.position_ids = torch.tensor([positions], device=device)
        self.ends = torch.tensor(ends, dtype=torch.long, device=device)
        self.windows: dict[int, int | None] = {}
        self._steps = [_steps(shelf, rows, device) for shelf, rows in single.items()]
        self._plain = len(self._steps) == 1 and len(single) == 1 and not self._stretches

    def run(self, model: Any) -> torch.Tensor:
        """The logits behind each piece that ends, of shape (such pieces, vocabulary)."""
        output = model(
            input_ids=self.input_ids,
            position_ids=self.position_ids,
            past_key_values=self,
            use_cache=True,
            logits_to_keep=self.ends,
            slots=self,
        )
        logits: torch.Tensor = output.logits[0]
        return logits

    # What the model asks of its cache

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Nothing is before a pass: positions are given."""
        del layer_idx
        return 0

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Put keys and values of shape (1, heads, tokens, width) into their places."""
        for steps in self._steps:
            keys, values = steps.shelf.pair(layer_idx, key_states, value_states)
            new_keys, new_values = key_states[0], value_states[0]
            if not self._plain:
                new_keys = new_keys.index_select(1, steps.tokens)
                new_values = new_values.index_select(1, steps.tokens)
            keys[steps.places, :, steps.positions] = new_keys.transpose(0, 1)
            values[steps.places, :, steps.positions] = new_values.transpose(0, 1)
        for row in self._stretches:
            keys, values = row.place.shelf.pair(layer_idx, key_states, value_states)
            keys[row.place.number, :, row.start : row.stop] = key_states[0, :, row.first : row.end]
            values[row.place.number, :, row.start : row.stop] = value_states[
                0, :, row.first : row.end
            ]
        return key_states, value_states

    def attend(self, query: torch.Tensor, call: Call) -> torch.Tensor:
        """What each token sees: from (1, heads, tokens, width) to (1, tokens, heads, width)."""
        self.windows[call.layer] = call.window
        if self._plain:
            return _stepped(self._steps[0], query, call)[None]
        seen = query.new_empty(1, query.shape[2], query.shape[1], call.width)
        for steps in self._steps:
            asked = query.index_select(2, steps.tokens)
            seen[0, steps.tokens] = _stepped(steps, asked, call)
        for row in self._stretches:
            asked = query[:, :, row.first : row.end]
            seen[:, row.first : row.end] = _stretched(row, asked, call).transpose(1, 2)
        return seen


# Below: private.


def _stepped(steps: _Steps, query: torch.Tensor, call: Call) -> torch.Tensor:
    """What the single tokens of a shelf see: (rows, heads, width)."""
    keys, values = steps.shelf.held(call.layer)
    mask = steps.mask(call.window, query)
    length, heads = mask.shape[-1], query.shape[1]
    asked = query[0].transpose(0, 1)
    if not steps.whole:
        every = asked.new_zeros(steps.used, heads, asked.shape[2])
        asked = every.index_copy(0, steps.places, asked)
    # Heads that share keys are rows of one small product: nothing is repeated.
    asked = asked.reshape(steps.used, keys.shape[1], heads // keys.shape[1], -1)
    seen = scaled_dot_product_attention(
        asked,
        keys[: steps.used, :, :length],
        values[: steps.used, :, :length],
        attn_mask=mask,
        scale=call.scale,
    )
    seen = seen.reshape(steps.used, heads, call.width)
    return seen if steps.whole else seen.index_select(0, steps.places)


def _stretched(row: _Stretch, query: torch.Tensor, call: Call) -> torch.Tensor:
    """What the tokens of one row see: (1, heads, tokens, width)."""
    keys, values = row.place.shelf.held(call.layer)
    groups = query.shape[1] // keys.shape[1]
    mask = row.mask(call.window, query)
    return scaled_dot_product_attention(
        query,
        _repeated(keys[row.place.number, None, :, : row.stop], groups),
        _repeated(values[row.place.number, None, :, : row.stop], groups),
        attn_mask=mask,
        is_causal=mask is None,
        scale=call.scale,
    )


def _steps(shelf: Shelf, rows: list[tuple[int, Place, int]], device: torch.device) -> _Steps:
    places = [place.number for _, place, _ in rows]
    return _Steps(
        shelf=shelf,
        tokens=torch.tensor([token for token, _, _ in rows], device=device),
        places=torch.tensor(places, device=device),
        positions=torch.tensor([position for _, _, position in rows], device=device),
        used=shelf.used,
        whole=places == list(range(shelf.used)),
    )


def _additive(
    last: torch.Tensor, length: int, window: int | None, like: torch.Tensor
) -> torch.Tensor:
    """0 where a token may be looked at and minus infinity elsewhere, up to *last* of each row."""
    every = torch.arange(length, device=last.device)
    seen = every <= last
    if window is not None:
        seen &= every > last - window
    zeros = torch.zeros(seen.shape, dtype=like.dtype, device=like.device)
    return zeros.masked_fill_(~seen, -torch.inf)


def _repeated(states: torch.Tensor, groups: int) -> torch.Tensor:
    return states if groups == 1 else states.repeat_interleave(groups, dim=1)


def _attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **told: Any,
) -> tuple[torch.Tensor, None]:
    """What Transformers calls instead of its own attention."""
    del key  # the pass has put it into its place
    slots = told.pop("slots", None)
    lost = sorted(_lost(told))
    if attention_mask is not None or told.get("dropout"):
        lost.append("a mask or dropout")
    if not isinstance(slots, Pass) or lost:
        wanted = ", ".join(lost) or "its own cache"
        raise UnknownAttention(f"the attention of {type(module).__name__} wants {wanted}")
    call = Call(
        layer=module.layer_idx,
        scale=told.get("scaling"),
        window=told.get("sliding_window"),
        width=value.shape[-1],
    )
    return slots.attend(query, call), None


def _lost(told: Mapping[str, Any]) -> Iterator[str]:
    for key, value in told.items():
        if key not in _KNOWN and value is not None and value is not False:
            yield key


AttentionInterface.register(NAME, _attention)
