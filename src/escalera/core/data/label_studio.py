"""Tasks of Label Studio as rows, and rows as its tasks: the format "JSON" of its exports.

A task has `data` (what is shown) and `annotations` (what each person answered, control by control).
Read and written as the documentation of Label Studio 1.x has it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from escalera.core.data import labelled
from escalera.core.data.flaws import Flaw, shown
from escalera.core.data.rows import Entry, Row
from escalera.domain.identity import canonical

CONTROL = "target"
"""The control that our tasks are answered in."""
CONFIG = (
    '<View><Text name="input" value="$input"/>'
    '<TextArea name="target" toName="input" maxSubmissions="1" editable="true"/></View>'
)
"""A labelling interface for our tasks."""
TEXTS = ("textarea", "choices", "rating", "number", "datetime", "taxonomy")
"""Types of controls whose answer is text; regions of a text are none."""


def entries(tasks: Any, *, control: str | None = None) -> Iterator[Entry]:
    """What each task says: its data, and the answer in *control* (if not named, the only one).

    People who skipped a task are left out, and of each person the last answer counts. What is
    marked as ground truth goes before the majority. Without *control*, a file in which several
    were answered is refused as a whole: one task's answer must not be another's remark.
    """
    if not isinstance(tasks, list):
        yield "", Flaw(f"is {shown(tasks)}, not a list of tasks", 'Export as "JSON"')
        return
    names = _names([entry for task in tasks for entry in _counting(task)])
    if control is None and len(names) > 1:
        rule = f"is answered in the controls {', '.join(map(repr, names))}"
        yield "", Flaw(rule, "Say which one is the answer (--control)")
        return
    for number, task in enumerate(tasks, start=1):
        yield f"task {number}", _row(task, control)


def task(row: Row, *, name: str, number: int) -> dict[str, Any]:
    """A row as a task, with its answer as an annotation that people can correct."""
    data: dict[str, Any] = {"id": name, "input": row.input}
    data |= {"split": row.split} if row.split else {}
    data |= {"cluster": row.cluster} if row.cluster else {}
    data |= {"licence": row.licence} if row.licence else {}
    data |= {"source": row.source} if row.source else {}
    data |= {"rejected": row.rejected} if row.rejected else {}
    if row.history:
        data["history"] = json.loads(canonical(row.history))
    if row.fields:
        data["fields"] = {key: json.loads(value) for key, value in row.fields}
    answer = {
        "id": f"answer-{number}",
        "from_name": CONTROL,
        "to_name": "input",
        "type": "textarea",
        "origin": "manual",
        "value": {"text": [row.target]},
    }
    made = {"result": [answer], "was_cancelled": False, "ground_truth": False}
    return {"id": number, "data": data, "annotations": [made], "predictions": []}


# Below: private.


def _row(task: Any, control: str | None) -> Mapping[str, Any] | Flaw:
    data = task.get("data") if isinstance(task, dict) else None
    if not isinstance(data, dict):
        return Flaw("is not a task: `data` is missing", 'Export as "JSON", not as "JSON-MIN"')
    given = _counting(task)
    found = [_mine(entry, control) for entry in given]
    if several := [mine for mine in found if len(mine) > 1]:
        rule = f"has {len(several[0])} answers of one person in {several[0][0].get('from_name')!r}"
        return Flaw(rule, "Answers to parts (regions) are not read: label the whole in one control")
    answers = [told for mine in found if mine and (told := _value(mine[0])) is not None]
    if not answers and (elsewhere := _elsewhere(given, control)):
        return elsewhere
    agreed = labelled.agreed(answers)
    if isinstance(agreed, Flaw):
        return agreed
    named = {"id": str(task["id"])} if "id" in task else {}
    return {**named, **data, "target": agreed}


def _counting(task: Any) -> list[Mapping[str, Any]]:
    """The annotations that count: the ground truth or else all, and the last one of each person."""
    told = [entry for entry in _list(task, "annotations") if not entry.get("was_cancelled")]
    truth = [entry for entry in told if entry.get("ground_truth")]
    last: dict[str, Mapping[str, Any]] = {}
    for number, entry in enumerate(sorted(truth or told, key=_when)):
        person = entry.get("completed_by")
        last[f"nobody {number}" if person is None else repr(person)] = entry
    return list(last.values())


def _when(entry: Mapping[str, Any]) -> str:
    """When an annotation was last changed, in the form of ISO 8601; empty where it is not said."""
    return str(entry.get("updated_at") or entry.get("created_at") or "")


def _mine(annotation: Mapping[str, Any], control: str | None) -> list[Mapping[str, Any]]:
    """What one person answered in the control: nothing where it was left empty, and one answer,
    unless they are answers to parts of what is shown."""
    told = [entry for entry in _list(annotation, "result") if entry.get("type") in TEXTS]
    return [entry for entry in told if control in (None, entry.get("from_name"))]


def _elsewhere(given: Sequence[Mapping[str, Any]], control: str | None) -> Flaw | None:
    """What people answered who left the control empty; None where they answered nothing."""
    if control is not None and (other := _names(given)):
        rule = f"is answered in {', '.join(map(repr, other))}, and not in {control!r}"
        return Flaw(rule, "Label it there, or say which one is the answer (--control)")
    results = (entry for person in given for entry in _list(person, "result"))
    kinds = sorted({str(entry.get("type")) for entry in results} - {*TEXTS})
    if not kinds:
        return None
    rule = f"is answered in a control of the type {kinds[0]!r}, whose answer is no text"
    return Flaw(rule, f"Label it in one of the types {', '.join(TEXTS)}")


def _names(given: Sequence[Mapping[str, Any]]) -> list[str]:
    """The controls in which people answered with a text."""
    results = (entry for person in given for entry in _list(person, "result"))
    return sorted({str(one.get("from_name")) for one in results if one.get("type") in TEXTS})


def _value(entry: Mapping[str, Any]) -> str | None:
    value = entry.get("value")
    kind = "text" if entry.get("type") == "textarea" else str(entry.get("type"))
    found = value.get(kind) if isinstance(value, dict) else None
    if isinstance(found, list):
        parts = ["/".join(map(str, p)) if isinstance(p, list) else str(p) for p in found]
        return ("\n" if kind == "text" else ", ").join(parts) or None
    return None if found is None else str(found)


def _list(holder: Any, name: str) -> list[Any]:
    found = holder.get(name) if isinstance(holder, dict) else None
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
