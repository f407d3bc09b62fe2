"""Calibrations of judges that are kept, by panel, and what was read of each since."""

from __future__ import annotations

from dataclasses import dataclass, field

from escalera.domain.calibration import Anchored, DriftSource, Rechecked


@dataclass(slots=True)
class Calibrations:
    """Every calibration that was kept, in order, with its readings."""

    _kept: dict[str, list[Anchored]] = field(default_factory=dict)
    _readings: dict[tuple[str, int], list[Rechecked]] = field(default_factory=dict)

    def add(self, event: Anchored | Rechecked) -> None:
        """Remember a calibration, or a reading of one."""
        if isinstance(event, Anchored):
            self._kept.setdefault(event.panel, []).append(event)
        else:
            self._readings.setdefault((event.panel, event.number), []).append(event)

    def of(self, panel: str) -> tuple[Anchored, ...]:
        """Every calibration of the panel called *panel*, whoever judged in it then."""
        return tuple(self._kept.get(panel, ()))

    def latest(self, panel: str, scorer: str) -> Anchored | None:
        """The calibration that drift is measured from, or None: it is of these judges."""
        return next((c for c in reversed(self.of(panel)) if c.scorer == scorer), None)

    def readings(self, kept: Anchored, source: DriftSource) -> tuple[Rechecked, ...]:
        """What was read of a calibration from one source, in order."""
        found = self._readings.get((kept.panel, kept.number), ())
        return tuple(reading for reading in found if reading.source == source)

    def rounds(self, panel: str) -> int:
        """How often answers of the panel's calibrations were graded again, to the end."""
        return sum(
            reading.source == "again"
            for kept in self.of(panel)
            for reading in self._readings.get((panel, kept.number), ())
        )
