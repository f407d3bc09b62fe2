"""Whether a step keeps to the caps of a project, and what is decided where it does not."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from escalera.core.evaluation import orders
from escalera.core.ladder import choosing, hosting, materials, titles, words
from escalera.core.ladder.caps import MILLION, NOTHING, PER_TURN, Caps, Cost, charge
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import (
    Evaluate,
    FitRouter,
    Optimise,
    Rewrite,
    Select,
    Step,
    Stop,
    Train,
    TryRate,
)
from escalera.core.prompts import rewriting
from escalera.core.spent import Spent
from escalera.domain.event import Stopped
from escalera.domain.project import Project, RungName


def exceeds(case: Case, step: Step) -> bool:
    """Whether *step* is not to be begun: its next call could break a cap, or all of them would.

    A step whose calls are likely to cost more than what is left would buy answers that decide
    nothing; what calls cost is known from those that were made.
    """
    caps, spent = Caps.of(case.project), case.evidence.spent
    if isinstance(step, (Train, TryRate, Optimise, Rewrite)):
        return not caps.fits(spent, _whole(case, step))
    if isinstance(step, Select):
        texts = materials.unread(case.project, case.evidence, step)
        first = list(texts.values())[:1]
        return bool(first) and not caps.fits(spent, caps.reading(step.selection.embedder, first))
    if isinstance(step, FitRouter):
        cost = _reading(case, caps)
        return cost != NOTHING and not caps.fits(spent, cost)
    if not isinstance(step, Evaluate):
        return False
    new = case.missing(step.calls)
    if not new:
        return False
    calls = len(new) + _grades(case, [call.item.task for call in new])
    needs = (caps.worst(new[:1]), likely(spent, calls))
    return not all(caps.fits(spent, cost) for cost in needs)


def likely(spent: Spent, calls: int) -> Cost:
    """What *calls* more calls cost at the mean of those that were made; nothing before the first.

    Of calls whose price was unknown the tokens count, the money does not.
    """
    made = max(spent.calls, 1)
    tokens = spent.prompt_tokens + spent.completion_tokens
    priced = max(spent.calls - spent.unpriced_calls, 1)
    return Cost(
        calls=calls,
        tokens=calls * tokens // made,
        micro_dollars=calls * spent.known_micro_dollars // priced,
    )


def stop(case: Case, step: Step) -> Stop:
    """The end of a climb whose budget does not reach for *step*.

    What was shown adequate until then is promoted: a rung that could not be tried may be cheaper,
    but nothing is wrong with the one that was paid for.
    """
    if choosing.choose(choosing.candidates(case)) is None:
        return Stop(event=_undecided(case, step))
    stopped = choosing.stop(case)
    untried = words.joined(_untried(case))
    said = f"Not tried, because the budget ended ({_used(case)} are used): {untried}"
    return Stop(
        event=replace(
            stopped, reasons=(*stopped.reasons, said), reversal=(*stopped.reversal, _REMEDY)
        )
    )


# Below: private.

_REMEDY = "raise the caps under [budget] and climb again: nothing is paid twice"


def _grades(case: Case, tasks: Sequence[str]) -> int:
    """The grades that answers to *tasks* are likely to need, by what is known of their judges."""
    project, found = case.project, 0.0
    for name, count in Counter(tasks).items():
        panel = project.panel(project.task(name).scorer)
        if panel is not None:
            found += count * orders.expected(project, panel, case.evidence)
    return math.ceil(found)


def _whole(case: Case, step: Train | TryRate | Optimise | Rewrite) -> Cost:
    """What a step takes that is not made of calls known beforehand."""
    match step:
        case Train():
            return hosting.most(case, step.recipe)
        case TryRate():
            return NOTHING
        case Optimise():
            return likely(case.evidence.spent, step.calls)
        case Rewrite():
            return _of_rewrite(case.project, step)


def _of_rewrite(project: Project, step: Rewrite) -> Cost:
    """An upper bound: a token per byte of what is sent, and the longest reply."""
    price = None if project.proposer is None else project.proposer.price
    prompt, completion = step.longest + 2 * PER_TURN, rewriting.MOST_TOKENS
    money = 0 if price is None else charge(price, prompt, completion)
    return Cost(calls=1, tokens=prompt + completion, micro_dollars=money)


def _reading(case: Case, caps: Caps) -> Cost:
    """What the first message takes whose embedding a router still needs to be taught."""
    model = case.project.router_embedder
    if model is None:
        return NOTHING
    known, texts = case.evidence.embedded, materials.routed(case.project, taught=True)
    first = [text for digest, text in texts.items() if (model.revision, digest) not in known][:1]
    return caps.reading(model.name, first) if first else NOTHING


def _undecided(case: Case, step: Step) -> Stopped:
    rung: RungName = "prompt" if isinstance(step, FitRouter) else "search"
    rung = step.rung if isinstance(step, (Evaluate, Train, TryRate)) else rung
    title = titles.title(rung, case.project)
    return Stopped(
        reason="budget",
        rung=rung,
        route=None,
        words=f"The budget ends on the rung {title!r}: {_used(case)} are used",
        reasons=("the next step could cost more than what is left",),
        reversal=(_REMEDY,),
    )


def _used(case: Case) -> str:
    spent, budget = case.evidence.spent, case.project.budget
    used = f"{spent.calls} calls"
    if budget.micro_dollars is not None:
        paid = Caps.of(case.project).paid(spent)
        used += f" and {paid / MILLION:.4f} of {budget.micro_dollars / MILLION:.4f} dollars"
    if spent.reserved.calls:
        used += f", and {spent.reserved.calls} that a crash cut off are counted at their worst,"
    return used


def _untried(case: Case) -> list[str]:
    """The titles of the allowed rungs that are not decided."""
    allowed = [r for r in titles.rows(case.project) if r.name in case.project.policy.rungs]
    return [row.title for row in allowed if case.evidence.decision(row.name, "") is None]
