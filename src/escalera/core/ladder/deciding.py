"""From a route to the decision of its rung: nominate, confirm on fresh items, decide.

One decision for each task that the rung is about, then one for the rung over all tasks: a rung is
not adequate because the part that it changed is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from escalera.core.ladder import confirm, words
from escalera.core.ladder.case import Case
from escalera.core.ladder.confirm import Standing
from escalera.core.ladder.steps import Decide, Nominate, Step
from escalera.domain.event import Decided, Nominated, Outcome
from escalera.domain.project import RungName
from escalera.domain.system import Route
from escalera.domain.task import Task


def judge(
    case: Case,
    rung: RungName,
    route: Route,
    *,
    tasks: Sequence[Task],
    say: Callable[[Standing], str],
    conclude: Callable[[Outcome, Sequence[Standing]], str],
) -> Step:
    """The next step of judging *route*, up to the rung's decision.

    `say` puts a task's standing into words, `conclude` the outcome of the rung.
    """
    if case.evidence.nominee(rung) != route:
        return Nominate(event=Nominated(rung=rung, route=route))
    incumbent = case.incumbent_of(rung)
    asked = confirm.step(case, rung, route, incumbent)
    if asked is not None:
        return asked
    found = confirm.standings(case, rung, route, incumbent)
    for standing in found:
        task = standing.task
        if task in tasks and case.evidence.decision(rung, task.name) is None:
            return _decide(rung, task.name, standing.outcome, route, say(standing))
    outcome = confirm.overall([standing.outcome for standing in found])
    reasons = tuple(words.standing(standing) for standing in found)
    return _decide(rung, "", outcome, route, conclude(outcome, found), reasons)


# Below: private.


def _decide(
    rung: RungName,
    task: str,
    outcome: Outcome,
    route: Route,
    said: str,
    reasons: tuple[str, ...] = (),
) -> Decide:
    return Decide(
        event=Decided(
            rung=rung,
            task=task,
            outcome=outcome,
            candidate=route.digest,
            words=said,
            reasons=reasons,
        )
    )
