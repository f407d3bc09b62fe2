"""What the mock upstream says when nothing is wrong: the bodies of OpenAI's calls and streams.

The words are made up; ids, usage and order are those of the API, so that the official clients read
them. A whole answer and the events of a stream say the same.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from typing import Any

import msgspec

from escalera.testing.upstream.asked import Asked

encode = msgspec.json.encode
CREATED = 1_700_000_000
DONE = b"data: [DONE]\n\n"


def words(name: str, tokens: int) -> list[str]:
    """*tokens* words; the first says who answers."""
    return [name, *(f" word{place}" for place in range(1, tokens))]


def whole(asked: Asked, name: str, tokens: int) -> bytes:
    """The body of an answer in one."""
    match asked.body, asked.place:
        case body, "embeddings":
            return _embeddings(body.input, asked, name)
        case _, "models":
            data = [{"id": "mock", "object": "model", "created": CREATED, "owned_by": name}]
            return encode({"object": "list", "data": data})
        case body, "responses":
            return encode(_response(asked, name, _said(asked, name, tokens), "completed"))
        case body, place:
            said = _said(asked, name, tokens)
            choice: dict[str, Any] = {"index": 0, "logprobs": None, "finish_reason": _ending(asked)}
            if place == "completions":
                choice["text"] = "".join(said)
            else:
                choice["message"] = _message(asked, said)
            head = _head(asked, name, "text_completion" if place != "chat" else "chat.completion")
            return encode({**head, "choices": [choice], "usage": _usage(asked, len(said))})


def events(asked: Asked, name: str, tokens: int) -> Iterator[bytes]:
    """The events of a stream, each as it travels, one for each token."""
    said = _said(asked, name, tokens)
    if asked.place == "responses":
        yield from _response_events(asked, name, said)
        return
    chat = asked.place == "chat"
    head = _head(asked, name, "chat.completion.chunk" if chat else "text_completion")
    if chat:
        yield chunk(head, {"role": "assistant", "content": None if asked.body.function else ""})
    for delta in _deltas(asked, said):
        yield chunk(head, delta) if chat else _text_chunk(head, delta["content"], None)
    ending = _ending(asked)
    yield chunk(head, {}, ending) if chat else _text_chunk(head, "", ending)
    if asked.body.usage:
        yield _event({**head, "choices": [], "usage": _usage(asked, len(said))})
    yield DONE


def chunk(head: dict[str, Any], delta: dict[str, Any], ending: str | None = None) -> bytes:
    """An event of a chat completion."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": ending}
    return _event({**head, "choices": [choice]})


def error(status: int, message: str, code: str | None = None) -> bytes:
    """An error in OpenAI's shape."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return encode({"error": {"message": message, "type": kind, "param": None, "code": code}})


def error_event(asked: Asked, message: str) -> bytes:
    """An error within a stream, as each of the calls tells it."""
    if asked.place == "responses":
        return _typed({"type": "error", "code": "server_error", "message": message, "param": None})
    return b"data: " + error(500, message, "mock_error") + b"\n\n"


def sample(schema: dict[str, Any]) -> Any:
    """A small value that keeps *schema*, as far as types, properties and enumerations go."""
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return sample(schema["anyOf"][0])
    kind = str(schema.get("type"))
    if kind == "object":
        return {key: sample(value) for key, value in schema.get("properties", {}).items()}
    if kind == "array":
        return [sample(schema.get("items", {}))]
    plain = {"integer": schema.get("minimum", 1), "number": 1.5, "boolean": True, "null": None}
    return plain.get(kind, "mock")


# Below: private.


def _said(asked: Asked, name: str, tokens: int) -> list[str]:
    """The pieces of the text: words, or JSON where a schema or a function is to be kept."""
    body = asked.body
    if body.function is not None:
        return [encode(sample(body.function.get("parameters") or {"type": "object"})).decode()]
    if body.schema is not None:
        return [encode(sample(body.schema)).decode()]
    return words(name, tokens if body.limit is None else min(tokens, body.limit))


def _ending(asked: Asked) -> str:
    return "stop" if asked.body.function is None else "tool_calls"


def _message(asked: Asked, said: list[str]) -> dict[str, Any]:
    function = asked.body.function
    if function is None:
        return {"role": "assistant", "content": "".join(said), "refusal": None}
    call = {"name": function["name"], "arguments": "".join(said)}
    return {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "tool_calls": [{"id": "call_mock", "type": "function", "function": call}],
    }


def _deltas(asked: Asked, said: list[str]) -> Iterator[dict[str, Any]]:
    function = asked.body.function
    if function is None:
        for piece in said:
            yield {"content": piece}
        return
    called = {"name": function["name"], "arguments": ""}
    yield {"tool_calls": [{"index": 0, "id": "call_mock", "type": "function", "function": called}]}
    for piece in said:
        yield {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}


def _head(asked: Asked, name: str, kind: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-mock",
        "object": kind,
        "created": CREATED,
        "model": asked.body.model,
        "system_fingerprint": name,
    }


def _text_chunk(head: dict[str, Any], text: str, ending: str | None) -> bytes:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": ending}
    return _event({**head, "choices": [choice]})


def _usage(asked: Asked, tokens: int) -> dict[str, Any]:
    """A token for every four bytes of the request, and one for every piece of the answer."""
    prompt = asked.size // 4
    return {
        "prompt_tokens": prompt,
        "completion_tokens": tokens,
        "total_tokens": prompt + tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def _embeddings(texts: Any, asked: Asked, name: str) -> bytes:
    count = len(texts) if isinstance(texts, list) and texts and not _is_token(texts[0]) else 1
    size = asked.body.dimensions or 8
    vectors: list[Any] = [
        [float(place == at % size) for place in range(size)] for at in range(count)
    ]
    if asked.body.encoding_format == "base64":
        vectors = [base64.b64encode(struct.pack(f"<{size}f", *one)).decode() for one in vectors]
    data = [{"object": "embedding", "index": at, "embedding": v} for at, v in enumerate(vectors)]
    usage = {"prompt_tokens": asked.size // 4, "total_tokens": asked.size // 4}
    return encode(
        {"object": "list", "data": data, "model": asked.body.model or name, "usage": usage}
    )


def _is_token(found: Any) -> bool:
    return isinstance(found, int)


def _response(asked: Asked, name: str, said: list[str], status: str) -> dict[str, Any]:
    usage = {
        "input_tokens": asked.size // 4,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": len(said),
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": asked.size // 4 + len(said),
    }
    over = status == "completed"
    return {
        "id": "resp_mock",
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {"answered_by": name},
        "model": asked.body.model,
        "output": [_item(asked, said, status)] if over else [],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": usage if over else None,
    }


def _item(asked: Asked, said: list[str], status: str) -> dict[str, Any]:
    over = status == "completed"
    function = asked.body.function
    if function is not None:
        return {
            "type": "function_call",
            "id": "fc_mock",
            "call_id": "call_mock",
            "name": function["name"],
            "arguments": "".join(said) if over else "",
            "status": status,
        }
    return {
        "type": "message",
        "id": "msg_mock",
        "status": status,
        "role": "assistant",
        "content": [_part("".join(said))] if over else [],
    }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _response_events(asked: Asked, name: str, said: list[str]) -> Iterator[bytes]:
    item, place = (
        {"output_index": 0},
        {"item_id": "msg_mock", "output_index": 0, "content_index": 0},
    )
    running, text = _response(asked, name, said, "in_progress"), "".join(said)
    calls = asked.body.function is not None
    kind = "response.function_call_arguments" if calls else "response.output_text"
    within = {"item_id": "fc_mock", "output_index": 0} if calls else {**place, "logprobs": []}
    found: list[dict[str, Any]] = [
        {"type": "response.created", "response": running},
        {"type": "response.in_progress", "response": running},
        {"type": "response.output_item.added", **item, "item": _item(asked, said, "in_progress")},
    ]
    if not calls:
        found.append({"type": "response.content_part.added", **place, "part": _part("")})
    found += [{"type": f"{kind}.delta", **within, "delta": piece} for piece in said]
    if calls:
        found.append({"type": f"{kind}.done", **within, "arguments": text})
    else:
        found.append({"type": f"{kind}.done", **within, "text": text})
        found.append({"type": "response.content_part.done", **place, "part": _part(text)})
    found += [
        {"type": "response.output_item.done", **item, "item": _item(asked, said, "completed")},
        {"type": "response.completed", "response": _response(asked, name, said, "completed")},
    ]
    for number, event in enumerate(found):
        yield _typed({**event, "sequence_number": number})


def _event(body: dict[str, Any]) -> bytes:
    return b"data: " + encode(body) + b"\n\n"


def _typed(body: dict[str, Any]) -> bytes:
    return b"event: %b\n" % body["type"].encode() + _event(body)
