"""What Prometheus is told: counts and histograms of one worker, and of all workers together.

Counting is a look-up in a dictionary and an addition. Labels come from the configuration and from
closed sets, so there is a bounded number of them. The text format is version 0.0.4 of Prometheus.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping

import msgspec

Labels = tuple[str, ...]
BOUNDS: Mapping[str, tuple[float, ...]] = {
    "overhead_seconds": (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 1.0),
    "first_byte_seconds": (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0),
    "reading_seconds": (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0),
    "request_seconds": (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0),
}
"""Upper bounds of the buckets of each histogram, in seconds."""
HELP: Mapping[str, tuple[str, Labels]] = {
    "requests_total": ("Requests that ended.", ("operation", "name", "status")),
    "attempts_total": ("Calls to deployments.", ("deployment", "purpose", "fault")),
    "tokens_total": ("Tokens that deployments counted.", ("deployment", "kind")),
    "micro_dollars_total": ("What answers cost, in millionths of a US dollar.", ("deployment",)),
    "findings_total": ("What guards found.", ("kind",)),
    "mirrors_total": ("Calls that trials of candidates took.", ("trial", "outcome")),
    "mirrors_micro_dollars_total": ("What mirrors cost, in millionths of a US dollar.", ("trial",)),
    "messages_judged_total": ("Messages that were judged for drift.", ("name",)),
    "drifted": ("Workers to which messages are shown to have drifted.", ("name",)),
    "unread_total": ("Messages whose embedding their router did without.", ("model",)),
    "records_dropped_total": ("Records that the request log had no room for.", ()),
    "turned_away_total": ("Connections that there were no descriptors for.", ()),
    "batches_open": ("Batches that are not over.", ("status",)),
    "batches_total": ("Batches that ended.", ("outcome",)),
    "batch_lines_total": ("Lines of batches that were answered.", ("outcome",)),
    "jobs_open": ("Finetuning jobs that have not ended.", ("status",)),
    "jobs_total": ("Finetuning jobs that ended.", ("outcome",)),
    "overhead_seconds": ("Time of the gateway itself.", ("operation",)),
    "first_byte_seconds": ("Time to the first byte of an answer.", ("deployment",)),
    "reading_seconds": ("Time of a message's embedding, for its router.", ("model",)),
    "request_seconds": ("Time of whole requests.", ("operation", "name")),
    "in_flight": ("Requests that are being answered.", ()),
    "breaker_open": ("Deployments that are left alone.", ("deployment",)),
    "configuration_version": ("Which configuration every worker has at least.", ()),
}
"""What each metric means, and the names of its labels.

No name is that of another with `_total` behind it: readers of OpenMetrics leave that away.
"""
GAUGES = frozenset(
    {"batches_open", "jobs_open", "drifted", "in_flight", "breaker_open", "configuration_version"}
)
LEAST = frozenset({"configuration_version"})
"""Gauges that are no amounts: of all workers the least is told, not the sum."""


class Cell(msgspec.Struct):
    """A number that is counted up."""

    value: float = 0


class Histogram(msgspec.Struct):
    """Counts per bucket, the last one without a bound, and the sum."""

    bounds: tuple[float, ...]
    counts: list[int]
    total: float = 0.0

    def observe(self, seconds: float) -> None:
        """Add a time."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds


class Snapshot(msgspec.Struct):
    """What a worker has counted."""

    counts: dict[str, list[tuple[Labels, float]]]
    histograms: dict[str, list[tuple[Labels, Histogram]]]


class Metrics:
    """The counts of this worker, begun from those of the one whose place it takes."""

    def __init__(self, before: Snapshot | None = None) -> None:
        self._counts: dict[str, dict[Labels, Cell]] = {name: {} for name in HELP}
        self._histograms: dict[str, dict[Labels, Histogram]] = {name: {} for name in BOUNDS}
        for name, (_, labels) in HELP.items():
            if not labels and name not in GAUGES:
                self.cell(name, ())  # the first of all is an increase only where there was a 0
        if before is not None:
            self.add(before)
            for name in GAUGES:
                self._counts[name].clear()

    def count(self, name: str, labels: Labels, by: float = 1) -> None:
        """Count up."""
        self.cell(name, labels).value += by

    def set(self, name: str, labels: Labels, value: float) -> None:
        """Set a gauge."""
        self.cell(name, labels).value = value

    def observe(self, name: str, labels: Labels, seconds: float) -> None:
        """Add a time to a histogram."""
        self.histogram(name, labels).observe(seconds)

    def cell(self, name: str, labels: Labels) -> Cell:
        """Where a count is kept: whoever counts often keeps it, and adds to it."""
        return self._counts[name].setdefault(labels, Cell())

    def histogram(self, name: str, labels: Labels) -> Histogram:
        """Where times are kept: whoever observes often keeps it."""
        found = self._histograms[name].get(labels)
        if found is None:
            bounds = BOUNDS[name]
            found = Histogram(bounds=bounds, counts=[0] * (len(bounds) + 1))
            self._histograms[name][labels] = found
        return found

    def snapshot(self) -> Snapshot:
        """Everything so far, as a value."""
        return Snapshot(
            {
                name: [(labels, cell.value) for labels, cell in found.items()]
                for name, found in self._counts.items()
            },
            {name: list(found.items()) for name, found in self._histograms.items()},
        )

    def add(self, other: Snapshot) -> None:
        """Take in what another worker has counted; of another version what still fits."""
        for name, counts in other.counts.items():
            for labels, value in counts if name in HELP else ():
                self._add(name, tuple(labels), value)
        for name, histograms in other.histograms.items():
            for labels, found in histograms if name in BOUNDS else ():
                self._merge(name, tuple(labels), found)

    def text(self) -> str:
        """The metrics in Prometheus' format."""
        lines: list[str] = []
        for name, (told, labels) in HELP.items():
            full = f"escalera_{name}"
            histogram = name in BOUNDS
            kind = "histogram" if histogram else "gauge" if name in GAUGES else "counter"
            lines += (f"# HELP {full} {told}", f"# TYPE {full} {kind}")
            if histogram:
                for values, found in self._histograms[name].items():
                    lines += _buckets(full, _pairs(labels, values), BOUNDS[name], found)
            else:
                for values, cell in self._counts[name].items():
                    lines.append(f"{full}{_braced(_pairs(labels, values))} {_number(cell.value)}")
        return "\n".join(lines) + "\n"

    def _add(self, name: str, labels: Labels, value: float) -> None:
        known = self._counts[name].get(labels)
        if known is not None and name in LEAST:
            known.value = min(known.value, value)
        else:
            self.count(name, labels, value)

    def _merge(self, name: str, labels: Labels, other: Histogram) -> None:
        if other.bounds != BOUNDS[name]:
            return
        found = self.histogram(name, labels)
        found.counts = [one + more for one, more in zip(found.counts, other.counts, strict=True)]
        found.total += other.total


# Below: private.


def _pairs(names: Labels, values: Labels) -> list[str]:
    return [f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True)]


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _braced(pairs: Iterable[str]) -> str:
    joined = ",".join(pairs)
    return f"{{{joined}}}" if joined else ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _buckets(
    full: str, pairs: list[str], bounds: tuple[float, ...], found: Histogram
) -> Iterable[str]:
    seen = 0
    for bound, count in zip((*map(str, bounds), "+Inf"), found.counts, strict=True):
        seen += count
        yield f"{full}_bucket{_braced([*pairs, f'le={chr(34)}{bound}{chr(34)}'])} {seen}"
    yield f"{full}_sum{_braced(pairs)} {found.total!r}"
    yield f"{full}_count{_braced(pairs)} {seen}"
