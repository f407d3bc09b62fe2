"""How large a request may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most bytes of a body, texts in a request, and characters of all of them; None for any."""

    bytes: int | None = None
    messages: int | None = None
    characters: int | None = None

    @property
    def active(self) -> bool:
        """Whether there is any."""
        return self != Limits()

    def surely_kept(self, *, body: int, around: str) -> bool:
        """Whether nothing can be too much of texts that all stand within *around*."""
        return self.messages is None and self.exceeded(body=body, texts=(around,)) is None

    def exceeded(self, *, body: int, texts: Sequence[str]) -> str | None:
        """What is too much, in words for the caller, or None; *body* is in bytes."""
        characters = sum(map(len, texts)) if self.characters is not None else 0
        for name, most, found in (
            ("bytes", self.bytes, body),
            ("texts", self.messages, len(texts)),
            ("characters of text", self.characters, characters),
        ):
            if most is not None and found > most:
                return f"The request has {found} {name}, and {most} are allowed"
        return None
