"""What `label --summary` says: how far people are, how far they agree, what they prefer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from escalera.apps.label.matter import Matter
from escalera.apps.label.sitting import Standing
from escalera.core.stats.clustering import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A sitting as it stands, for people and for scripts."""

    matter: Matter
    standing: Standing

    def document(self) -> dict[str, Any]:
        """Everything as plain data."""
        matter, standing = self.matter, self.standing
        return {
            "task": matter.task.name,
            "kind": matter.kind,
            "file": str(matter.place.file),
            "systems": list(matter.systems),
            "units": standing.units,
            "labelled": standing.labelled,
            "shared": standing.shared,
            "passed_over": standing.passed_over,
            "people": [{"name": name, "labels": count} for name, count in standing.people],
            "without_name": standing.unnamed,
            "agreement": asdict(standing.concord),
            "preference": None if standing.preference is None else asdict(standing.preference),
            "alike": matter.alike,
            "labels_needed": matter.needed,
        }

    def __str__(self) -> str:
        return "\n".join([*self._progress(), *self._agreement(), *self._preference()])

    def _progress(self) -> list[str]:
        matter, standing = self.matter, self.standing
        people = ", ".join(f"{name} {count}" for name, count in standing.people) or "nobody yet"
        said = [
            f"{matter.task.name}: {standing.labelled} of {standing.units} are labelled in "
            f"{matter.place.file}",
            f"labels by person: {people}",
        ]
        if standing.unnamed:
            said.append(f"{standing.unnamed} have labels of people who are not named")
        if standing.passed_over:
            said.append(
                f"{standing.passed_over} without a label stand before labelled ones: as long as "
                "they are left out, the labels are no random sample"
            )
        if matter.needed is not None:
            said.append(f"about {matter.needed} labels bring the score that they correct to +-0.05")
        return said

    def _agreement(self) -> list[str]:
        found = self.standing.concord
        if not found.units or found.same is None:
            return ["agreement: nothing is labelled by two people"]
        said = [
            f"agreement: on {found.units} labelled by two or more, all agree on "
            f"{_shown(found.same)}; Krippendorff's alpha {_shown(found.alpha)}"
        ]
        return said + [
            f"  {pair.first} and {pair.second}: kappa {_shown(pair.kappa)} on {pair.units}"
            for pair in found.pairs
        ]

    def _preference(self) -> list[str]:
        found, matter = self.standing.preference, self.matter
        if found is None:
            return []
        a, b = matter.systems if matter.kind == "choice" else ("the answer", "the target")
        said = [
            f"{a} is preferred to {b} on {_shown(found.first)} of {found.units} (a tie counts one "
            f"half; ties {_shown(found.ties)})"
        ]
        if matter.alike:
            said.append(f"on {matter.alike} more items both gave the same answer")
        place = found.shown_first
        if place is not None and not place.lower <= 0.5 <= place.upper:
            said.append(f"what is shown first is preferred on {_shown(place)}: a bias of place")
        return said


# Below: private.


def _shown(found: Interval | None) -> str:
    if found is None:
        return "cannot be told"
    return f"{found.estimate:.2f} [{found.lower:.2f}, {found.upper:.2f}]"
