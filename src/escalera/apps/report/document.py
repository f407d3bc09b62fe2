"""The decision report as data: what the page shows and what `report --json` prints.

A pure function of project and evidence. Whatever was read from a clock lies under a key `clocks`;
without those keys two runs of one climb give the same bytes.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from escalera.apps import drift_words
from escalera.apps.report import combined, contracts, ladder, lineage, promotions, replayed
from escalera.core.answers import Answer
from escalera.core.evidence import Evidence
from escalera.core.ladder import accounting, choosing, distilling, merge_race, supervising
from escalera.core.ladder.case import Case
from escalera.core.ladder.choosing import Candidate
from escalera.core.ladder.confirm import Standing
from escalera.core.ladder.planner import project_digest
from escalera.domain.dataset import SPLITS
from escalera.domain.event import Looked, Stopped
from escalera.domain.project import Project
from escalera.domain.selection import Selection
from escalera.domain.system import Route, System
from escalera.domain.training import Trained
from escalera.domain.verdict import Figure
from escalera.errors import EvidenceMissing

Document = dict[str, Any]

EXIT_CODES = {"adequate": 0, "inadequate": 0, "undecided": 3, "budget": 3, "regressed": 4}
"""What `climb` and `report` end with for each reason to stop."""


def build(
    project: Project,
    evidence: Evidence,
    *,
    version: str,
    head: str,
    diagnoses: Mapping[str, Document] | None = None,
) -> Document:
    """The whole report. Raises `EvidenceMissing` before the climb has stopped.

    `diagnoses` are findings by the digest of a training's recipe, which their logs are read for.
    """
    case = Case(project=project, evidence=evidence)
    if not evidence.stopped or evidence.opened[-1].project != project_digest(project):
        raise EvidenceMissing(
            f"the journal of {project.name!r} holds no decision on the project file as it is now: "
            "run `escalera climb` first; what was measured before is used"
        )
    stopped = evidence.stopped[-1]
    found = choosing.candidates(case)
    return {
        "project": project.name,
        "version": version,
        "verdict": _verdict(stopped, evidence),
        "tasks": [_task(project, task.name) for task in project.tasks],
        "judges": drift_words.build(project, evidence),
        "ladder": ladder.build(case),
        "candidates": [_candidate(case, entry, stopped) for entry in found],
        "screenings": _screenings(evidence),
        "races": _races(evidence),
        "contracts": contracts.build(case),
        "prompts": _prompts(case, found, stopped),
        "trainings": [
            _training(case, parts) | {"diagnosis": (diagnoses or {}).get(digest)}
            for digest, parts in evidence.trained.items()
        ],
        "replay": replayed.build(case),
        "merges": [
            {
                "label": f"merge of {len(entry.plan.adapters)} adapters",
                "method": entry.plan.method,
                "inputs": [dataclasses.asdict(part) for part in entry.plan.adapters],
            }
            for entry in evidence.merged.values()
        ],
        "merge_search": merge_race.searched(evidence),
        "router": {"accuracy": figure(evidence.routers[-1].accuracy)} if evidence.routers else None,
        "promotions": promotions.build(evidence),
        "spent": _spent(evidence),
        "account": _account(case),
        "journal": {
            "project_digest": project_digest(project),
            "openings": len(evidence.opened),
            "clocks": {"events": evidence.events, "head": head},
        },
        "reproduce": [
            "escalera climb --project escalera.toml",
            "escalera report --project escalera.toml --json --no-clocks",
        ],
    }


def without_clocks(document: Any) -> Any:
    """A copy of *document* without anything that was read from a clock."""
    if isinstance(document, dict):
        return {k: without_clocks(v) for k, v in document.items() if k != "clocks"}
    if isinstance(document, list):
        return [without_clocks(entry) for entry in document]
    return document


def checkpoint(case: Case, part: Trained) -> Document:
    """What was measured at a pause: a row of the forgetting matrix."""
    return {
        "steps": part.steps,
        "adapter": part.adapter,
        "tasks": [
            {
                "task": found.task,
                "score": round(found.score, 6),
                "change": None if found.change is None else figure(found.change),
            }
            for found in supervising.matrix(case, part)
        ],
    }


def figure(found: Figure) -> Document:
    """A figure as plain data, rounded to what its interval can carry."""
    return {
        "value": round(found.value, 6),
        "lower": round(found.lower, 6),
        "upper": round(found.upper, 6),
        "n": found.n,
        "clusters": found.clusters,
    }


# Below: private.


def _verdict(stopped: Stopped, evidence: Evidence) -> Document:
    served = evidence.nomination(stopped.route).rung if stopped.route is not None else None
    return {
        "reason": stopped.reason,
        "sentence": stopped.words,
        "exit_code": EXIT_CODES[stopped.reason],
        "served": served,
        "route": stopped.route,
        "reasons": list(stopped.reasons),
        "reversal": list(stopped.reversal),
    }


def _task(project: Project, name: str) -> Document:
    task = project.task(name)
    counts = Counter(item.split for item in task.examples)
    return {
        "name": task.name,
        "title": task.title,
        "bar": task.bar,
        "margin": task.margin,
        "share": round(task.share, 6),
        "value_per_point": task.value_per_point,
        "scorer": task.scorer,
        "items": {split: counts[split] for split in SPLITS},
    }


def _candidate(case: Case, entry: Candidate, stopped: Stopped) -> Document:
    return {
        "label": entry.rung,
        "rung": entry.rung,
        "route": entry.route.digest,
        "served": entry.route.digest == stopped.route and entry.rung == stopped.rung,
        "outcome": entry.outcome,
        "adapters": entry.kept,
        "models": entry.served,
        "needs_router": entry.route.router is not None,
        "clocks": combined.clocks(case, entry),
        "cells": [_cell(case, entry.route, standing) for standing in entry.standings],
    }


def _cell(case: Case, route: Route, standing: Standing) -> Document:
    change = standing.regression
    items = standing.task.items("confirm")
    seen = [case.evidence.answer(route, item) for item in items]
    asked = [entry for entry in seen if entry is not None]
    cell: Document = {
        "task": standing.task.name,
        "score": figure(standing.adequacy.figure) if standing.adequacy.figure.n else None,
        "basis": standing.adequacy.basis,
        "judge": _alone(standing.adequacy),
        "labels": standing.adequacy.labels,
        "adequacy": standing.adequacy.verdict,
        "difference": figure(change.figure) if change is not None else None,
        "judge_difference": None if change is None else _alone(change),
        "comparison": change.verdict if change is not None else None,
        "gate": change.passed if change is not None else (True if standing.identical else None),
        "identical": standing.identical,
        "outcome": standing.outcome,
        "unscored": standing.adequacy.unscored,
    }
    return cell | _per_call(asked)


def _alone(found: Looked) -> Document | None:
    """What the judge alone would say, where people's labels correct it."""
    return None if found.judge is None else figure(found.judge)


def _per_call(asked: list[Answer]) -> Document:
    if not asked:
        return {"tokens_per_call": None, "micro_dollars_per_call": None}
    count = len(asked)
    tokens = sum(entry.usage.prompt_tokens + entry.usage.completion_tokens for entry in asked)
    costs = [entry.micro_dollars for entry in asked if entry.micro_dollars is not None]
    return {
        "tokens_per_call": round(tokens / count, 1),
        "micro_dollars_per_call": round(sum(costs) / count, 2) if len(costs) == count else None,
        "clocks": {"seconds_per_call": sum(entry.seconds for entry in asked) / count},
    }


def _screenings(evidence: Evidence) -> list[Document]:
    """What each operator of a prompt was worth, stage by stage."""
    return [
        {
            "task": entry.task,
            "stage": entry.stage,
            "items": entry.items,
            "runs": len(entry.runs),
            "effects": [
                {"operator": name, "effect": figure(effect), "kept": name in entry.kept}
                for name, effect in zip(entry.factors, entry.effects, strict=True)
            ],
        }
        for entry in evidence.screened
    ]


def _races(evidence: Evidence) -> list[Document]:
    return [
        {
            "rung": rounds[0].rung,
            "task": rounds[0].task,
            "rounds": [
                {
                    "items": entry.items,
                    "entrants": [
                        {
                            "operator": _operator(evidence, digest),
                            "mean": round(mean, 6) if mean >= 0 or rounds[0].task == "" else None,
                            "survived": digest in entry.survivors,
                        }
                        for digest, mean in zip(entry.entrants, entry.means, strict=True)
                    ],
                }
                for entry in rounds
            ],
        }
        for rounds in evidence.raced.values()
        if rounds[0].task
    ]


def _operator(evidence: Evidence, digest: str) -> str:
    return evidence.operator(digest) or digest[:12]


def _prompts(case: Case, found: tuple[Candidate, ...], stopped: Stopped) -> list[Document]:
    """The prompts of the served route, or of the best prompting where nothing is served."""
    route = next((c.route for c in found if c.route.digest == stopped.route), None)
    route = route or case.incumbent()
    if route is None:
        return []
    made = []
    for branch in route.branches:
        bare = dataclasses.replace(branch.system, adapter=None)
        free = dataclasses.replace(bare, output=None)
        operator = case.evidence.operator
        made.append(
            {
                "task": branch.task,
                "operator": operator(bare.digest) or operator(free.digest),
                "system": branch.system.prompt.system,
                "shots": len(branch.system.prompt.shots),
                "template": branch.system.prompt.template,
                "chosen": [_chosen(case, one) for one in branch.system.prompt.selections],
                "adapter": branch.system.adapter,
                "output": _output(branch.system),
                "lineage": lineage.of(case.evidence, branch.system),
            }
        )
    return made


def _output(system: System) -> Document | None:
    return None if system.output is None else dataclasses.asdict(system.output)


def _chosen(case: Case, selection: Selection) -> Document:
    """A selection with what it did: items, what was kept out as a leak, what did not fit."""
    digest = selection.digest
    seen = [event for event in case.evidence.selected.values() if event.selection == digest]
    return {
        "kind": selection.kind,
        "method": selection.method,
        "count": selection.count,
        "items": len(seen),
        "leaks": sum(len(event.leaks) for event in seen),
        "dropped": sum(event.dropped for event in seen),
        "most_tokens": selection.tokens,
        "tokens": round(sum(event.tokens for event in seen) / len(seen), 1) if seen else None,
    }


def _training(case: Case, parts: Sequence[Trained]) -> Document:
    entry, recipe = parts[-1], parts[-1].recipe
    taught = [f"{part.examples} {part.task.replace('_', ' ')}" for part in recipe.ingredients]
    measured = [checkpoint(case, part) for part in parts]
    return {
        "label": " + ".join(taught),
        "recipe": recipe.digest,
        "steps": entry.steps,
        "planned": entry.planned,
        "checkpoints": [found for found in measured if found["tasks"]],
        "examples": entry.examples,
        "distilled": list(distilling.words(case.evidence, recipe)),
        "parameters": entry.parameters,
        "tokens": sum(part.tokens for part in parts),
        "adapter": entry.adapter,
        "hosted": {"job": entry.job, "model": entry.made, "micro_dollars": entry.micro_dollars}
        if entry.job
        else None,
        "curve": [[point.step, round(point.loss, 6)] for point in entry.curve],
        "clocks": {"seconds": sum(part.seconds for part in parts)},
    }


def _account(case: Case) -> Document:
    found = accounting.account(case)
    return {
        "at_risk": round(found.at_risk, 6),
        "accepted": found.accepted,
        "overdrawn": found.overdrawn,
        "questions": found.questions,
        "items": [
            {
                "task": wear.split,
                "items": wear.items,
                "most_uses": max((count for _, count in wear.uses), default=0),
                "questions": wear.decisions,
                "widening": round(wear.widening, 3),
            }
            for wear in found.wear
        ],
    }


def _spent(evidence: Evidence) -> Document:
    spent = evidence.spent
    return {
        "calls": spent.calls,
        "prompt_tokens": spent.prompt_tokens,
        "completion_tokens": spent.completion_tokens,
        "training_tokens": spent.training_tokens,
        "micro_dollars": spent.micro_dollars,
        "clocks": {"minutes": spent.seconds / 60},
    }
