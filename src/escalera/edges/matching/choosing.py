"""Which engine searches: Vectorscan where it is installed, else Python's own."""

from __future__ import annotations

from collections.abc import Sequence

from escalera.edges.matching.plain import PlainMatcher
from escalera.ports.serving import Matcher, Sought

try:
    from escalera.edges.matching.hyperscan_engine import HyperscanMatcher
except ImportError:  # an extra
    HyperscanMatcher = None  # type: ignore[assignment, misc]


def matcher(sought: Sequence[Sought]) -> Matcher:
    """An engine that is ready. Raises `InputError` for an expression that it cannot take."""
    if HyperscanMatcher is None or not sought:
        return PlainMatcher(sought)
    return HyperscanMatcher(sought)


def fast() -> bool:
    """Whether the fast engine is there."""
    return HyperscanMatcher is not None
