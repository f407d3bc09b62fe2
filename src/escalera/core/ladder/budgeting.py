"""The caps of a project: what calls may cost, whether that fits, and what is decided if not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from escalera.core.evaluation import repair
from escalera.core.evidence import Spent
from escalera.core.ladder import choosing, materials, rungs, words
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Call, Evaluate, Optimise, Rewrite, Select, Step, Stop, Train
from escalera.core.prompts import rewriting
from escalera.domain.event import Stopped
from escalera.domain.message import Request
from escalera.domain.project import Budget, ModelPrice, Project
from escalera.domain.system import System

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Calls, tokens (of prompts and answers together) and money."""

    calls: int = 0
    tokens: int = 0
    micro_dollars: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            calls=self.calls + other.calls,
            tokens=self.tokens + other.tokens,
            micro_dollars=self.micro_dollars + other.micro_dollars,
        )

    def __sub__(self, other: Cost) -> Cost:
        return Cost(
            calls=self.calls - other.calls,
            tokens=self.tokens - other.tokens,
            micro_dollars=self.micro_dollars - other.micro_dollars,
        )

    def most(self, other: Cost) -> Cost:
        """The larger of each."""
        return Cost(
            calls=max(self.calls, other.calls),
            tokens=max(self.tokens, other.tokens),
            micro_dollars=max(self.micro_dollars, other.micro_dollars),
        )


NOTHING = Cost()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What may be spent, and what the calls of each model cost (None: unknown)."""

    budget: Budget
    prices: Mapping[str, ModelPrice | None]

    @classmethod
    def of(cls, project: Project) -> Caps:
        """The caps of a climb: one base model, judges, what writes prompts, what embeds texts."""
        others = (model for model in (project.proposer, project.embedder) if model is not None)
        asked = (*project.graders, *project.readers, *others, project.model)
        return cls(budget=project.budget, prices={model.name: model.price for model in asked})

    @property
    def limited(self) -> bool:
        """Whether what calls cost has a cap."""
        caps = (self.budget.micro_dollars, self.budget.calls, self.budget.tokens)
        return any(cap is not None for cap in caps)

    def reading(self, model: str, texts: Iterable[str]) -> Cost:
        """An upper bound of one call for the embeddings of *texts*."""
        tokens = sum(len(text.encode()) + _PER_TURN for text in texts)
        price = self.prices[model]
        money = 0 if price is None else _charge(price, tokens, 0)
        return Cost(calls=1, tokens=tokens, micro_dollars=money)

    def worst(self, calls: Sequence[Call]) -> Cost:
        """An upper bound: a token per byte of the prompt, and every answer as long as allowed.

        Of a system whose answers may be sent back, every one is, as often as it may be.
        """
        if self.budget == Budget():
            return Cost(calls=sum(1 + _repairs(call.system) for call in calls))
        found = NOTHING
        for call in calls:
            found += _worst(call.request, self.prices[call.system.model])
        return found

    def fits(self, spent: Spent, more: Cost) -> bool:
        """Whether *more* keeps to every cap, after what was *spent* and what is reserved."""
        budget = self.budget
        if budget.minutes is not None and spent.seconds >= budget.minutes * 60:
            return False
        set_aside = spent.reserved
        calls = spent.calls + set_aside.calls
        if budget.calls is not None and calls + more.calls > budget.calls:
            return False
        tokens = spent.prompt_tokens + spent.completion_tokens + set_aside.tokens
        if budget.tokens is not None and tokens + more.tokens > budget.tokens:
            return False
        return budget.micro_dollars is None or (
            self.paid(spent) + set_aside.micro_dollars + more.micro_dollars <= budget.micro_dollars
        )

    def paid(self, spent: Spent) -> int:
        """What was spent; calls made before a price was known are charged at the highest now."""
        charges = [
            _charge(price, spent.unpriced_prompt_tokens, spent.unpriced_completion_tokens)
            for price in self.prices.values()
            if price is not None
        ]
        return spent.known_micro_dollars + max(charges, default=0) + spent.unpriced_calls


def exceeds(case: Case, step: Step) -> bool:
    """Whether *step* is not to be begun: its next call could break a cap, or all of them would.

    A step whose calls are likely to cost more than what is left would buy answers that decide
    nothing; what calls cost is known from those that were made.
    """
    caps, spent = Caps.of(case.project), case.evidence.spent
    if isinstance(step, (Train, Optimise, Rewrite)):
        return not caps.fits(spent, _whole(case, step))
    if isinstance(step, Select):
        texts = materials.unread(case.project, case.evidence, step)
        first = list(texts.values())[:1]
        return bool(first) and not caps.fits(spent, caps.reading(step.selection.embedder, first))
    if not isinstance(step, Evaluate):
        return False
    new = case.missing(step.calls)
    if not new:
        return False
    calls = sum(1 + case.project.grades(call.item.task) for call in new)
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
    untried = [row.title for row in _untried(case)]
    said = f"Not tried, because the budget ended ({_used(case)} are used): {words.joined(untried)}"
    return Stop(
        event=replace(
            stopped, reasons=(*stopped.reasons, said), reversal=(*stopped.reversal, _REMEDY)
        )
    )


# Below: private.

_REMEDY = "raise the caps under [budget] and climb again: nothing is paid twice"


_PER_TURN = 8
"""Tokens that a chat template may put around one message."""


def _repairs(system: System) -> int:
    return 0 if system.output is None else system.output.repairs


def _worst(request: Request, price: ModelPrice | None) -> Cost:
    prompt = sum(len(turn.content.encode()) + _PER_TURN for turn in request.messages)
    completion, repairs = request.decoding.max_tokens, 0
    if request.output is not None:
        repairs = request.output.repairs
        if request.output.mode in ("json_schema", "tools"):
            prompt += _SCHEMA_GROWS * len(request.output.schema.encode()) + _PER_TURN
    more = repair.longest(request) + 2 * _PER_TURN
    first = _one(price, prompt, completion)
    return sum((_one(price, prompt + more, completion) for _ in range(repairs)), first)


def _one(price: ModelPrice | None, prompt: int, completion: int) -> Cost:
    money = 0 if price is None else _charge(price, prompt, completion)
    return Cost(calls=1, tokens=prompt + completion, micro_dollars=money)


_SCHEMA_GROWS = 3
"""A schema in the body may be written at such a length, once what an endpoint needs is added."""


def _charge(price: ModelPrice, prompt: int, completion: int) -> int:
    """Micro-dollars, rounded up, as every call is by itself."""
    return -(-(prompt * price.prompt + completion * price.completion) // _MILLION)


def _whole(case: Case, step: Train | Optimise | Rewrite) -> Cost:
    """What a step takes that is not made of calls known beforehand."""
    match step:
        case Train():
            return NOTHING
        case Optimise():
            return likely(case.evidence.spent, step.calls)
        case Rewrite():
            return _of_rewrite(case.project, step)


def _of_rewrite(project: Project, step: Rewrite) -> Cost:
    """An upper bound: a token per byte of what is sent, and the longest reply."""
    price = None if project.proposer is None else project.proposer.price
    prompt, completion = step.longest + 2 * _PER_TURN, rewriting.MOST_TOKENS
    money = 0 if price is None else _charge(price, prompt, completion)
    return Cost(calls=1, tokens=prompt + completion, micro_dollars=money)


def _undecided(case: Case, step: Step) -> Stopped:
    rung = step.rung if isinstance(step, (Evaluate, Train)) else "search"
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
    if budget.micro_dollars is not None:
        paid = Caps.of(case.project).paid(spent)
        used += f" and {paid / _MILLION:.4f} of {budget.micro_dollars / _MILLION:.4f} dollars"
    if spent.reserved.calls:
        used += f", and {spent.reserved.calls} that a crash cut off are counted at their worst,"
    return used


def _untried(case: Case) -> list[rungs.Rung]:
    allowed = rungs.allowed(case.project.policy.rungs)
    return [row for row in allowed if case.evidence.decision(row.name, "") is None]
