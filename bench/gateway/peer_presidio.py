"""Presidio's pattern recognisers over the same texts, run by an interpreter that has them.

    PYTHONPATH=src PYTHON bench/gateway/peer_presidio.py < texts.json > found.json

Texts are a list of strings; of each the entities with starts and ends are told, and how many
microseconds a kilobyte took.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from typing import Any

from presidio_analyzer.predefined_recognizers import PhoneRecognizer

from escalera.edges.filters.presidio import LEAST, recognisers

ENTITIES = (
    "CREDIT_CARD",
    "EMAIL_ADDRESS",
    "IBAN_CODE",
    "IP_ADDRESS",
    "US_SSN",
    "US_DRIVER_LICENSE",
    "URL",
)


def main() -> None:
    """Read texts, write what is found in them."""
    texts = json.load(sys.stdin)
    known = recognisers()
    asked: dict[Any, str] = {known[name]: name for name in ENTITIES}
    asked[PhoneRecognizer()] = "PHONE_NUMBER"
    _found(texts[:1], asked)
    began = time.process_time()
    found = _found(texts, asked)
    seconds = time.process_time() - began
    size = sum(len(text.encode()) for text in texts)
    json.dump(
        {
            "version": version("presidio-analyzer"),
            "found": found,
            "microseconds": seconds * 1e6 / (size / 1024),
        },
        sys.stdout,
    )


def _found(texts: list[str], asked: dict[Any, str]) -> list[list[tuple[str, int, int]]]:
    return [
        [
            (name, result.start, result.end)
            for recogniser, name in asked.items()
            for result in recogniser.analyze(text, [name])
            if result.score >= LEAST
        ]
        for text in texts
    ]


if __name__ == "__main__":
    main()
