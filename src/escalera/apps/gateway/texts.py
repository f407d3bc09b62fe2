"""The texts of OpenAI-shaped JSON, and bodies with other texts in their place: pure, on bytes.

What people and models said is found by where it stands; names of functions, descriptions of tools,
images and sound are not texts. Where a text is replaced, every other byte of the body stays as it
was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

import msgspec

from escalera.apps.gateway import halves
from escalera.domain.traffic import Operation
from escalera.errors import InputError

Path: TypeAlias = tuple[str | int, ...]
"""Keys and places from the top of a body to a value."""


class Slot(msgspec.Struct, frozen=True):
    """A text and where it stands; `role` is that of its message, empty where it has none.

    `escaped`: it is JSON itself, as the arguments of a call are, and mostly their results.
    """

    path: Path
    text: str
    role: str = ""
    escaped: bool = False


BEGINNING = 64
"""Characters of a text by which it is told whether it is JSON."""


class GivenTwice(InputError):
    """A name is given twice in one object: two readers may see two texts."""


@dataclass(frozen=True, eq=False)
class Shape:
    """Where texts stand in a value: in itself if it is a string, in its members, in its items.

    `every`: in each member, whatever a caller has named it.
    """

    text: Literal["", "text", "json"] = ""
    members: Mapping[str, Shape] = field(default_factory=dict)
    items: Shape | None = None
    every: Shape | None = None

    @cached_property
    def named(self) -> re.Pattern[bytes]:
        """What finds the name of a member, spelled plainly."""
        names = b"|".join(re.escape(name.encode()) for name in self.members)
        return re.compile(b'"(?:%s)"' % names)


_NONE, _TEXT, _JSON = Shape(), Shape("text"), Shape("json")


def _members(**shapes: Shape) -> Shape:
    return Shape(members=shapes)


def _parts(**shapes: Shape) -> Shape:
    """A text, or parts of which each is one or has some in its members."""
    return Shape("text", items=Shape("text", members=shapes))


_PARTS = _parts(text=_TEXT, refusal=_TEXT, thinking=_parts(text=_TEXT))
_TEXTS = _parts()
_SAID = _members(
    content=_PARTS,
    refusal=_TEXT,
    reasoning_content=_TEXT,
    reasoning=_TEXT,
    tool_calls=Shape(
        items=_members(function=_members(arguments=_JSON), custom=_members(input=_TEXT))
    ),
    function_call=_members(arguments=_JSON),
)
_ITEM = Shape(
    "text",
    members={
        "content": _PARTS,
        "summary": _parts(text=_TEXT),
        "arguments": _JSON,
        "input": _TEXT,
        "output": _parts(text=_TEXT, refusal=_TEXT, stdout=_TEXT, stderr=_TEXT),
        "code": _TEXT,
        "outputs": _parts(logs=_TEXT),
        "results": _parts(text=_TEXT),
        "action": _members(command=_TEXTS, commands=_TEXTS, query=_TEXT, queries=_TEXTS),
        "operation": _members(diff=_TEXT),
    },
)
_OUTPUT = _members(output=Shape(items=_ITEM), output_text=_TEXT)
_MESSAGES = Shape(items=_SAID)
_VARIABLES = Shape(every=Shape("text", members={"text": _TEXT}))
"""Of a prompt that the provider keeps: what a caller puts into it."""

REQUESTS: Mapping[Operation, Shape] = {
    "chat": _members(
        messages=_MESSAGES,
        prediction=_members(content=_PARTS),
        documents=Shape(items=Shape("text", every=_TEXT)),
    ),
    "completions": _members(prompt=_TEXTS, suffix=_TEXT),
    "embeddings": _members(input=_TEXTS, messages=_MESSAGES),
    "responses": _members(
        instructions=_TEXT, input=Shape("text", items=_ITEM), prompt=_members(variables=_VARIABLES)
    ),
}
ANSWERS: Mapping[Operation, Shape] = {
    "chat": _members(choices=Shape(items=_members(message=_SAID))),
    "completions": _members(choices=Shape(items=_members(text=_TEXT))),
    "embeddings": _NONE,
    "responses": _OUTPUT,
}
WHOLE = _members(
    text=_TEXT,
    refusal=_TEXT,
    arguments=_JSON,
    input=_TEXT,
    code=_TEXT,
    part=_members(text=_TEXT, refusal=_TEXT),
    item=_ITEM,
    response=_OUTPUT,
)
"""What events of responses that end something repeat of it."""


def of_request(operation: Operation, body: bytes) -> list[Slot]:
    """The texts that a caller sends.

    Raises `GivenTwice` for a name that is there twice in one object, `InputError` for no JSON.
    """
    return slots(_strict(body), REQUESTS[operation])


def of_answer(operation: Operation, body: bytes) -> list[Slot]:
    """The texts of a whole answer; errors as above."""
    if ANSWERS[operation] is _NONE:
        return []
    return slots(_strict(halves.mended(body)), ANSWERS[operation])


def slots(value: Any, shape: Shape) -> list[Slot]:
    """The texts of a decoded body of this *shape*, in their order."""
    found: list[Slot] = []
    _walk(value, shape, (), "", found)
    return found


def around_request(operation: Operation, body: bytes) -> str | None:
    """A stretch of *body* in which each text of a request stands as readers read it, between
    quotes; None where that takes reading it.
    """
    return _around(body, REQUESTS[operation])


def around_answer(operation: Operation, body: bytes) -> str | None:
    """The same of the texts of a whole answer."""
    return _around(body, ANSWERS[operation])


def in_request(body: bytes, texts: Mapping[Path, str]) -> bytes:
    """*body* with other texts at their paths; every other byte is as it was."""
    return _replaced(body, texts, blank="")


def in_answer(body: bytes, texts: Mapping[Path, str]) -> bytes:
    """The same, and nothing for the log probabilities, whose tokens would tell the old texts."""
    return _replaced(body, texts, blank="logprobs")


def with_value(body: bytes, at: Path, value: bytes) -> bytes:
    """*body* with other JSON at a path; every other byte is as it was."""
    for path, start, end in _values(body):
        if path == at:
            return b"".join((body[:start], value, body[end:]))
    raise KeyError(at)


def replaced_once(body: bytes, key: str, path: Path, text: str) -> bytes:
    """`in_answer` for one text under *key*: quick where the key is there only once."""
    name = b'"%s"' % key.encode()
    told = _LOGPROBS.search(body) if b'"logprobs"' in body else None  # it reads byte by byte
    if (
        told is None
        and body.count(name) == 1
        and (found := _MEMBER.match(body, body.index(name) + len(name)))
    ):
        return b"".join((body[: found.start(1)], encoded(text), body[found.end(1) :]))
    return in_answer(body, {path: text})


def encoded(text: str) -> bytes:
    """A JSON string."""
    try:
        return msgspec.json.encode(text)
    except UnicodeEncodeError:  # half a surrogate pair, which a caller may well send
        return json.dumps(text).encode()


def is_json(text: str) -> bool | None:
    """Whether *text* begins as an object or an array does; None where more of it has to come before
    that can be told. A number alone in brackets is a mark of a source more often than an array.
    """
    found = _BEGUN.match(text, 0, BEGINNING)
    if found is not None and found.lastgroup == "more":
        return None if len(text) < BEGINNING else False
    return found is not None


def is_whole_json(text: str) -> bool:
    """Whether all of *text* is JSON."""
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return False
    return True


# Below: private.

_BARE = r"(?:-?\d[\d.eE+-]*|null|true|false)\s*"
_BARE_BEGUN = r"(?:-|n|nu|nul|t|tr|tru|f|fa|fal|fals)"
_BEGUN = re.compile(
    rf"\s*(?:\{{\s*(?P<name>\")|\[\s*(?P<item>[\"\[{{]|{_BARE},)"
    rf"|(?P<more>(?:[\[{{]?\s*|\[\s*(?:{_BARE}|{_BARE_BEGUN}))\Z))"
)
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_LOGPROBS = re.compile(rb'"logprobs"\s*:\s*(?!null|\[\s*\])')
_MEMBER = re.compile(rb'\s*:\s*("[^"\\]*(?:\\.[^"\\]*)*")', re.DOTALL)


_PLAIN = ((b"\\n", b"\n"), (b'\\"', b'"'), (b"\\t", b"\t"), (b"\\r", b"\r"), (b"\\/", b"/"))
"""Escapes that may be undone without reading, as long as no backslash is itself escaped."""


def _around(body: bytes, shape: Shape) -> str | None:
    """From the first name on under which texts may stand; it is spelled plainly, if it is there."""
    if not shape.members:
        return None
    if b"\\" in body:
        if b"\\\\" in body:
            return None
        for escaped, plain in _PLAIN:
            body = body.replace(escaped, plain)
        if b"\\" in body:
            return None
    found = shape.named.search(body)
    try:
        return None if found is None else body[found.start() :].decode()
    except UnicodeDecodeError:
        return None


def _replaced(body: bytes, texts: Mapping[Path, str], *, blank: str) -> bytes:
    found: list[tuple[int, int, bytes]] = []
    for path, start, end in _values(body):
        if path in texts:
            found.append((start, end, encoded(texts[path])))
        elif blank and path and path[-1] == blank:
            found.append((start, end, b"[]" if body[start] == ord("[") else b"null"))
    pieces, at = [], 0
    for start, end, new in sorted(found):
        if start >= at:
            pieces += [body[at:start], new]
            at = end
    return b"".join(pieces) + body[at:]


def _strict(body: bytes) -> Any:
    """The value of *body*, in which no name is given twice."""
    try:
        value = msgspec.json.decode(body)
        plain = msgspec.json.encode(value)
        if plain == body or (len(plain) < len(body) and _spaced(plain) == body):
            return value  # what was written from objects without such names has none
        return _DECODER.decode(body.decode())
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise InputError(f"The body is not JSON: {error}.") from error


def _spaced(plain: bytes) -> bytes:
    """The same JSON with a space behind each comma and colon, as many programs write it."""
    return msgspec.json.format(plain, indent=0)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise GivenTwice(f"The body gives {twice!r} twice in one object; give it once.")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_object)


def _walk(value: Any, shape: Shape, path: Path, role: str, found: list[Slot]) -> None:
    kind = type(value)
    if kind is str:
        if value and shape.text:
            found.append(Slot(path, value, role, shape.text == "json" or is_json(value) is True))
    elif kind is dict:
        members, every = shape.members, shape.every
        if members or every is not None:
            own = value.get("role") if members else None
            role = own if type(own) is str else role
            for name, inner in value.items():
                if inner and (of := members.get(name, every)) is not None:
                    _walk(inner, of, (*path, name), role, found)
    elif kind is list and shape.items is not None:
        for place, inner in enumerate(value):
            _walk(inner, shape.items, (*path, place), role, found)


def _values(body: bytes) -> Iterator[tuple[Path, int, int]]:
    """Every value of a body that is JSON: its path, and where it starts and ends."""
    path: list[str | int] = []
    opened: list[int] = []
    key = False  # whether a string is the name of a member
    for token in _TOKEN.finditer(body):
        first = body[token.start()]
        if first in b"{[":
            opened.append(token.start())
            path.append("" if first == 123 else 0)
            key = first == 123
        elif first in b"}]":
            path.pop()
            yield tuple(path), opened.pop(), token.end()
            key = False
        elif first == 44:  # a comma
            if isinstance(path[-1], int):
                path[-1] += 1
            else:
                key = True
        elif first == 58:  # a colon
            key = False
        elif key:
            path[-1] = msgspec.json.decode(token[0])
        else:
            yield tuple(path), token.start(), token.end()
