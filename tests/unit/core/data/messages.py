"""Messages, and small edits that leave them what they are."""

from __future__ import annotations

import random

MESSAGES = [
    "where is my parcel, it should have been here yesterday",
    "please add a green lamp to my order before it leaves",
    "i want to change the address of the delivery",
    "the chair that came is broken at one of its legs",
    "can you recommend a desk for a very small room",
    "which of the two sofas is easier to clean",
    "my discount was not taken into account at the checkout",
    "how long may i use the voucher that you sent me",
]


def edited(text: str, chance: random.Random) -> str:
    """The text with a typo, another case, two words exchanged, or a word of courtesy."""
    kind = chance.randrange(4)
    if kind == 0:
        at = chance.randrange(1, len(text) - 1)
        return text[:at] + text[at + 1 :]
    if kind == 1:
        return text.upper() + "!"
    if kind == 2:
        words = text.split()
        at = chance.randrange(len(words) - 1)
        words[at], words[at + 1] = words[at + 1], words[at]
        return " ".join(words)
    return f"{text} thanks"
