"""A set of guards over one side of the traffic: what it finds in texts, and what may go on.

How the request path uses it:

    guards = GuardSet(of_input, matching, language=None)   # once; None of them: not `guards.active`
    vault = Vault(texts)                                    # once per request, of all of its texts
    seen = guards.inspect(text, vault, role="user")         # `seen.text` goes on, unless
    if seen.blocked: ...                                    # nothing goes on, for these kinds
    restored = vault.restore(answer)                        # what the caller gets

    stream = streams.StreamGuard(guards, vault)             # one per text that comes in pieces
    released = stream.push(piece)                           # raises `GuardBlocked`
    released += stream.finish()

What a set of guards over the output redacts in an answer is not put back, because the caller is who
must not see it: it has a vault of its own there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from escalera.core.serving.guarding import scanning
from escalera.core.serving.guarding.escapes import Escapes, meant
from escalera.core.serving.guarding.pattern import Pattern
from escalera.core.serving.guarding.scanning import Looks, Match, Scan, Searching
from escalera.core.serving.guarding.vault import Vault
from escalera.domain.guard import Finding, GuardAction, Inspection

Language = Callable[[str], str]
"""The ISO 639 code of a text's language, empty where it says too little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What one guard looks for, and what it does about it.

    `roles` are the roles of messages that it looks at, empty for all. `languages` are those that
    are allowed, empty for all; `tells` whether a text is of a topic that is not. Both are told of
    whole texts only, not of what comes in pieces.
    """

    name: str
    action: GuardAction
    patterns: tuple[Pattern, ...] = ()
    roles: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    tells: Callable[[str], bool] | None = None


class GuardSet:
    """Guards over one side, with the patterns of all of them searched for at once."""

    def __init__(
        self,
        guards: Sequence[Guard],
        matching: Callable[[Sequence[Pattern]], Searching],
        *,
        language: Language | None = None,
    ) -> None:
        of_patterns = [(guard, pattern) for guard in guards for pattern in guard.patterns]
        self.guards = tuple(guards)
        self.patterns = tuple(pattern for _, pattern in of_patterns)
        self.owners = tuple(guard for guard, _ in of_patterns)
        self.matcher = matching(self.patterns)
        self._language = language
        self._asking = tuple(one for one in guards if one.languages or one.tells is not None)
        self._apart = bool(self._asking) or any(pattern.foreign for pattern in self.patterns)
        self._places: dict[str, dict[GuardAction, tuple[int, ...]]] = {}

    @property
    def active(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self.guards)

    def is_clear(self, around: str) -> bool:
        """Whether nothing can be found in any text that stands within *around*, between quotes.

        False where that takes the texts themselves.
        """
        return not self._apart and not self.matcher.hits(around)

    def glance(self, text: str, *, escaped: bool = False) -> Looks | None:
        """Where something may be found in a whole text; None where nothing can be."""
        hits = self.matcher.hits(meant(text) if escaped else text)
        return scanning.gathered(hits) if hits or self._asking else None

    def inspect(
        self,
        text: str,
        vault: Vault,
        *,
        role: str = "",
        escaped: bool = False,
        found: Looks | None = None,
    ) -> Inspection:
        """What is found in a whole text; *escaped* where it is JSON within a JSON string.

        *found* is what `glance` said of it, where that was asked. Findings are by the characters of
        the text as it reads, without its escapes.
        """
        escapes = Escapes()
        if escaped:
            text = escapes.whole(written := text)
        if found is None:
            found = scanning.looks(self.matcher, text)
        findings = self._of_whole(text, role) if self._asking else []
        cuts: list[Finding] = []
        if found:
            for action, scan in self.scans(role).items():
                matches = scan.advance(text, found)
                seen = [self.finding(match) for match in matches]
                findings += seen
                if action == "redact":
                    cuts = seen
        if not findings:
            return Inspection(text=written if escaped else text)
        findings.sort(key=lambda finding: (finding.start, finding.end))
        if any(finding.action == "block" for finding in findings):
            return Inspection(text="", findings=tuple(findings))
        kept = _cut(text, cuts, vault, escapes if escaped else None)
        return Inspection(text=kept, findings=tuple(findings))

    def scans(self, role: str = "") -> dict[GuardAction, Scan]:
        """A new scan for each thing that is done to a text of *role*."""
        return {
            action: Scan(self.patterns, places, self.matcher)
            for action, places in self._by_action(role).items()
        }

    @cached_property
    def beginning(self) -> re.Pattern[str]:
        """Where a match of any of its patterns may begin that is not all there yet."""
        return scanning.beginnings(self.patterns)

    def finding(self, match: Match) -> Finding:
        """What a match means."""
        guard = self.owners[match.place]
        return Finding(
            guard=guard.name,
            kind=self.patterns[match.place].kind,
            action=guard.action,
            start=match.start,
            end=match.end,
        )

    def _by_action(self, role: str) -> dict[GuardAction, tuple[int, ...]]:
        known = self._places.get(role)
        if known is None:
            known = {}
            for place, guard in enumerate(self.owners):
                if not guard.roles or not role or role in guard.roles:
                    known[guard.action] = (*known.get(guard.action, ()), place)
            self._places[role] = known
        return known

    def _of_whole(self, text: str, role: str) -> list[Finding]:
        """What is told of a text as a whole: its language, its topic."""
        found = []
        for guard in self._asking:
            if guard.roles and role and role not in guard.roles:
                continue
            kind = "topic"
            if guard.languages:
                code = self._language(text) if self._language else ""
                kind = "language" if code and code not in guard.languages else ""
            elif guard.tells is None or not guard.tells(text):
                kind = ""
            if kind:
                told = Finding(
                    guard=guard.name, kind=kind, action=guard.action, start=0, end=len(text)
                )
                found.append(told)
        return found


# Below: private.


def _cut(text: str, cuts: Sequence[Finding], vault: Vault, escapes: Escapes | None) -> str:
    pieces, at = [], 0
    for cut in cuts:
        start, end, value = cut.start, cut.end, text[cut.start : cut.end]
        if escapes is None:
            pieces += [text[at:start], vault.placeholder(cut.kind, value)]
        else:
            start, end, quoted = escapes.cut(text, start, end)
            name = vault.placeholder(cut.kind, escapes.written(text, start, end), escaped=True)
            pieces += [escapes.written(text, at, start), f'"{name}"' if quoted else name]
        at = end
    rest = text[at:] if escapes is None else escapes.written(text, at, len(text))
    return "".join(pieces) + rest
