"""A group-sequential test as init, update, read over immutable state.

The state holds the plan and what was observed at each look, nothing computed, so that replaying
a journal rebuilds it and reaches the same verdicts. The test is valid if looks do not depend on
the observed effect and the planned total is never extended.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from escalera.core.stats import clustering, distributions, spending
from escalera.core.stats.spending import Spending

Status: TypeAlias = Literal["crossed-up", "crossed-down", "continue", "finished"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Two-sided error over all looks together, and how it is spent."""

    alpha: float = 0.05
    spending: Spending = "obrien-fleming"

    def __post_init__(self) -> None:
        clustering.require_alpha(self.alpha)
        if self.spending not in ("obrien-fleming", "pocock"):
            raise ValueError(
                f"spending {self.spending!r} is unknown: choose 'obrien-fleming' or 'pocock'"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The plan, and per look the information time in (0, 1] and the z statistic."""

    plan: Plan
    information_times: tuple[float, ...] = ()
    statistics: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the looks so far say.

    `status`: the boundary was crossed at the last look, or more items are wanted, or the plan is
    used up without a crossing. `boundaries`: |z| per look. `nominal_alpha`: two-sided error of the
    last look alone, the alpha of its repeated confidence interval (1 before any look).
    `alpha_spent`: of the plan's alpha, up to the last look.
    """

    status: Status
    boundaries: tuple[float, ...]
    nominal_alpha: float
    alpha_spent: float


def init(plan: Plan) -> State:
    """Return the state before the first look."""
    return State(plan=plan)


def update(state: State, *, information_time: float, statistic_z: float) -> State:
    """Return the state after one more look.

    `information_time` is the share of the planned items (clusters, when clustered) seen so far;
    `statistic_z` the normal deviate on all of them, e.g. from `mean.z_statistic`. ValueError for
    times that do not increase inside (0, 1], a z that is no number, or a test that has ended.
    """
    if math.isnan(statistic_z):
        raise ValueError("statistic_z is not a number: score at least one item before looking")
    status = read(state).status
    if status != "continue":
        raise ValueError(
            f"the test has ended with {status!r}: read its verdict, or plan a new test on new items"
        )
    times = (*state.information_times, information_time)
    spending.require_times(times)
    return replace(state, information_times=times, statistics=(*state.statistics, statistic_z))


def read(state: State) -> Reading:
    """Return boundaries, status and error spent of the looks so far."""
    plan, times = state.plan, state.information_times
    limits = spending.boundaries(times, alpha=plan.alpha, spending=plan.spending)
    if not times:
        return Reading(status="continue", boundaries=(), nominal_alpha=1.0, alpha_spent=0.0)
    return Reading(
        status=_status(times[-1], state.statistics[-1], limits[-1]),
        boundaries=limits,
        nominal_alpha=2.0 * distributions.normal_cdf(-limits[-1]),
        alpha_spent=spending.spent(times[-1], alpha=plan.alpha, spending=plan.spending),
    )


# Private.


def _status(information_time: float, statistic: float, limit: float) -> Status:
    if statistic >= limit:
        return "crossed-up"
    if statistic <= -limit:
        return "crossed-down"
    return "continue" if information_time < 1.0 else "finished"
