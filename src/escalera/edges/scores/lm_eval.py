"""Samples of the LM Evaluation Harness (`lm-eval --log_samples`): a file, or a folder of them.

The harness writes one line per document and filter, with the metrics of the document beside it. A
request that fails ends its run, so a sample that stands there was answered. The name of the model
and whether a metric is better when higher stand in the results file of the same run. Written
against lm-eval 0.4.13.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from escalera.domain.scores import ScoreTable
from escalera.edges.scores import documents
from escalera.edges.scores.documents import count, entries, mapping, text
from escalera.edges.scores.gathering import Answer, Gathering
from escalera.edges.scores.scale import mark
from escalera.errors import ScoresError

MOST_FILES = 10_000
KEYS = frozenset(
    {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"}
    | {"doc_hash", "prompt_hash", "target_hash"}
)
"""What a line holds besides its metrics."""

_NAME = re.compile(r"samples_(.+?)(?:_(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?))?\.jsonl")


@dataclass(frozen=True, slots=True)
class _Run:
    """One file of samples: its task, its model and the metrics that are better when lower."""

    file: Path
    task: str
    system: str
    lower: frozenset[str]


def recognises(path: Path) -> bool:
    """A folder that holds samples, a file of that name, or one whose first line is a sample."""
    if path.is_dir():
        return next(path.rglob("samples_*.jsonl"), None) is not None
    if _NAME.fullmatch(path.name):
        return True
    return {"doc_id", "filtered_resps"} <= set(documents.first_row(path))


def read(path: Path) -> ScoreTable:
    """One row per document, metric and filter.

    `task` is `TASK/METRIC`, or `TASK/METRIC,FILTER` as the harness itself writes it; `item` is the
    number of the document with the beginning of its hash, so that a changed document is another
    item. Metrics that the harness computes over the whole set only are left out, and noted.
    """
    files = sorted(path.rglob("samples_*.jsonl")) if path.is_dir() else [path]
    if len(files) > MOST_FILES:
        problem = f"holds {len(files)} files of samples, more than {MOST_FILES}"
        raise ScoresError(file=str(path), problem=problem, remedy="Name a smaller folder")
    gathering = Gathering(path)
    for file in files:
        run = _run(gathering, file)
        prefix = f"{file.relative_to(path)}, " if path.is_dir() else ""
        for place, line in documents.lines(file):
            _add(gathering, run, f"{prefix}{place}", mapping(line))
    return gathering.table(f"lm-eval samples {path.name}")


# Below: private.


def _run(gathering: Gathering, file: Path) -> _Run:
    named = _NAME.fullmatch(file.name)
    task = named[1] if named else file.stem
    results: Mapping[str, Any] = {}
    if named and named[2]:
        beside = file.with_name(f"results_{named[2]}.json")
        results = mapping(documents.document(beside)) if beside.exists() else {}
    system = text(results.get("model_name"))
    if not system:
        system = file.resolve().parent.name
        gathering.note(f"{file.name} has no results file beside it: the model is its folder's name")
    better = mapping(mapping(results.get("higher_is_better")).get(task))
    lower = frozenset(metric for metric, higher in better.items() if higher is False)
    return _Run(file=file, task=task, system=system, lower=lower)


def _add(gathering: Gathering, run: _Run, place: str, line: Mapping[str, Any]) -> None:
    number = count(line.get("doc_id"))
    if number is None:
        problem = f"the `doc_id` {line.get('doc_id')!r} is no number"
        raise gathering.error(place, problem, "Name a file that `--log_samples` wrote")
    digest = text(line.get("doc_hash"))[:12]
    item = f"{number}-{digest}" if digest else str(number)
    cluster = text(mapping(line.get("doc")).get("cluster"))
    answer = Answer(system=run.system, item=item, cluster=cluster or f"{run.task}/{item}")
    if _answers(line) > 1:
        gathering.note(f"{run.task}: several answers per document were reduced to one by lm-eval")
    chosen = text(line.get("filter"))
    for metric in _metrics(line):
        value = line.get(metric)
        name = metric if chosen in ("", "none") else f"{metric},{chosen}"
        if metric in run.lower:
            gathering.note(f"left out {run.task}/{name}: it is better when lower")
        elif isinstance(value, (list, dict, str)):
            gathering.note(f"left out {run.task}/{name}: it has no value per document")
        else:
            found = mark(value)
            gathering.add(answer, task=f"{run.task}/{name}", mark=found, place=place)


def _metrics(line: Mapping[str, Any]) -> list[str]:
    named = [name for name in map(text, entries(line.get("metrics"))) if name]
    return named or [name for name in line if name not in KEYS]


def _answers(line: Mapping[str, Any]) -> int:
    # A multiple choice has one response for each option; only repeats are lists within the list.
    first = entries(line.get("resps"))[:1]
    return max((len(entries(answers)) for answers in first), default=0)
