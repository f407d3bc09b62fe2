"""`escalera pilots`: which base to finetune for a task, or whether to change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from escalera.core.evidence import Evidence
from escalera.core.finetuning import pilots, pilots_words
from escalera.core.finetuning.pilots import STAY, Base, Option
from escalera.core.ladder import piloting
from escalera.core.ladder.piloting import Asking, Economy, Effort, Found
from escalera.core.ladder.steps import Step
from escalera.domain.project import BaseModel, Project
from escalera.domain.task import Task
from escalera.engine import climb
from escalera.engine.climb import Ports
from escalera.engine.observer import Observer, Quiet
from escalera.errors import EvidenceMissing, InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Piloted:
    """The pilots of several bases for a task, and what they say of finetuning each."""

    task: Task
    current: str
    economy: Economy
    found: Found

    @property
    def recommendation(self) -> str:
        """What to do."""
        return pilots_words.recommendation(self.found.options, self.current)

    @property
    def reversals(self) -> tuple[str, ...]:
        """What would make another answer the best."""
        return pilots_words.reversals(self.found.options, self.current, self.found.terms.worth)

    @property
    def ending(self) -> str:
        """Why there is no further pilot."""
        worth = self.found.terms.worth
        regret = pilots.regret(self.found.options, worth)
        return pilots_words.ending(self.found.next, regret, worth)

    @property
    def table(self) -> tuple[tuple[str, ...], ...]:
        """A head and a row for each answer, the best first."""
        head = (
            "answer",
            "largest pilot",
            "score with all (80 %)",
            "to finetune",
            "to serve",
            "best",
        )
        bases = {base.name: base for base in self.found.bases}
        return (head, *(self._row(option, bases.get(option.name)) for option in self.found.options))

    @property
    def document(self) -> dict[str, Any]:
        """Everything, as JSON."""
        found = self.found
        return {
            "task": self.task.name,
            "current": self.current,
            "examples": found.terms.pool,
            "worth_of_a_score_of_1": found.terms.worth,
            "read": round(found.read, 4),
            "options": [asdict(option) for option in found.options],
            "pilots": {
                base.name: [
                    {"examples": one.examples, "chain": one.chain, "score": round(one.score, 6)}
                    for one in base.pilots
                ]
                for base in found.bases
            },
            "efforts": {name: asdict(effort) for name, effort in found.efforts.items()},
            "next": asdict(found.next),
            "value_of_knowing_all": pilots.regret(found.options, found.terms.worth),
            "recommendation": self.recommendation,
            "reversals": list(self.reversals),
        }

    def _row(self, option: Option, base: Base | None) -> tuple[str, ...]:
        low, high = option.interval
        score = f"{option.score:.3f} ({low:.3f} to {high:.3f})"
        chance = f"{100 * option.best:.0f} %"
        if base is None:
            serving = self._money(self.found.standing.price) if self.economy.answers else "-"
            return f"{STAY} ({self.current})", "-", score, "-", serving, chance
        last = max(base.pilots, key=lambda one: one.examples)
        effort = self.found.efforts[option.name]
        return (
            option.name,
            f"{last.score:.3f} at {last.examples:,}",
            score,
            self._training(effort),
            self._money(effort.answers_money) if self.economy.answers else "-",
            chance,
        )

    def _training(self, effort: Effort) -> str:
        minutes = f"{effort.training / 60:,.1f} min"
        if effort.training_money is None:
            return minutes
        return f"{effort.training_money:,.2f} ({minutes})"

    @staticmethod
    def _money(amount: float | None) -> str:
        return "unknown" if amount is None else f"{amount:,.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PilotWish:
    """What is asked: bases by name (none: all that can be), prices, and what pilots may read."""

    bases: tuple[str, ...] = ()
    economy: Economy = field(default_factory=Economy)
    share: float | None = None


def run(
    project: Project,
    task: Task,
    bases: Sequence[BaseModel],
    wish: PilotWish,
    *,
    ports: Ports,
    observer: Observer | None,
) -> Piloted:
    """Run the pilots that are missing and worth their price, and say which base to take.

    Raises `InputError` for a wish that makes no sense and for too few examples, `EvidenceMissing`
    where a cap was reached before every base could be forecast.
    """
    _check(bases, wish)
    economy = wish.economy
    if economy.point is None and task.value_per_point > 0.0:
        economy = Economy(
            point=task.value_per_point,
            answers=economy.answers,
            months=economy.months,
            hour=economy.hour,
        )
    asked = Asking(task=task.name, bases=tuple(bases), economy=economy, share=wish.share)
    known = piloting.everything(project, bases)

    def plan(evidence: Evidence) -> Step | None:
        return piloting.next_step(known, evidence, asked)

    evidence = climb.follow(known, plan, ports=ports, observer=observer or Quiet())
    found = piloting.found(known, evidence, asked)
    if found is None:
        raise EvidenceMissing(
            f"the pilots of {task.name!r} ended before every base could be forecast: raise the "
            "caps under [budget] and run the command again, nothing is paid twice"
        )
    return Piloted(task=task, current=project.model.name, economy=economy, found=found)


# Below: private.


def _check(bases: Sequence[BaseModel], wish: PilotWish) -> None:
    if not bases:
        raise InputError("no base can be trained here: add a local model as [models.NAME]")
    for base in bases:
        if not base.trainable:
            raise InputError(
                f"the model {base.name!r} is served by an endpoint and cannot be trained here: "
                "name local models with --base"
            )
    economy = wish.economy
    for name, value in (("share", wish.share), ("months", economy.months)):
        if value is not None and not value > 0.0:
            raise InputError(f"{name} {value!r} must be above 0")
    for name, amount in (
        ("point", economy.point),
        ("answers", economy.answers),
        ("hour", economy.hour),
    ):
        if amount is not None and not amount >= 0.0:
            raise InputError(f"{name} {amount!r} must not be negative")
