"""What two answers to one request were: their texts, whether they refuse, and what they took."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from escalera.apps.gateway import halves
from escalera.apps.gateway.hot import Ended
from escalera.domain.traffic import Operation
from escalera.domain.trial import Taken

OPERATIONS: frozenset[Operation] = frozenset({"chat", "completions", "responses"})
"""Operations whose answers are texts."""
LONGEST = 256 * 1024
"""Bytes of a request or an answer that is mirrored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer as text, and whether it refuses."""

    text: str
    refused: bool


def said(operation: Operation, body: bytes) -> Said | None:
    """The first answer in *body*, whole or as events; None where there is none to be read."""
    body = halves.mended(body)
    try:
        if body.lstrip()[:1] == b"{":
            return _of(operation, [msgspec.json.decode(body, type=dict[str, Any])], whole=True)
        events = [
            msgspec.json.decode(line[5:], type=dict[str, Any])
            for line in body.splitlines()
            if line.startswith(b"data:") and line[5:].strip() != b"[DONE]"
        ]
        return _of(operation, events, whole=False)
    except (msgspec.DecodeError, msgspec.ValidationError, AttributeError, TypeError):
        return None


def question(operation: Operation, body: bytes) -> str:
    """The last message of a request, or its prompt; empty where it is not text."""
    try:
        found = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError):
        return ""
    asked = found.get("prompt") if operation == "completions" else found.get("input")
    if operation == "chat" or isinstance(asked, list):
        turns = found.get("messages") if operation == "chat" else asked
        last = turns[-1] if isinstance(turns, list) and turns else None
        asked = last.get("content") if isinstance(last, dict) else last
    if isinstance(asked, list):
        parts = [part.get("text") for part in asked if isinstance(part, dict)]
        asked = "".join(part for part in parts if isinstance(part, str))
    return asked if isinstance(asked, str) else ""


def taken(ended: Ended, answer: Said | None) -> Taken | None:
    """What a call took; None where it says nothing of who answered: the caller's own doing,
    or the gateway's."""
    problem = ended.problem
    if ended.code == "caller_left" or (problem and problem.blame == "caller"):
        return None
    if is_ours(ended):
        return None
    found = ended.found
    failed = found is None or problem is not None
    priced = found is not None and found.provenance.price is not None and found.usage is not None
    return Taken(
        failed=float(failed),
        refused=float(answer is not None and answer.refused),
        seconds=None if found is None or failed else found.first_byte + ended.relayed,
        micro_dollars=float(ended.cost) if priced else None,
    )


def is_ours(ended: Ended) -> bool:
    """Whether a call came to nothing by this process: it could open no connection, or gave up."""
    if ended.problem and ended.problem.fault == "cancelled":
        return True
    return any(attempt.fault == "descriptors" for attempt in ended.asked.attempts)


def mean(calls: Sequence[Taken]) -> Taken:
    """Several calls on the mean; what some do not tell is told by the others."""
    seconds = [call.seconds for call in calls if call.seconds is not None]
    money = [call.micro_dollars for call in calls if call.micro_dollars is not None]
    logs = [math.log(max(one, 1e-4)) for one in seconds]
    return Taken(
        failed=math.fsum(call.failed for call in calls) / len(calls),
        refused=math.fsum(call.refused for call in calls) / len(calls),
        seconds=math.exp(math.fsum(logs) / len(logs)) if logs else None,
        micro_dollars=math.fsum(money) / len(money) if money else None,
    )


def agreement(live: Said | None, candidate: Said | None) -> float | None:
    """Whether both say the same but for white space: only equal answers surely score alike."""
    if live is None or candidate is None:
        return None
    return float(live.text.split() == candidate.text.split())


# Below: private.

_REFUSAL = re.compile(
    r"\s*(?:i['’]?m (?:really |very )?sorry,? but i (?:can|am|['’]m)|sorry,? (?:but )?i can"
    r"|i (?:can['’]?t|cannot|won['’]?t|am unable to|am not able to|must decline)"
    r"|i['’]m (?:unable|not able) to|as an ai\b)",
    re.IGNORECASE,
)


def _of(operation: Operation, parts: list[dict[str, Any]], *, whole: bool) -> Said | None:
    texts: list[str] = []
    refused, begun = False, False
    for part in parts:
        if operation == "responses":
            begun = _respond(part, texts, whole=whole) or begun
            refused = refused or str(part.get("type", "")).startswith("response.refusal")
            continue
        for choice in part.get("choices") or ():
            if choice.get("index", 0):
                continue
            begun = True
            turn = choice.get("message") or choice.get("delta") or {}
            texts.append(turn.get("content") or choice.get("text") or "")
            refused = refused or bool(turn.get("refusal"))
            refused = refused or choice.get("finish_reason") == "content_filter"
    text = "".join(texts)
    return Said(text=text, refused=refused or bool(_REFUSAL.match(text))) if begun else None


def _respond(part: dict[str, Any], texts: list[str], *, whole: bool) -> bool:
    if not whole:
        if part.get("type") == "response.output_text.delta":
            texts.append(part.get("delta") or "")
            return True
        return False
    for item in part.get("output") or ():
        parts = item.get("content") or ()
        texts.extend(one.get("text") or one.get("refusal") or "" for one in parts)
    return True
