"""The labelled texts of the guards' bench: personal data, attacks, harmless prompts."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KINDS = {
    "CREDIT_CARD": ("credit_card",),
    "EMAIL_ADDRESS": ("email",),
    "IBAN_CODE": ("iban",),
    "IP_ADDRESS": ("ip_address",),
    "PHONE_NUMBER": ("phone",),
    "US_DRIVER_LICENSE": ("driver_licence",),
    "US_SSN": ("us_ssn",),
    "DOMAIN_NAME": ("url",),
}
"""What the data set marks, in the words of the guards; the rest has no form that could be found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text with the spans of what it holds, and the number of its template."""

    text: str
    template: int
    spans: tuple[tuple[str, int, int], ...]


def rows(data: Path, name: str) -> list[dict[str, Any]]:
    """The rows of a file of the data."""
    with gzip.open(data / name, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def personal(data: Path) -> tuple[list[Text], list[Text]]:
    """Texts to develop patterns on, of even templates, and texts to test them on, of odd ones."""
    found = [
        Text(
            text=row["text"],
            template=row["template"],
            spans=tuple((span["type"], span["start"], span["end"]) for span in row["spans"]),
        )
        for row in rows(data, "pii_presidio/texts.jsonl.gz")
    ]
    return (
        [text for text in found if text.template % 2 == 0],
        [text for text in found if text.template % 2],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """An injected instruction."""

    text: str
    category: str


def attacks(data: Path) -> list[Attack]:
    """The attacks of BIPIA."""
    return [
        Attack(text=row["text"], category=row["category"])
        for row in rows(data, "guard_bipia/attacks.jsonl.gz")
    ]


def emails(data: Path) -> list[str]:
    """E-mails without an attack."""
    return [row["context"] for row in rows(data, "guard_bipia/email_contexts.jsonl.gz")]


def prompts(data: Path) -> list[tuple[str, str]]:
    """The prompts of XSTest, each with `safe` or `unsafe`."""
    return [(row["text"], row["label"]) for row in rows(data, "guard_xstest/prompts.jsonl.gz")]


def messages(data: Path) -> list[str]:
    """Messages of people to assistants: CLINC150, SNIPS."""
    found = []
    for folder in ("clinc150_oos", "snips_slots"):
        for file in sorted((data / folder).glob("*.jsonl.gz")):
            found += [row["text"] for row in rows(data, f"{folder}/{file.name}") if "text" in row]
    return found
