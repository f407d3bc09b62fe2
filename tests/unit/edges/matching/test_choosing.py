"""Which engine is taken."""

from __future__ import annotations

from escalera.edges.matching import choosing
from escalera.edges.matching.plain import PlainMatcher
from escalera.ports.serving import Sought

SOUGHT = [Sought(expression="a", look="a")]


def test_the_fast_engine_where_it_is_installed(monkeypatch):
    """Else Python's own; for nothing to look for, too."""
    if choosing.fast():
        assert not isinstance(choosing.matcher(SOUGHT), PlainMatcher)
    assert isinstance(choosing.matcher([]), PlainMatcher)
    monkeypatch.setattr(choosing, "HyperscanMatcher", None)
    assert not choosing.fast()
    assert isinstance(choosing.matcher(SOUGHT), PlainMatcher)
