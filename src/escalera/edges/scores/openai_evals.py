"""Record logs of OpenAI evals (`oaieval ... --record_path log.jsonl`): one event per line.

A spec comes first; events of a sample follow in any order, and a final report stands somewhere
among them when the run has ended. Written against evals 3.0.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from escalera.domain.scores import ScoreTable
from escalera.edges.scores import documents
from escalera.edges.scores.documents import count, entries, mapping, text
from escalera.edges.scores.gathering import Answer, Gathering
from escalera.edges.scores.scale import Mark, Unscored, cut, mark


@dataclass(slots=True)
class _Sample:
    """What the log says of one sample: marks by measure, its calls and its error."""

    place: str
    marks: dict[str, list[tuple[str, Mark]]] = field(default_factory=dict)
    usages: list[Mapping[str, Any]] = field(default_factory=list)
    error: str = ""


def recognises(path: Path) -> bool:
    """The first line holds the spec of a run."""
    return "completion_fns" in mapping(documents.first_row(path).get("spec"))


def read(path: Path) -> ScoreTable:
    """One row per sample and measure: `match` events, and the numbers of `metrics` events.

    `system` is the completion function, `task` is `EVAL/MEASURE`. Several events of one measure
    are repeats. A sample with an `error` event, or without any score, is unscored.
    """
    gathering = Gathering(path)
    system, evaluation = "", ""
    samples: dict[str, _Sample] = {}
    ended = False
    for place, line in documents.lines(path):
        event = mapping(line)
        if "spec" in event:
            if system:
                problem = "a second run begins here"
                raise gathering.error(place, problem, "Give every run its own --record_path")
            spec = mapping(event["spec"])
            system = "+".join(filter(None, map(text, entries(spec.get("completion_fns")))))
            evaluation = text(spec.get("eval_name"))
        elif "final_report" in event:
            ended = True
        else:
            _keep(gathering, samples, place, event)
    if not system or not evaluation:
        problem = "no line holds a spec with `completion_fns` and `eval_name`"
        raise gathering.error("", problem, "Name a log that `oaieval` wrote")
    if not ended:
        gathering.note("there is no final report: the run did not end")
    _add(gathering, samples, system=system, evaluation=evaluation)
    return gathering.table(f"OpenAI evals log {path.name}")


# Below: private.


def _keep(
    gathering: Gathering, samples: dict[str, _Sample], place: str, event: Mapping[str, Any]
) -> None:
    name = text(event.get("sample_id"))
    if not name:
        problem = f"the event {event.get('type')!r} has no sample_id"
        raise gathering.error(place, problem, "Name a log that `oaieval` wrote")
    sample = samples.setdefault(name, _Sample(place))
    data = mapping(event.get("data"))
    match event.get("type"):
        case "match":
            sample.marks.setdefault("match", []).append((place, mark(data.get("correct"))))
        case "metrics":
            for measure, value in data.items():
                if isinstance(value, (bool, int, float)):
                    sample.marks.setdefault(measure, []).append((place, mark(value)))
                else:
                    gathering.note(f"left out {measure!r} of `metrics`: it is no number")
        case "sampling":
            sample.usages.append(mapping(data.get("usage")))
        case "error":
            said = f"{text(data.get('type'))}: {text(data.get('message'))}".strip(": ")
            sample.error = sample.error or f"error: {cut(said or 'unknown')}"
        case _:
            pass  # raw samples, prompts and the like: nothing that is scored


def _add(
    gathering: Gathering, samples: Mapping[str, _Sample], *, system: str, evaluation: str
) -> None:
    measures = list(dict.fromkeys(name for sample in samples.values() for name in sample.marks))
    for item, sample in samples.items():
        # Judges call models too: usage is known only where there was one call.
        usage = sample.usages[0] if len(sample.usages) == 1 else {}
        for measure in measures or ["match"]:
            given = sample.marks.get(measure, [])
            if sample.error or not given:
                why = sample.error or f"the log holds no {measure} of this sample"
                given = [(sample.place, Unscored(why))]
            for repeat, (place, found) in enumerate(given):
                answer = Answer(
                    system=system,
                    item=item,
                    cluster=f"{evaluation}/{item}",
                    repeat=repeat,
                    prompt_tokens=count(usage.get("prompt_tokens")),
                    completion_tokens=count(usage.get("completion_tokens")),
                )
                gathering.add(answer, task=f"{evaluation}/{measure}", mark=found, place=place)
