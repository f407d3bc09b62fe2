"""How a model in training stands on examples that it is not taught."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

from escalera.edges.training.lessons import Lesson
from escalera.edges.training.losses import AnswerLosses
from escalera.edges.training.objectives import Preference


class HeldOut:
    """Lessons that are measured as they would be taught: as answers, or as preferences."""

    def __init__(self, by: AnswerLosses | Preference, lessons: Sequence[Lesson]) -> None:
        self._by, self._lessons = by, lessons

    @torch.no_grad()
    def measure(self, *, tokens: int) -> tuple[float, float]:
        """Mean loss, and the share that is right, in passes of at most *tokens*.

        The model is to be one that does not learn now: without dropout nothing of this draws
        random numbers, so that the training goes on as if it had not been asked.
        """
        if isinstance(self._by, Preference):
            return self._preferred(self._by, tokens)
        return self._answered(self._by, tokens)

    def _answered(self, losses: AnswerLosses, tokens: int) -> tuple[float, float]:
        total, right, count = 0.0, 0, 0
        for part in losses.parts(self._lessons, tokens=tokens):
            rows = losses.rows(part)
            logits = losses.logits(rows)
            wanted = torch.from_numpy(rows.wanted).to(logits.device)
            total += functional.cross_entropy(logits, wanted, reduction="sum").item()
            right += int((logits.argmax(-1) == wanted).sum())
            count += len(rows.wanted)
        return total / count, right / count

    def _preferred(self, preference: Preference, tokens: int) -> tuple[float, float]:
        gains = [
            gain
            for part in preference.parts(self._lessons, tokens=tokens)
            for gain in preference.gains(part)
        ]
        found = torch.tensor(gains, dtype=torch.float64)
        loss = -functional.logsigmoid(preference.beta * found).mean().item()
        return loss, (found > 0).double().mean().item()
