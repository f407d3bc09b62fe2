"""The language of a text, with the library `py3langid`. Needs the extra `data`."""

from __future__ import annotations

from py3langid import langid

SHORTEST = 12
"""Letters below which a text says too little."""
LONGEST = 2_000
"""Characters that are looked at."""
UNCLEAR = ""


def language(text: str) -> str:
    """The ISO 639 code of the language that *text* is most likely in; empty where it is too short.

    Of single messages about one in ten is taken for another language: read shares, not rows.
    """
    head = text[:LONGEST]
    if sum(sign.isalpha() for sign in head) < SHORTEST:
        return UNCLEAR
    code, _ = langid.classify(head)
    return str(code)
