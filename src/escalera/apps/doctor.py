"""`doctor`: whether a climb can start, and the most that it can cost."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

from escalera.core.ladder import combining, race, rungs
from escalera.core.merging import plans
from escalera.core.prompts import variants
from escalera.core.stats import halving, power
from escalera.domain.dataset import SPLITS, Split
from escalera.domain.message import Decoding, Reply, Request
from escalera.domain.project import Project
from escalera.domain.task import Task
from escalera.errors import EscaleraError, ProviderError
from escalera.ports import Provider
from escalera.wiring import Installation, require_local

PROBE_ITEMS = 10
FEW_SHOT_PROMPTS = 14
"""Entrants of the examples rung: two wordings, as they are and with six sets of examples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check: whether it passed, and what was seen."""

    passed: bool
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a call took when the model was tried: micro-dollars (None: unknown) and seconds."""

    micro_dollars: float | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The most that the calls of a rung can cost; trainings come on top.

    Money is None where the price is unknown, minutes where the model could not be tried.
    """

    rung: str
    calls: int
    micro_dollars: int | None
    minutes: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Everything that was checked, and the estimate of a whole climb."""

    findings: tuple[Finding, ...]
    estimates: tuple[Estimate, ...]

    @property
    def healthy(self) -> bool:
        """Whether a climb can start."""
        return all(finding.passed for finding in self.findings)


def examine(installation: Installation) -> Diagnosis:
    """Check data, packages and the model, with one real call to it."""
    project = installation.project
    findings = [finding for task in project.tasks for finding in _data(project, task)]
    findings.append(_packages(project))
    reply, reached = _reach(installation)
    findings.append(reached)
    estimates = tuple(_estimate(project, row, reply) for row in rungs.allowed(project.policy.rungs))
    return Diagnosis(findings=tuple(findings), estimates=estimates)


# Below: private.


def _data(project: Project, task: Task) -> list[Finding]:
    counts = Counter(item.split for item in task.examples)
    said = ", ".join(f"{counts[split]} {split}" for split in SPLITS)
    findings = [Finding(passed=True, words=f"{task.name}: {said}")]
    needed: dict[Split, int] = {"search": 20, "confirm": 50}
    if any(rung != "prompt" for rung in project.policy.rungs):
        needed["train"] = 8
    findings.extend(
        Finding(
            passed=False,
            words=f"{task.name}: {counts[split]} {split} items, at least {least} are needed",
        )
        for split, least in needed.items()
        if counts[split] < least
    )
    return [*findings, _power(project, task, counts["confirm"]), *_repeated(task)]


def _power(project: Project, task: Task, confirm: int) -> Finding:
    alpha = rungs.alpha_of("prompt", project.policy.rungs, project.policy.alpha)
    better = next(
        (
            mean / 100
            for mean in range(round(task.bar * 100) + 1, 100)
            if (power.items_against_bar(mean=mean / 100, bar=task.bar, alpha=alpha) or confirm + 1)
            <= confirm
        ),
        None,
    )
    said = "no score can be proved" if better is None else f"a true score of {better:.2f} is proved"
    return Finding(
        passed=True,
        words=f"{task.name}: with {confirm} confirm items {said} against {task.bar:.2f} "
        "(4 times in 5, items taken as independent)",
    )


def _repeated(task: Task) -> list[Finding]:
    """Inputs that differ across splits only in case and spacing: nearly leaked."""
    seen: dict[str, str] = {}
    crossing = 0
    for item in task.examples:
        folded = " ".join(item.input.casefold().split())
        if seen.setdefault(folded, item.split) != item.split:
            crossing += 1
    if not crossing:
        return []
    said = f"{task.name}: {crossing} inputs stand in two splits but for case and spacing"
    return [Finding(passed=False, words=said)]


def _packages(project: Project) -> Finding:
    if not project.model.trainable:
        return Finding(passed=True, words="packages: the base install is enough (remote model)")
    try:
        require_local(f"the local model {project.model.name!r}")
    except EscaleraError as error:
        return Finding(passed=False, words=str(error))
    return Finding(passed=True, words="packages: torch, transformers and peft are installed")


def _reach(installation: Installation) -> tuple[Probe | None, Finding]:
    """Ask the first items of the first task: is the model reachable, and what does a call take?"""
    project = installation.project
    task = project.tasks[0]
    prompt = dict(variants.propose(task.parts))
    asked = [
        Request(
            messages=next(iter(prompt.values())).messages(item.input),
            decoding=Decoding(max_tokens=task.max_tokens),
        )
        for item in task.examples[:PROBE_ITEMS]
    ]
    try:
        answers, together, concurrency = asyncio.run(
            _ask(installation.provider(project.model.name), asked)
        )
    except EscaleraError as error:
        return None, Finding(passed=False, words=str(error))
    failed = [answer for answer in answers if not isinstance(answer, Reply)]
    if failed:
        return None, Finding(passed=False, words=str(failed[0]))
    replies = [answer for answer in answers if isinstance(answer, Reply)]
    costs = [reply.micro_dollars for reply in replies]
    known = [cost for cost in costs if cost is not None]
    probe = Probe(
        micro_dollars=sum(known) / len(known) if len(known) == len(costs) else None,
        seconds=sum(reply.seconds for reply in replies) / len(replies) / together / concurrency,
    )
    said = f"model {project.model.name}: answers (revision {replies[0].revision[:12]})"
    return probe, Finding(passed=True, words=said)


async def _ask(
    provider: Provider, requests: list[Request]
) -> tuple[list[Reply | ProviderError], int, int]:
    """The answers to at most one unit of requests, its size, and how many units run at once."""
    try:
        unit = requests[: provider.unit]
        return list(await provider.answer(unit)), len(unit), provider.concurrency
    finally:
        await provider.close()


def _estimate(project: Project, row: rungs.Rung, probe: Probe | None) -> Estimate:
    calls = sum(_calls(task, row.name) for task in project.tasks)
    known = probe is not None and probe.micro_dollars is not None
    return Estimate(
        rung=row.name,
        calls=calls,
        micro_dollars=round(calls * (probe.micro_dollars or 0)) if probe and known else None,
        minutes=calls * probe.seconds / 60 if probe is not None else None,
    )


def _calls(task: Task, rung: str) -> int:
    """At most: every entrant of a race, and every confirm item; with an incumbent, for both."""
    confirm = len(task.items("confirm"))
    entrants = {"prompt": len(variants.propose(task.parts)), "examples": FEW_SHOT_PROMPTS}
    arms = entrants.get(rung, 0)
    search = len(task.items("search"))
    if not arms:
        merges = len(plans.propose("", ())) if rung == "merge" else 0
        return 2 * confirm + merges * min(search, combining.MERGE_ITEMS)
    plan = halving.schedule(arms=arms, calls=race.CALLS_PER_ENTRANT * arms, pool=search)
    return confirm + sum(entry.calls for entry in plan)
