"""The caps of a project: whether a step could break one, and what is decided when it could."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from escalera.core.ladder import choosing, rungs, words
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Call, Evaluate, Step, Stop, Train
from escalera.domain.event import Stopped
from escalera.domain.project import ModelPrice

_MILLION = 1_000_000


def exceeds(case: Case, step: Step) -> bool:
    """Whether performing *step* could break a cap of the budget."""
    budget, spent = case.project.budget, case.evidence.spent
    late = budget.minutes is not None and spent.seconds >= budget.minutes * 60
    if not isinstance(step, Evaluate):
        return late and isinstance(step, Train)
    new = case.missing(step.calls)
    if late and new:
        return True
    if budget.calls is not None and spent.calls + len(new) > budget.calls:
        return True
    price = case.project.model.price
    if budget.micro_dollars is None or price is None:
        return False  # settings refuse a cap on money where the price is unknown
    return _paid(case, price) + _worst(new, price) > budget.micro_dollars


def stop(case: Case, step: Step) -> Stop:
    """The end of a climb whose budget does not reach for *step*.

    What was shown adequate until then is promoted: a rung that could not be tried may be cheaper,
    but nothing is wrong with the one that was paid for.
    """
    if choosing.choose(choosing.candidates(case)) is None:
        return Stop(event=_undecided(case, step))
    stopped = choosing.stop(case)
    untried = [row.title for row in _untried(case)]
    said = f"Not tried, because the budget ended ({_used(case)} are used): {words.joined(untried)}"
    return Stop(
        event=replace(
            stopped, reasons=(*stopped.reasons, said), reversal=(*stopped.reversal, _REMEDY)
        )
    )


# Below: private.

_REMEDY = "raise the caps under [budget] and climb again: nothing is paid twice"


def _paid(case: Case, price: ModelPrice) -> int:
    """What was spent; calls that were made before the price was known are charged now."""
    spent = case.evidence.spent
    tokens = _charge(price, spent.unpriced_prompt_tokens, spent.unpriced_completion_tokens)
    return spent.known_micro_dollars + tokens + spent.unpriced_calls


def _worst(calls: Sequence[Call], price: ModelPrice) -> int:
    """An upper bound: a token per byte of the prompt, and every answer as long as allowed."""
    prompt = completion = 0
    for call in calls:
        request = call.system.request(call.item.input)
        prompt += sum(len(message.content.encode()) + 8 for message in request.messages)
        completion += request.decoding.max_tokens
    return _charge(price, prompt, completion) + len(calls)


def _charge(price: ModelPrice, prompt: int, completion: int) -> int:
    """Micro-dollars, rounded up; who adds calls adds one for each, as each is rounded by itself."""
    return -(-(prompt * price.prompt + completion * price.completion) // _MILLION)


def _undecided(case: Case, step: Step) -> Stopped:
    rung = step.rung if isinstance(step, (Evaluate, Train)) else "prompt"
    title = rungs.rung(rung).title
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
    price = case.project.model.price
    if budget.micro_dollars is not None and price is not None:
        paid = _paid(case, price)
        used += f" and {paid / _MILLION:.4f} of {budget.micro_dollars / _MILLION:.4f} dollars"
    return used


def _untried(case: Case) -> list[rungs.Rung]:
    allowed = rungs.allowed(case.project.policy.rungs)
    return [row for row in allowed if case.evidence.decision(row.name, "") is None]
