"""Whether messages still are what a router was fitted on: a test that may be read at any time.

Two shares are watched: of messages below the threshold of strangers, and of messages less familiar
than half of the reference. Each has a confidence sequence by betting, and is held against what its
share was among the reference at most (Clopper and Pearson). Under no drift either alarm ever comes
with a probability of at most `alpha`, half for each share: of that, half lies in the reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from escalera.core.routing.abstention import upper_share
from escalera.core.stats import betting


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One share: messages whose familiarity is below `mark`; at most `limit` of the reference."""

    mark: float
    limit: float
    state: betting.State


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The watches, and how many messages were seen."""

    watches: tuple[Watch, ...]
    seen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The share below a mark so far, at least `lower`, beside what it may be without drift."""

    mark: float
    share: float
    lower: float
    limit: float

    @property
    def drifted(self) -> bool:
        """Whether fewer messages are familiar than the reference allows."""
        return self.lower > self.limit


def init(reference: Sequence[float], *, strange: float | None, alpha: float = 0.01) -> State:
    """Begin with the familiarity of *reference* messages, which nothing was learned from.

    `strange` is the router's threshold, None where it has none. Each window of messages goes to
    `update`. ValueError for an empty reference.
    """
    if not len(reference):
        raise ValueError("no reference: pass the familiarity of the `search` items")
    known = np.asarray(reference, dtype=np.float64)
    marks = [float(np.median(known)), *([] if strange is None else [strange])]
    part = alpha / len(marks) / 2
    return State(
        watches=tuple(
            Watch(
                mark=mark,
                limit=upper_share(int((known < mark).sum()), len(known), risk=part),
                state=betting.init(betting.Plan(alpha=2 * part, low=0.0, high=1.0, nulls=())),
            )
            for mark in marks
        ),
        seen=0,
    )


def update(state: State, familiarity: Sequence[float]) -> State:
    """The state after a window of messages, in the order in which they came."""
    found = np.asarray(familiarity, dtype=np.float64)
    return State(
        watches=tuple(
            replace(watch, state=betting.update(watch.state, (found < watch.mark).astype(float)))
            for watch in state.watches
        ),
        seen=state.seen + len(found),
    )


def read(state: State) -> tuple[Reading, ...]:
    """One reading per share: the median first, then strangers where they are watched."""
    readings = []
    for watch in state.watches:
        interval = betting.read(watch.state).interval
        readings.append(
            Reading(
                mark=watch.mark,
                share=interval.estimate,
                lower=interval.lower,
                limit=watch.limit,
            )
        )
    return tuple(readings)
