"""How bodies are framed: what leaves a doubt, and when bytes are one chunk and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from escalera.edges.http import framing

CHUNKED = (b"transfer-encoding", b"chunked")
SIZED = (b"content-length", b"3")


@pytest.mark.parametrize(
    ("headers", "told", "closes"),
    [
        ([], "", True),
        ([SIZED], "", False),
        ([CHUNKED], "", False),
        ([CHUNKED, SIZED], "both", False),
        ([CHUNKED, CHUNKED], "coding", False),
        ([(b"transfer-encoding", b"gzip")], "coding", False),
    ],
)
def test_a_head_is_read_alike_or_there_is_a_doubt(
    headers: list[tuple[bytes, bytes]], told: str, *, closes: bool
) -> None:
    """Two framings at once, and codings other than chunked, are told."""
    doubt = framing.doubt(headers)
    assert told in doubt
    assert bool(doubt) == bool(told)
    assert framing.ends_with_connection(headers) == closes


@given(st.binary(min_size=1, max_size=300))
@example(b"4\r\n4")
def test_one_chunk_is_known_by_its_size(data: bytes) -> None:
    """Where its data begin is told; of another size, with more behind it or cut off it is none."""
    size = b"%x\r\n" % len(data)
    chunk = size + data + b"\r\n"
    assert framing.chunk_data(chunk) == len(size)
    assert framing.is_chunk(chunk, data) == (not data.startswith(size))
    for other in (chunk[:-1], chunk + b"0", chunk + chunk, b"0" + chunk, chunk[1:]):
        assert framing.chunk_data(other) == 0 or other == chunk
        assert not framing.is_chunk(other, data)


@pytest.mark.parametrize(
    "came",
    [b"0\r\n\r\n", b"", b"\r\n", b"A\r\n0123456789\r\n", b"3;a=b\r\nabc\r\n", b"+3\r\nabc\r\n"],
)
def test_the_last_chunk_and_rare_spellings_are_left_to_the_parser(came: bytes) -> None:
    """Also sizes in capitals, and extensions."""
    assert framing.chunk_data(came) == 0
