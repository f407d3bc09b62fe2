"""Logs of Inspect (`inspect_ai`): `.eval` archives and JSON.

Only the summaries of an archive are unpacked; they hold the scores, errors and usage of every
sample. The log of a run that was killed has no header yet: its journal is read instead. Written
against `inspect_ai` 0.3.285, log version 2.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from escalera.domain.scores import ScoreTable
from escalera.edges.scores import archive, documents
from escalera.edges.scores.documents import amount, count, entries, mapping, micro_dollars, text
from escalera.edges.scores.gathering import Answer, Gathering
from escalera.edges.scores.scale import Mark, Unscored, cut, mark

VERSION = 2
HEADER, START, SUMMARIES = "header.json", "_journal/start.json", "summaries.json"
WORDS: Mapping[str, float] = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0} | {
    "yes": 1.0,
    "true": 1.0,
    "no": 0.0,
    "false": 0.0,
}
"""What Inspect's own metrics take a word for: correct, partial, incorrect, no answer."""

_JOURNAL = re.compile(r"_journal/summaries/(\d+)\.json")
_JSON_LOG = re.compile(rb'\A\s*\{\s*"version"\s*:\s*\d+\s*,\s*"status"\s*:.*?"eval"\s*:', re.DOTALL)

_PROMPT_TOKENS = ("input_tokens", "input_tokens_cache_read", "input_tokens_cache_write")

Sample = tuple[str, Mapping[str, Any]]


def recognises(path: Path) -> bool:
    """An archive by its name and first bytes, a JSON log by its first keys."""
    start = documents.head(path)
    if start.startswith(archive.MAGIC):
        return path.suffix.lower() == ".eval"
    return _JSON_LOG.match(start[:2000]) is not None


def read(path: Path) -> ScoreTable:
    """One row per sample, epoch and scorer.

    `system` is the model, with the solver and the task's arguments where they were given; `task`
    is `TASK/SCORER`, and `TASK/SCORER/KEY` for scorers that give several values. A sample that
    ended in an error is unscored, whatever stands in its scores.
    """
    gathering = Gathering(path)
    if documents.head(path).startswith(archive.MAGIC):
        header, samples = _from_archive(gathering, path)
    else:
        header = mapping(documents.document(path))
        samples = _listed(header.get("samples"), "sample")
    if header.get("version") != VERSION:
        problem = f"is a log of version {header.get('version')!r}, not {VERSION}"
        raise gathering.error("", problem, "Write it anew with `inspect log convert`")
    status = header.get("status")
    if status != "success":
        gathering.note(f"the run did not end well: its status is {cut(str(status))!r}")
    if header.get("invalidated"):
        gathering.note("the log is marked as invalidated")
    _gather(gathering, mapping(header.get("eval")), samples)
    return gathering.table(f"Inspect log {path.name}")


# Below: private.


def _from_archive(gathering: Gathering, path: Path) -> tuple[Mapping[str, Any], list[Sample]]:
    with archive.opened(path) as opened:

        def member(name: str) -> Any:
            return documents.parsed(opened.read(name), path=path, place=f"member {name}")

        if HEADER in opened.names:
            header = mapping(member(HEADER))
        elif START in opened.names:
            header = {"status": "started"} | dict(mapping(member(START)))
        else:
            problem = f"holds neither {HEADER} nor {START}"
            raise gathering.error("", problem, "Name a log that Inspect wrote")
        if SUMMARIES in opened.names:
            return header, _listed(member(SUMMARIES), f"member {SUMMARIES}, sample")
        numbers = sorted(int(m[1]) for name in opened.names if (m := _JOURNAL.fullmatch(name)))
        samples: list[Sample] = []
        for name in (f"_journal/summaries/{number}.json" for number in numbers):
            samples += _listed(member(name), f"member {name}, sample")
        return header, samples


def _listed(samples: Any, place: str) -> list[Sample]:
    found = enumerate(entries(samples), start=1)
    return [(f"{place} {number}", mapping(sample)) for number, sample in found]


def _gather(gathering: Gathering, spec: Mapping[str, Any], samples: list[Sample]) -> None:
    task, model = text(spec.get("task")), text(spec.get("model"))
    if not task or not model:
        remedy = "Name a log that Inspect wrote"
        raise gathering.error("", "names no task and model under `eval`", remedy)
    planned = len(entries(mapping(spec.get("dataset")).get("sample_ids")))
    planned *= count(mapping(spec.get("config")).get("epochs")) or 1
    if len(samples) < planned:
        gathering.note(f"the log holds {len(samples)} of {planned} planned samples")
    system = _system(spec, model)
    wanted = _measures(spec, samples)
    _note_limits(gathering, samples)
    for place, sample in samples:
        answer = _answer(gathering, place, sample, system=system, model=model, task=task)
        given, failed = dict(_marks(sample)), _error(sample)
        for measure in wanted:
            found = failed or given.get(measure, Unscored(f"{measure} gave no score"))
            gathering.add(answer, task=f"{task}/{measure}", mark=found, place=place)


def _note_limits(gathering: Gathering, samples: list[Sample]) -> None:
    """Say which samples Inspect ended at a limit and scored all the same."""
    ended = Counter(_limit(sample) for _, sample in samples if _error(sample) is None)
    for limit, number in sorted(ended.items()):
        if limit:
            gathering.note(
                f"{number} samples were ended by their {limit} limit, and count as Inspect scored "
                "what there was"
            )


def _limit(sample: Mapping[str, Any]) -> str:
    # A summary names the limit, a whole sample says more of it.
    limit = sample.get("limit")
    return text(limit) or text(mapping(limit).get("type"))


def _system(spec: Mapping[str, Any], model: str) -> str:
    parts = [model]
    if solver := text(spec.get("solver")):
        parts.append(f"solver={solver}")
    given = dict(mapping(spec.get("task_args_passed")))
    given |= mapping(spec.get("solver_args_passed"))
    return " ".join(parts + [f"{name}={cut(str(given[name]), 80)}" for name in sorted(given)])


def _measures(spec: Mapping[str, Any], samples: Iterable[Sample]) -> list[str]:
    """Every measure of the log: those of its scores, then scorers that never gave one."""
    seen: dict[str, None] = {}
    for _, sample in samples:
        for scorer, score in mapping(sample.get("scores")).items():
            seen.update(dict.fromkeys(name for name, _ in _values(scorer, score)))
    scorers = (text(mapping(entry).get("name")) for entry in entries(spec.get("scorers")))
    for scorer in filter(None, scorers):
        if not any(name.split("/")[0] == scorer for name in seen):
            seen.setdefault(scorer)
    return list(seen)


def _values(scorer: str, score: Any) -> Iterator[tuple[str, Any]]:
    value = mapping(score).get("value")
    if isinstance(value, dict):
        yield from ((f"{scorer}/{key}", entry) for key, entry in value.items())
    else:
        yield scorer, value


def _marks(sample: Mapping[str, Any]) -> Iterator[tuple[str, Mark]]:
    for scorer, score in mapping(sample.get("scores")).items():
        reason = text(mapping(score).get("reason")) or text(mapping(score).get("explanation"))
        for name, value in _values(scorer, score):
            found = mark(value, words=WORDS)
            if isinstance(found, Unscored) and reason:
                found = Unscored(cut(reason))
            yield name, found


def _error(sample: Mapping[str, Any]) -> Unscored | None:
    error = sample.get("error")
    if error is None:
        return None
    said = text(error) or text(mapping(error).get("message")) or "unknown"
    return Unscored(f"error: {cut(said)}")


def _answer(
    gathering: Gathering,
    place: str,
    sample: Mapping[str, Any],
    *,
    system: str,
    model: str,
    task: str,
) -> Answer:
    item, epoch = text(sample.get("id")), count(sample.get("epoch"))
    if not item or not epoch:
        what = f"has the id {sample.get('id')!r} and the epoch {sample.get('epoch')!r}"
        raise gathering.error(place, what, "Name a log that Inspect wrote")
    usage = mapping(sample.get("model_usage"))
    # Judges are billed here too; what answered is the task's own model.
    used = [mapping(usage[model])] if model in usage else [mapping(u) for u in usage.values()]
    worked = amount(sample.get("working_time"))
    return Answer(
        system=system,
        item=item,
        cluster=_cluster(sample, task, item),
        repeat=epoch - 1,
        prompt_tokens=_tokens(used, *_PROMPT_TOKENS),
        completion_tokens=_tokens(used, "output_tokens"),
        micro_dollars=micro_dollars(_total(used, "total_cost")),
        seconds=worked if worked is not None else amount(sample.get("total_time")),
    )


def _cluster(sample: Mapping[str, Any], task: str, item: str) -> str:
    named = text(mapping(sample.get("metadata")).get("cluster"))
    return named or f"{task}/{item}"


def _tokens(used: list[Mapping[str, Any]], *names: str) -> int | None:
    counts = [found for name in names for u in used if (found := count(u.get(name))) is not None]
    return sum(counts) if counts else None


def _total(used: list[Mapping[str, Any]], name: str) -> float | None:
    costs = [amount(entry.get(name)) for entry in used]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known and len(known) == len(costs) else None
