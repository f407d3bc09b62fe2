"""Guards and bodies for tests of the gateway."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.core.serving.guarding.searching import guard, guards

from escalera.apps.gateway.guarded import Guarding
from escalera.core.serving.guarding.limits import Limits


def guarding(
    *, sent: str = "redact", got: str = "redact", limits: Limits | None = None
) -> Guarding:
    """Personal data and secrets on both sides; an empty action for none."""
    sides = [
        guards(*([guard(action, "personal", "secrets")] if action else []))
        for action in (sent, got)
    ]
    return Guarding(input=sides[0], output=sides[1], limits=limits or Limits())


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def chat(text: Any, **more: Any) -> bytes:
    """A request for a chat."""
    return dumped({"model": "m", "messages": [{"role": "user", "content": text}], **more})


def event(value: Any) -> bytes:
    return b"data: " + dumped(value) + b"\n\n"


def delta(said: dict[str, Any], *, index: int = 0, finish: str | None = None, **more: Any) -> bytes:
    """An event of a chat's stream."""
    choice = {"index": index, "delta": said, "finish_reason": finish, **more}
    return event({"id": "c", "object": "chat.completion.chunk", "choices": [choice]})


def said(events: bytes) -> list[Any]:
    """What events hold, without the mark of the end."""
    lines = [part.removeprefix("data: ") for part in events.decode().split("\n\n") if part]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def content(events: bytes, index: int = 0, name: str = "content") -> str:
    """The text of one answer of a chat."""
    return "".join(
        choice["delta"].get(name) or ""
        for one in said(events)
        for choice in one["choices"]
        if choice["index"] == index
    )
