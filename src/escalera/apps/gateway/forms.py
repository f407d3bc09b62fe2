"""Answers in the JSON of OpenAI's chats and completions, whole and as events: pure, no I/O."""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from escalera.apps.gateway import wire
from escalera.apps.gateway.wire import Heading
from escalera.domain.message import FinishReason, Likely, Reply, SaidToken
from escalera.domain.traffic import Operation

FINISH_REASONS: Mapping[FinishReason, str] = {
    "stop": "stop",
    "length": "length",
    "filtered": "content_filter",
}


class Form(Protocol):
    """How the answers to one request are written; choices are told by their number."""

    def whole(self, replies: Sequence[Reply]) -> bytes:
        """All answers, once they are whole."""

    def opening(self, index: int) -> bytes:
        """The event that opens a choice of a stream; empty where there is none."""

    def piece(self, index: int, text: str, tokens: Sequence[SaidToken] | None) -> bytes:
        """The event of a piece, with its tokens where their log probabilities are asked for."""

    def ending(self, index: int, reply: Reply) -> bytes:
        """The event that says why a choice of a stream ended."""

    def closing(self, replies: Sequence[Reply]) -> bytes:
        """The events that end a stream: the usage, and [DONE]."""


class ChatForm:
    """Answers to a chat."""

    def __init__(self, heading: Heading) -> None:
        self._heading = heading

    def whole(self, replies: Sequence[Reply]) -> bytes:
        """All answers, once they are whole."""
        choices = [
            {
                "index": index,
                "message": {"role": "assistant", "content": reply.text, "refusal": None},
                "logprobs": _of_chat(reply.logprobs),
                "finish_reason": FINISH_REASONS[reply.finish_reason],
            }
            for index, reply in enumerate(replies)
        ]
        return _whole(self._heading, "chat.completion", choices, replies)

    def opening(self, index: int) -> bytes:
        """The role."""
        return self._chunk(index, {"role": "assistant", "content": ""})

    def piece(self, index: int, text: str, tokens: Sequence[SaidToken] | None) -> bytes:
        """The event of a piece."""
        return self._chunk(index, {"content": text}, logprobs=_of_chat(tokens))

    def ending(self, index: int, reply: Reply) -> bytes:
        """Why a choice ended."""
        return self._chunk(index, {}, finish=FINISH_REASONS[reply.finish_reason])

    def closing(self, replies: Sequence[Reply]) -> bytes:
        """The usage, and [DONE]."""
        return _closing(self._heading, "chat.completion.chunk", replies)

    def _chunk(
        self,
        index: int,
        delta: Mapping[str, str],
        *,
        logprobs: Mapping[str, Any] | None = None,
        finish: str | None = None,
    ) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return _chunk(self._heading, "chat.completion.chunk", choice)


class TextForm:
    """Answers to a completion, whose offsets count from the beginning of its *prompt*."""

    def __init__(self, heading: Heading, *, prompt: str) -> None:
        self._heading = heading
        self._prompt = len(prompt)
        self._offsets: dict[int, _Offsets] = {}

    def whole(self, replies: Sequence[Reply]) -> bytes:
        """All answers, once they are whole."""
        choices = [
            {
                "index": index,
                "text": reply.text,
                "logprobs": self._logprobs(index, reply.logprobs),
                "finish_reason": FINISH_REASONS[reply.finish_reason],
            }
            for index, reply in enumerate(replies)
        ]
        return _whole(self._heading, "text_completion", choices, replies)

    def opening(self, index: int) -> bytes:
        """Nothing: there are no roles."""
        del index
        return b""

    def piece(self, index: int, text: str, tokens: Sequence[SaidToken] | None) -> bytes:
        """The event of a piece."""
        return self._chunk(index, text, logprobs=self._logprobs(index, tokens))

    def ending(self, index: int, reply: Reply) -> bytes:
        """Why a choice ended."""
        return self._chunk(index, "", finish=FINISH_REASONS[reply.finish_reason])

    def closing(self, replies: Sequence[Reply]) -> bytes:
        """The usage, and [DONE]."""
        return _closing(self._heading, "text_completion", replies)

    def _chunk(
        self,
        index: int,
        text: str,
        *,
        logprobs: Mapping[str, Any] | None = None,
        finish: str | None = None,
    ) -> bytes:
        choice = {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}
        return _chunk(self._heading, "text_completion", choice)

    def _logprobs(self, index: int, tokens: Sequence[SaidToken] | None) -> Mapping[str, Any] | None:
        """The lists of a choice's tokens, which go on where those before ended."""
        if tokens is None:
            return None
        offsets = self._offsets.setdefault(index, _Offsets(self._prompt))
        return {
            "tokens": [_name(token.said) for token in tokens],
            "token_logprobs": [token.said.logprob for token in tokens],
            "top_logprobs": [
                {_name(one): one.logprob for one in (*token.likeliest, token.said)}
                for token in tokens
            ],
            "text_offset": [offsets.of(token.said) for token in tokens],
        }


def form(operation: Operation, chat: wire.Chat, heading: Heading) -> Form:
    """How the answers to *chat* are written."""
    if operation == "completions":
        return TextForm(heading, prompt=chat.messages[-1].content)
    return ChatForm(heading)


# Below: private.


class _Offsets:
    """Where the tokens of one text begin, in characters: parts of one all where it begins."""

    def __init__(self, start: int) -> None:
        self._next = start
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def of(self, token: Likely) -> int:
        begins = self._next
        self._next += len(self._decoder.decode(bytes(token.written or ())))
        return begins


def _of_chat(tokens: Sequence[SaidToken] | None) -> Mapping[str, Any] | None:
    if tokens is None:
        return None
    content = [
        {**_told(token.said), "top_logprobs": [_told(one) for one in token.likeliest]}
        for token in tokens
    ]
    return {"content": content, "refusal": None}


def _told(token: Likely) -> dict[str, Any]:
    return {"token": token.text, "logprob": token.logprob, "bytes": token.written}


def _name(token: Likely) -> str:
    """A token as completions call it, which have no bytes beside its text."""
    written = bytes(token.written or ())
    return token.text if token.written is None or _is_text(written) else f"bytes:{token.text}"


def _is_text(written: bytes) -> bool:
    try:
        written.decode()
    except UnicodeDecodeError:
        return False
    return True


def _whole(
    heading: Heading, kind: str, choices: Sequence[Mapping[str, Any]], replies: Sequence[Reply]
) -> bytes:
    return msgspec.json.encode(
        {**_head(heading, kind), "choices": choices, "usage": _usage(replies)}
    )


def _chunk(heading: Heading, kind: str, choice: Mapping[str, Any]) -> bytes:
    return wire.event({**_head(heading, kind), "choices": [choice]})


def _closing(heading: Heading, kind: str, replies: Sequence[Reply]) -> bytes:
    last = wire.event({**_head(heading, kind), "choices": [], "usage": _usage(replies)})
    return last + b"data: [DONE]\n\n"


def _head(heading: Heading, kind: str) -> dict[str, Any]:
    return {
        "id": heading.id,
        "object": kind,
        "created": heading.created,
        "model": heading.model,
        "system_fingerprint": heading.system,
    }


def _usage(replies: Sequence[Reply]) -> dict[str, Any]:
    """The prompt once, and what all answers took."""
    read = max(reply.usage.prompt_tokens for reply in replies)
    written = sum(reply.usage.completion_tokens for reply in replies)
    cached = max(reply.usage.cached_tokens for reply in replies)
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
