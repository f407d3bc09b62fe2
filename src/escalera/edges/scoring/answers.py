"""JSON between Escalera and a scorer of the user's: a question about an answer, and its score."""

from __future__ import annotations

import json
import math
from typing import Any

from escalera.domain.scoring import Score, Submission, unscored
from escalera.errors import ScorerFailed


def question(answer: Submission) -> dict[str, Any]:
    """What a user's scorer is told."""
    item = answer.item
    return {
        "reply": answer.reply,
        "target": item.target,
        "item": {
            "id": item.id,
            "task": item.task,
            "split": item.split,
            "input": item.input,
            "target": item.target,
            "cluster": item.cluster,
            "history": [{"role": turn.role, "content": turn.content} for turn in item.history],
            "fields": {name: json.loads(value) for name, value in item.fields},
        },
        "finish": answer.finish,
        "seconds": answer.seconds,
        "micro_dollars": answer.micro_dollars,
    }


def score(said: Any, *, name: str) -> Score:
    """The score in an answer `{"score": 0.5}` or `{"score": null, "reason": "…"}`.

    Raises `ScorerFailed` for anything else: no guess is made at what was meant.
    """
    if not isinstance(said, dict) or "score" not in said:
        raise ScorerFailed(f'{name} answered {str(said)[:80]!r}, not an object with "score"')
    value, reason = said["score"], said.get("reason")
    if value is None:
        return unscored(str(reason) if reason else f"{name} gave no score and no reason")
    if not isinstance(value, (int, float)) or not math.isfinite(value) or not 0 <= value <= 1:
        raise ScorerFailed(f"{name} gave the score {value!r}, which is no number from 0 to 1")
    return Score(value=float(value))
