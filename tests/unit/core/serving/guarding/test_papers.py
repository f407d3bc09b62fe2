"""The patterns of `papers`: examples that must and must not match."""

from __future__ import annotations

import pytest
from tests.unit.core.serving.guarding import searching

from escalera.core.serving.guarding.papers import PAPERS


@pytest.mark.parametrize("pattern", PAPERS, ids=lambda one: f"{one.kind}: {one.source[:24]}")
def test_patterns_keep_to_their_examples(pattern):
    """Found where it must be, not found where it must not, and short enough for streams."""
    searching.check(pattern)
