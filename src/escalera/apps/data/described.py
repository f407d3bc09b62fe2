"""`data stats`: what a data set holds, and which of its rows say the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from escalera.apps.data import laid, loading
from escalera.apps.data.laid import Laid
from escalera.core.data import likeness
from escalera.core.data.likeness import Found
from escalera.core.data.statistics import UNKNOWN, Tally
from escalera.ports import Count, Progress
from escalera.settings.data_file import Source
from escalera.wiring import data_sets

SHOWN = 20
"""Pairs of each kind that the JSON document holds."""
PAIRS = 5
"""Rephrasings that are shown to people."""
LEAKS = ("golden", "confirm", "search", "other file")
"""Where a question may stand that must not stand elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """Counts per query type, and the rows that are like others."""

    document: dict[str, Any]

    @property
    def leaks(self) -> int:
        """How many rows stand in another split, or another file, too."""
        return sum(entry["rows"] for entry in self.document["alike"] if entry["crosses"])

    def __str__(self) -> str:
        lines: list[str] = []
        for name, counts in self.document["types"].items():
            lines += [f"{name}: {_splits(counts)}", *(f"  {said}" for said in _said(counts))]
        lines += [*_alike(self.document), *_rephrased(self.document), *self.document["notes"]]
        return "\n".join(lines)


def describe(
    groups: Mapping[str, Sequence[Source]],
    *,
    others: Sequence[Source] = (),
    near: float | None,
    tokens: Count | None = None,
    rephrased: Mapping[str, Any] | None = None,
    progress: Progress,
) -> Described:
    """Count the rows of every query type, and compare all rows with each other and with *others*.

    Without *near*, or without the extra `data`, near duplicates are not looked for, and a note says
    so. *rephrased* are pairs that are suspected to mean the same. Raises `DataError` for the first
    row that is none.
    """
    found, language, notes = Laid(), data_sets.language(), []
    laid.against(found, others)
    kept = len(found.pile)
    tallies = {}
    for name, sources in groups.items():
        tally = tallies[name] = Tally(language=language, tokens=tokens)
        for source in sources:
            for placed in loading.read(source):
                found.add(placed)
                for row in placed.rows:
                    tally.add(row, placed.form)
    if language is None:
        notes.append("languages were not told: pip install 'escalera[data]'")
    if near is not None and data_sets.sketches(near) is None:
        near = None
        notes.append("near duplicates were not looked for: pip install 'escalera[data]'")
    alike = laid.find(found, near=near, progress=progress)
    if alike.uncompared:
        most = likeness.COMPARED
        notes.append(f"{alike.uncompared} rows were compared with the {most} likeliest rows only")
    return Described(
        document={
            "types": {name: tally.document() for name, tally in tallies.items()},
            "near": near,
            "alike": _document(found, alike),
            "conflicts": len(alike.conflicts),
            "conflicting": [
                {**found.place(one.place), "other": found.place(one.other)}
                for one in alike.conflicts[:SHOWN]
            ],
            "rephrased": rephrased,
            "other_rows": kept,
            "notes": notes,
        }
    )


# Below: private.


def _document(found: Laid, alike: Found) -> list[dict[str, Any]]:
    """How many rows of a split are like rows of another, by kind, with the first of them."""
    counts = likeness.among(alike.alike, found.pile)
    shown: dict[tuple[str, str, str], list[dict[str, Any]]] = {key: [] for key in counts}
    for one in alike.alike:
        examples = shown[likeness.between(one, found.pile)]
        if len(examples) < SHOWN:
            examples.append(found.told(one))
    return [
        {
            "split": split or None,
            "like_split": other or None,
            "kind": kind,
            "rows": rows,
            "crosses": split != other and other in LEAKS,
            "first": shown[split, other, kind],
        }
        for (split, other, kind), rows in sorted(counts.items())
    ]


def _splits(counts: Mapping[str, Any]) -> str:
    parts = [f"{rows} {split or 'without a split'}" for split, rows in counts["splits"].items()]
    return f"{counts['rows']} items ({', '.join(parts)})"


def _said(counts: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, found in counts["lengths"].items():
        said = (
            f"{found['q0.5']:.0f} in the middle, {found['q0.05']:.0f} to {found['q0.95']:.0f} for "
            f"nine in ten, at most {found['q1']:.0f}"
        )
        lines.append(f"{name}: {said}")
    if counts["languages"] is not None:
        lines.append(f"languages: {_counted(counts['languages'], 5)}")
    if counts["answers"] is None:
        lines.append("answers: free text")
    else:
        different = counts["different_answers"]
        most = _counted({repr(name): n for name, n in counts["answers"].items()}, 5)
        lines.append(f"answers: {different} different; {most}")
    lines.append(f"licences: {_counted(counts['licences'], 10)}")
    if set(counts["sources"]) != {UNKNOWN}:
        lines.append(f"sources: {_counted(counts['sources'], 5)}")
    if counts["with_history"]:
        lines.append(f"{counts['with_history']} items have turns before the input")
    if counts["with_system_message"]:
        many = counts["with_system_message"]
        lines.append(f"{many} items have a system message: a prompt shows it as {{{{ system }}}}")
    return lines


def _counted(counts: Mapping[str, int], most: int) -> str:
    parts = [f"{name} {count}" for name, count in [*counts.items()][:most]]
    return ", ".join(parts) + (", …" if len(counts) > most else "")


def _alike(document: Mapping[str, Any]) -> list[str]:
    words = {
        "exact": "the same as",
        "near": "nearly the same as",
        "held": "around a question of",
    }
    lines = []
    for entry in document["alike"]:
        mine, theirs = entry["split"] or "all", entry["like_split"] or "all"
        what = "LEAK" if entry["crosses"] else "duplicates"
        lines.append(f"{what}: {entry['rows']} {mine} items are {words[entry['kind']]} {theirs}")
    if document["conflicts"]:
        said = f"{document['conflicts']} items ask what another asks, and answer otherwise"
        lines.append(f"conflicts: {said}")
    return lines or ["no two items say the same"]


def _rephrased(document: Mapping[str, Any]) -> list[str]:
    """How many items may be taught in other words than they are tested, and the nearest of them."""
    found = document["rephrased"]
    if found is None:
        return []
    pairs = found["pairs"]
    lines = [f"rephrasings: {len(pairs)} train items may mean what a tested item means"]
    if found["unread"]:
        lines.append(f"  {found['unread']} items could not be read by the model for embeddings")
    for pair in pairs[:PAIRS]:
        other = pair["like"]
        said = f"{pair['input'][:60]!r} and {other['input'][:60]!r}"
        lines.append(f"  {pair['cosine']:.3f} {pair['id']} and {other['id']}: {said}")
    return lines
