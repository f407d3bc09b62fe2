"""ROUGE: how many words or word sequences of a reference text a reply shares.

Lin (2004), "ROUGE: A Package for Automatic Evaluation of Summaries"; F1 of ROUGE-N and ROUGE-L.
Without stemming the figures are those of ROUGE-1.5.5 and of Google's `rouge-score` for English.
Words are runs of letters and digits of any script, where those two know a to z only and would
tear "niño" apart.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from escalera.domain.scoring import Score, Submission, unscored

Variant = Literal["rouge1", "rouge2", "rougeL"]

MOST_WORDS = 20_000
"""Of a text; the longest common subsequence of two such texts takes seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rouge:
    """`variant`: single words, pairs of words, or the longest common subsequence of words."""

    variant: Variant = "rougeL"


def score(seen: Submission, options: Rouge) -> Score:
    """F1 of what reply and target share."""
    reply, target = words(seen.reply), words(seen.target)
    if not target:
        return unscored(f"the target {seen.target!r} holds no word")
    if len(target) > MOST_WORDS:
        return unscored(f"the target has {len(target)} words; the most is {MOST_WORDS}")
    del reply[MOST_WORDS:]  # already far from any target: what follows could only be wrong
    return Score(value=f1(reply, target, options.variant))


def words(text: str) -> list[str]:
    """Runs of letters and digits, in lower case."""
    return _WORD.findall(text.lower())


def f1(reply: Sequence[str], target: Sequence[str], variant: Variant) -> float:
    """The harmonic mean of precision and recall."""
    match variant:
        case "rouge1":
            return _grams(reply, target, 1)
        case "rouge2":
            return _grams(reply, target, 2)
        case "rougeL":
            return _f1(_common(reply, target), len(reply), len(target))


# Below: private.

_WORD = re.compile(r"[^\W_]+")


def _grams(reply: Sequence[str], target: Sequence[str], size: int) -> float:
    said, wanted = (
        Counter(zip(*(text[n:] for n in range(size)), strict=False)) for text in (reply, target)
    )
    return _f1((said & wanted).total(), said.total(), wanted.total())


def _f1(shared: int, said: int, wanted: int) -> float:
    return 2 * shared / (said + wanted) if shared else 0.0


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """The length of the longest common subsequence, by Hyyrö's bit-parallel recurrence (2004).

    One big integer per word of *left* instead of a row of a table: bit n tells whether the row
    rises at word n of *right*.
    """
    where: dict[str, int] = {}
    for n, word in enumerate(right):
        where[word] = where.get(word, 0) | 1 << n
    everything = (1 << len(right)) - 1
    row = everything
    for word in left:
        here = row & where.get(word, 0)
        row = (row + here | row - here) & everything
    return len(right) - row.bit_count()
