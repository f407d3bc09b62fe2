"""Whether messages still are what a router was fitted on: a test that may be read at any time.

Two shares are watched: of messages below the threshold of strangers, and of messages less familiar
than half of the reference. Each is held against what its share was among the reference at most
(Clopper and Pearson), by two confidence sequences by betting: of all messages so far, which finds a
small drift in the end, and of those since the last window began, which finds one that comes after
any number of messages that were as they should be; a mean of all of them hardly moves then. The
k-th window spends 6 / (pi k)^2 of its part of `alpha`, so that all of them together spend no more.

Under no drift an alarm ever comes with a probability of at most `alpha`, an equal part for each
share: of that, half lies in the reference, and a quarter in each of the two sequences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from escalera.arrays import np
from escalera.core.routing.abstention import upper_share
from escalera.core.stats import betting

if TYPE_CHECKING:
    import numpy.typing as npt

WINDOW = 2000
"""Messages after which the second sequence begins anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The share below a mark of `seen` messages, at least `lower`, beside what it may be."""

    mark: float
    share: float
    lower: float
    limit: float
    seen: int

    @property
    def drifted(self) -> bool:
        """Whether fewer messages are familiar than the reference allows."""
        return self.lower > self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One share: messages whose familiarity is below `mark`; at most `limit` of the reference.

    `whole` is of all messages, `lately` of those of this window; `raised` is the alarm of an
    earlier window. A quarter of the share's part of alpha is `risk`.
    """

    mark: float
    limit: float
    risk: float
    whole: betting.State
    lately: betting.State
    raised: Reading | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The watches, and how many messages were seen."""

    watches: tuple[Watch, ...]
    seen: int


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
                risk=part / 2,
                whole=_bet(part / 2),
                lately=_bet(_spent(part / 2, 1)),
            )
            for mark in marks
        ),
        seen=0,
    )


def update(state: State, familiarity: Sequence[float]) -> State:
    """The state after further messages, in the order in which they came."""
    found = np.asarray(familiarity, dtype=np.float64)
    while len(found):
        room = WINDOW - state.seen % WINDOW
        state = _after(state, found[:room])
        found = found[room:]
    return state


def read(state: State) -> tuple[Reading, ...]:
    """One reading per share: the median first, then strangers where they are watched.

    It is that of all messages, or that of a window in which alone an alarm was raised.
    """
    return tuple(_read(watch, state.seen) for watch in state.watches)


# Below: private.


def _spent(risk: float, window: int) -> float:
    """What of *risk* a window may spend: over all windows it adds up to no more."""
    return risk * 6 / (math.pi * window) ** 2


def _bet(risk: float) -> betting.State:
    """A sequence whose lower end is wrong with a probability of at most *risk*."""
    return betting.init(betting.Plan(alpha=2 * risk, low=0.0, high=1.0, nulls=()))


def _after(state: State, found: npt.NDArray[np.float64]) -> State:
    """The state after messages that end this window at the latest."""
    seen = state.seen + len(found)
    watches = []
    for watch in state.watches:
        below = (found < watch.mark).astype(float)
        whole, lately = betting.update(watch.whole, below), betting.update(watch.lately, below)
        after = replace(watch, whole=whole, lately=lately)
        if seen % WINDOW == 0:
            reading = _reading(after, lately, WINDOW)
            after = replace(
                after,
                lately=_bet(_spent(watch.risk, seen // WINDOW + 1)),
                raised=reading if reading.drifted else watch.raised,
            )
        watches.append(after)
    return State(watches=tuple(watches), seen=seen)


def _read(watch: Watch, seen: int) -> Reading:
    whole = _reading(watch, watch.whole, seen)
    lately = _reading(watch, watch.lately, seen % WINDOW)
    if lately.drifted and not whole.drifted:
        return lately
    return whole if whole.drifted or watch.raised is None else watch.raised


def _reading(watch: Watch, held: betting.State, seen: int) -> Reading:
    found = betting.read(held).interval
    return Reading(
        mark=watch.mark, share=found.estimate, lower=found.lower, limit=watch.limit, seen=seen
    )
