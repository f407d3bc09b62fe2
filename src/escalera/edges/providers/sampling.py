"""The next token of many rows at once; what each row gets does not depend on the others.

Greedy rows are one comparison. Rows that are drawn take the token at the place of a uniform number
among the likeliest tokens that hold `top_p` of the mass: the rule of `decoding`, so that a row has
the same answer under the same seed here and there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from escalera.edges.providers.decoding import Row

_LIKELIEST = 256
"""Tokens that are put in order at first: the whole vocabulary only where they are not enough."""


def choose(logits: torch.Tensor, rows: Sequence[Row]) -> list[int]:
    """One token for each row of *logits*, of shape (rows, vocabulary)."""
    logits = _allowed(_weighed(logits, rows), rows)
    chosen: list[int] = logits.argmax(-1).tolist()
    drawn = [place for place, row in enumerate(rows) if row.decoding.temperature > 0]
    if drawn:
        tokens = _drawn(logits[drawn], [rows[place] for place in drawn])
        for place, token in zip(drawn, tokens, strict=True):
            chosen[place] = token
    return chosen


def weigh(logits: torch.Tensor, rows: Sequence[Row]) -> None:
    """Note of the token that each row has said last how likely it was, where that is asked for.

    It is what the model itself makes of *logits*: before biases, penalties, guides and temperature.
    """
    asking = [place for place, row in enumerate(rows) if row.logprobs is not None]
    if not asking:
        return
    some = [rows[place] for place in asking]
    logarithms = torch.log_softmax(logits[asking].float(), -1)
    last = torch.tensor([[row.tokens[-1]] for row in some], device=logits.device)
    said = logarithms.gather(1, last)[:, 0].tolist()
    most = min(max(row.logprobs or 0 for row in some), logits.shape[-1])
    values, tokens = logarithms.topk(most)
    for row, one, those, theirs in zip(some, said, tokens.tolist(), values.tolist(), strict=True):
        row.weighed.append((one, those[: row.logprobs], theirs[: row.logprobs]))


# Below: private.


def _weighed(logits: torch.Tensor, rows: Sequence[Row]) -> torch.Tensor:
    """*logits* with the biases of rows, and less of what they have said where it is penalised."""
    changes: list[tuple[int, int, float]] = []
    for place, row in enumerate(rows):
        how = row.decoding
        changes += [(place, token, bias) for token, bias in how.logit_bias]
        if how.presence_penalty or how.frequency_penalty:
            changes += [
                (place, token, -how.presence_penalty - how.frequency_penalty * count)
                for token, count in row.counts.items()
            ]
    if not changes:
        return logits
    places, tokens, amounts = zip(*changes, strict=True)
    where = torch.tensor([places, tokens], device=logits.device).unbind()
    by = torch.tensor(amounts, dtype=logits.dtype, device=logits.device)
    return logits.index_put(where, by, accumulate=True)


def _allowed(logits: torch.Tensor, rows: Sequence[Row]) -> torch.Tensor:
    """*logits* without what the guides of rows do not allow."""
    guided = [place for place, row in enumerate(rows) if row.guide is not None]
    if not guided:
        return logits
    guides = [rows[place].guide for place in guided]
    allowed: NDArray[np.bool_] = np.stack([guide.allowed() for guide in guides if guide])
    masked = logits[guided].masked_fill(~torch.from_numpy(allowed).to(logits.device), -torch.inf)
    return logits.index_copy(0, torch.tensor(guided, device=logits.device), masked)


def _drawn(logits: torch.Tensor, rows: Sequence[Row]) -> list[int]:
    """Inverse-CDF sampling of every row from the smallest set of tokens that holds its `top_p`."""
    numbers = [(row.decoding.temperature, row.decoding.top_p, row.uniform()) for row in rows]
    columns = torch.tensor(numbers, dtype=torch.float64, device=logits.device)
    heat, most, uniform = columns.unsqueeze(-1).unbind(1)
    mass = torch.softmax(logits.double() / heat, -1)
    likeliest, order = mass.topk(min(_LIKELIEST, mass.shape[-1]))
    places, known = _placed(likeliest, most, uniform)
    tokens = order.gather(1, places)[:, 0]
    if likeliest.shape != mass.shape and not bool(known.all()):
        rest = (~known).nonzero()[:, 0]
        sorted_, order = mass[rest].sort(descending=True, stable=True)
        places, _ = _placed(sorted_, most[rest], uniform[rest])
        tokens[rest] = order.gather(1, places)[:, 0]
    found: list[int] = tokens.tolist()
    return found


def _placed(
    mass: torch.Tensor, most: torch.Tensor, uniform: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Where each row's token is among its likeliest, and whether it is known to be there."""
    above = mass.cumsum(-1)
    kept = (above - mass < most).sum(-1, keepdim=True).clamp(min=1)
    everything = most >= 1
    wanted = uniform * above.gather(1, kept - 1).masked_fill(everything, 1.0)
    places = torch.searchsorted(above, wanted).minimum(kept - 1)
    known = torch.where(everything, wanted < above[:, -1:], kept < mass.shape[-1])
    return places, known[:, 0]
