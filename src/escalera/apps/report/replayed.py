"""What a mixture's search for its ratio found: each share that was tried, and its cost."""

from __future__ import annotations

from typing import Any

from escalera.core.finetuning import replay
from escalera.core.ladder import replaying
from escalera.core.ladder.case import Case


def build(case: Case) -> list[dict[str, Any]]:
    """A row for each ratio, smallest first; nothing where the policy names the ratio.

    `room` is the tightest task's: how far its score at the pause lies above its bar, and above what
    it had before less its margin. `chosen` is the ratio that the fitted responses speak for, once
    all are known.
    """
    tried = replaying.tried(case)
    known = [pilot for pilot, _ in tried]
    best = replay.chosen(known) if known and len(known) == len(replaying.ratios(case)) else None
    return [
        {
            "ratio": pilot.ratio,
            "room": round(min(pilot.rooms), 6),
            "chosen": pilot.ratio == best,
            "steps": part.steps,
            "tokens": part.tokens,
            "micro_dollars": part.micro_dollars,
            "clocks": {"seconds": part.seconds},
        }
        for pilot, part in tried
    ]
