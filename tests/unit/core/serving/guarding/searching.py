"""Guards of a few words for tests, and what every pattern must keep to."""

from __future__ import annotations

import re
from re import _parser

from hypothesis import strategies as st

from escalera.core.serving.guarding import kinds
from escalera.core.serving.guarding.guards import Guard, GuardSet
from escalera.core.serving.guarding.pattern import CONTEXT, WINDOW, Pattern
from escalera.core.serving.guarding.vault import Vault
from escalera.wiring.guards import matching

EXAMPLES = [text for of in kinds.KINDS.values() for one in of for text in (*one.hits, *one.misses)]
"""Texts that patterns are likely to stumble over."""


def guards(*told: Guard) -> GuardSet:
    """A set of them, with the engine that is there."""
    return GuardSet(told, matching)


def guard(action: str, *names: str, roles: tuple[str, ...] = ()) -> Guard:
    """A guard on kinds, called as what it does."""
    return Guard(name=action, action=action, patterns=kinds.patterns(names), roles=roles)


def texts() -> st.SearchStrategy[str]:
    """Examples, whole or cut, numbers and words, one after another with little between."""
    cut = st.tuples(st.sampled_from(EXAMPLES), st.integers(0, 40), st.integers(1, 80)).map(
        lambda part: part[0][part[1] : part[1] + part[2]]
    )
    noise = st.text("0123456789 -.@:/+aé[]_=x", max_size=70)
    joined = st.sampled_from(["", " ", "\n", ", ", "x", "1", "-"])
    return st.lists(st.one_of(st.sampled_from(EXAMPLES), cut, noise, joined), max_size=12).map(
        "".join
    )


def found(pattern: Pattern, text: str) -> tuple[int, int] | None:
    """The first match of a pattern, by Python's `re` and nothing else."""
    for match in _starts(pattern, text):
        if end := pattern.accepts(text, *match):
            return match[0], pattern.run_from(text, end)
    return None


def check(pattern: Pattern) -> None:
    """What a pattern's own words promise: examples, sizes, and what only saves time."""
    for text in pattern.hits:
        place = found(pattern, text)
        assert place is not None, text
        assert not pattern.signs or any(sign in text.lower() for sign in pattern.signs), text
        head = text[place[0] : place[0] + WINDOW]
        near = text[max(0, place[0] - CONTEXT - 1) : place[0]] + head
        assert re.search(pattern.first_look, near, re.ASCII), text
        alone = guards(Guard(name="one", action="redact", patterns=(pattern,)))
        seen = alone.inspect(text, Vault())
        assert seen.findings[0].start == place[0], text
    for text in pattern.misses:
        assert found(pattern, text) is None, text
    assert _parser.parse(pattern.head).getwidth()[1] < WINDOW
    assert "(?=" not in pattern.head
    assert "(?!" not in pattern.head
    assert "(?<" not in pattern.head
    assert pattern.opening is not None
    assert pattern.source
    assert pattern.hits
    assert pattern.misses


def _starts(pattern: Pattern, text: str):
    compiled, at = re.compile(pattern.expression, re.ASCII), 0
    while match := compiled.search(text, at):
        yield match.span()
        at = match.start() + 1
