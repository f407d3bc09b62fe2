"""Records of Argilla 2.x as rows, and rows as its records: what `dataset.records.to_json` writes.

A record has `fields` (what is shown), `responses` (what each person answered, by question),
`suggestions` (what nobody has confirmed) and `metadata`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from escalera.core.data import labelled
from escalera.core.data.flaws import Flaw, shown
from escalera.core.data.rows import Entry, Row
from escalera.domain.identity import canonical

QUESTION = "target"
"""The question that our records ask."""
ABOUT = ("split", "cluster", "licence", "source")
"""What stands in the metadata of our records."""
AGENT = "escalera"
SUBMITTED = "submitted"
"""The status of a response that counts, where it has one."""


def entries(
    records: Any, *, question: str | None = None, suggested: bool = False
) -> Iterator[Entry]:
    """What each record says: its fields, and the answer to *question* (the only one, if not named).

    With *suggested* a suggestion serves where nobody has answered. Without *question*, a file in
    which several were answered is refused as a whole: one record's answer must not be another's
    remark.
    """
    if not isinstance(records, list):
        remedy = "Write it with `dataset.records.to_json`"
        yield "", Flaw(f"is {shown(records)}, not a list of records", remedy)
        return
    asked = sorted({name for one in records for name in _asked(one, suggested=suggested)})
    if question is None and len(asked) > 1:
        rule = f"answers the questions {', '.join(map(repr, asked))}"
        yield "", Flaw(rule, "Say which one is the answer (--control)")
        return
    for number, record in enumerate(records, start=1):
        yield f"record {number}", _row(record, question, suggested=suggested)


def record(row: Row, *, name: str) -> dict[str, Any]:
    """A row as a record, with its answer as a suggestion that people can confirm."""
    fields: dict[str, Any] = {"input": row.input}
    if row.history:
        fields["history"] = json.loads(canonical(row.history))
    about = {
        key: value
        for key, value in zip(ABOUT, (row.split, row.cluster, row.licence, row.source), strict=True)
        if value
    }
    about |= {"rejected": row.rejected} if row.rejected else {}
    if row.fields:
        about["fields"] = canonical({k: json.loads(v) for k, v in row.fields}).decode()
    return {
        "id": name,
        "fields": fields,
        "metadata": about,
        "suggestions": {QUESTION: {"value": row.target, "score": None, "agent": AGENT}},
        "responses": {},
        "vectors": {},
        "_server_id": None,
    }


# Below: private.


def _row(record: Any, question: str | None, *, suggested: bool) -> Mapping[str, Any] | Flaw:
    fields = _mapping(record, "fields")
    if not fields:
        return Flaw("is not a record: `fields` is missing", "Write it with `records.to_json`")
    suggestions = _mapping(record, "suggestions")
    asked = _asked(record, suggested=suggested)
    name = question or next(iter(asked), "")
    given = [_text(entry) for entry in _counting(_mapping(record, "responses").get(name))]
    if not any(given) and suggested and isinstance(suggestions.get(name), dict):
        given = [_text(suggestions[name])]
    if question is not None and not any(given) and asked - {question}:
        rule = f"answers {', '.join(map(repr, sorted(asked)))}, and not {question!r}"
        return Flaw(rule, "Label it there, or say which one is the answer (--control)")
    agreed = labelled.agreed([answer for answer in given if answer])
    if isinstance(agreed, Flaw):
        return agreed
    named = {"id": str(record["id"])} if record.get("id") else {}
    about = {
        k: v for k, v in _mapping(record, "metadata").items() if k in (*ABOUT, "rejected", "fields")
    }
    return {**named, **about, **fields, "target": agreed}


def _asked(record: Any, *, suggested: bool) -> set[str]:
    """The questions that people answered, and with *suggested* those that have a suggestion."""
    given = _mapping(record, "responses").items()
    answered = {name for name, responses in given if _counting(responses)}
    return answered | (set(_mapping(record, "suggestions")) if suggested else set())


def _counting(given: Any) -> list[Mapping[str, Any]]:
    """The responses that were not discarded and are no drafts, as far as they say it."""
    entries = [entry for entry in given or () if isinstance(entry, dict)]
    return [entry for entry in entries if entry.get("status") in (None, SUBMITTED)]


def _text(entry: Mapping[str, Any]) -> str:
    """An answer as text: a label, text, a rating, or several labels in a row."""
    value = entry.get("value")
    if isinstance(value, list):
        return ", ".join(part if isinstance(part, str) else json.dumps(part) for part in value)
    return "" if value is None else str(value)


def _mapping(holder: Any, name: str) -> Mapping[str, Any]:
    found = holder.get(name) if isinstance(holder, dict) else None
    return found if isinstance(found, dict) else {}
