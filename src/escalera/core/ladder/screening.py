"""Screening: which of many things that a prompt could do are worth having.

Two stages on common `search` items. First each factor beyond the base is turned on by itself: most
do not help, and one that ruins answers would hide what others do. Then what the base does and the
best of the others are turned on and off together in a factorial design, which says what each is
worth whatever the others are. The best combinations go on to a race.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from escalera.core.answers import Answer
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Call, Evaluate, Propose, Screen, Step
from escalera.core.stats import clustering, factorial
from escalera.core.stats.factorial import Effect
from escalera.domain.dataset import Example
from escalera.domain.event import Proposed
from escalera.domain.project import RungName
from escalera.domain.screening import STAGES, Screened, Stage
from escalera.domain.system import Prompt, System
from escalera.domain.task import Task
from escalera.domain.verdict import Figure

TOGGLE_ITEMS = 12
"""Enough to see a factor that ruins answers; small gains are for the factorial to find."""

FACTORIAL_ITEMS = 20
"""Per run; with 16 runs an effect of 0.1 or more stands out of the noise."""

MOST_FACTORS = 7
"""What 16 runs can hold, free of interactions of two."""

ALPHA = 0.2
"""Of the intervals of effects: they choose, and prove nothing."""

On = tuple[str, ...]
"""The factors that are on, in the order of the menu."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """What can be turned on and off for a task, and the prompt that a choice makes.

    `factors` has every factor in its order; `base` are those that are on when the others are tried
    by themselves. `made` names a choice for people. `round` tells screenings of a rung apart.

    Without `alone` nothing is tried by itself first. `items` are those of the factorial, where they
    are not the first; with `pairs` each is asked under so many mirrored pairs of runs, in turn.
    """

    rung: RungName
    task: Task
    factors: On
    base: On
    compose: Callable[[On], Prompt]
    made: Callable[[On], str]
    round: int = 0
    alone: bool = True
    items: tuple[Example, ...] | None = None
    pairs: int | None = None

    @property
    def others(self) -> On:
        """The factors that are tried by themselves first."""
        return tuple(name for name in self.factors if self.alone and name not in self.base)


def step(case: Case, menu: Menu) -> Step | None:
    """The next step of screening *menu*, or None when both stages are over."""
    for stage in STAGES:
        if screened(case, menu, stage) is not None:
            continue
        runs = _runs(case, menu, stage)
        if len(runs) < 2:
            continue
        new = [on for on, system in runs if not _known(case, menu, system)]
        if new:
            return Propose(events=tuple(_proposed(case, menu, on) for on in dict.fromkeys(new)))
        asked = (
            case.call(runs[run][1], item)
            for run in range(len(runs))
            for place, item in enumerate(_items(menu, stage))
            if _asks(menu, stage, run, place, len(runs))
        )
        calls = tuple(dict.fromkeys(asked))  # few factors have fewer settings than a design
        if case.missing(calls):
            return Evaluate(rung=menu.rung, purpose="screen", task=menu.task.name, calls=calls)
        return Screen(event=_screened(case, menu, stage))
    return None


def choices(case: Case, menu: Menu) -> tuple[On, ...]:
    """What a screening speaks for, each once: the base, what helps, and the best runs.

    What helps is what seems to, what surely does, and what is not shown to harm; the best runs are
    the two with the highest means as they were seen.
    """
    found = [menu.base]
    seen = screened(case, menu, "factorial")
    if seen is not None:
        effects = list(zip(seen.factors, seen.effects, strict=True))
        found.append(tuple(name for name, effect in effects if effect.value > 0))
        found.append(tuple(name for name, effect in effects if effect.lower > 0))
        found.append(tuple(name for name, effect in effects if effect.upper >= 0))
        settings = [*_settings(case, menu, "factorial")]
        best = sorted(range(len(settings)), key=lambda place: (-seen.means[place], place))
        found.extend(settings[place] for place in best[:2])
    return tuple(dict.fromkeys(found))


def pilot(case: Case, menu: Menu, items: int) -> tuple[Call, ...]:
    """A call of the base for each of the first *items*.

    They are part of what the first stage asks, so that a pilot costs nothing more.
    """
    base = _system(case, menu, menu.base)
    return tuple(case.call(base, item) for item in _items(menu, "toggles")[:items])


def calls(menu: Menu) -> int:
    """The most calls that screening *menu* may take."""
    pool = len(menu.task.items("search"))
    others = len(menu.others)
    toggles = (1 + others) * min(TOGGLE_ITEMS, pool) if others else 0
    factors = min(len(menu.factors), max(MOST_FACTORS, len(menu.base)))
    runs = len(factorial.design(factors)) if factors > 1 else 0
    return toggles + runs * min(FACTORIAL_ITEMS, pool)


def screened(case: Case, menu: Menu, stage: Stage) -> Screened | None:
    """How a stage ended, if it did."""
    wanted = (menu.rung, menu.task.name, menu.round, stage)
    for event in case.evidence.screened:
        if (event.rung, event.task, event.round, event.stage) == wanted:
            return event
    return None


# Below: private.


def _factors(case: Case, menu: Menu, stage: Stage) -> On:
    """What a stage asks about: the others; then the base and those of the others that were kept."""
    if stage == "toggles":
        return menu.others
    if not menu.alone:
        return menu.factors
    seen = screened(case, menu, "toggles")
    kept = menu.base if seen is None else (*menu.base, *seen.kept)
    return tuple(name for name in menu.factors if name in kept)


def _settings(case: Case, menu: Menu, stage: Stage) -> Iterator[On]:
    factors = _factors(case, menu, stage)
    if stage == "toggles":
        yield menu.base
        for other in factors:
            yield tuple(name for name in menu.factors if name in menu.base or name == other)
    elif len(factors) > 1 or not menu.alone:
        for row in factorial.design(len(factors)):
            yield tuple(name for name, on in zip(factors, row, strict=True) if on)


def _runs(case: Case, menu: Menu, stage: Stage) -> list[tuple[On, System]]:
    return [(on, _system(case, menu, on)) for on in _settings(case, menu, stage)]


def _system(case: Case, menu: Menu, on: On) -> System:
    return case.system(menu.task, menu.compose(on))


def _asks(menu: Menu, stage: Stage, run: int, place: int, runs: int) -> bool:
    """Whether the item at *place* is asked under *run*: the second half mirrors the first."""
    half = runs // 2
    if stage == "toggles" or menu.pairs is None or menu.pairs >= half:
        return True
    return (run % half - place * menu.pairs) % half < menu.pairs


def _items(menu: Menu, stage: Stage) -> Sequence[Example]:
    if stage == "factorial" and menu.items is not None:
        return menu.items
    return menu.task.items("search")[: TOGGLE_ITEMS if stage == "toggles" else FACTORIAL_ITEMS]


def _known(case: Case, menu: Menu, system: System) -> bool:
    return any(
        (entry.rung, entry.task, entry.system) == (menu.rung, menu.task.name, system)
        for entry in case.evidence.proposed
    )


def _proposed(case: Case, menu: Menu, on: On) -> Proposed:
    base, system = _system(case, menu, menu.base), _system(case, menu, on)
    return Proposed(
        rung=menu.rung,
        task=menu.task.name,
        operator=menu.made(on),
        system=system,
        parent=None if system == base else base.digest,
        purpose="screen",
    )


def _screened(case: Case, menu: Menu, stage: Stage) -> Screened:
    items, runs = _items(menu, stage), _runs(case, menu, stage)
    table = np.full((len(runs), len(items)), np.nan)
    whole = []
    for place, item in enumerate(items):
        asked = [n for n in range(len(runs)) if _asks(menu, stage, n, place, len(runs))]
        column = [_score(case.evidence.sample(runs[n][1], item)) for n in asked]
        if None not in column:
            whole.append(place)
            table[asked, place] = column
    scores = table[:, whole]
    clusters = [items[place].cluster for place in whole]
    factors = _factors(case, menu, stage)
    effects = _effects(stage, scores, clusters, len(factors))
    able = list(zip(factors, effects, strict=True))
    return Screened(
        rung=menu.rung,
        task=menu.task.name,
        round=menu.round,
        stage=stage,
        items=len(items),
        factors=factors,
        effects=effects,
        runs=tuple(system.digest for _, system in runs),
        means=tuple(_mean(row) for row in scores),
        kept=_room(menu, able)
        if stage == "toggles"
        else tuple(name for name, effect in able if effect.value > 0),
    )


def _mean(row: NDArray[np.float64]) -> float:
    seen = row[~np.isnan(row)]
    return float(seen.mean()) if len(seen) else 0.0


def _score(answer: Answer | None) -> float | None:
    return None if answer is None else answer.score


def _effects(
    stage: Stage, scores: NDArray[np.float64], clusters: Sequence[str], factors: int
) -> tuple[Figure, ...]:
    """What each factor adds; nothing is known where no item was answered by all runs."""
    count = scores.shape[1]
    if not count:
        unknown = Figure(value=0.0, lower=-1.0, upper=1.0, n=0, clusters=0)
        return (unknown,) * factors
    if stage == "factorial":
        found = factorial.effects_of_pairs(scores, factorial.design(factors), clusters, alpha=ALPHA)
    else:
        found = tuple(_over_first(scores, place, clusters) for place in range(1, factors + 1))
    return tuple(
        Figure(
            value=effect.value,
            lower=max(-1.0, effect.lower),
            upper=min(1.0, effect.upper),
            n=count,
            clusters=len(set(clusters)),
        )
        for effect in found
    )


def _over_first(scores: NDArray[np.float64], place: int, clusters: Sequence[str]) -> Effect:
    found = clustering.robust_mean(scores[place] - scores[0], clusters)
    lower, upper = clustering.t_interval(found, alpha=ALPHA)
    return Effect(value=found.value, lower=lower, upper=upper, alpha=ALPHA)


def _room(menu: Menu, able: Sequence[tuple[str, Figure]]) -> On:
    """What did not lower the mean, best first, as far as a factorial has room."""
    room = max(0, MOST_FACTORS - len(menu.base))
    kept = [(name, effect.value) for name, effect in able if effect.value >= 0]
    return tuple(name for name, _ in sorted(kept, key=lambda pair: -pair[1])[:room])
