"""Which lines of a file that grows count."""

from __future__ import annotations

import pytest

from escalera.core.data.appended import whole


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        (b"", b""),
        (b'{"n": 1}\n', b'{"n": 1}\n'),
        (b'{"n": 1}\n{"n": 2}', b'{"n": 1}\n{"n": 2}'),
        (b'{"n": 1}\n{"n": 2', b'{"n": 1}\n'),
        (b'{"n": 1}\n{"n": "\xc3', b'{"n": 1}\n'),
        (b"\0\0\0", b""),
    ],
)
def test_a_torn_last_line_does_not_count(data: bytes, kept: bytes) -> None:
    """One that is whole does, also without its end: an editor leaves that."""
    assert whole(data) == kept
