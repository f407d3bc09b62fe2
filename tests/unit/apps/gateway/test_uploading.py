"""Reading a form while it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from escalera.apps.gateway import uploading
from escalera.apps.gateway.uploading import Form
from escalera.apps.gateway.wire import Refusal

TYPE = "multipart/form-data; boundary=b"
LINE = b'{"a":1}\n'


def part(data: bytes, *about: bytes) -> bytes:
    """A part with what is said of it."""
    return b"--b\r\n" + b"\r\n".join(about) + b"\r\n\r\n" + data + b"\r\n"


def file(data: bytes = LINE, name: bytes = b"a.jsonl") -> bytes:
    return part(data, b'Content-Disposition: form-data; name="file"; filename="' + name + b'"')


def field(name: bytes, value: bytes) -> bytes:
    return part(value, b'Content-Disposition: form-data; name="' + name + b'"')


END = b"--b--\r\n"


def read(form: Form, *chunks: bytes) -> bytes:
    async def body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def story() -> bytes:
        return b"".join([piece async for piece in form.file(body())])

    return asyncio.run(story())


def refused(*chunks: bytes, kind: str = TYPE) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(Form(kind), *chunks)
    return caught.value


@pytest.mark.parametrize("fields_first", [True, False])
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_form_is_read_however_it_is_cut(fields_first, size):
    """Fields before the file as from Python's client, or behind it as from npm's."""
    fields = field(b"purpose", b"batch") + field(b"expires_after[seconds]", b"3600")
    data = LINE * 50 + b"\r\n--not-the-boundary\r\n"
    whole = fields + file(data) + END if fields_first else file(data) + fields + END
    form = Form(TYPE)
    assert read(form, *(whole[at : at + size] for at in range(0, len(whole), size))) == data
    assert form.field("purpose") == "batch"
    assert form.names() == {"purpose", "expires_after[seconds]"}
    assert form.filename == "a.jsonl"


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (b"../../etc/passwd", "passwd"),
        (b"/etc/passwd", "passwd"),
        (b"C:\\\\Users\\\\x\\\\a.jsonl", "a.jsonl"),
        (b"..", ".."),
        (b"", "file"),
        (b"folder/", "file"),
        ("é 雪.jsonl".encode(), "é 雪.jsonl"),
    ],
)
def test_a_name_is_a_word_without_folders(said, name):
    """Whatever a caller calls a file."""
    form = Form(TYPE)
    read(form, file(name=said), END)
    assert form.filename == name


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("", 415),
        ("application/json", 415),
        ("multipart/mixed; boundary=b", 415),
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
        ("multipart/form-data; charset=utf-8", 400),
    ],
)
def test_what_is_no_form_is_refused_by_its_head(kind, status):
    """Before anything of the body is read."""
    with pytest.raises(Refusal) as caught:
        Form(kind)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("chunks", "status", "said"),
    [
        ((), 400, "cannot be read"),
        ((file(),), 400, "cannot be read"),
        ((file()[:-5],), 400, "cannot be read"),
        ((b"--c\r\n\r\n\r\n--c--",), 400, "cannot be read"),
        ((b"x" * 100_000,), 400, "cannot be read"),
        ((END,), 400, "no part 'file'"),
        ((field(b"purpose", b"batch"), END), 400, "no part 'file'"),
        ((file(), file(), END), 400, "two parts 'file'"),
        ((field(b"a", b"1"), field(b"a", b"2"), file(), END), 400, "two parts 'a'"),
        ((field(b"a", b"\xff"), END), 400, "UTF-8"),
        ((field(b"a", b"x" * 5000), END), 413, "longer than 4096"),
        ((b"--b\r\nX-Huge: " + b"x" * 100_000,), 413, "larger than forms are"),
        ((b"--b\r\n" + b"X: y\r\n" * 100,), 413, "larger than forms are"),
        (tuple(field(b"%d" % n, b"") for n in range(50)), 413, "larger than forms are"),
        ((part(b"x", b"Content-Type: text/plain"), END), 400, "cannot be read"),
        ((b"--b\r\nContent-Disposition: form-data; name=\xff\r\n\r\n",), 400, "cannot be read"),
    ],
)
def test_a_form_that_is_broken_or_too_large_is_refused(chunks, status, said):
    """In words, whatever is wrong with it."""
    found = refused(*chunks)
    assert found.status == status
    assert said in found.message


@pytest.mark.parametrize(
    "data",
    [
        LINE,
        b'{"a":1}',
        b'\n \r\n{"a":1}\nwhat comes later is looked at later',
        b'{"a":"' + b"x" * uploading.LONGEST_HEAD,
        b"\n" * (uploading.LONGEST_HEAD + 5) + LINE,
    ],
)
def test_what_may_hold_json_lines_is_taken(data):
    """By its first line, as far as that is looked at."""
    form = Form(TYPE)
    read(form, file(data), END)
    form.check_lines()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it is empty"),
        (b" \n\n", "it is empty"),
        (b"[1]\n", "line 1 is no JSON object"),
        (b'{"a":1', "line 1 is no JSON object"),
        (b'{\n "a": 1\n}', "line 1 is no JSON object"),
        (b"PK\x03\x04\x00\xff", "line 1 is no JSON object"),
        (b"a,b\n1,2\n", "line 1 is no JSON object"),
        (b"[" * (uploading.LONGEST_HEAD + 1), "line 1 is no JSON object"),
    ],
)
def test_what_plainly_holds_none_is_refused(data, said):
    """As OpenAI refuses it at once, and not when a job has waited for it."""
    form = Form(TYPE)
    read(form, file(data), END)
    with pytest.raises(Refusal, match=said) as caught:
        form.check_lines()
    assert caught.value.param == "file"
