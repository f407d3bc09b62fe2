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
    asked = {known[name]: name for name in ENTITIES}
    asked[PhoneRecognizer()] = "PHONE_NUMBER"
    found, began = [], time.perf_counter()
    for text in texts:
        found.append(
            [
                (name, result.start, result.end)
                for recogniser, name in asked.items()
                for result in recogniser.analyze(text, [name])
                if result.score >= LEAST
            ]
        )
    seconds = time.perf_counter() - began
    size = sum(len(text.encode()) for text in texts)
    json.dump(
        {
            "version": version("presidio-analyzer"),
            "found": found,
            "microseconds": seconds * 1e6 / (size / 1024),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
