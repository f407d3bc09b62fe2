"""What a system will be used for, and what it takes to run and to keep it: money per month."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The terms under which systems are weighed against each other, in US dollars.

    `calls` a month are served, each within `seconds` on the mean (None: no limit). A whole model
    that has to be held ready costs `model_month`; an artefact that has to be kept alive (an
    adapter, a finetuned model: stored, watched, measured again) `artefact_month`. The base model
    changes `base_changes` times a year, and every artefact is then trained anew, an hour of
    training at `training_hour`.
    """

    calls: float
    seconds: float | None = None
    model_month: float = 0.0
    artefact_month: float = 0.0
    training_hour: float = 0.0
    base_changes: float = 1.0
