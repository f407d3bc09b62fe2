"""What a pattern of a guard is made of.

A match is a *head*, which a regular expression describes, and where a pattern has them the
characters of a *run* after it. A head is shorter than the window, so that a stream knows it from
64 characters; a run may have any length, because once its head is known nothing of it is let
through. Heads use what every engine knows: no look-around and no back-reference. What must not
stand beside a match is said apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from escalera.core.serving.guarding import openings

WINDOW = 64
"""Characters from which it is known whether a match begins at the first of them."""
CONTEXT = 48
"""Characters before a match in which its context words are looked for."""

Check = Callable[[str], int]
"""From the text that an expression matched: how many characters of it belong, 0 for none."""

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"
ALNUM = LETTERS + DIGITS


@dataclass(frozen=True, slots=False, kw_only=True)
class Pattern:
    """One way to write something of a *kind*.

    `before` is a class of characters that must not precede a match, `after` an expression of at
    most two characters that must not follow its head. `check` tells the true ones of what looks
    alike. Of the words of `context`, or their plurals, one must stand shortly
    before, if there are any. `run` and
    `joints` are the characters that follow and belong to it: a joint only between two others; a run
    ends behind `ends`. `source` says where
    the form is laid down, `hits` and `misses` are texts with and without a match.

    Two things only save time: `hint` is an expression that is found within every match, where the
    head is too much for a first look, and of `literals`, in lower case, one is part of every match.
    """

    kind: str
    head: str
    before: str = ""
    after: str = ""
    check: Check | None = None
    context: tuple[str, ...] = ()
    run: str = ""
    joints: str = ""
    ends: str = ""
    hint: str = ""
    literals: tuple[str, ...] = ()
    source: str = ""
    hits: tuple[str, ...] = ()
    misses: tuple[str, ...] = ()
    foreign: bool = False

    @cached_property
    def expression(self) -> str:
        """The whole expression, with what must not stand beside it; a user's as it was written."""
        if self.foreign:
            return self.head  # in brackets, "a)|(b" would be one, too
        before = f"(?<![{self.before}])" if self.before else ""
        after = f"(?!{self.after})" if self.after else ""
        return f"{before}(?:{self.head}){after}"

    @cached_property
    def first_look(self) -> str:
        """An expression that is found in or before every match: hint, context or head."""
        if self.context and not self.hint:
            said = "|".join(_quoted(word) for word in self.context)
            return f"(?i:(?:^|[^a-z])(?:{said})s?(?:[^a-z]|$))"
        return self.hint or self.head

    @cached_property
    def signs(self) -> tuple[str, ...]:
        """Words in lower case of which one stands in every text with a match; maybe none."""
        return self.context or self.literals

    @cached_property
    def opening(self) -> str | None:
        """What matches where a head may begin that is not all there yet; None for anywhere.

        What must not precede it is not part of it.
        """
        one = not self.after or re.fullmatch(r"\\w|\[[^\]]*\]", self.after)
        return None if self.foreign else openings.opening(self.head, behind=0 if one else 1)

    def accepts(self, text: str, start: int, end: int) -> int:
        """Where the match of the expression in *text* really ends; 0 where it is none."""
        if self.context and not self._in_context(text[max(0, start - CONTEXT) : start].lower()):
            return 0
        if self.check is None:
            return end
        long = self.check(text[start:end])
        return start + long if long else 0

    def run_from(self, text: str, at: int) -> int:
        """Where the run that begins at *at* ends, as far as *text* goes."""
        if not self.run:
            return at
        found = self._run.match(text, at)
        return at if found is None else found.end()

    @cached_property
    def _run(self) -> re.Pattern[str]:
        chars = re.escape(self.run)
        joints = f"[{re.escape(self.joints)}]?" if self.joints else ""
        return re.compile(f"(?:{joints}[{chars}])*" if joints else f"[{chars}]*")

    @cached_property
    def _words(self) -> re.Pattern[str]:
        said = "|".join(re.escape(word) for word in self.context)
        return re.compile(f"(?<![a-z])(?:{said})s?(?![a-z])")

    def _in_context(self, before: str) -> bool:
        return self._words.search(before) is not None


# Below: private.


def _quoted(word: str) -> str:
    """*word* in the words of every engine, which know no escaped space."""
    return re.escape(word).replace("\\ ", " ").replace("\\#", "#")
