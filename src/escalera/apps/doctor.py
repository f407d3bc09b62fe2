"""`doctor`: whether a climb can start, and the most that it can cost."""

from __future__ import annotations

import asyncio
import math
from collections import Counter, defaultdict
from dataclasses import dataclass

from escalera.apps import estimates, judges
from escalera.apps.estimates import Estimate, Probe
from escalera.apps.judges import Finding
from escalera.core.economics import pilot
from escalera.core.evaluation.compare import spendable
from escalera.core.finetuning.effort import Setting
from escalera.core.ladder import materials, rungs
from escalera.core.prompts import fewshot, operators, overlap, rendering
from escalera.core.stats import power
from escalera.domain.dataset import SPLITS, Split, rank
from escalera.domain.message import Decoding, Reply, Request
from escalera.domain.project import PROMPTING, TRAINING, Project
from escalera.domain.task import Task
from escalera.errors import EscaleraError, ProviderError
from escalera.ports import Provider
from escalera.wiring import Installation, hosting, optimisers, training
from escalera.wiring.models import require_engine, require_local

PROBE_ITEMS = 10
PROBE_SEED = 0
"""Of the order in which items of like length are taken for the probe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Everything that was checked, the levers of a training, and the estimate of a whole climb."""

    findings: tuple[Finding, ...]
    estimates: tuple[Estimate, ...]
    levers: tuple[Setting, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether a climb can start."""
        return all(finding.passed for finding in self.findings)


def examine(installation: Installation) -> Diagnosis:
    """Check data, packages and the model, with one real call to it."""
    project = installation.project
    findings = [finding for task in project.tasks for finding in _data(project, task)]
    findings += judges.findings(installation)
    findings += _packages(installation)
    findings += _hosting(installation)
    probe, reached = _reach(installation)
    findings.append(reached)
    trains = any(rung not in PROMPTING for rung in project.policy.rungs)
    return Diagnosis(
        findings=tuple(findings),
        estimates=estimates.estimates(project, probe),
        levers=installation.tables.training.settings()
        if trains and project.hosting is None
        else (),
    )


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
    findings += [_power(project, task), *_repeated(task), *_split_clusters(task)]
    findings += _unpaired(project, task)
    return [*findings, *(_leaks(task) if "examples" in project.policy.rungs else [])]


def _unpaired(project: Project, task: Task) -> list[Finding]:
    """The `train` items that are not taught, where a preference is learned."""
    if not any(rung in TRAINING for rung in project.policy.rungs):
        return []
    every = len(task.items("train"))
    without = every - len(materials.teachable(project, task))
    if not without:
        return []
    said = (
        f"{task.name}: {without} of {every} train items have no rejected answer, and are not taught"
    )
    return [Finding(passed=True, words=said, caution=True)]


def _power(project: Project, task: Task) -> Finding:
    """What the `confirm` items can prove; where they are clustered, each cluster counts as one.

    That is the worst case, items of a cluster as copies of each other: how alike they really are
    is not known before there are scores.
    """
    items = task.items("confirm")
    independent = len({item.cluster for item in items})
    alpha = spendable(rungs.alpha_of("prompt", project.policy.rungs, project.policy.alpha))
    means = [mean / 100 for mean in range(math.floor(task.bar * 100) + 1, 101)]
    needed = [power.items_against_bar(mean=mean, bar=task.bar, alpha=alpha) for mean in means]
    better = next(
        (mean for mean, items in zip(means, needed, strict=True) if items and items <= independent),
        None,
    )
    said = "no score can be proved" if better is None else f"a true score of {better:.2f} is proved"
    counted, taken, which = f"{len(items)} confirm items", "items taken as independent", "items"
    if independent < len(items):
        counted += f" in {independent} clusters"
        taken = "each cluster counted as one item"
        which = "clusters"
    words = f"{task.name}: with {counted} {said} against {task.bar:g} (4 times in 5, {taken})"
    if better is None:
        words += f"; it takes {needed[-1]} {which} even where every answer is right, or a lower bar"
    return Finding(passed=True, words=words, caution=better is None)


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


def _split_clusters(task: Task) -> list[Finding]:
    """Clusters that are confirmed on and were taught or chosen on: what was learned leaks."""
    splits: dict[str, set[Split]] = defaultdict(set)
    for item in task.examples:
        splits[item.cluster].add(item.split)
    leaking = [
        (cluster, split)
        for cluster, found in splits.items()
        for split in ("train", "search")
        if {split, "confirm"} <= found
    ]
    if not leaking:
        return []
    count = len({cluster for cluster, _ in leaking})
    cluster, split = leaking[0]
    said = (
        f"{task.name}: clusters stand in confirm and in train or search ({count}, such as "
        f"{cluster!r} in confirm and {split}), which makes systems look better than they are: "
        "give all items of a cluster the same split"
    )
    return [Finding(passed=False, words=said)]


def _leaks(task: Task) -> list[Finding]:
    """What is not shown to a model that is tested on it; the climb keeps it out by itself."""
    train = task.items("train")
    tested = (*task.items("search"), *task.items("confirm"))
    hidden = len(train) - len(fewshot.untested(train, tested))
    found = []
    if hidden:
        said = (
            f"{task.name}: {hidden} train items are a search or confirm item in disguise, or share "
            "a cluster with one: no prompt shows them as an example of it"
        )
        found.append(Finding(passed=True, words=said))
    if task.context is not None:
        passages = task.context.passages
        copies = overlap.Copies(passages)
        made = frozenset[int]().union(*(copies.of(item) for item in tested))
        sources = len({passage.source for passage in passages})
        said = (
            f"{task.name}: {len(passages)} passages of {sources} documents, {len(made)} made from "
            "search or confirm items: no prompt shows them with their own item"
        )
        found.append(Finding(passed=True, words=said))
    return found


def _packages(installation: Installation) -> list[Finding]:
    """What a climb needs is installed, and the model has what is to be trained of it.

    And what is taught fits it.
    """
    project = installation.project
    local, optimiser = project.model.trainable, project.optimiser
    long: list[str] = []
    try:
        if local:
            require_local(f"the local model {project.model.name!r}")
            require_engine(project.engine)
            training.require_mergeable(installation)
            training.require_levers(installation)
            training.require_told(installation)
            long = training.misfits(installation)
        if optimiser is not None:
            optimisers.require(optimiser.name)
    except EscaleraError as error:
        return [Finding(passed=False, words=str(error))]
    needed = "torch, transformers and peft are installed"
    enough = "the base install is enough (remote model)"
    named = "" if optimiser is None else f"; {optimiser.name} is installed"
    said = Finding(passed=True, words=f"packages: {needed if local else enough}{named}")
    return [said, *(Finding(passed=False, words=words) for words in long)]


def _hosting(installation: Installation) -> list[Finding]:
    """What the provider that trains offers, what it is asked for, and at which price."""
    project = installation.project
    if project.hosting is None:
        return []
    model = installation.tables.models[project.model.name]
    found, price = hosting.offer(model), project.hosting.price
    asked = project.hosting.hyperparameters
    given = {
        "n_epochs": asked.n_epochs,
        "batch_size": asked.batch_size,
        "learning_rate_multiplier": asked.learning_rate_multiplier,
    }
    said = ", ".join(f"{name} {'auto' if v is None else f'{v:g}'}" for name, v in given.items())
    money = "price unknown" if price is None else f"${price / 1e6:.2f} per million training tokens"
    offered = "" if found is None else hosting.words(found)
    return [Finding(passed=True, words=f"finetuning: {offered}; a job has {said}; {money}")]


def _reach(installation: Installation) -> tuple[Probe | None, Finding]:
    """Ask a few of the items that a climb asks: is the model reachable, and what does a call take?

    They are spread over all lengths of prompts (`pilot.spread`), each under its task's longest.
    """
    project = installation.project
    requests, ranks = _requests(project)
    try:
        provider = installation.provider(project.model.name)
        unit = min(provider.unit, PROBE_ITEMS)
        lengths = [pilot.characters(request) for request in requests]
        chosen = pilot.spread(lengths, ranks, count=PROBE_ITEMS // unit * unit)
        asked = [requests[at] for at in chosen]
        answers = asyncio.run(_ask(provider, asked))
    except EscaleraError as error:
        return None, Finding(passed=False, words=str(error))
    failed = [answer for answer in answers if not isinstance(answer, Reply)]
    if failed:
        return None, Finding(passed=False, words=str(failed[0]))
    replies = [answer for answer in answers if isinstance(answer, Reply)]
    probe = estimates.measured(
        asked,
        replies,
        together=min(unit, len(asked)),
        concurrency=provider.concurrency,
        mean_characters=sum(lengths) / len(lengths),
        price=project.model.price,
    )
    said = f"model {project.model.name}: answers (revision {replies[0].revision[:12]})"
    return probe, Finding(passed=True, words=said)


def _requests(project: Project) -> tuple[list[Request], list[bytes]]:
    """What a climb asks, under each task's longest prompt, and the places in the keyed order."""
    requests, ranks = [], []
    for task in project.tasks:
        prompt = operators.everything(task.parts)
        for item in (*task.items("search"), *task.items("confirm")) or task.examples:
            requests.append(
                Request(
                    messages=rendering.conversation(prompt, item.query),
                    decoding=Decoding(max_tokens=task.max_tokens),
                )
            )
            ranks.append(rank(item.id, seed=PROBE_SEED))
    return requests, ranks


async def _ask(provider: Provider, requests: list[Request]) -> list[Reply | ProviderError]:
    """The answers, in units, as many of them at once as the provider takes."""
    size, at_once = provider.unit, max(provider.concurrency, 1)
    units = [requests[start : start + size] for start in range(0, len(requests), size)]
    answers: list[Reply | ProviderError] = []
    try:
        for start in range(0, len(units), at_once):
            some = units[start : start + at_once]
            for part in await asyncio.gather(*map(provider.answer, some)):
                answers.extend(part)
    finally:
        await provider.close()
    return answers
