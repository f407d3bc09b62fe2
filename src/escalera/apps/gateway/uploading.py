"""A form with a file in it, read while it comes: the file's bytes go on, the fields are kept.

Fields may come before the file or behind it. Nothing of the form is kept in memory but the fields
and the first line of the file, which are bounded.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from multipart import (
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

from escalera.apps.gateway import wire
from escalera.apps.gateway.wire import Refusal

MOST_PARTS = 16
"""Parts of a form."""
LONGEST_FIELD = 4096
"""Bytes of a field that is no file."""
LONGEST_HEAD = 1_000_000
"""Bytes of a file's first line that are looked at."""


class Form:
    """One form. Raises `Refusal` for a type that is no form's."""

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        if kind.lower() != "multipart/form-data":
            raise Refusal(
                "The body cannot be read. Send it as 'Content-Type: multipart/form-data'.",
                status=415,
                code="unsupported_media_type",
            )
        try:
            self._parser = PushMultipartParser(
                options.get("boundary", ""), max_segment_count=MOST_PARTS
            )
        except MultipartError as error:
            raise _broken(error) from error
        self._fields: dict[str, str] = {}
        self._filename: str | None = None
        self._head, self._whole = bytearray(), False

    async def file(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The pieces of the part `file`. Raises `Refusal` for what is no form."""
        parser, part, field = self._parser, "", bytearray()
        try:
            async for chunk in body:
                if not chunk:
                    continue
                for event in parser.parse(chunk):
                    if isinstance(event, MultipartSegment):
                        part, field = self._begun(event), bytearray()
                    elif event is None:
                        self._ended(part, field)
                    elif part == "file":
                        self._look(event)
                        yield bytes(event)
                    elif len(field) + len(event) > LONGEST_FIELD:
                        raise _long(part)
                    else:
                        field += event
            parser.close()
        except MultipartError as error:
            raise _broken(error) from error
        if self._filename is None:
            raise Refusal("The form has no part 'file'.", param="file")

    def field(self, name: str) -> str | None:
        """The value of a field, once the form is read."""
        return self._fields.get(name)

    def names(self) -> frozenset[str]:
        """The names of all fields."""
        return frozenset(self._fields)

    @property
    def filename(self) -> str:
        """What the caller calls the file, without folders."""
        return (self._filename or "").replace("\\", "/").rpartition("/")[2] or "file"

    def check_lines(self) -> None:
        """Raises `Refusal` where the file plainly holds no JSON lines: its first one is no object.

        What the others hold is looked at when the file is used, line by line.
        """
        line, end, _ = bytes(self._head).partition(b"\n")
        if not line:
            raise _no_lines("it is empty")
        if end or len(self._head) < LONGEST_HEAD:
            try:
                msgspec.json.decode(line, type=dict[str, msgspec.Raw])
            except wire.UNREADABLE as error:
                raise _no_lines(f"line 1 is no JSON object ({error})") from error
        elif not line.startswith(b"{"):
            raise _no_lines("line 1 is no JSON object")

    # Private

    def _begun(self, segment: MultipartSegment) -> str:
        name = segment.name or ""
        if name in self._fields or (name == "file" and self._filename is not None):
            raise Refusal(f"The form has two parts {name[:100]!r}.", param=name[:100])
        if name == "file":
            self._filename = segment.filename or ""
        return name

    def _ended(self, part: str, field: bytearray) -> None:
        if part != "file":
            try:
                self._fields[part] = field.decode()
            except UnicodeDecodeError as error:
                raise Refusal(f"{part[:100]!r} is no text in UTF-8.", param=part[:100]) from error

    def _look(self, piece: bytes | bytearray) -> None:
        """Take the beginning of the file, up to the end of its first line that says something."""
        if self._whole:
            return
        some = piece if self._head else piece.lstrip()
        self._head += some[: LONGEST_HEAD - len(self._head)]
        self._whole = b"\n" in some or len(self._head) == LONGEST_HEAD


# Below: private.


def _broken(error: MultipartError) -> Refusal:
    if isinstance(error, ParserLimitReached):
        return Refusal(f"The form is larger than forms are: {error}.", status=413)
    return Refusal(f"The form cannot be read: {error}.")


def _long(part: str) -> Refusal:
    told = f"{part[:100]!r} is longer than {LONGEST_FIELD} bytes."
    return Refusal(told, status=413, param=part[:100])


def _no_lines(why: str) -> Refusal:
    return Refusal(
        f"The file is to hold JSON lines (.jsonl): one JSON object on each line, and {why}.",
        code="invalid_file_format",
        param="file",
    )
