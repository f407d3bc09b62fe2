"""What a project may spend, and what calls cost at the most."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from escalera.core.evaluation import repair
from escalera.core.ladder.steps import Call
from escalera.core.spent import Spent
from escalera.domain.message import Request
from escalera.domain.project import BaseModel, Budget, ModelPrice, Project
from escalera.domain.system import System

MILLION = 1_000_000
PER_TURN = 8
"""Tokens that a chat template may put around one message."""


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
class Left:
    """What caps still leave; None where there is no cap. Never less than nothing."""

    micro_dollars: int | None = None
    calls: int | None = None
    tokens: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What may be spent, and what the calls of each model cost (None: unknown).

    `tuned` are the prices of what providers finetuned, by the name of the model that it was.
    """

    budget: Budget
    prices: Mapping[str, ModelPrice | None]
    tuned: Mapping[str, ModelPrice] = field(default_factory=dict)

    @classmethod
    def of(cls, project: Project) -> Caps:
        """The caps of a climb: base models, judges, what writes prompts, what embeds texts."""
        teacher = None if project.teacher is None else project.teacher.model
        named = (project.proposer, project.embedder, project.router_embedder, teacher)
        others = (model for model in named if model is not None)
        asked = (*project.graders, *project.readers, *others, *project.bases, project.model)
        return cls.over(project.budget, asked)

    @classmethod
    def over(cls, budget: Budget, asked: Iterable[BaseModel]) -> Caps:
        """The caps of a budget over calls to some models."""
        models = list(asked)
        return cls(
            budget=budget,
            prices={model.name: model.price for model in models},
            tuned={m.name: m.tuned_price for m in models if m.tuned_price is not None},
        )

    @property
    def limited(self) -> bool:
        """Whether what calls cost has a cap."""
        caps = (self.budget.micro_dollars, self.budget.calls, self.budget.tokens)
        return any(cap is not None for cap in caps)

    def reading(self, model: str, texts: Iterable[str]) -> Cost:
        """An upper bound of one call for the embeddings of *texts*."""
        tokens = sum(len(text.encode()) + PER_TURN for text in texts)
        price = self.prices[model]
        money = 0 if price is None else charge(price, tokens, 0)
        return Cost(calls=1, tokens=tokens, micro_dollars=money)

    def worst(self, calls: Sequence[Call]) -> Cost:
        """An upper bound: a token per byte of the prompt, and every answer as long as allowed.

        Of a system whose answers may be sent back, every one is, as often as it may be.
        """
        if self.budget == Budget():
            return Cost(calls=sum(1 + _repairs(call.system) for call in calls))
        found = NOTHING
        for call in calls:
            found += _worst(call.request, self._price(call.system))
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

    def left(self, spent: Spent) -> Left:
        """What every cap leaves, after what was *spent* and what is reserved."""
        budget, aside = self.budget, spent.reserved
        tokens = spent.prompt_tokens + spent.completion_tokens + aside.tokens
        seconds = None if budget.minutes is None else max(0.0, budget.minutes * 60 - spent.seconds)
        return Left(
            micro_dollars=_less(budget.micro_dollars, self.paid(spent) + aside.micro_dollars),
            calls=_less(budget.calls, spent.calls + aside.calls),
            tokens=_less(budget.tokens, tokens),
            seconds=seconds,
        )

    def paid(self, spent: Spent) -> int:
        """What was spent; calls made before a price was known are charged at the highest now."""
        charges = [
            charge(price, spent.unpriced_prompt_tokens, spent.unpriced_completion_tokens)
            for price in (*self.prices.values(), *self.tuned.values())
            if price is not None
        ]
        return spent.known_micro_dollars + max(charges, default=0) + spent.unpriced_calls

    def _price(self, system: System) -> ModelPrice | None:
        price = self.prices[system.model]
        return price if system.adapter is None else self.tuned.get(system.model, price)


def charge(price: ModelPrice, prompt: int, completion: int) -> int:
    """Micro-dollars, rounded up, as every call is by itself."""
    return -(-(prompt * price.prompt + completion * price.completion) // MILLION)


# Below: private.


def _repairs(system: System) -> int:
    return 0 if system.output is None else system.output.repairs


def _worst(request: Request, price: ModelPrice | None) -> Cost:
    prompt = sum(len(turn.content.encode()) + PER_TURN for turn in request.messages)
    completion, repairs = request.decoding.max_tokens, 0
    if request.output is not None:
        repairs = request.output.repairs
        if request.output.mode in ("json_schema", "tools"):
            prompt += _SCHEMA_GROWS * len(request.output.schema.encode()) + PER_TURN
    more = repair.longest(request) + 2 * PER_TURN
    first = _one(price, prompt, completion)
    return sum((_one(price, prompt + more, completion) for _ in range(repairs)), first)


def _one(price: ModelPrice | None, prompt: int, completion: int) -> Cost:
    money = 0 if price is None else charge(price, prompt, completion)
    return Cost(calls=1, tokens=prompt + completion, micro_dollars=money)


_SCHEMA_GROWS = 3
"""A schema in the body may be written at such a length, once what an endpoint needs is added."""


def _less(cap: int | None, used: int) -> int | None:
    return None if cap is None else max(0, cap - used)
