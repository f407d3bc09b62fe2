"""One search."""

from __future__ import annotations

import pytest

from escalera.edges.scoring import pattern_worker


@pytest.mark.parametrize(
    ("pattern", "reply", "wanted"),
    [
        ("b", "abc", True),
        ("B", "abc", True),
        ("x", "abc", False),
        ("(b|c)", "abc", "c"),
        ("(x)", "abc", None),
        ("(x)?b", "abc", None),
        ("a(.)", "a\n", "\n"),
    ],
)
def test_what_is_found(pattern, reply, wanted):
    """Whether there is a match, or what the group of the last one holds."""
    asked = {"pattern": pattern, "reply": reply, "case": False}
    assert pattern_worker.found(asked) == wanted
