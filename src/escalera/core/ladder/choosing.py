"""The last decision: of the routes that were confirmed, the cheapest that passes every gate.

Where the project has terms of a service, what is worth most in a month is chosen. Without them,
cheapest is read off in this order: money per call (where every price is known), models to serve,
artefacts to keep alive when the base changes, and then the higher score weighted by traffic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from escalera.core.economics import keeping
from escalera.core.economics.keeping import Running
from escalera.core.ladder import confirm, rungs, terms, titles, weighing, words
from escalera.core.ladder.case import Case
from escalera.core.ladder.confirm import Standing
from escalera.domain.event import Outcome, Stopped, StopReason
from escalera.domain.project import PROMPTING, RungName
from escalera.domain.service import Service
from escalera.domain.system import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A confirmed route with what it costs to run and to keep.

    `title` is what the project calls the rung; `running` is weighed by the terms of the service,
    None where there are none.
    """

    rung: RungName
    title: str
    route: Route
    standings: tuple[Standing, ...]
    micro_dollars_per_call: float | None
    served: int
    kept: int
    score: float
    running: Running | None = None
    seconds: float | None = None

    @property
    def outcome(self) -> Outcome:
        """One word over all tasks."""
        return confirm.overall([standing.outcome for standing in self.standings])


def candidates(case: Case) -> tuple[Candidate, ...]:
    """Every route that a decided rung put forward, bottom rung first."""
    found = []
    for rung in rungs.allowed(case.project.policy.rungs):
        route = case.evidence.nominee(rung.name)
        if route is None or case.evidence.decision(rung.name, "") is None:
            continue
        incumbent = case.incumbent_of(rung.name)
        found.append(
            _candidate(case, rung.name, route, confirm.standings(case, rung.name, route, incumbent))
        )
    return tuple(found)


def choose(found: Sequence[Candidate], service: Service | None = None) -> Candidate | None:
    """The best candidate that is adequate for every task and fast enough, or None.

    Where there are terms of a service, the one that is worth most in a month; else the cheapest.
    """
    eligible = [entry for entry in found if _eligible(entry, service)]
    priced = all(candidate.micro_dollars_per_call is not None for candidate in eligible)
    return min(eligible, key=lambda c: _rank(c, service, priced=priced), default=None)


def stop(case: Case) -> Stopped:
    """The end of the climb, with reasons and with what would reverse it."""
    found = candidates(case)
    chosen = choose(found, case.project.service)
    if chosen is not None:
        return Stopped(
            reason="adequate",
            rung=chosen.rung,
            route=chosen.route.digest,
            words=_verdict(chosen),
            reasons=_reasons(case, found, chosen),
            reversal=_reversal(case, found, chosen),
        )
    adequate = [candidate for candidate in found if candidate.outcome == "adequate"]
    return _too_slow(case, adequate) if adequate else _nothing(case, found)


# Below: private.


def _candidate(case: Case, rung: RungName, route: Route, found: tuple[Standing, ...]) -> Candidate:
    shares = {task.name: task.share for task in case.project.tasks}
    models = {
        (branch.system.model, branch.system.adapter) for branch in (*route.branches, *route.unsure)
    }
    specialists = len(case.project.tasks) if rung == "merge" else 0
    money, kept = _money(case, route), len(route.adapters()) + specialists
    weighed = case.project.service is not None
    return Candidate(
        rung=rung,
        title=titles.title(rung, case.project),
        route=route,
        standings=found,
        micro_dollars_per_call=money,
        served=len(models),
        kept=kept,
        score=sum(s.adequacy.figure.value * shares[s.task.name] for s in found),
        running=weighing.running(case, route, found, money=money, kept=kept) if weighed else None,
        seconds=weighing.seconds_per_call(case, route) if weighed else None,
    )


def _eligible(candidate: Candidate, service: Service | None) -> bool:
    return candidate.outcome == "adequate" and not _slow(candidate, service)


def _slow(candidate: Candidate, service: Service | None) -> bool:
    if service is None or service.seconds is None or candidate.seconds is None:
        return False
    return candidate.seconds > service.seconds


def _rank(
    candidate: Candidate, service: Service | None, *, priced: bool
) -> tuple[float, float, int, int, float]:
    """What is worth more comes first; between equals, what is cheaper."""
    worth = 0.0
    if service is not None and candidate.running is not None:
        worth = keeping.month(candidate.running, service).net
    return (-worth, *_cost(candidate, priced=priced))


def _money(case: Case, route: Route) -> float | None:
    """Mean price of a `confirm` call, weighted by traffic; None when any price is unknown."""
    total = 0.0
    for task in case.project.tasks:
        seen = [case.evidence.answer(route, item) for item in task.items("confirm")]
        costs = [entry.micro_dollars for entry in seen if entry is not None]
        known = [cost for cost in costs if cost is not None]
        if not known or len(known) < len(costs):
            return None
        total += task.share * sum(known) / len(known)
    return total


def _cost(candidate: Candidate, *, priced: bool) -> tuple[float, int, int, float]:
    money = candidate.micro_dollars_per_call if priced else None
    return (money or 0.0, candidate.served, candidate.kept, -candidate.score)


def _verdict(chosen: Candidate) -> str:
    scores = [f"{s.task.title} {words.figure(s.adequacy.figure)}" for s in chosen.standings]
    return f"{chosen.title} meets every bar: {words.joined(scores)}"


def _reasons(case: Case, found: Sequence[Candidate], chosen: Candidate) -> tuple[str, ...]:
    """Why the chosen one stands, and why each other candidate does not."""
    service = case.project.service
    said = [words.standing(standing) for standing in chosen.standings]
    for other in found:
        if other is chosen:
            continue
        if other.outcome == "adequate":
            why = terms.lesser(other, chosen, service) or _dearer(other, chosen)
            said.append(f"{other.title}: would do too, but {why}")
            continue
        blamed = [words.standing(s) for s in other.standings if s.outcome != "adequate"]
        said.append(f"{other.title}: not enough; {'; '.join(blamed)}")
    return tuple(said)


def _dearer(other: Candidate, chosen: Candidate) -> str:
    if other.served != chosen.served:
        return f"it serves {other.served} models instead of {chosen.served}"
    if other.kept != chosen.kept:
        return f"it keeps {other.kept} trained models or adapters alive instead of {chosen.kept}"
    if other.micro_dollars_per_call != chosen.micro_dollars_per_call:
        return "its calls cost more"
    return f"its score over the traffic is {other.score:.3f} instead of {chosen.score:.3f}"


def _reversal(case: Case, found: Sequence[Candidate], chosen: Candidate) -> tuple[str, ...]:
    """The smallest changes of bars, margins or base model that would change the decision."""
    said = []
    for standing in chosen.standings:
        lower = standing.adequacy.figure.lower
        said.append(
            f"a bar for {standing.task.title} above {lower:.2f} (now {standing.task.bar:.2f}) "
            "would leave the decision open"
        )
    for other in found:
        wider = _margin_that_admits(other)
        if wider and _cost(other, priced=False) < _cost(chosen, priced=False):
            said.append(
                f"{other.title}, which is cheaper to keep, would be chosen if you accept that "
                f"{words.joined(wider)}"
            )
    service = case.project.service
    for other in found:
        if other is not chosen and other.outcome == "adequate":
            said += [f"{other.title} {turn}" for turn in terms.turns(other, chosen, service)]
    failing = [task.title for task in case.failing()]
    if failing and chosen.rung not in PROMPTING:
        said.append(
            f"a base model that meets the bar for {words.joined(failing)} by prompting would make "
            "the training unnecessary"
        )
    return tuple(said)


def _margin_that_admits(candidate: Candidate) -> list[str]:
    """The wider margins that would let an otherwise adequate candidate pass, as sentences."""
    said = []
    for standing in candidate.standings:
        if standing.adequacy.verdict != "adequate":
            return []
        if not standing.gate and standing.regression is not None:
            fall = -standing.regression.figure.lower
            said.append(f"{standing.task.title} may fall by up to {fall:.2f}")
    return said


def _too_slow(case: Case, adequate: Sequence[Candidate]) -> Stopped:
    """Candidates meet every bar, and none answers in time."""
    best = min(adequate, key=lambda candidate: candidate.seconds or 0.0)
    said = f"{best.title} meets every bar, but {terms.late(best, case.project.service)}"
    return Stopped(
        reason="inadequate",
        rung=best.rung,
        route=None,
        words=f"Nothing is promoted: {said}",
        reasons=tuple(words.standing(standing) for standing in best.standings),
        reversal=(f"a service that allows {best.seconds:.3g} s a call", *_ways_on(case, best)),
    )


def _nothing(case: Case, found: Sequence[Candidate]) -> Stopped:
    """No candidate passes: say what is missing, and promote nothing."""
    outcomes = [candidate.outcome for candidate in found]
    last = found[-1]
    reason: StopReason = "inadequate"
    if "undecided" in outcomes:
        reason = "undecided"
    elif "regressed" in outcomes:
        reason = "regressed"
    blamed = next((c for c in reversed(found) if c.outcome == reason), last)
    return Stopped(
        reason=reason,
        rung=blamed.rung,
        route=None,
        words=_missing(blamed, reason),
        reasons=tuple(
            f"{c.title}: {words.standing(s)}"
            for c in found
            for s in c.standings
            if s.outcome != "adequate"
        ),
        reversal=_ways_on(case, blamed),
    )


def _missing(blamed: Candidate, reason: StopReason) -> str:
    tasks = words.joined([s.task.title for s in blamed.standings if s.outcome == reason])
    match reason:
        case "undecided":
            return f"Not enough evidence: {blamed.title} is open for {tasks}"
        case "regressed":
            return f"Nothing is promoted: {blamed.title} meets the bars but harms {tasks}"
        case _:
            return f"No allowed rung meets the bar for {tasks}"


def _ways_on(case: Case, blamed: Candidate) -> tuple[str, ...]:
    said = [
        f"{s.task.title}: {words.items_needed(s.adequacy)}"
        for s in blamed.standings
        if s.outcome == "undecided" and s.adequacy.verdict == "undecided"
    ]
    rows = titles.rows(case.project)
    missing = [row.title for row in rows if row.name not in case.project.policy.rungs]
    if missing:
        without = "rungs that the project does not allow, or lacks what they need"
        said.append(f"{without}: {words.joined(missing)}")
    return tuple(said)
