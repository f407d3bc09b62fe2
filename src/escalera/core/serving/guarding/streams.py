"""Guards on a text that comes in pieces: nothing goes on before it is known to be harmless.

What is released is what `GuardSet.inspect` makes of the whole text, however it is cut: the same
placeholders, the same findings. Held back are at most 63 characters, and mostly less, because what
cannot be part of any match goes on at once: with guards on personal data and secrets no more than
the last word, say. What is being redacted is not held back but gone; its placeholder comes when it
is known where it ends.

This holds for patterns whose heads are no longer than the window, as all that Escalera brings are.
A pattern of a user's that is longer, or has no end, is found as far as 64 characters show it. Where
something is blocked, what stood before it may have been released.
"""

from __future__ import annotations

from dataclasses import replace

from escalera.core.serving.guarding import scanning
from escalera.core.serving.guarding.escapes import Escapes
from escalera.core.serving.guarding.guards import GuardSet
from escalera.core.serving.guarding.pattern import CONTEXT
from escalera.core.serving.guarding.scanning import Match
from escalera.core.serving.guarding.vault import Vault
from escalera.domain.guard import Finding
from escalera.errors import GuardBlocked

_TRIM = 4096
"""Characters behind what is decided from which on they are forgotten."""


class StreamGuard:
    """One text that comes in pieces; the offsets of `findings` are those of the whole as it reads.

    *escaped* where it is JSON within a JSON string.
    """

    def __init__(self, guards: GuardSet, vault: Vault, *, escaped: bool = False) -> None:
        self._guards = guards
        self._vault = vault
        self._escapes = Escapes() if escaped else None
        self._scans = guards.scans()
        self._text = ""
        self._gone = 0
        self._released = 0
        self._cuts: list[tuple[int, int, str]] = []
        self._run: list[str] = []
        self.findings: list[Finding] = []

    @property
    def held(self) -> int:
        """How many characters are held back; what is being redacted is not among them."""
        open_ = self._open()
        return len(self._text) - max(self._released, 0 if open_ is None else open_.end)

    def push(self, text: str) -> str:
        """What may go on, of this piece and those before. Raises `GuardBlocked`."""
        self._text += text if self._escapes is None else self._escapes.read(text, len(self._text))
        released = self._advance(final=False)
        if len(self._text) > 2 * _TRIM:
            self._forget()
        return released

    def finish(self) -> str:
        """The rest, when there are no more pieces. Raises `GuardBlocked`."""
        self._text += "" if self._escapes is None else self._escapes.rest()
        return self._advance(final=True)

    def _advance(self, *, final: bool) -> str:
        if self._scans:
            text, at = self._text, min(scan.at for scan in self._scans.values())
            found = scanning.looks(self._guards.matcher, text, max(0, at - CONTEXT))
            limit = None if final else scanning.undecided(self._guards.beginning, text, at)
            for scan in self._scans.values():
                if not found and scan.open is None:
                    scan.skip(text, limit)
                    continue
                for match in scan.advance(text, found, limit):
                    self._take(self._guards.finding(match), match)
        return self._release()

    def _take(self, finding: Finding, match: Match) -> None:
        if finding.action != "block" and match.open:
            return  # it comes again
        shifted = replace(finding, start=finding.start + self._gone, end=finding.end + self._gone)
        self.findings.append(shifted)
        if finding.action == "block":
            raise GuardBlocked(kind=finding.kind, guard=finding.guard)
        if finding.action == "redact":
            self._cut(finding.kind, max(0, match.start), match.end)

    def _cut(self, kind: str, start: int, end: int) -> None:
        """Have a placeholder for a match, and for what of it was forgotten."""
        escaped, quoted = self._escapes is not None, False
        if self._escapes is not None and not self._run:
            start, end, quoted = self._escapes.cut(self._text, start, end)
        value = "".join(self._run) + self._written(start, end)
        self._run.clear()
        name = self._vault.placeholder(kind, value, escaped=escaped)
        self._cuts.append((start, end, f'"{name}"' if quoted else name))

    def _release(self) -> str:
        """What is decided and was not released yet, with placeholders."""
        limit = min((scan.at for scan in self._scans.values()), default=len(self._text))
        if (open_ := self._open()) is not None:
            limit = min(limit, max(0, open_.start))
        at = self._released
        if not self._cuts:
            self._released = max(at, limit)
            return self._written(at, limit)
        pieces = []
        while self._cuts and self._cuts[0][0] < max(limit, 1):
            start, end, name = self._cuts.pop(0)
            pieces += [self._written(at, start), name]
            at = end
        if at < limit:
            pieces.append(self._written(at, limit))
            at = limit
        self._released = at
        return "".join(pieces)

    def _forget(self) -> None:
        """Let go of the text that no decision needs any more."""
        many = min((scan.at - CONTEXT for scan in self._scans.values()), default=self._released)
        if (open_ := self._open()) is None:
            many = min(many, self._released)
        if many < _TRIM:
            return
        if open_ is not None and many > open_.start:
            self._run.append(self._written(max(0, open_.start), many))
        if self._escapes is not None:
            self._escapes.forget(self._text, many)
        self._text = self._text[many:]
        self._gone += many
        self._released = max(0, self._released - many)
        self._cuts = [(start - many, end - many, name) for start, end, name in self._cuts]
        for scan in self._scans.values():
            scan.forget(many)

    def _written(self, start: int, end: int) -> str:
        """Characters of the text as it reads, as they were written."""
        if self._escapes is None:
            return self._text[start:end]
        return self._escapes.written(self._text, start, end)

    def _open(self) -> Match | None:
        return self._scans["redact"].open if "redact" in self._scans else None
