"""The table of clauses: every licence that is known can be found by its name."""

from __future__ import annotations

from escalera.core.audit import licence_texts


def test_every_known_licence_is_found_by_its_own_name():
    """What the documentation lists can be declared as it stands there."""
    for name in licence_texts.known():
        found = licence_texts.found(name)
        assert found is not None or name == "own data", name
        assert found is None or found.name == name


def test_every_clause_has_a_place_and_says_something():
    """A clause that cites nothing cannot be checked."""
    for name in licence_texts.known():
        found = licence_texts.found(name)
        for clause in () if found is None else found.clauses:
            assert clause.place
            assert clause.says
            assert clause.uses
            assert clause.roles


def test_gibberish_is_no_licence():
    """Nor is an empty word."""
    assert licence_texts.found("") is None
    assert licence_texts.found("all rights reserved") is None
