"""Init, update, read: statuses, intervals and replay."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.stats import distributions, mean, sequential, spending

PLAN = sequential.Plan()


def walk(*looks: tuple[float, float]) -> sequential.State:
    """The state after looks of (information time, z)."""
    state = sequential.init(PLAN)
    for information_time, z in looks:
        state = sequential.update(state, information_time=information_time, statistic_z=z)
    return state


@pytest.mark.parametrize(
    ("looks", "status"),
    [
        ([], "continue"),
        ([(0.5, 2.96)], "continue"),
        ([(0.5, 2.97)], "crossed-up"),
        ([(0.5, -2.97)], "crossed-down"),
        ([(0.5, 0.1), (1.0, 1.97)], "crossed-up"),
        ([(0.5, 0.1), (1.0, -1.97)], "crossed-down"),
        ([(0.5, 0.1), (1.0, 1.96)], "finished"),
    ],
)
def test_status_follows_the_boundary(looks: list[tuple[float, float]], status: str) -> None:
    """Two looks with boundaries 2.963 and 1.969 give each status on either side of them."""
    assert sequential.read(walk(*looks)).status == status


def test_reading_reports_boundaries_and_error_spent() -> None:
    """A reading repeats the boundaries, the nominal level of the last and the error spent."""
    found = sequential.read(walk((0.25, 1.0), (0.5, 1.0)))
    assert found.boundaries == spending.boundaries(
        (0.25, 0.5), alpha=0.05, spending="obrien-fleming"
    )
    assert found.alpha_spent == spending.spent(0.5, alpha=0.05, spending="obrien-fleming")
    assert found.nominal_alpha == 2 * distributions.normal_cdf(-found.boundaries[-1])
    before = sequential.read(sequential.init(PLAN))
    assert (before.boundaries, before.alpha_spent, before.nominal_alpha) == ((), 0.0, 1.0)


def test_an_ended_test_takes_no_more_looks() -> None:
    """After a crossing or the last item an update raises: results are not shopped for."""
    for state in (walk((0.5, 5.0)), walk((1.0, 0.0))):
        with pytest.raises(ValueError, match="the test has ended"):
            sequential.update(state, information_time=1.0, statistic_z=0.0)


def test_repeated_wilson_agrees_with_crossing() -> None:
    """Wilson's interval at the nominal level excludes the bar exactly when z crosses."""
    scores, labels = [1.0] * 70 + [0.0] * 12, [i % 30 for i in range(82)]
    state = walk((0.3, 0.0), (0.6, 0.0))
    reading = sequential.read(state)
    found = mean.interval(scores, labels, alpha=reading.nominal_alpha)
    z = mean.z_statistic(scores, labels, bar=found.lower)
    assert z == pytest.approx(reading.boundaries[-1], rel=1e-7)


@given(steps=st.lists(st.tuples(st.floats(0.05, 0.3), st.floats(-5, 5)), min_size=1, max_size=6))
@settings(derandomize=True, max_examples=40, deadline=None)
def test_replay_gives_the_same_state_and_reading(steps: list[tuple[float, float]]) -> None:
    """Folding the looks again gives an equal state and an identical reading."""

    def fold() -> sequential.State:
        state, t = sequential.init(PLAN), 0.0
        for step, z in steps:
            t = min(1.0, t + step)
            if sequential.read(state).status == "continue":
                state = sequential.update(state, information_time=t, statistic_z=z)
        return state

    first, again = fold(), fold()
    assert first == again
    assert sequential.read(first) == sequential.read(again)


def test_bad_input_is_refused() -> None:
    """Unknown spending, z that is no number, and falling times raise."""
    with pytest.raises(ValueError, match="unknown"):
        sequential.Plan(spending="haybittle")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="alpha"):
        sequential.Plan(alpha=0)
    with pytest.raises(ValueError, match="not a number"):
        walk((0.5, math.nan))
    with pytest.raises(ValueError, match="must increase"):
        walk((0.5, 0.0), (0.4, 0.0))
