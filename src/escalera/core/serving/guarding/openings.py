"""How a match may begin that is not all there: what a stream must wait for, and what it need not.

From the head of a pattern, an expression is made that matches at a character exactly where what
follows, up to the end of the text, is the beginning of a head, or all of one that touches the end.
Where it does not match, no more text can make a match begin there.

Prefixes of a language of expressions are taken by the usual rules: of a sequence, the beginnings of
its first part, or all of that and the beginnings of the rest; of a repetition, some of its rounds
and the beginning of one more (Brzozowski 1964 has the dual, derivatives). Heads are written in the
part of the language that is read here: signs, classes, groups, alternatives, bounded repetitions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_END = r"\Z"
_SIGNS = [chr(code) for code in range(0x250)] + ["中", "🙂"]
_NEVER = "(?!)"
_ATOM = re.compile(r"\\[^0-9xuUN]|\[\^?\]?(?:\\.|[^\]\\])*\]|[^()|?*+{}\[\]\\^$]", re.DOTALL)
_TIMES = re.compile(r"\?|\{(\d+)(?:,(\d+))?\}")


def opening(head: str, *, behind: int = 0) -> str | None:
    """The expression of beginnings of *head*, which may have *behind* more characters after it.

    None where *head* is not written in the part of the language that is read here.
    """
    reader = _Reader(head)
    found = reader.alternatives()
    if reader.at < len(head) or reader.failed:
        return None
    rest = f".{{0,{behind}}}{_END}" if behind else _END
    return "(?s:" + "|".join(_begun(sequence, rest) for sequence in found) + ")"


# Below: private.


@dataclass(frozen=True, slots=True)
class _Item:
    """A part of a sequence: its expression, the sequences within it, and its repetition."""

    text: str
    inner: tuple[_Sequence, ...] = ()
    flags: str = ""
    least: int = 1
    most: int = 1

    @property
    def full(self) -> str:
        """All of it."""
        if (self.least, self.most) == (1, 1):
            return self.text
        return f"{self.text}{{{self.least},{self.most}}}"


_Sequence = tuple[_Item, ...]


class _Reader:
    """Reads an expression from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.at = 0
        self.failed = False

    def alternatives(self) -> tuple[_Sequence, ...]:
        """Sequences up to the end of the group."""
        found = [self._sequence()]
        while self._take("|"):
            found.append(self._sequence())
        return tuple(found)

    def _sequence(self) -> _Sequence:
        items = []
        while self.at < len(self._text) and self._text[self.at] not in "|)":
            item = self._item()
            if item is None:
                self.failed = True
                return ()
            items.append(item)
        return tuple(items)

    def _item(self) -> _Item | None:
        start, flags = self.at, ""
        inner: tuple[_Sequence, ...] = ()
        for opened, flag in (("(?:", ""), ("(?i:", "i")):
            if self._take(opened):
                flags = flag
                inner = self.alternatives()
                if self.failed or not self._take(")"):
                    return None
                break
        else:
            found = _ATOM.match(self._text, self.at)
            if found is None:
                return None
            self.at = found.end()
        text = self._text[start : self.at]
        least, most = self._times()
        return None if most < 1 else _Item(text, inner, flags, least, most)

    def _times(self) -> tuple[int, int]:
        found = _TIMES.match(self._text, self.at)
        if found is None:
            unbounded = self.at < len(self._text) and self._text[self.at] in "*+{"
            return (0, 0) if unbounded else (1, 1)
        self.at = found.end()
        if found[0] == "?":
            return 0, 1
        least = int(found[1])
        most = int(found[2]) if found[2] else least
        return (0, 0) if "," in found[0] and not found[2] else (least, most)

    def _take(self, sign: str) -> bool:
        if self._text.startswith(sign, self.at):
            self.at += len(sign)
            return True
        return False


def _begun(sequence: _Sequence, rest: str) -> str:
    """Beginnings of a sequence, or all of it and *rest*."""
    found, following = rest, None
    for item in reversed(sequence):
        firm = "+" if _is_firm(item, following) else ""
        found = f"(?:{_END}|{_within(item)}{item.full}{firm}{found})"
        following = item
    return found


def _is_firm(item: _Item, following: _Item | None) -> bool:
    """Whether a repetition of one sign may keep all that it took.

    Behind it then stands the end, or a sign that it cannot have taken.
    """
    if item.inner or item.least == item.most:
        return False
    if following is None:
        return True
    if following.inner or not following.least:
        return False
    flags = re.ASCII | re.IGNORECASE  # whatever the group around them says
    taken, wanted = re.compile(item.text, flags), re.compile(following.text, flags)
    return not any(taken.match(sign) and wanted.match(sign) for sign in _SIGNS)


def _within(item: _Item) -> str:
    """Beginnings of an item that are not all of it, as alternatives; empty where there are none."""
    before = f"{item.text}{{0,{item.most - 1}}}" if item.most > 1 else ""
    if not item.inner:
        return f"{before}+{_END}|" if before else ""
    flags = f"?{item.flags}:" if item.flags else "?:"
    inner = "|".join(_begun(sequence, _NEVER) for sequence in item.inner)
    return f"{before}({flags}{inner})|"
