"""What guards can look for, by name: single kinds, and groups of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from escalera.core.serving.guarding.credentials import SECRETS
from escalera.core.serving.guarding.injections import INJECTIONS
from escalera.core.serving.guarding.pattern import Pattern
from escalera.core.serving.guarding.personal import NOT_PERSONAL, PERSONAL

LONGEST_WORD = 40
"""Characters of a word or phrase that is denied."""


def _by_kind(patterns: Iterable[Pattern]) -> dict[str, tuple[Pattern, ...]]:
    found: dict[str, tuple[Pattern, ...]] = {}
    for pattern in patterns:
        found[pattern.kind] = (*found.get(pattern.kind, ()), pattern)
    return found


KINDS: Mapping[str, tuple[Pattern, ...]] = _by_kind((*PERSONAL, *SECRETS, *INJECTIONS))
"""The patterns of every kind."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "personal": tuple(kind for kind in _by_kind(PERSONAL) if kind not in NOT_PERSONAL),
    "secrets": tuple(_by_kind(SECRETS)),
}
"""Names for many kinds at once."""


def patterns(names: Iterable[str]) -> tuple[Pattern, ...]:
    """The patterns of kinds and groups, each once. `KeyError` for a name that is neither."""
    kinds: dict[str, None] = {}
    for name in names:
        kinds.update(dict.fromkeys(GROUPS.get(name) or (name,)))
    return tuple(pattern for kind in kinds for pattern in KINDS[kind])


def denied(kind: str, words: Iterable[str]) -> tuple[Pattern, ...]:
    """Whole words and phrases in any case; white space in them stands for any."""
    return tuple(
        Pattern(kind=kind, head=_spelled(word), before=r"\w", after=r"\w") for word in words
    )


def regexes(kind: str, expressions: Iterable[str]) -> tuple[Pattern, ...]:
    """Expressions of a user's."""
    return tuple(Pattern(kind=kind, head=said, foreign=True) for said in expressions)


# Below: private.


def _spelled(word: str) -> str:
    return r"\s{1,3}".join("".join(map(_either, part)) for part in word.split())


def _either(sign: str) -> str:
    """A sign in both cases, also where engines know those of ASCII only."""
    both = dict.fromkeys((sign, sign.lower(), sign.upper()))
    signs = "".join(one for one in both if len(one) == 1)
    return re.escape(sign) if len(signs) == 1 else f"[{signs}]"
