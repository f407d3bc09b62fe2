"""Placeholders instead of what must not go on, and the way back for who sent it.

A placeholder is `[KIND_NUMBER]`, the same for the same value within one request. Names that stand
in the request already, or in a vault beside it, are left out: what is put back was ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cached_property

LONGEST = 40
"""Characters that a placeholder has at most: kinds are shorter."""
_NAMED = re.compile(r"\[[A-Z][A-Z0-9_]{0,30}_\d{1,6}\]")


class Vault:
    """What the placeholders of one request stand for. It is not kept beyond the request."""

    def __init__(self, texts: Sequence[str] = (), *, beside: Vault | None = None) -> None:
        self._texts = texts
        self._beside = beside
        self._names: dict[tuple[str, str], str] = {}
        self._values: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._placed: re.Pattern[str] | None = None

    def __len__(self) -> int:
        return len(self._values)

    def placeholder(self, kind: str, value: str, *, escaped: bool = False) -> str:
        """What stands for *value*; *escaped* where it is written as within a JSON string."""
        value = _unescaped(value) if escaped else value
        name = self._names.get((kind, value))
        if name is None:
            name = self._named(kind)
            self._names[kind, value] = name
            self._values[name] = value
            self._placed = None
        return name

    def restore(self, text: str, *, escaped: bool = False) -> str:
        """*text* with every value in the place of its placeholder."""
        if not self._values or "[" not in text:
            return text
        if self._placed is None:
            self._placed = re.compile("|".join(re.escape(name) for name in self._values))
        return self._placed.sub(lambda found: self._value(found[0], escaped=escaped), text)

    def hidden(self, text: str) -> str:
        """*text*, plain or as JSON, with the placeholder of every value in its place."""
        for name, value in sorted(self._values.items(), key=lambda pair: -len(pair[1])):
            for said in (
                value,
                json.dumps(value, ensure_ascii=False)[1:-1],
                json.dumps(value)[1:-1],
            ):
                text = text.replace(said, name)
        return text

    def unfinished(self, text: str) -> int:
        """How many characters at the end of *text* may be the beginning of a placeholder."""
        at = text.rfind("[", -LONGEST)
        if at < 0:
            return 0
        tail = text[at:]
        begun = any(name.startswith(tail) and name != tail for name in self._values)
        return len(tail) if begun else 0

    @cached_property
    def _taken(self) -> set[str]:
        """The names that are not free; looked for once something is to be named."""
        taken = {name for text in self._texts for name in _NAMED.findall(text)}
        if (beside := self._beside) is not None:
            taken.update(beside._taken, beside._values)  # noqa: SLF001  its own kind
        return taken

    def _value(self, name: str, *, escaped: bool) -> str:
        value = self._values[name]
        return json.dumps(value, ensure_ascii=False)[1:-1] if escaped else value

    def _named(self, kind: str) -> str:
        mark = re.sub(r"[^A-Z0-9]+", "_", kind.upper())[:24].strip("_") or "TEXT"
        while True:
            number = self._counts[mark] = self._counts.get(mark, 0) + 1
            name = f"[{mark}_{number}]"
            if name not in self._taken and name not in self._values:
                return name


class Restoring:
    """Puts values back into a text that comes in pieces.

    A piece that ends in what may be the beginning of a placeholder keeps that back, at most as many
    characters as the longest placeholder has, less one.
    """

    def __init__(self, vault: Vault, *, escaped: bool = False) -> None:
        self._vault = vault
        self._escaped = escaped
        self._held = ""

    def push(self, text: str) -> str:
        """What may go on of what is there."""
        text = self._held + text
        keep = self._vault.unfinished(text)
        self._held = text[len(text) - keep :]
        return self._vault.restore(text[: len(text) - keep], escaped=self._escaped)

    def finish(self) -> str:
        """The rest."""
        text, self._held = self._held, ""
        return text


# Below: private.


def _unescaped(value: str) -> str:
    try:
        return str(json.loads(f'"{value}"', strict=False))
    except ValueError:
        return value
