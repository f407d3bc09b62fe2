"""Injections: what patterns find of attacks inserted in e-mails, and what they blame."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from bench.gateway import guard_data
from bench.gateway.guard_data import Attack

from escalera.core.routing import fitting
from escalera.core.serving.guarding import kinds
from escalera.core.serving.guarding.guards import Guard, GuardSet
from escalera.core.serving.guarding.vault import Vault
from escalera.wiring.guards import matching

Flagged = Callable[[str], bool]


def lines(data: Path) -> list[str]:
    """The section of the page."""
    attacks, emails = guard_data.attacks(data), guard_data.emails(data)
    prompts, said = guard_data.prompts(data), guard_data.messages(data)
    safe = [text for text, label in prompts if label == "safe"]
    unsafe = [text for text, label in prompts if label == "unsafe"]
    found = [
        "## Injections",
        "",
        f"Each of the {len(attacks)} attacks of BIPIA's train part inserted at the start, in the "
        f"middle and at the end of each of {len(emails)} e-mails. The patterns of `smuggled` were "
        "written with these attacks in sight, so its share of them is no forecast; those of "
        "`injection` were not. Most of these attacks are plain requests, as a user makes them, and "
        "no pattern can tell those from the others.",
        "",
        "| kind | attacks found | of clean e-mails | of safe prompts (XSTest) | of unsafe ones | "
        "of messages (CLINC150, SNIPS) |",
        "|---|---|---|---|---|---|",
    ]
    for kind in ("injection", "smuggled"):
        flagged = _patterns(kind)
        shares = [
            _share(flagged, list(_inserted(attacks, emails))),
            _share(flagged, emails),
            _share(flagged, safe),
            _share(flagged, unsafe),
        ]
        wrong = sum(map(flagged, said))
        told = " | ".join(f"{share:.3f}" for share in shares)
        found.append(f"| `{kind}` | {told} | {wrong} of {len(said)} |")
    found += ["", *_categories(attacks), "", *_learned(attacks, emails, safe)]
    return found


# Below: private.


def _patterns(kind: str) -> Flagged:
    guards = GuardSet([Guard(name=kind, action="flag", patterns=kinds.patterns([kind]))], matching)
    return lambda text: bool(guards.inspect(text, Vault()).findings)


def _share(flagged: Flagged, texts: Sequence[str]) -> float:
    return sum(map(flagged, texts)) / len(texts)


def _inserted(attacks: Sequence[Attack], emails: Sequence[str]) -> Iterator[str]:
    for attack in attacks:
        for email in emails:
            middle = email.find(" ", len(email) // 2)
            yield f"{attack.text}\n{email}"
            yield f"{email[:middle]}\n{attack.text}\n{email[middle:]}"
            yield f"{email}\n{attack.text}"


def _categories(attacks: Sequence[Attack]) -> list[str]:
    flagged = _patterns("smuggled")
    found = ["`smuggled` by category, of 5 attacks each:", ""]
    told = []
    for name in sorted({attack.category for attack in attacks}):
        many = sum(flagged(attack.text) for attack in attacks if attack.category == name)
        told.append(f"{name} {many}")
    return [*found, ", ".join(told) + "."]


def _learned(attacks: Sequence[Attack], emails: Sequence[str], safe: Sequence[str]) -> list[str]:
    """A classifier of sentences, by character n-grams: tried, and not shipped."""
    taught = [one for email in emails[::2] for one in _sentences(email)]
    tested = [one for email in emails[1::2] for one in _sentences(email)]
    caught, blamed = [], []
    for name in sorted({attack.category for attack in attacks}):
        known = [attack.text for attack in attacks if attack.category != name]
        flagged = _classifier(known, taught)
        caught.append(_share(flagged, [one.text for one in attacks if one.category == name]))
        blamed.append(_share(flagged, tested))
    flagged = _classifier([attack.text for attack in attacks], taught)
    pages = sorted(Path("docs").rglob("*.md"))
    written = [one for page in pages for one in _sentences(page.read_text(encoding="utf-8"))]
    return [
        "### A learned classifier, not shipped",
        "",
        "The router's features and fit (character n-grams), sentence by sentence, taught on the "
        f"attacks of 14 categories and the {len(taught)} sentences of half of the e-mails, tested "
        f"on the fifteenth category and the {len(tested)} sentences of the others: it finds "
        f"{np.mean(caught):.3f} of the attacks ({min(caught):.2f} to {max(caught):.2f} by "
        f"category) and blames {np.mean(blamed):.3f} of the sentences. What it has learned is to "
        f"tell requests from e-mails: it blames {_share(flagged, safe):.3f} of XSTest's safe "
        f"prompts, and {_share(flagged, written):.3f} of the {len(written)} sentences of this "
        "documentation. "
        "For other documents than e-mails of this kind nothing is known, so it is not shipped.",
    ]


def _classifier(attacks: Sequence[str], clean: Sequence[str]) -> Flagged:
    labels = ["attack"] * len(attacks) + ["clean"] * len(clean)
    router = fitting.fit(("attack", "clean"), [*attacks, *clean], labels)
    return lambda text: router.infer(text) == "attack"


def _sentences(text: str) -> list[str]:
    parts = re.split(r"(?<=[.!?])\s+|\n+|\|", text)
    return [part.strip() for part in parts if len(part.strip()) >= 12]
