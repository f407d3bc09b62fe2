"""The most that each rung of a climb can cost, reckoned before anything is bought."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from escalera.core.economics import pilot
from escalera.core.evaluation import judge
from escalera.core.finetuning import rates
from escalera.core.ladder import (
    hosting,
    materials,
    merge_race,
    pricing,
    race,
    rungs,
    searching,
    showing,
    supervising,
    wording,
)
from escalera.core.prompts import contracts, operators
from escalera.core.stats import clustering
from escalera.domain.message import Reply, Request
from escalera.domain.project import ModelPrice, Project, RungName
from escalera.domain.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a few calls took when the model was tried.

    `micro_dollars` (None: unknown) and `seconds` are of one call among many in flight, with a
    prompt of mean length, and `micro_dollars_range` is the 95 % interval of the mean price;
    `tokens_per_character` is of prompts, and `seconds_per_token` is to read one, alone.
    """

    micro_dollars: float | None
    micro_dollars_range: tuple[float, float] | None
    seconds: float
    tokens_per_character: float
    seconds_per_token: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The most that a rung can take: `minutes` for its calls, `training_minutes` on top.

    Calls are a bound, those of judges and for embeddings included; money and minutes are that bound
    on answers at the rates of the calls that were tried. Money is None where the price is unknown,
    minutes where the model could not be tried, and both where judges grade: what they take is known
    when the climb prices the rung. A training on this machine costs time and no money; one at a
    provider costs money, which is part of `micro_dollars`, and its time is not known.
    """

    rung: RungName
    calls: int
    micro_dollars: int | None
    micro_dollars_range: tuple[int, int] | None
    minutes: float | None
    training_minutes: float | None


def measured(
    asked: Sequence[Request],
    replies: Sequence[Reply],
    *,
    together: int,
    concurrency: int,
    mean_characters: float | None = None,
    price: ModelPrice | None = None,
) -> Probe:
    """What the calls took that were answered *together*, where so many units run at once.

    With the *mean_characters* of all prompts and the model's *price*, what a call costs is that of
    a prompt of mean length: only the answers are then a sample (`pilot.split`).
    """
    count = len(replies)
    costs = [reply.micro_dollars for reply in replies if reply.micro_dollars is not None]
    mean = ends = None
    if len(costs) == count:
        mean, ends = sum(costs) / count, _range(costs)
        if mean_characters is not None and price is not None:
            prompt, answers = pilot.split(
                asked, replies, mean_characters=mean_characters, price=price
            )
            low, high = pilot.interval(answers)
            mean, ends = prompt + sum(answers) / count, (prompt + low, prompt + high)
    seconds = sum(reply.seconds for reply in replies) / together
    read = sum(reply.usage.prompt_tokens for reply in replies)
    written = sum(reply.usage.completion_tokens for reply in replies)
    return Probe(
        micro_dollars=mean,
        micro_dollars_range=ends,
        seconds=seconds / count / concurrency,
        tokens_per_character=read / max(sum(map(pilot.characters, asked)), 1),
        seconds_per_token=seconds / max(read + pricing.DECODE * written, 1),
    )


def estimates(project: Project, probe: Probe | None) -> tuple[Estimate, ...]:
    """An estimate for every allowed rung, bottom first."""
    return tuple(_estimate(project, row.name, probe) for row in rungs.allowed(project.policy.rungs))


# Below: private.


def _range(costs: Sequence[int]) -> tuple[float, float]:
    """The 95 % interval of a mean price, which is not negative; of one call that call."""
    if len(costs) < 2:
        return float(costs[0]), float(costs[0])
    lower, upper = clustering.t_interval(clustering.robust_mean(costs))
    return max(lower, 0.0), upper


def _estimate(project: Project, rung: RungName, probe: Probe | None) -> Estimate:
    answers = {task.name: _calls(project, task, rung) for task in project.tasks}
    calls = sum(
        count * (1 + judge.TURNS * project.grades(task) + project.reads(task))
        for task, count in answers.items()
    )
    if probe is None or any(project.grades(task.name) for task in project.tasks):
        training = None if _trains(project, rung) else 0.0
        return Estimate(
            rung=rung,
            calls=calls,
            micro_dollars=None,
            micro_dollars_range=None,
            minutes=None,
            training_minutes=training,
        )
    cost, ends, bought = probe.micro_dollars, probe.micro_dollars_range, sum(answers.values())
    job = _job(project, rung, probe)
    return Estimate(
        rung=rung,
        calls=calls,
        micro_dollars=None if cost is None or job is None else round(bought * cost) + job,
        micro_dollars_range=None
        if ends is None or job is None
        else (math.floor(bought * ends[0]) + job, math.ceil(bought * ends[1]) + job),
        minutes=bought * probe.seconds / 60,
        training_minutes=_training_minutes(project, rung, probe),
    )


def _calls(project: Project, task: Task, rung: RungName) -> int:
    """At most: every entrant of a race, and every confirm item; with an incumbent, for both."""
    confirm = len(task.items("confirm"))
    if rung == "search":
        return 2 * confirm + searching.most_calls(task, project.optimiser)
    arms, asked = _entrants(project, task, rung)
    if rung == "structured" and not arms:
        return confirm  # without a schema nothing is raced, but a new route is confirmed as a whole
    if not arms:
        raced = merge_race.calls(project, task) if rung == "merge" else 0
        measured = supervising.calls(task, project.policy, _trainings(project, rung))
        taught = _taught(project, task) if _trains(project, rung) else 0
        return 2 * confirm + raced + measured + taught
    racing = sum(entry.calls for entry in race.schedule(arms, task))
    screened = wording.calls(task, project.policy.operators) if rung == "prompt" else 0
    return asked * (confirm + screened + racing)


def _taught(project: Project, task: Task) -> int:
    """How often a teacher is asked at the most, until it is known what of its answers is taught."""
    if project.teacher is None:
        return 0
    return project.teacher.samples * len(materials.teachable(project, task))


def _entrants(project: Project, task: Task, rung: RungName) -> tuple[int, int]:
    """How many systems race at most, and how often one may be asked an item."""
    if rung == "prompt":
        return wording.FINALISTS + len(task.prompts), 1
    if rung == "examples":
        return showing.most(project, task), 1
    if rung != "structured" or task.schema is None:
        return 0, 1
    made = [output for _, output in contracts.propose(task.schema, project.model.output)]
    return 1 + len(made), 1 + max((output.repairs for output in made), default=0)


def _trains(project: Project, rung: RungName) -> bool:
    """Whether a rung may train; the route takes the adapter of a rung before it, if there is."""
    if rung == "route":
        return not {"lora", "full", "merge"} & set(project.policy.rungs)
    return rung in ("lora", "full", "mixture", "merge")


def _trainings(project: Project, rung: RungName) -> int:
    """How many trainings a rung may take: of a merge one for each task."""
    if not _trains(project, rung):
        return 0
    return len(project.tasks) if rung == "merge" else 1


def _job(project: Project, rung: RungName, probe: Probe) -> int | None:
    """What a provider takes for the training of a rung, or the proposer for what it writes.

    None where a price is unknown.
    """
    if rung == "search":
        return searching.writing(project, project.tasks)
    if project.hosting is None or not _trains(project, rung):
        return 0
    return hosting.charge(project, math.ceil(_training_tokens(project, probe)))


def _training_minutes(project: Project, rung: RungName, probe: Probe) -> float | None:
    """Timed as the climb tells its first training: a step costs as much as reading its tokens
    `pricing.BACKWARD` times. None where a provider trains."""
    if not _trains(project, rung):
        return 0.0
    if project.hosting is not None:
        return None
    tokens = _training_tokens(project, probe)
    if project.levers.learning_rate is None:
        steps = math.ceil(tokens / project.levers.batch_tokens)
        tokens *= 1 + rates.cost(max(steps, project.levers.fewest_steps))
    return tokens * pricing.BACKWARD * probe.seconds_per_token / 60


def _training_tokens(project: Project, probe: Probe) -> float:
    """Of a training on every `train` item of every task: no rung trains on more."""
    characters = 0
    for task in project.tasks:
        prompt = operators.everything(task.parts)
        around = len(prompt.system) + len(prompt.template)
        taught = materials.teachable(project, task)
        characters += sum(around + len(i.input) + len(i.target) + len(i.rejected) for i in taught)
    return characters * probe.tokens_per_character * project.levers.epochs
