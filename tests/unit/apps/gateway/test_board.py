"""Who is asked, in which order, under a name."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.apps.gateway.upstreams import line

from escalera.apps.gateway import board
from escalera.apps.gateway.board import Board, Line, Plan, Tier
from escalera.core.serving.breaker import BreakerPolicy
from escalera.domain.job import Published

NAMES = "abcd"


def lines(names: str = NAMES) -> tuple[Line, ...]:
    return tuple(line(name, None, policy=BreakerPolicy(streak=1, hold=10.0)) for name in names)


def order(plan: Plan, *, now: float = 0.0, draws: Any = (0.0, 0.0)) -> list[tuple[str, str]]:
    numbers = iter(draws)
    found = board.order(plan, now, lambda: next(numbers, 0.0))
    return [(one.target.name, purpose) for one, purpose in found]


def plan(*tiers: Tier) -> Plan:
    return Plan(name="m", tiers=tiers)


def test_tiers_come_one_after_the_other() -> None:
    """The first is the first, all others are fallbacks."""
    a, b, c, _ = lines()
    found = order(plan(Tier(lines=(a,)), Tier(lines=(b,)), Tier(lines=(c,))))
    assert found == [("a", "first"), ("b", "fallback"), ("c", "fallback")]


def test_an_open_breaker_is_passed_over_and_no_breaker_keeps_everything_away() -> None:
    """The next line answers in its stead; where all are open, the first is asked all the same."""
    a, b, _, _ = lines()
    both = plan(Tier(lines=(a,)), Tier(lines=(b,)))
    a.breaker.failed(0.0)
    assert order(both, now=1.0) == [("b", "fallback")]
    b.breaker.failed(0.0)
    assert order(both, now=1.0) == [("a", "first")]


def test_the_quicker_of_a_tier_is_asked_first_and_the_others_by_speed() -> None:
    """What was lately slow comes last."""
    found = lines()
    for place, one in enumerate(found):
        one.load.answered(1.0 - place / 10, 0.0)
    assert [name for name, _ in order(plan(Tier(lines=found)), draws=(0.99, 0.5))] == list("dcba")


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=2, max_size=2), st.integers(0, 15))
def test_every_line_comes_once_but_those_whose_breaker_is_open(
    draws: list[float], opened: int
) -> None:
    """Whatever is drawn."""
    found = lines()
    for place, one in enumerate(found):
        if opened >> place & 1:
            one.breaker.failed(0.0)
    names = [name for name, _ in order(plan(Tier(lines=found)), now=1.0, draws=draws)]
    admitted = {name for place, name in enumerate(NAMES) if not opened >> place & 1}
    assert sorted(names) == sorted(admitted or {"a"})


def test_weights_decide_where_there_are_any() -> None:
    """A draw falls on a line as wide as its weight."""
    found = plan(Tier(lines=lines("ab"), weights=(0.9, 0.1)))
    assert order(found, draws=(0.5,))[0] == ("a", "first")
    assert order(found, draws=(0.95,))[0] == ("b", "first")


def test_names() -> None:
    """None is meant where a caller gives none; one that is not there is told with what is."""
    one = plan(Tier(lines=lines("a")))
    found = Board(plans={"m": one, "n": one}, default="m")
    assert found.plan("") is one
    assert found.plan("gone") is None
    said = "The model 'gone' is not served here; served are 'm', 'n'."
    assert board.unknown(found, "gone").message == said


def test_finetuned_models_are_not_told_to_everybody() -> None:
    """Whoever misspells a name learns those of the project file, not what others trained."""
    mine = Published(name="ft:m::1", base="m", adapter="a", job="", created=0.0, owner="team")
    one = plan(Tier(lines=lines("a")))
    found = Board(plans={"m": one, mine.name: one}, default="m", shelved={mine.name: mine})
    assert found.plan(mine.name) is one
    assert mine.name not in board.unknown(found, "gone").message
