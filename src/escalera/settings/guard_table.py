"""`[gateway.guards.NAME]`: what is looked for in what passes, and what is done about it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Literal

import msgspec

from escalera.core.serving.guarding import kinds
from escalera.core.serving.guarding.guards import Guard
from escalera.core.serving.guarding.limits import Limits
from escalera.domain.guard import GuardAction, GuardSide

Problem = tuple[str, str, str]
"""Key, what is wrong with it, and the remedy."""
SOUGHT = ("kinds", "words", "patterns", "languages", "topic", "function", "presidio")
"""The keys that say what a guard looks for: each guard has one of them."""
ROLES = ("system", "developer", "user", "assistant", "tool", "function")
MOST_WORDS = 2_000
_Count = Annotated[int, msgspec.Meta(ge=1)]


class GuardTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[gateway.guards.NAME]`: one of the keys in `SOUGHT` says what is looked for.

    `topic` and `others` are files with a message a line: of the topic, and of what is allowed.

    `roles` are the roles of messages that are looked at on the input, all where it is empty.
    `seconds` is what a function may take for a text, and `unsure` what happens when it or Presidio
    fails.
    """

    action: GuardAction
    side: GuardSide = "both"
    kinds: list[str] = msgspec.field(default_factory=list)
    words: list[str] = msgspec.field(default_factory=list)
    patterns: list[str] = msgspec.field(default_factory=list)
    languages: list[str] = msgspec.field(default_factory=list)
    topic: str | None = None
    others: str | None = None
    function: str | None = None
    presidio: list[str] | None = None
    roles: list[str] = msgspec.field(default_factory=list)
    seconds: Annotated[float, msgspec.Meta(gt=0, le=60)] = 1.0
    unsure: Literal["block", "pass"] = "block"

    @property
    def filters(self) -> bool:
        """Whether something of the outside is asked: a function, or Presidio."""
        return self.function is not None or self.presidio is not None


class LimitsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[gateway.limits]`: the most bytes of a request, texts in it, characters of all of them."""

    bytes: _Count | None = None
    messages: _Count | None = None
    characters: _Count | None = None

    def limits(self) -> Limits:
        """As a value of the core."""
        return Limits(bytes=self.bytes, messages=self.messages, characters=self.characters)


def guards(
    tables: Mapping[str, GuardTable],
    side: GuardSide,
    topics: Mapping[str, Callable[[str], bool]] | None = None,
) -> tuple[Guard, ...]:
    """The guards over one side that need nothing of the outside; tables have no problems.

    *topics* tells of texts whether they are of the topic of a guard.
    """
    return tuple(
        Guard(
            name=name,
            action=table.action,
            patterns=(
                *kinds.patterns(table.kinds),
                *kinds.denied(name, table.words),
                *kinds.regexes(name, table.patterns),
            ),
            roles=tuple(table.roles),
            languages=tuple(table.languages),
            tells=(topics or {}).get(name),
        )
        for name, table in tables.items()
        if table.side in (side, "both") and not table.filters
    )


def problems(tables: Mapping[str, GuardTable]) -> Iterator[Problem]:
    """What is wrong with guards whose keys and types are right."""
    for name, table in tables.items():
        key = f"gateway.guards.{name}"
        given = [what for what in SOUGHT if getattr(table, what) not in (None, [])]
        if table.presidio == []:
            given.append("presidio")
        if len(given) != 1:
            said = f"has {' and '.join(given)}" if given else "says not what it looks for"
            yield key, said, f"Give one of {', '.join(SOUGHT)}, and another guard for another"
            continue
        yield from _kinds(key, table)
        yield from _words(key, table)
        yield from _outside(key, table)
        yield from _roles(key, table)


# Below: private.


def _kinds(key: str, table: GuardTable) -> Iterator[Problem]:
    known = (*kinds.GROUPS, *kinds.KINDS)
    for kind in table.kinds:
        if kind not in known:
            close = difflib.get_close_matches(kind, known, n=1)
            remedy = f"Did you mean {close[0]!r}?" if close else f"There are {', '.join(known)}"
            yield f"{key}.kinds", f"{kind!r} is nothing that can be looked for", remedy


def _words(key: str, table: GuardTable) -> Iterator[Problem]:
    for word in table.words:
        if not 2 <= len(word.strip()) <= kinds.LONGEST_WORD:
            rule = f"Give words and phrases of 2 to {kinds.LONGEST_WORD} characters"
            yield f"{key}.words", f"{word!r} has {len(word.strip())} characters", rule
    if len(table.words) > MOST_WORDS:
        yield f"{key}.words", f"there are {len(table.words)}", f"Give at most {MOST_WORDS}"
    if "" in table.patterns:
        yield f"{key}.patterns", "an empty expression is found everywhere", "Leave it out"


def _outside(key: str, table: GuardTable) -> Iterator[Problem]:
    for code in table.languages:
        if not (len(code) == 2 and code.isascii() and code.islower()):
            yield f"{key}.languages", f"{code!r} is no code of a language", 'Write "en", "es", …'
    if table.function is not None:
        place, _, name = table.function.rpartition(":")
        if not place or not name.isidentifier():
            remedy = 'Write it as "filters.py:check" or "package.module:check"'
            yield f"{key}.function", f"{table.function!r} names no function", remedy


def _roles(key: str, table: GuardTable) -> Iterator[Problem]:
    for role in table.roles:
        if role not in ROLES:
            yield f"{key}.roles", f"{role!r} is no role", f"There are {', '.join(ROLES)}"
    if table.roles and table.side != "input":
        yield f"{key}.roles", "are of messages that come in", 'Set side = "input"'
    whole = "languages" if table.languages else "topic" if table.topic is not None else ""
    if whole and (table.side != "input" or table.action == "redact"):
        remedy = 'Set side = "input" and action = "block" or "flag"'
        yield f"{key}.{whole}", "can be told of whole texts that come in only", remedy
    if (table.topic is None) != (table.others is None):
        said = "go together: messages of the topic, and messages of what is allowed"
        yield f"{key}.{whole or 'others'}", f"topic and others {said}", "Give both files"
