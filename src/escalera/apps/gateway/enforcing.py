"""Answers that are held to a JSON Schema: checked, and sent back once where they are not valid.

A generator yields the bodies that are to be asked for and receives those that came, so the same
dialogue serves whatever asks. What the caller wrote goes on as it is; a repair is the same request
with the invalid answer and what is wrong with it behind its messages.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import msgspec

from escalera.apps.gateway import halves, texts
from escalera.core.evaluation.repair import COMPLAINT
from escalera.domain.traffic import Operation
from escalera.ports import Invalid

MAX_COMPLAINT = 400
"""Characters of what is said about an invalid answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enforced:
    """The last answer, what is still wrong with it (empty where it is valid), and the repairs."""

    body: bytes
    problem: str = ""
    repairs: int = 0


def schema(operation: Operation, body: bytes) -> str | None:
    """The JSON Schema that a request wants its answer to keep to, as JSON; None without one."""
    try:
        found = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return None
    if operation == "chat":
        wanted = _member(_member(found, "response_format"), "json_schema")
    elif operation == "responses":
        wanted = _member(_member(found, "text"), "format")
    else:
        return None
    asked = _member(wanted, "schema")
    return msgspec.json.encode(asked).decode() if isinstance(asked, dict) else None


def dialogue(
    operation: Operation, body: bytes, wanted: str, invalid: Invalid, *, repairs: int = 1
) -> Generator[bytes, bytes, Enforced]:
    """Ask *body*, and again while its answer is not valid and a repair is left.

    An answer that calls tools, refuses or was filtered is not held to the schema; of several
    answers the first that is invalid is told of, and none is sent back.
    """
    asked, done = body, 0
    while True:
        got = yield asked
        answers = _answers(operation, got)
        wrong = next(
            ((text, said) for text in answers if (said := invalid(wanted, text)) is not None), None
        )
        if wrong is None:
            return Enforced(body=got, repairs=done)
        if done >= repairs or len(answers) != 1:
            return Enforced(body=got, problem=wrong[1], repairs=done)
        asked, done = again(operation, body, *wrong), done + 1


def again(operation: Operation, body: bytes, answer: str, problem: str) -> bytes:
    """*body* with an invalid answer and what is wrong with it, behind what was said."""
    complaint = COMPLAINT.format(problem=problem[:MAX_COMPLAINT])
    turns = [
        {"role": "assistant", "content": answer or "(nothing)"},
        {"role": "user", "content": complaint},
    ]
    name = "messages" if operation == "chat" else "input"
    found = msgspec.json.decode(body, type=dict[str, Any])[name]
    said = [{"role": "user", "content": found}] if isinstance(found, str) else found
    new = msgspec.json.encode([*said, *turns])
    return texts.with_value(body, (name,), new)


# Below: private.


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _answers(operation: Operation, body: bytes) -> list[str]:
    """The texts that must be valid."""
    try:
        found = msgspec.json.decode(halves.mended(body), type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return []
    if operation == "chat":
        return [
            message["content"]
            for choice in found.get("choices") or ()
            if choice.get("finish_reason") != "content_filter"
            and (message := choice.get("message"))
            and isinstance(message.get("content"), str)
            and not message.get("tool_calls")
            and not message.get("refusal")
        ]
    parts = [
        part
        for item in found.get("output") or ()
        if item.get("type") == "message"
        for part in item.get("content") or ()
    ]
    if any(part.get("type") == "refusal" for part in parts):
        return []
    said = [part["text"] for part in parts if part.get("type") == "output_text"]
    return ["".join(said)] if said else []
