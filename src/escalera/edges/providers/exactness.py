"""Whether a model answers rows of a packed pass exactly as it answers each alone: shown, not hoped.

First what can be read from the model: every layer keeps keys and values of all its tokens or of a
sliding window, and no position depends on how long other rows are. Then a trial: rows that join at
different times, in pieces and in company, give the logits of a plain pass over each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from escalera.edges.providers.slot_pass import NAME, Pass, Piece, UnknownAttention
from escalera.edges.providers.slot_store import SMALLEST, Place, Shelves

_STRETCHED = frozenset({"dynamic", "longrope"})
"""Kinds of rotary positions whose frequencies depend on the longest row of a pass."""
_SHARE = {torch.float32: 1e-3, torch.float64: 1e-3}
_ROUGH = 0.25
"""How much of the logits' spread they may be off: rounding is far below, another attention far
above. Half precision rounds each layer by a few thousandths."""
_ROWS = (11, 5, 8)
"""Lengths of the rows of the trial."""


def packed(model: Any) -> str:
    """Make the model run packed passes; why it cannot, in words, or nothing where it now does."""
    problem = _read(model)
    if problem:
        return problem
    rows = _rows(model)
    try:
        expected = [_plain(model, row) for row in rows]
        model.set_attn_implementation(NAME)
        found, windows = _trial(model, rows)
    except (UnknownAttention, RuntimeError, TypeError, ValueError, KeyError, IndexError) as error:
        return f"its layers cannot be run on packed rows: {error}"
    if windows != _windows(model):
        return "its attention does not tell which sliding windows its layers have"
    for row, place, other in found:
        one = expected[row][place]
        allowed = _SHARE.get(one.dtype, _ROUGH) * float(expected[row].float().std())
        off = float((one - other).abs().max())
        if not off <= allowed:
            return f"rows in company give other logits than alone (off by {off:.2g})"
    return ""


# Below: private.


def _read(model: Any) -> str:
    config = model.config.get_text_config()
    kinds = _kinds(config)
    if strange := sorted(kinds & _STRETCHED):
        return f"its rotary positions are of the kind {strange[0]!r}, which depends on other rows"
    layers = DynamicCache(config=config).layers
    if not layers or config.num_hidden_layers != len(layers):
        return "it does not say what its layers keep of the past"
    for layer in layers:
        if type(layer) not in {DynamicLayer, DynamicSlidingWindowLayer}:
            return (
                f"a layer of it keeps something else than keys and values: {type(layer).__name__}"
            )
    return ""


def _kinds(config: Any) -> set[str]:
    """The kinds of rotary positions of a configuration, one for all layers or one for each type."""
    found = getattr(config, "rope_parameters", None)
    if not isinstance(found, Mapping):
        return set()
    tables = [found, *(one for one in found.values() if isinstance(one, Mapping))]
    return {str(table["rope_type"]) for table in tables if "rope_type" in table}


def _windows(model: Any) -> dict[int, int | None]:
    layers = DynamicCache(config=model.config.get_text_config()).layers
    return {
        place: layer.sliding_window if isinstance(layer, DynamicSlidingWindowLayer) else None
        for place, layer in enumerate(layers)
    }


def _rows(model: Any) -> list[list[int]]:
    """Rows of tokens from all over the vocabulary."""
    width = model.config.get_text_config().vocab_size
    numbers = iter(range(1, sum(_ROWS) + 1))
    return [[(next(numbers) * 7919) % width for _ in range(count)] for count in _ROWS]


@torch.inference_mode()
def _plain(model: Any, row: Sequence[int]) -> torch.Tensor:
    """The logits behind each token, of one pass over the row without a cache."""
    output = model(input_ids=torch.tensor([row], device=model.device), use_cache=False)
    logits: torch.Tensor = output.logits[0]
    return logits


@torch.inference_mode()
def _trial(
    model: Any, rows: Sequence[Sequence[int]]
) -> tuple[list[tuple[int, int, torch.Tensor]], dict[int, int | None]]:
    """Logits of packed passes, each with its row and place, and the windows that layers asked for.

    Each row begins with three tokens. The second joins when the first goes on, the third when the
    second does; the first runs two tokens at once in company of others.
    """
    shelves = Shelves(len(rows) * SMALLEST)
    places = [_placed(shelves, len(row)) for row in rows]
    done = [0] * len(rows)
    found: list[tuple[int, int, torch.Tensor]] = []
    windows: dict[int, int | None] = {}
    for step in range(max(map(len, rows))):
        ran, pieces = [], []
        for n, row in enumerate(rows):
            count = 3 if done[n] == 0 else 2 if (n, step) == (0, 2) else 1
            tokens = row[done[n] : done[n] + count]
            if tokens and n <= step:
                pieces.append(Piece(place=places[n], tokens=tokens, start=done[n]))
                ran.append(n)
                done[n] += len(tokens)
        if pieces:
            one = Pass(pieces, model.device)
            logits = one.run(model)
            found += [(n, done[n] - 1, some) for n, some in zip(ran, logits, strict=True)]
            windows |= one.windows
    return found, windows


def _placed(shelves: Shelves, tokens: int) -> Place:
    place = shelves.place(tokens)
    assert place is not None  # noqa: S101  there is room for a few short rows
    return place
