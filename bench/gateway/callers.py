"""Callers of a gateway: OpenAI's own client, and one that looks at the bytes.

Each asks once and says what it got. Both know what a whole answer of either upstream is, word by
word, so nothing that is shorter passes for one.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai
from bench.gateway.oracle import Outcome, Seen

from escalera.testing.upstream.answers import words

# The official client's major versions rest on one or the other, and let its errors through.
try:
    import httpx
except ImportError:
    httpx = httpx2

TOKENS = 8
MESSAGES = [{"role": "user", "content": "Say something."}]
PATHS = {"chat": "chat/completions", "responses": "responses", "embeddings": "embeddings"}
WHOLE = {"".join(words(name, TOKENS)): name for name in ("A", "B")}
OVERDUE = (openai.APITimeoutError, httpx.TimeoutException, httpx2.TimeoutException)
UNREACHED = (openai.APIConnectionError, httpx.HTTPError, httpx2.HTTPError)
VECTOR = [1.0, *[0.0] * 7]


@dataclass(frozen=True, kw_only=True)
class Question:
    """One cell: a call of the API, whole or as a stream, and until when it must have ended."""

    operation: str
    form: str
    url: str
    model: str
    patience: float

    @property
    def stream(self) -> bool:
        """Whether a stream is asked for."""
        return self.form == "stream"

    def body(self) -> dict[str, Any]:
        """The request."""
        if self.operation == "embeddings":
            return {"model": self.model, "input": "x", "encoding_format": "float"}
        if self.operation == "responses":
            return {"model": self.model, "input": "Say something.", "stream": self.stream}
        return {"model": self.model, "messages": MESSAGES, "stream": self.stream}


def official(asked: Question) -> Outcome:
    """OpenAI's client, without retries of its own."""
    client = openai.OpenAI(base_url=asked.url, api_key="k", max_retries=0, timeout=asked.patience)
    return _timed(asked, lambda: _official(client, asked))


def raw(asked: Question) -> Outcome:
    """The bytes as they come, read as the API's description says."""
    return _timed(asked, lambda: _raw(asked))


# Below: private.


def _timed(asked: Question, look: Callable[[], Outcome]) -> Outcome:
    began = time.perf_counter()
    found = look()
    seconds = time.perf_counter() - began
    if seconds >= asked.patience - 0.05 and found.seen not in {"A", "B"}:
        return replace(found, seen="hang", seconds=seconds)
    return replace(found, seconds=seconds)


def _whole(text: str, ending: object) -> Outcome:
    """An answer in text: whose it is, when it is all there and says so."""
    name = WHOLE.get(text)
    if name not in ("A", "B") or ending not in ("stop", "completed"):
        return Outcome(seen="silent", said=f"{text!r}, ended by {ending!r}")
    return Outcome(seen="A" if name == "A" else "B", status=200)


def _vectors(found: object) -> Outcome:
    """Both upstreams give the same vectors; who was asked is told by their counts."""
    return Outcome(seen="B" if found == [VECTOR] else "silent", status=200, said=str(found)[:80])


def _official(client: openai.OpenAI, asked: Question) -> Outcome:
    try:
        with client:
            return _asked(client, asked)
    except OVERDUE as error:
        seen: Seen = "hang"
        told: Exception = error
    except (*UNREACHED, json.JSONDecodeError) as error:
        seen, told = "broken", error
    except openai.APIError as error:
        seen, told = "error", error
    except (AttributeError, TypeError, IndexError, ValueError) as error:
        seen, told = "silent", error
    status = getattr(told, "status_code", 0)
    return Outcome(seen=seen, status=status, said=f"{type(told).__name__}: {told}")


def _asked(client: openai.OpenAI, asked: Question) -> Outcome:
    body: Any = asked.body()
    if asked.operation == "embeddings":
        found = client.embeddings.create(**body)
        return _vectors([[*one.embedding] for one in found.data])
    if asked.operation == "responses":
        answer: Any = client.responses.create(**body)
        if not asked.stream:
            return _whole(answer.output_text, answer.status)
        return _of_response_events(event.to_dict() for event in answer)
    said: Any = client.chat.completions.create(**body)
    if not asked.stream:
        (choice,) = said.choices
        return _whole(choice.message.content, choice.finish_reason)
    return _of_chunks(chunk.to_dict() for chunk in said)


def _of_chunks(chunks: Iterator[dict[str, Any]]) -> Outcome:
    text, ending = "", None
    for chunk in chunks:
        for choice in chunk.get("choices") or ():
            text += (choice.get("delta") or {}).get("content") or ""
            ending = choice.get("finish_reason") or ending
    return _whole(text, ending)


def _of_response_events(events: Iterator[dict[str, Any]]) -> Outcome:
    text, ending = "", None
    for event in events:
        match event.get("type"):
            case "response.output_text.delta":
                text += event["delta"]
            case "response.completed":
                ending = event["response"]["status"]
            case "error":
                return Outcome(seen="error", said=str(event.get("message")))
            case "response.failed" | "response.incomplete":
                return Outcome(seen="error", said=str(event["response"].get("error")))
    return _whole(text, ending)


def _raw(asked: Question) -> Outcome:
    address = urlsplit(asked.url)
    connection = http.client.HTTPConnection(
        address.hostname or "", address.port, timeout=asked.patience
    )
    path = f"{address.path}/{PATHS[asked.operation]}"
    headers = {"Content-Type": "application/json", "Authorization": "Bearer k"}
    status = 0
    try:
        connection.request("POST", path, json.dumps(asked.body()), headers)
        response = connection.getresponse()
        status, body = response.status, response.read()
    except TimeoutError:
        return Outcome(seen="hang", status=status)
    except (OSError, http.client.HTTPException) as error:
        return Outcome(seen="broken", status=status, said=f"{type(error).__name__}: {error}")
    finally:
        connection.close()
    try:
        return _read(asked, status, body)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        seen: Seen = "silent" if status < 400 else "broken"
        return Outcome(seen=seen, status=status, said=f"{error!r} of {body[:80]!r}")


def _read(asked: Question, status: int, body: bytes) -> Outcome:
    if status >= 400:
        error = json.loads(body)["error"]
        return Outcome(seen="error", status=status, said=f"{error['type']}: {error['message']}")
    if asked.stream:
        return _events(asked, body)
    found = json.loads(body)
    if asked.operation == "embeddings":
        return _vectors([one["embedding"] for one in found["data"]])
    if asked.operation == "responses":
        text = "".join(part["text"] for item in found["output"] for part in item["content"])
        return _whole(text, found["status"])
    (choice,) = found["choices"]
    return _whole(choice["message"]["content"], choice["finish_reason"])


def _events(asked: Question, body: bytes) -> Outcome:
    found, done = [], False
    for line in body.decode().splitlines():
        if line == "data: [DONE]":
            done = True
        elif line.startswith("data: "):
            event = json.loads(line.removeprefix("data: "))
            if event.get("error") and "choices" not in event and "response" not in event:
                return Outcome(seen="error", said=str(event["error"]))
            found.append(event)
    if asked.operation == "responses":
        return _of_response_events(iter(found))
    outcome = _of_chunks(iter(found))
    if outcome.seen == "B" and not done:
        return Outcome(seen="silent", said="the healthy upstream's answer without [DONE]")
    return outcome
