"""Rows as they are written: in our own form, as a prompt with its completion, as a chat."""

from __future__ import annotations

import json
from typing import Any

from escalera.core.data import chats
from escalera.core.data.rows import Form, Row
from escalera.domain.identity import canonical


def document(row: Row, *, name: str, form: Form = "items") -> dict[str, Any]:
    """A row in a form. Chats and pairs hold what finetuning services take, and nothing else.

    A pair has no place for the turns before its prompt: such a row is refused with `ValueError`.
    """
    if form == "chat":
        fields = dict(row.fields)
        return {"messages": chats.messages(row.history, row.input, row.target, fields)}
    if form == "pairs":
        if row.history:
            raise ValueError(f"the row {name!r} has turns before its input")
        return {"prompt": row.input, "completion": row.target}
    said: dict[str, Any] = {"id": name}
    said |= {"split": row.split} if row.split else {}
    said |= {"input": row.input, "target": row.target}
    said |= {"cluster": row.cluster} if row.cluster else {}
    if row.history:
        said["history"] = json.loads(canonical(row.history))
    if row.fields:
        said["fields"] = {key: json.loads(value) for key, value in row.fields}
    said |= {"licence": row.licence} if row.licence else {}
    said |= {"source": row.source} if row.source else {}
    return said
