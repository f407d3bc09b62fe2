"""Which base to finetune: pilots of several bases, one after the other, until none is worth it.

Its steps are those of a climb, and so is its evidence: a command that was interrupted goes on where
it was, and stops at the caps. What a pilot costs is known from those before it, which the journal
holds with their clock readings, so that the same journal asks for the same pilots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from escalera.core.evidence import Evidence
from escalera.core.finetuning import pilots
from escalera.core.finetuning.data_plan import Planned, Prices
from escalera.core.finetuning.pilots import Base, NextPilot, Option, Standing, Terms
from escalera.core.ladder import budgeting, materials, subsets
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Evaluate, Step
from escalera.core.ladder.subsets import Subsets
from escalera.core.stats import clustering
from escalera.domain.dataset import Example
from escalera.domain.project import BaseModel, Project
from escalera.domain.system import System
from escalera.domain.task import Task

HUNDREDTHS = 100
"""Percentage points in a score of 1."""

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Economy:
    """What scores are worth and work costs, in money; None where it was not said.

    `point` is the worth of a percentage point a month, and `answers` are given a month, for
    `months`. `hour` is what this machine costs for an hour of training, or of answering where a
    model has no price per token.
    """

    point: float | None = None
    answers: int = 0
    months: float = 1.0
    hour: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Which bases are compared for which task.

    `share` bounds what pilots may read, as in `pilots.Terms`. None is no bound where money says
    when to stop, since points have a worth and hours a price, and `pilots.SHARE` elsewhere.
    """

    task: str
    bases: tuple[BaseModel, ...]
    economy: Economy
    share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What a base takes, in seconds and in money (None: not known).

    `training` is finetuning on all examples, `answers` serving for the time that counts, and
    `pilots` what its pilots took.
    """

    training: float
    training_money: float | None
    answers_money: float | None
    pilots: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the pilots say. `next` has the reason why there is no further one, or is it.

    `bases` are those with enough pilots for a forecast, `efforts` belong to them.
    """

    terms: Terms
    standing: Standing
    bases: tuple[Base, ...]
    options: tuple[Option, ...]
    efforts: dict[str, Effort]
    next: NextPilot
    read: float


def next_step(project: Project, evidence: Evidence, asking: Asking) -> Step | None:
    """The next training or measurement, or None when no pilot is worth its price, or a cap ends it.

    Raises `InputError` where there are too few examples for pilots.
    """
    board = _Board(project, evidence, asking)
    found = board.step()
    if found is None or budgeting.exceeds(board.own, found):
        return None
    return materials.before(project, evidence, found)


def found(project: Project, evidence: Evidence, asking: Asking) -> Found | None:
    """What is known by now; None while a base has not three pilots, or nothing is scored."""
    return _Board(project, evidence, asking).found()


def everything(project: Project, bases: Sequence[BaseModel]) -> Project:
    """The project with the bases beside its own model, so that its caps hold for them."""
    others = tuple(base for base in bases if base.name != project.model.name)
    return replace(project, bases=others)


# Below: private.


class _Board:
    """Every base with its pilots so far, replayed from the evidence in the order of the plan."""

    def __init__(self, project: Project, evidence: Evidence, asking: Asking) -> None:
        self._asking = asking
        self._task: Task = project.task(asking.task)
        self._pool = len(self._task.items("train"))
        self._opening = pilots.opening(self._pool)
        self.own = Case(project=project, evidence=evidence)
        self._nested = {base.name: self._subsets(project, base) for base in asking.bases}
        self._plans: dict[str, list[Planned]] = {base.name: [] for base in asking.bases}
        self._missing = self._replay()

    def step(self) -> Step | None:
        """What is left of the pilot under way, the standing first."""
        calls = tuple(self.own.call(self._now(), item) for item in subsets.items(self._task))
        if self.own.missing(calls):
            return Evaluate(rung="lora", purpose="pilot", task=self._task.name, calls=calls)
        if self._missing is None:
            return None
        name, plan = self._missing
        return self._nested[name].step(plan)

    def found(self) -> Found | None:
        """The forecasts, where every base has its opening."""
        done = all(len(plans) >= len(self._opening) for plans in self._plans.values())
        items = self._scored()
        if not done or not items:
            return None
        bases, standing, terms = self._bases(items), self._standing(items), self._terms()
        read = sum(plan.examples for plans in self._plans.values() for plan in plans)
        return Found(
            terms=terms,
            standing=standing,
            bases=bases,
            options=pilots.options(bases, standing, terms),
            efforts={base.name: self._effort(base.name) for base in bases},
            next=pilots.following(bases, standing, terms),
            read=read / (len(bases) * self._pool),
        )

    # Private

    def _subsets(self, project: Project, base: BaseModel) -> Subsets:
        """The trainings of a base; its rate is found on the largest pilot of the opening.

        Its seed is not the climb's, whose question is answered by all examples.
        """
        rated = self._opening[-1]
        taught = subsets.in_enough_steps(replace(project, model=base))
        return Subsets(
            case=Case(project=taught, evidence=self.own.evidence),
            task=self._task,
            rated=rated,
            seed=project.policy.seed + rated.chain,
        )

    def _replay(self) -> tuple[str, Planned] | None:
        """Take up what was measured; the first pilot that was not, or None at the end."""
        for plan in self._opening:
            for name in self._plans:
                if not self._nested[name].measured(plan):
                    return name, plan
                self._plans[name].append(plan)
        while items := self._scored():
            following = pilots.following(self._bases(items), self._standing(items), self._terms())
            if following.base is None or following.plan is None:
                return None
            if not self._nested[following.base].measured(following.plan):
                return following.base, following.plan
            self._plans[following.base].append(following.plan)
        return None

    def _now(self) -> System:
        return subsets.prompted(self.own, self._task)

    def _scored(self) -> list[Example]:
        systems = [self._now()]
        for name, plans in self._plans.items():
            systems += [self._nested[name].system(plan) for plan in plans]
        return subsets.scored(self.own, self._task, systems)

    def _terms(self) -> Terms:
        economy = self._asking.economy
        worth = economy.point
        if worth is not None:
            worth *= HUNDREDTHS * economy.months
        share = self._asking.share
        if share is None and (worth is None or economy.hour is None):
            share = pilots.SHARE
        return Terms(pool=self._pool, worth=worth, share=share)

    def _standing(self, items: Sequence[Example]) -> Standing:
        answers = [self.own.evidence.sample(self._now(), item) for item in items]
        scores = [answer.score or 0.0 for answer in answers if answer is not None]
        estimate = clustering.robust_mean(scores, [item.cluster for item in items])
        price = self._serving(self._now())
        return Standing(
            score=estimate.value,
            error=0.0 if len(scores) < 2 else estimate.standard_error,
            price=price or 0.0,
        )

    def _bases(self, items: Sequence[Example]) -> tuple[Base, ...]:
        made = []
        for name, plans in self._plans.items():
            effort = self._effort(name)
            trainings = tuple(self._nested[name].trainings(plans, items))
            price = (effort.training_money or 0.0) + (effort.answers_money or 0.0)
            made.append(Base(name=name, pilots=trainings, price=price, prices=self._prices(name)))
        return tuple(made)

    def _effort(self, name: str) -> Effort:
        """What the base takes, at the rates of its largest pilot."""
        seconds, training = self._seconds(name), 0.0
        largest = max(self._plans[name], key=lambda plan: plan.examples)
        training = seconds[largest] * self._pool / largest.examples
        hour = self._asking.economy.hour
        return Effort(
            training=training,
            training_money=None if hour is None else hour * training / 3600,
            answers_money=self._serving(self._nested[name].system(largest)),
            pilots=sum(seconds.values()),
        )

    def _prices(self, name: str) -> Prices:
        """What a further pilot costs: its training, and answers to every item."""
        hour = self._asking.economy.hour or 0.0
        seconds = self._seconds(name)
        largest = max(self._plans[name], key=lambda plan: plan.examples)
        system = self._nested[name].system(largest)
        answers = float(self.own.evidence.answers.measures(system.digest).seconds.sum())
        return Prices(
            fixed=hour * answers / 3600,
            per_example=hour * seconds[largest] / largest.examples / 3600,
        )

    def _seconds(self, name: str) -> dict[Planned, float]:
        trained = self.own.evidence.trained
        nested = self._nested[name]
        return {
            plan: sum(part.seconds for part in trained[nested.recipe(plan).digest])
            for plan in self._plans[name]
        }

    def _serving(self, system: System) -> float | None:
        """Money for the answers of the time that counts; None where a price is not known."""
        economy = self._asking.economy
        seen = self.own.evidence.answers.measures(system.digest)
        if not len(seen.seconds):
            return None
        count = economy.answers * economy.months
        if bool((seen.micro_dollars >= 0).all()) and bool((seen.micro_dollars > 0).any()):
            return count * float(np.mean(seen.micro_dollars)) / _MILLION
        if economy.hour is None:
            return None
        return count * economy.hour * float(np.mean(seen.seconds)) / 3600
