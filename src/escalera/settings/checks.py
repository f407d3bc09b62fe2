"""Rules that go beyond types: ranges, references and shares that add up."""

from __future__ import annotations

import math

from escalera.core.evaluation.scorers import SCORERS
from escalera.settings.tables import ProjectFile

Problem = tuple[str, str, str]
"""Key, what is wrong with it, and the remedy."""


def problems(found: ProjectFile) -> list[Problem]:
    """Everything wrong with a project file that has the right keys and types."""
    return [*_numbers(found), *_models(found), *_tasks(found)]


# Below: private.


def _numbers(found: ProjectFile) -> list[Problem]:
    project, climb, budget, lora = found.project, found.climb, found.budget, found.lora
    checks: list[tuple[bool, str, object, str]] = [
        (
            0.5 < project.confidence < 1,
            "project.confidence",
            project.confidence,
            "between 0.5 and 1",
        ),
        (0 < climb.replay <= 1, "climb.replay", climb.replay, "above 0 and at most 1"),
        (_rising(climb.looks), "climb.looks", climb.looks, "rising shares that end in 1.0"),
        (
            climb.rungs[:1] == ["prompt"],
            "climb.rungs",
            climb.rungs,
            "a list beginning with 'prompt'",
        ),
        (_positive(budget.money), "budget.money", budget.money, "above 0"),
        (_positive(budget.calls), "budget.calls", budget.calls, "above 0"),
        (_positive(budget.minutes), "budget.minutes", budget.minutes, "above 0"),
        (lora.rank > 0, "lora.rank", lora.rank, "above 0"),
        (lora.alpha > 0, "lora.alpha", lora.alpha, "above 0"),
        (bool(lora.targets), "lora.targets", lora.targets, "at least one module name"),
        (lora.epochs > 0, "lora.epochs", lora.epochs, "above 0"),
        (lora.learning_rate > 0, "lora.learning_rate", lora.learning_rate, "above 0"),
        (lora.batch_tokens >= 16, "lora.batch_tokens", lora.batch_tokens, "at least 16"),
    ]
    for name, model in found.models.items():
        price = model.price
        payable = price is None or min(price.prompt, price.completion) >= 0
        checks += [
            (model.concurrency > 0, f"models.{name}.concurrency", model.concurrency, "above 0"),
            (_positive(model.threads), f"models.{name}.threads", model.threads, "above 0"),
            (payable, f"models.{name}.price", price, "dollars that are not negative"),
        ]
    for name, task in found.tasks.items():
        checks += [
            (0 < task.bar < 1, f"tasks.{name}.bar", task.bar, "between 0 and 1"),
            (0 < task.margin < 1, f"tasks.{name}.margin", task.margin, "between 0 and 1"),
            (task.max_tokens > 0, f"tasks.{name}.max_tokens", task.max_tokens, "above 0"),
        ]
        if task.share is not None:
            checks.append((0 <= task.share <= 1, f"tasks.{name}.share", task.share, "in [0, 1]"))
    return [
        (key, f"{value!r} is out of range", f"Give {rule}")
        for right, key, value, rule in checks
        if not right
    ]


def _rising(looks: list[float]) -> bool:
    steps = [0.0, *looks]
    return looks[-1:] == [1.0] and all(a < b for a, b in zip(steps, looks, strict=False))


def _positive(value: float | None) -> bool:
    return value is None or 0 < value < math.inf


def _models(found: ProjectFile) -> list[Problem]:
    wrong: list[Problem] = []
    if found.climb.model not in found.models:
        wrong.append(
            (
                "climb.model",
                f"{found.climb.model!r} is not under [models]",
                f"Name one of {sorted(found.models)!r}",
            )
        )
    for name, model in found.models.items():
        key = f"models.{name}"
        if (model.path is None) == (model.base_url is None):
            wrong.append(
                (key, "needs either `path` or `base_url`", "Give a folder, or an endpoint")
            )
        if model.base_url is not None and not model.model:
            wrong.append((f"{key}.model", "is missing", "Say which model the endpoint serves"))
    return wrong


def _tasks(found: ProjectFile) -> list[Problem]:
    if not found.tasks:
        return [("tasks", "is empty", "Add a table [tasks.NAME] for each query type")]
    for name, task in found.tasks.items():
        if task.scorer not in SCORERS:
            known = f"Choose one of {', '.join(SCORERS)}"
            return [(f"tasks.{name}.scorer", f"{task.scorer!r} is not a scorer", known)]
    given = [task.share for task in found.tasks.values() if task.share is not None]
    total = sum(given)
    if given and (len(given) < len(found.tasks) or abs(total - 1) > 1e-6):
        return [
            (
                "tasks",
                f"the traffic shares add up to {total:g} over {len(given)} tasks",
                "Give every task a `share` so that they add up to 1, or none",
            )
        ]
    return []
