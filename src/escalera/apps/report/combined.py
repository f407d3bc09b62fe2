"""What a candidate takes, as far as clocks are in it: time per call, training, money per month."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from escalera.core.economics import keeping
from escalera.core.ladder import weighing
from escalera.core.ladder.case import Case
from escalera.core.ladder.choosing import Candidate


def clocks(case: Case, entry: Candidate) -> dict[str, Any]:
    """Mean seconds of a call, minutes of the trainings behind it, and a month in its parts."""
    service = case.project.service
    money, kept = entry.micro_dollars_per_call, entry.kept
    running = weighing.running(case, entry.route, entry.standings, money=money, kept=kept)
    month = None if service is None else keeping.month(running, service)
    return {
        "seconds_per_call": weighing.seconds_per_call(case, entry.route),
        "training_minutes": 60 * running.training_hours,
        "month": None if month is None else asdict(month) | {"net": month.net},
    }
