"""A regime ends when its last request does."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from escalera.apps.gateway.regime import Bounds, Regime


def regime() -> Regime:
    nothing: Any = None
    return Regime(board=nothing, asking=nothing, bounds=Bounds())


@given(st.integers(0, 20))
def test_it_ends_once_when_nobody_goes_by_it_any_more(requests: int) -> None:
    """Not before, and not twice."""
    found, ended = regime(), []
    for _ in range(requests):
        found.requests += 1
    found.retire(lambda: ended.append("ended"))
    for left in range(requests, 0, -1):
        assert ended == []
        assert found.requests == left
        found.leave()
    assert ended == ["ended"]


def test_one_that_is_in_force_never_ends() -> None:
    """An idle gateway goes on."""
    found = regime()
    found.requests += 1
    found.leave()
    assert found.requests == 0
    assert found.ended is None
