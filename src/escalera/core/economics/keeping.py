"""What a system is worth and what it costs in a month: money for quality, calls and upkeep.

Net = value of the scores - calls - models held ready - artefacts kept alive - trainings when the
base model changes. All parts but the value are linear in the terms of the service, so the terms at
which another system would win follow by division.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from escalera.domain.service import Service

MONTHS = 12
BEYOND = 1e12
"""No call, hour or dollar a month is ever as many: what turns only there never turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What a system takes: measured per call, and counted.

    `value` is what its scores are worth a month: per task, points (hundredths of score) times
    their worth. `micro_dollars_per_call` is None where a price is unknown: its calls then count
    nothing, like those of its rivals on the same models. `training_hours` are of trainings on
    machines of one's own, `training_dollars` what providers took for the others.
    """

    value: float
    micro_dollars_per_call: float | None
    models: int
    artefacts: int
    training_hours: float
    training_dollars: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """The parts of a month in US dollars; `net` is what is left of the value."""

    value: float
    calls: float
    hosting: float
    upkeep: float
    retraining: float

    @property
    def net(self) -> float:
        """Value minus all costs."""
        return self.value - self.calls - self.hosting - self.upkeep - self.retraining


def month(running: Running, service: Service) -> Month:
    """A month of a system under the terms of a service."""
    each = (running.micro_dollars_per_call or 0.0) / 1_000_000
    changes = service.base_changes / MONTHS
    return Month(
        value=running.value,
        calls=service.calls * each,
        hosting=running.models * service.model_month,
        upkeep=running.artefacts * service.artefact_month,
        retraining=changes * _training(running, service),
    )


def reversals(chosen: Running, other: Running, service: Service) -> Mapping[str, float]:
    """Per term of the service: the value from which *other* is worth more, where there is one.

    Only one term is moved at a time, and only to values above 0. A term that would have to fall is
    given as well as one that would have to rise.
    """
    behind = month(chosen, service).net - month(other, service).net
    found = {}
    for term in TERMS:
        now = float(getattr(service, term))
        slope = _slopes(chosen, service)[term] - _slopes(other, service)[term]
        if slope:
            turning = now - behind / slope
            if 0 < turning < BEYOND and turning != now:
                found[term] = turning
    return found


TERMS = tuple(f.name for f in fields(Service) if f.name not in ("seconds",))
"""The terms that a decision may turn on."""


def _slopes(running: Running, service: Service) -> Mapping[str, float]:
    """What one more of each term takes from the net of a month."""
    changes = service.base_changes / MONTHS
    return {
        "calls": -(running.micro_dollars_per_call or 0.0) / 1_000_000,
        "model_month": -float(running.models),
        "artefact_month": -float(running.artefacts),
        "training_hour": -changes * running.training_hours,
        "base_changes": -_training(running, service) / MONTHS,
    }


def _training(running: Running, service: Service) -> float:
    """Dollars of everything that was trained, once."""
    return running.training_hours * service.training_hour + running.training_dollars
