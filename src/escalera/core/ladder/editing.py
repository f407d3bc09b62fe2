"""The edits of a search: which are on, what is known of each, and which a round screens.

A round screens what the proposer has just written, and with it those edits of the rounds before
that are in doubt: each answer counts for every factor of a design, so looking twice costs no call.
What is known of an edit adds up over the rounds that it was screened in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from escalera.core.evidence import Evidence
from escalera.core.ladder.case import Case
from escalera.core.ladder.screening import Menu, On
from escalera.core.prompts import rewriting
from escalera.core.prompts.rewriting import Tried
from escalera.domain.dataset import Example
from escalera.domain.event import Drafted
from escalera.domain.system import Prompt, System
from escalera.domain.task import Task
from escalera.domain.verdict import Figure

SCREEN_CALLS = 240
"""Of a round: an effect of 0.1 stands out of the noise. Each round takes other items in turn."""

SCREEN_ITEMS = 60
"""Of a round, where there are so many: effects differ from item to item, so many items with few
runs each say more than few items with many."""

MOST_FACTORS = 11
"""Of a round, new edits first: as many as 24 runs hold."""

DUEL_ITEMS = 40
"""The same in every round, apart from those that chose; the next proposer sees mistakes on them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """The prompt in hand: a prompt with the edits that are on below it.

    `texts` has every edit that was written so far, by name, in the order of writing.
    """

    start: System
    texts: Mapping[str, str]
    on: On

    @property
    def prompt(self) -> Prompt:
        """What the prompt in hand says."""
        return self.saying(self.on)

    def saying(self, on: Sequence[str]) -> Prompt:
        """The prompt with other edits on; the order is that of writing."""
        return rewriting.added(
            self.start.prompt, [text for name, text in self.texts.items() if name in on]
        )

    def told(self, drafted: Drafted) -> Edited:
        """With the new edits of a round, none of them on. What is known already is no new edit."""
        new = {
            f"edit {drafted.round}.{place}": text
            for place, text in enumerate(drafted.edits, start=1)
            if text not in self.texts.values()
        }
        return replace(self, texts={**self.texts, **new})


def menu(case: Case, task: Task, edited: Edited, number: int) -> Menu:
    """What round *number* screens: its own edits, and those before that are most in doubt."""
    new = [name for name in edited.texts if _round(name) == number]
    doubtful = [name for name in _doubtful(case, task, edited, number) if name not in new]
    factors = {*new, *doubtful[: MOST_FACTORS - len(new)]}
    fixed = [name for name in edited.on if name not in factors]
    items = screen_items(task, number)
    return Menu(
        rung="search",
        task=task,
        round=number,
        factors=tuple(name for name in edited.texts if name in factors),
        base=(),
        compose=lambda on: edited.saying((*fixed, *on)),
        made=lambda on: f"round {number}: {' + '.join([*fixed, *on]) or 'as it was'}",
        alone=False,
        items=items,
        pairs=max(1, SCREEN_CALLS // (2 * max(1, len(items)))),
    )


def helpful(case: Case, task: Task, edited: Edited, screened: Menu) -> On:
    """The edits that should be on after a round: of those that it screened, what seems to help."""
    figures = {name: known(case.evidence, task, name, screened.round) for name in screened.factors}
    seem = [name for name, found in figures.items() if found is not None and found.value > 0]
    return tuple(
        name
        for name in edited.texts
        if name in seem or (name in edited.on and name not in screened.factors)
    )


def known(evidence: Evidence, task: Task, name: str, until: int) -> Figure | None:
    """What the rounds up to *until* say that an edit adds, weighted by how well each knew."""
    found = [
        effect
        for event in evidence.screened
        if (event.rung, event.task) == ("search", task.name) and event.round <= until
        for factor, effect in zip(event.factors, event.effects, strict=True)
        if factor == name
    ]
    if not found:
        return None
    weights = [max(effect.upper - effect.lower, _SHARPEST) ** -2 for effect in found]
    total = math.fsum(weights)
    value = math.fsum(w * e.value for w, e in zip(weights, found, strict=True)) / total
    half = total**-0.5 / 2
    return Figure(
        value=value,
        lower=value - half,
        upper=value + half,
        n=sum(effect.n for effect in found),
        clusters=max(effect.clusters for effect in found),
    )


def tried(case: Case, task: Task, edited: Edited, until: int) -> tuple[Tried, ...]:
    """Every edit that was written, with what it adds as far as that is known."""
    figures = {name: known(case.evidence, task, name, until) for name in edited.texts}
    return tuple(
        Tried(edit=edited.texts[name], effect=0.0 if found is None else found.value)
        for name, found in figures.items()
    )


def duel_items(task: Task) -> Sequence[Example]:
    """The last `search` items: at most a third of them."""
    items = task.items("search")
    return items[len(items) - min(DUEL_ITEMS, len(items) // 3) :]


def screen_items(task: Task, number: int) -> tuple[Example, ...]:
    """Those of a round: the other `search` items in turn, as many as a round can take."""
    items = task.items("search")
    items = items[: len(items) - len(duel_items(task))]
    count = min(SCREEN_ITEMS, len(items))
    first = (number - 1) * count
    return tuple(items[(first + place) % len(items)] for place in range(count))


def most_calls(task: Task) -> int:
    """The most calls that screening a round may take."""
    items = len(screen_items(task, 1))
    return items * min(2 * max(1, SCREEN_CALLS // (2 * max(1, items))), _MOST_RUNS)


# Below: private.

_SHARPEST = 0.01
"""The narrowest interval that counts: one of no width would outweigh everything."""

_MOST_RUNS = 24


def _round(name: str) -> int:
    return int(name.removeprefix("edit ").partition(".")[0])


def _doubtful(case: Case, task: Task, edited: Edited, number: int) -> list[str]:
    """The edits whose effect could have either sign, those known least surely first."""
    figures = {name: known(case.evidence, task, name, number - 1) for name in edited.texts}
    open_ = {
        name: abs(found.value) / (found.upper - found.lower)
        for name, found in figures.items()
        if found is not None and found.lower <= 0 <= found.upper
    }
    return sorted(open_, key=lambda name: open_[name])
