"""What a logged call said, as a chat: the bodies of every operation and form brought to one.

The caller's bytes and the answer's are kept as they were; here they are read. What cannot be told
as text (calls of tools, images) is said to be so, never left out of a chat.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from escalera.domain.traffic import ServedCall

Chat = list[dict[str, Any]]
"""Messages in OpenAI's form; answers before the last have the weight 0."""


def chat(call: ServedCall) -> Chat | str:
    """The conversation with its answer; or why it cannot be had."""
    reason = _not_a_chat(call)
    request = _object(call.request)
    if reason or request is None:
        return reason or "its request is no JSON object"
    asked = _ASKED[call.operation](request)
    if isinstance(asked, str):
        return asked
    answered = _answer(call)
    if isinstance(answered, str):
        return answered
    return [*_earlier(asked), {"role": "assistant", "content": answered.text}]


# Below: private.


@dataclass(frozen=True, slots=True)
class _Said:
    """An answer in words."""

    text: str


_NO_TEXT = "it holds parts that are not text"
_NO_WORDS = "the answer holds no words"
_CUT = "the answer was cut off"


def _not_a_chat(call: ServedCall) -> str:
    """Why there is nothing to read; empty where there is."""
    if call.operation == "embeddings":
        return "embeddings have no answer in words"
    if call.status != 200 or call.error:
        return "it was not answered in full"
    return "" if call.request and call.answer else "its bodies were not logged"


def _earlier(messages: Chat) -> Chat:
    """The messages, with answers that are history and not to be learned."""
    return [{**one, "weight": 0} if one["role"] == "assistant" else dict(one) for one in messages]


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _of_chat(request: Mapping[str, Any]) -> Chat | str:
    return _messages(request.get("messages"))


def _of_completions(request: Mapping[str, Any]) -> Chat | str:
    prompt = request.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        (prompt,) = prompt
    if not isinstance(prompt, str):
        return "it holds several prompts, or one in tokens"
    return [{"role": "user", "content": prompt}]


def _of_responses(request: Mapping[str, Any]) -> Chat | str:
    told = request.get("instructions")
    if request.get("previous_response_id") or request.get("conversation"):
        return "what came before it is kept by the provider"
    given = request.get("input")
    asked = [{"role": "user", "content": given}] if isinstance(given, str) else _messages(given)
    if isinstance(asked, str) or not isinstance(told, str):
        return asked
    return [{"role": "system", "content": told}, *asked]


_ASKED = {"chat": _of_chat, "completions": _of_completions, "responses": _of_responses}


def _messages(given: Any) -> Chat | str:
    if not isinstance(given, list):
        return "it holds no messages"
    found = []
    for one in given:
        text = _text(one.get("content")) if isinstance(one, dict) else None
        if text is None or one.get("role") in ("tool", "function") or one.get("tool_calls"):
            return _NO_TEXT
        found.append({"role": one.get("role"), "content": text})
    return found


def _text(content: Any) -> str | None:
    """Text, or the texts of parts; None where there is anything else."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts = [part.get("text") for part in content if _is_text(part)]
    whole = len(texts) == len(content) and all(isinstance(text, str) for text in texts)
    return "".join(texts) if whole else None


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") in ("text", "input_text", "output_text")


def _answer(call: ServedCall) -> _Said | str:
    found = _streamed(call) if call.stream else _object(call.answer)
    if found is None:
        return "its answer is no JSON object"
    read = _of_response if call.operation == "responses" else _of_choices
    return read(found)


def _of_choices(body: Mapping[str, Any]) -> _Said | str:
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, dict):
        return _NO_WORDS
    if first.get("finish_reason") == "length":
        return _CUT
    message = first.get("message")
    if isinstance(message, dict) and message.get("tool_calls"):
        return _NO_TEXT
    said = message.get("content") if isinstance(message, dict) else first.get("text")
    return _Said(said) if isinstance(said, str) and said.strip() else _NO_WORDS


def _of_response(body: Mapping[str, Any]) -> _Said | str:
    if body.get("status") == "incomplete":
        return _CUT
    said = []
    for one in body.get("output") or ():
        if not isinstance(one, dict) or one.get("type") == "reasoning":
            continue
        text = _text(one.get("content")) if one.get("type") == "message" else None
        if text is None:
            return _NO_TEXT
        said.append(text)
    text = "".join(said)
    return _Said(text) if text.strip() else _NO_WORDS


def _streamed(call: ServedCall) -> dict[str, Any] | None:
    """The events of a stream as the one body that they stand for."""
    events = list(_events(call.answer))
    if call.operation == "responses":
        ended = [one for one in events if str(one.get("type")).startswith("response.")]
        whole = [one["response"] for one in ended if isinstance(one.get("response"), dict)]
        return whole[-1] if whole else None
    tools: list[Any] = []
    text, reason = "", None
    for event in events:
        choices = event.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(first, dict) or first.get("index", 0) != 0:
            continue
        delta = first.get("delta")
        said = delta.get("content") if isinstance(delta, dict) else first.get("text")
        text += said if isinstance(said, str) else ""
        tools += (delta.get("tool_calls") or []) if isinstance(delta, dict) else []
        reason = first.get("finish_reason") or reason
    message = {"content": text, "tool_calls": tools}
    return {"choices": [{"message": message, "finish_reason": reason}]}


def _events(stream: str) -> Iterator[dict[str, Any]]:
    for line in stream.splitlines():
        if line.startswith("data:"):
            found = _object(line.removeprefix("data:").strip())
            if found is not None:
                yield found
