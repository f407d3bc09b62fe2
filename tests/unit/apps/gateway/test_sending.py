"""Files as responses, and ranges of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from starlette.requests import Request

from escalera.apps.gateway import sending
from escalera.apps.gateway.wire import Refusal

DATA = bytes(range(256)) * 4000


def sent(folder: Path, *, data: bytes = DATA, method: str = "GET", **fields: str):
    """Status, headers and body."""
    path = folder / "bytes"
    path.write_bytes(data)
    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    request = Request({"type": "http", "method": method, "headers": headers})

    async def story():
        made = await sending.sent(
            request, path, size=len(data), name='a\r\nX: "é".jsonl', digest="d"
        )
        path.unlink()  # it is sent to its end all the same
        if method == "HEAD":
            return made.status_code, dict(made.headers), made.body
        pieces = [piece async for piece in made.body_iterator]
        return made.status_code, dict(made.headers), b"".join(pieces)

    return asyncio.run(story())


def test_all_of_a_file(tmp_path):
    """To be saved, not to be shown, under a name that breaks no header."""
    status, headers, body = sent(tmp_path)
    assert (status, body) == (200, DATA)
    assert headers["content-length"] == str(len(DATA))
    assert headers["etag"] == '"d"'
    assert headers["content-disposition"] == (
        "attachment; filename*=utf-8''a%0D%0AX%3A%20%22%C3%A9%22.jsonl"
    )
    assert headers["x-content-type-options"] == "nosniff"


def test_the_head_alone(tmp_path):
    """Says how long it is, and holds nothing."""
    status, headers, body = sent(tmp_path, method="HEAD")
    assert (status, body, headers["content-length"]) == (200, b"", str(len(DATA)))


@pytest.mark.parametrize(
    ("range_", "part", "said"),
    [
        ("bytes=0-0", DATA[:1], "bytes 0-0/1024000"),
        ("bytes=5-", DATA[5:], "bytes 5-1023999/1024000"),
        ("bytes=-7", DATA[-7:], "bytes 1023993-1023999/1024000"),
        ("bytes=300000-900000", DATA[300_000:900_001], "bytes 300000-900000/1024000"),
        ("bytes=1023999-9999999", DATA[-1:], "bytes 1023999-1023999/1024000"),
        ("bytes=-9999999", DATA, "bytes 0-1023999/1024000"),
    ],
)
def test_a_range(tmp_path, range_, part, said):
    """From either end, and cut at the end."""
    status, headers, body = sent(tmp_path, range=range_)
    assert (status, headers["content-range"]) == (206, said)
    assert headers["content-length"] == str(len(part))
    assert body == part


@pytest.mark.parametrize(
    "range_",
    ["bytes=-", "bytes=5-3", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "bytes=" + "9" * 99],
)
def test_what_is_no_range_is_all_of_it(tmp_path, range_):
    """And so are several."""
    status, _, body = sent(tmp_path, range=range_)
    assert (status, body) == (200, DATA)


def test_a_range_of_another_file_is_all_of_this(tmp_path):
    """Whoever goes on with a download gets the same bytes, or all."""
    assert sent(tmp_path, range="bytes=0-1", if_range='"d"')[0] == 206
    assert sent(tmp_path, range="bytes=0-1", if_range='"other"')[0] == 200


def test_a_range_behind_the_end_is_refused(tmp_path):
    """Of an empty file every one is; all of it is there."""
    with pytest.raises(Refusal, match="has 1024000 bytes") as caught:
        sent(tmp_path, range="bytes=1024000-")
    assert caught.value.status == 416
    with pytest.raises(Refusal):
        sent(tmp_path, data=b"", range="bytes=-5")
    assert sent(tmp_path, data=b"")[2] == b""
