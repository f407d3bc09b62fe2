"""Scorers that compare reply and target as they stand: as text, words, numbers or JSON fields."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from escalera.domain.scoring import Score, Submission, unscored


def exact(reply: str, target: str) -> Score:
    """1 when reply and target are the same text, but for white space at both ends."""
    return Score(value=float(reply.strip() == target.strip()))


def normalised(reply: str, target: str) -> Score:
    """1 when both are the same words: Unicode NFKC, case, punctuation and spacing ignored.

    A `+` or `#` right behind a word is part of it (C++, C#, A+), and so is a minus right before a
    number: they tell one answer from another, which other marks do not.
    """
    return Score(value=float(words(reply) == words(target)))


def numeric(reply: str, target: str) -> Score:
    """1 when the last number in the reply equals the number of the target (relative 1e-6).

    The last one, because models reason before they answer (the rule of GSM8K's scorers). A number
    is digits with commas between thousands, a decimal point and an exponent: 1,234.50 or 1e3. A
    sign belongs to it where it stands before the number or its currency, and behind no other word
    or number: -5 and -$5 are negative, while 10-12 holds 10 and 12, and states 12.
    """
    wanted = _last_number(target)
    if wanted is None:
        return unscored(f"the target {target!r} holds no number")
    found = _last_number(reply)
    right = found is not None and math.isclose(found, wanted, rel_tol=1e-6, abs_tol=1e-9)
    return Score(value=float(right))


def no_number(target: str) -> str | None:
    """What is wrong with a target of `numeric`."""
    return "holds no number" if _last_number(target) is None else None


def no_fields(target: str) -> str | None:
    """What is wrong with a target of `json_fields`."""
    return "is no JSON object" if json_object(target) is None else None


def json_fields(reply: str, target: str) -> Score:
    """The share of the target's fields that the reply's JSON object has with the same value.

    Fields that the target lacks make the reply wrong in their part too: with f fields in target
    or reply and r of them right, the score is r / f. A reply that is no JSON object scores 0.
    """
    wanted = json_object(target)
    if wanted is None:
        return unscored(f"the target {target!r} is not a JSON object")
    found = json_object(reply)
    if found is None:
        return Score(value=0.0)
    names = wanted.keys() | found.keys()
    if not names:
        return Score(value=1.0)
    right = sum(_same(wanted.get(name), found.get(name)) for name in wanted.keys() & found.keys())
    return Score(value=right / len(names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Contains:
    """`case`: letters must have the same case; `words`: the target must stand as whole words."""

    case: bool = False
    words: bool = False


def contains(seen: Submission, options: Contains) -> Score:
    """1 when the target stands in the reply.

    By whole words, punctuation and spacing are ignored as by `normalised`: "C" is not in "C++".
    """
    reply, target = seen.reply, seen.target.strip()
    if options.words:
        said, wanted = words(reply, case=options.case), words(target, case=options.case)
        starts = range(len(said) - len(wanted) + 1) if wanted else range(0)
        return Score(value=float(any(said[n : n + len(wanted)] == wanted for n in starts)))
    if not options.case:
        reply, target = reply.casefold(), target.casefold()
    return Score(value=float(target in reply))


def words(text: str, *, case: bool = False) -> list[str]:
    """The words of a text in Unicode's compatible form, in lower case unless *case* matters."""
    text = unicodedata.normalize("NFKC", text)
    return _WORD.findall((text if case else text.casefold()).translate(_MINUS))


def json_object(text: str) -> dict[str, Any] | None:
    """The JSON object that a text is, or None."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


# Below: private.

_WORD = re.compile(r"(?:(?<!\w)-(?=\d))?\w+[+#]*")

_NUMBER = re.compile(
    r"""
    (?: (?<![\w)\]%°-]) (?<!\d[$€£¥]) ([-+]) )?     # a sign, but no dash of a range or a compound
    [$€£¥]?
    (
        (?: \d{1,3} (?: ,\d{3} )+ (?!\d) | \d+ )   # thousands, or digits without commas
        (?: \.\d+ )?
        | (?<![\w.]) \.\d+                         # .5
    )
    ( [eE][-+]?\d+ )?
    """,
    re.VERBOSE,
)
_MINUS = str.maketrans({"\N{MINUS SIGN}": "-"})


def _last_number(text: str) -> float | None:
    found = _NUMBER.findall(text.translate(_MINUS))
    if not found:
        return None
    sign, digits, exponent = found[-1]
    return float(f"{sign}{digits}{exponent}".replace(",", ""))


def _same(left: Any, right: Any) -> bool:
    # JSON knows one kind of number, but true is not 1.
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[name], right[name]) for name in left)
    return bool(left == right)
