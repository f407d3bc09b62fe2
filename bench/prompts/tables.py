"""The tables of what was found on the landscapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from bench.decisions.tables import percent, signed, table
from bench.prompts.landscapes import NULLS, ORDINARY

from escalera.core.stats import proportion

OURS = "Escalera"
WON, FALSE = 0.8, 0.05
"""Share of landscapes on which ours is at least as good; highest rate of false shipments."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One search: whether another prompt was shipped, and its truth beside the seed prompt's."""

    landscape: str
    seed: int
    shipped: bool
    truth: float
    before: float
    reported: float
    calls: int
    rules: int

    @property
    def false(self) -> bool:
        """Shipped what is not truly better."""
        return self.shipped and self.truth <= self.before + 1e-9


Found = dict[str, list[Run]]


def page(found: Found, command: str) -> tuple[str, bool]:
    """Everything that is told, and whether the targets are met."""
    targets = list(_targets(found))
    head = "# Prompt search beside GEPA and MIPROv2\n\n" + command + _SETTING
    rows = [(what, said, "yes" if met else "**no**") for what, said, met in targets]
    parts = [
        head,
        "## Targets\n\n" + table(("target", "measured", "met"), rows),
        "## Held-out score of what is shipped\n\n" + _BETTER + _scores(found),
        "## What is told, and what is true\n\n" + _TOLD + _told(found),
    ]
    return "\n\n".join(parts), all(met for _, _, met in targets)


# Private.

_SETTING = """
A landscape is a model whose accuracy depends on 20 to 25 rule sentences, most of which do nothing
(`bench/prompts/landscapes.py`); the seed of a run draws it anew. One and the same proposer is
behind all tools: a rule that it writes helps with the chance 0.25, while there are such. 400 items:
ours chooses on 160 and confirms on 240, the others use all as they like. GEPA and MIPROv2
(without examples) have their defaults but 60 validation items and 24 candidates: the best of what
was tried for them on other seeds (`dev/LOG.md`). Calls are those of both models; ours include the
confirmation, and the others get as many. The truth is the expected score on 4,000 items that no
search sees."""

_BETTER = (
    """Means over runs; "to" is ours minus theirs, paired by run, with its standard error.\n\n"""
)

_TOLD = """\
"Too high by" is the score that a tool tells for what it ships, minus the truth. A shipment is false
where the truth is not above that of the seed prompt; the bound is the upper 95 % one (one-sided).\n
"""


def _targets(found: Found):
    mine = found[OURS]
    for name, theirs in found.items():
        if name != OURS:
            at_least = [_difference(mine, theirs, place)[0] >= 0 for place in ORDINARY]
            said = f"{sum(at_least)} of {len(at_least)} landscapes"
            yield f"held-out score at least {name}'s in 8 of 10", said, _share(at_least) >= WON
    false = [run.false for run in mine]
    bound = proportion.wilson(sum(false), len(false), alpha=0.1).upper
    said = f"{sum(false)} of {len(false)} runs, at most {percent(bound)}"
    yield f"false shipments at most {percent(FALSE, 0)}", said, bound <= FALSE
    worst = fmean(run.reported - run.truth for run in mine)
    yield "what ours tells is not too high on the mean", signed(worst), abs(worst) <= 0.005


def _scores(found: Found) -> str:
    others = [name for name in found if name != OURS]
    body = []
    for place in (*ORDINARY, *NULLS):
        some = {name: _of(runs, place) for name, runs in found.items()}
        row = [place, f"{fmean(run.before for run in some[OURS]):.3f}"]
        row += [f"{fmean(run.truth for run in runs):.3f}" for runs in some.values()]
        for name in others:
            value, error = _difference(found[OURS], found[name], place)
            row.append(f"{signed(value)} ± {error:.3f}")
        row += [f"{fmean(run.calls for run in runs):.0f}" for runs in some.values()]
        row += [f"{fmean(run.rules for run in runs):.1f}" for runs in some.values()]
        body.append(row)
    head = ["landscape", "seed prompt", *found, *(f"to {name}" for name in others)]
    head += [f"calls, {name}" for name in found] + [f"rules, {name}" for name in found]
    return table(head, body)


def _told(found: Found) -> str:
    groups = {"ordinary": ORDINARY, **{name: (name,) for name in NULLS}}
    body = []
    for group, places in groups.items():
        for name, runs in found.items():
            some = [run for run in runs if run.landscape in places]
            false = sum(run.false for run in some)
            bound = proportion.wilson(false, len(some), alpha=0.1).upper
            body.append(
                (
                    group,
                    name,
                    str(len(some)),
                    signed(fmean(run.reported - run.truth for run in some)),
                    percent(_share([run.shipped for run in some])),
                    f"{percent(false / len(some))} (at most {percent(bound)})",
                )
            )
    head = ("landscapes", "tool", "runs", "told too high by", "shipped", "false shipments")
    return table(head, body)


def _difference(mine: Sequence[Run], theirs: Sequence[Run], place: str) -> tuple[float, float]:
    pairs = zip(_of(mine, place), _of(theirs, place), strict=True)
    # Equal prompts may be summed in another order.
    differences = [round(one.truth - other.truth, 9) for one, other in pairs]
    spread = stdev(differences) if len(differences) > 1 else 0.0
    return fmean(differences), spread / len(differences) ** 0.5


def _of(runs: Sequence[Run], place: str) -> list[Run]:
    return [run for run in runs if run.landscape == place]


def _share(found: Sequence[bool]) -> float:
    return sum(found) / len(found)
