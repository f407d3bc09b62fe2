"""What guards can look for, by name, and patterns of a user's own words."""

from __future__ import annotations

import pytest
from tests.unit.core.serving.guarding import searching

from escalera.core.serving.guarding import kinds
from escalera.core.serving.guarding.guards import Guard
from escalera.core.serving.guarding.vault import Vault


def test_groups_are_of_kinds():
    """Every kind of a group is known; `url` is found only when it is named."""
    for names in kinds.GROUPS.values():
        assert set(names) <= set(kinds.KINDS)
    assert "url" in kinds.KINDS
    assert "url" not in kinds.GROUPS["personal"]


def test_patterns_come_once():
    """Also where a kind is named beside its group."""
    both = kinds.patterns(["personal", "email", "iban"])
    assert both == kinds.patterns(["personal"])
    with pytest.raises(KeyError):
        kinds.patterns(["nothing"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("we talk of Project  Zebra here", True),
        ("PROJECT\nZEBRA", True),
        ("projects zebra", False),
        ("project zebras", False),
        ("¿Qué pasa en ESPAÑA?", True),
        ("c++ (17) is it", True),
        ("c+", False),
    ],
)
def test_denied_words(text, found):
    """Whole words in any case, any space between them, and signs for themselves."""
    patterns = kinds.denied("topic", ["project zebra", "España", "c++"])
    guards = searching.guards(Guard(name="topic", action="block", patterns=patterns))
    assert bool(guards.inspect(text, Vault()).blocked) == found


def test_regexes_are_foreign():
    """So that no engine that tracks back runs them."""
    assert all(one.foreign for one in kinds.regexes("own", ["a+", "b"]))
