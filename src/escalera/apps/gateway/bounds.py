"""How much a request can take at the most, read from its bytes, where its price is known.

A JSON string cannot hold a bare quote, so a name between quotes in the bytes is a name or a whole
value, never a part of what somebody wrote. Tools that a provider runs and bills by the call are
outside these bounds.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from escalera.apps.gateway import fields
from escalera.apps.gateway.asked import Asked
from escalera.apps.gateway.wire import UNREADABLE
from escalera.core.serving import spending


def prompt_tokens(asked: Asked, *, frame: int) -> int:
    """An upper bound of a request's prompt; *frame* is what the gateway itself adds to it.

    A long body is read through once, however often its price is asked for.
    """
    body, counted = asked.body, asked.media
    if counted is None or counted[0] is not body:
        counted = asked.media = body, media(body)
    return spending.most_prompt_tokens(len(body), media=counted[1]) + frame


def media(body: bytes) -> int:
    """Parts of a request that are not text: images, sounds, files.

    A name may be written with escapes, which nobody does by accident: each escaped letter counts.
    """
    find, count = body.find, body.count  # `in` first makes an error of every piece of bytes
    hidden = len(_ESCAPED.findall(body)) if find(b"\\") >= 0 and find(b"\\u00") >= 0 else 0
    if find(b'"type"') < 0 and not hidden:  # every part says its type
        return 0
    return (
        hidden
        + max(count(b'"input_image"'), _half(count(b'"image_url"')))  # chats name it twice
        + _half(count(b'"input_audio"'))
        + _half(count(b'"audio_url"'))
        + _half(count(b'"video_url"'))
        + _half(count(b'"file"'))
        + count(b'"input_file"')
    )


def answer_tokens(asked: Asked, limit: int) -> int:
    """An upper bound of the tokens of all answers, each of which has at most *limit*."""
    if asked.operation not in fields.LIMIT:
        return 0
    tokens = limit * (asked.fields.n or 1)
    if asked.operation == "completions":
        tokens = limit * _completions(asked.body)
    if asked.fields.predicted:  # what is not taken of a prediction is billed as written
        tokens += len(asked.body)
    return tokens


def is_bounded(asked: Asked) -> bool:
    """Whether the whole prompt is in the request, and none of it kept by the provider."""
    if asked.operation != "responses":
        return True
    try:
        found = msgspec.json.decode(asked.body, type=_Kept)
    except UNREADABLE:  # the upstream will refuse it
        return True
    if not (found.previous_response_id is found.conversation is found.prompt is None):
        return False
    items = found.input if isinstance(found.input, list) else ()
    return not any(_is_reference(item) for item in items)


# Below: private.

_ESCAPED = re.compile(rb"\\u00[4-7]")


class _Completions(msgspec.Struct):
    prompt: Any = None
    n: int | None = None
    best_of: int | None = None


class _Kept(msgspec.Struct):
    previous_response_id: Any = None
    conversation: Any = None
    prompt: Any = None
    input: Any = None


def _is_reference(item: Any) -> bool:
    """Whether an item stands for one that the provider keeps; one with an id alone is such, too."""
    if not isinstance(item, dict):
        return False
    kind = item.get("type")
    return kind == "item_reference" or (kind is None and "id" in item and "content" not in item)


def _completions(body: bytes) -> int:
    """How many answers are written: for each of several prompts, and the best of several."""
    try:
        found = msgspec.json.decode(body, type=_Completions)
    except UNREADABLE:  # the upstream will refuse it
        return 1
    prompts = found.prompt
    many = len(prompts) if isinstance(prompts, list) and _holds_several(prompts) else 1
    return many * max(found.n or 1, found.best_of or 1)


def _holds_several(prompts: list[Any]) -> bool:
    """Whether a list is one of prompts, not one prompt's tokens."""
    return bool(prompts) and not isinstance(prompts[0], int)


def _half(count: int) -> int:
    return -(-count // 2)
