"""Rows as they are written: in our own form, as a prompt with its completion, as a chat, or as a
preferred answer beside a rejected one."""

from __future__ import annotations

import json
from typing import Any

from escalera.core.data import chats
from escalera.core.data.rows import Form, Row
from escalera.domain.identity import canonical


def document(row: Row, *, name: str, form: Form = "items") -> dict[str, Any]:
    """A row in a form. Chats and pairs hold what finetuning services take, and nothing else.

    A pair has no place for the turns before its prompt, and a preference needs a rejected answer:
    other rows are refused with `ValueError`.
    """
    if form == "preference":
        return _preference(row, name)
    if form == "chat":
        return {"messages": _chat(row)}
    if form == "pairs":
        if row.history:
            raise ValueError(f"the row {name!r} has turns before its input")
        return {"prompt": row.input, "completion": row.target}
    said: dict[str, Any] = {"id": name}
    said |= {"split": row.split} if row.split else {}
    said |= {"input": row.input, "target": row.target}
    said |= {"rejected": row.rejected} if row.rejected else {}
    said |= {"cluster": row.cluster} if row.cluster else {}
    if row.history:
        said["history"] = json.loads(canonical(row.history))
    if row.fields:
        said["fields"] = {key: json.loads(value) for key, value in row.fields}
    said |= {"licence": row.licence} if row.licence else {}
    said |= {"source": row.source} if row.source else {}
    return said


def lost(row: Row, form: Form) -> tuple[str, ...]:
    """What *row* says and *form* has no place for: all but our own hold what is learned alone."""
    if form == "items":
        return ()
    fields = {key: json.loads(value) for key, value in row.fields}
    if form != "pairs" and isinstance(fields.get("system"), str):
        del fields["system"]
    said = {
        f"the split {row.split!r}": row.split,
        "the cluster": row.cluster,
        "`fields`": fields,
        "`rejected`": row.rejected if form != "preference" else "",
        "the licence": row.licence,
        "the source": row.source,
    }
    return tuple(what for what, value in said.items() if value)


# Below: private.


def _chat(row: Row) -> list[dict[str, Any]]:
    """Answers of turns before the input are no targets: without their weight they would be."""
    *told, asked, answer = chats.messages(row.history, row.input, row.target, dict(row.fields))
    before: list[dict[str, Any]] = [
        {**turn, "weight": 0} if turn["role"] == "assistant" else {**turn} for turn in told
    ]
    return [*before, asked, answer]


def _preference(row: Row, name: str) -> dict[str, Any]:
    """As TRL takes it: texts, or messages where something is told before the prompt."""
    if not row.rejected:
        raise ValueError(f"the row {name!r} has no rejected answer")
    *before, asked, answer = chats.messages(row.history, row.input, row.target, dict(row.fields))
    if not before:
        return {"prompt": row.input, "chosen": row.target, "rejected": row.rejected}
    return {
        "prompt": [*before, asked],
        "chosen": [answer],
        "rejected": [{**answer, "content": row.rejected}],
    }
