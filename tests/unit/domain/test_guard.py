"""What was found in a text."""

from __future__ import annotations

from escalera.domain.guard import Finding, Inspection


def finding(kind, action):
    return Finding(guard="g", kind=kind, action=action, start=0, end=1)


def test_kinds_are_told_once():
    """In their order, and those that block apart."""
    seen = Inspection(
        text="", findings=(finding("b", "flag"), finding("a", "block"), finding("b", "block"))
    )
    assert seen.kinds == ("b", "a")
    assert seen.blocked == ("a", "b")
    assert Inspection(text="x").blocked == ()
