"""Pieces: all bytes at their places, whatever the parts, in round pieces."""

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.edges.merging import pieces
from escalera.edges.merging.pieces import PIECE, Pieces


def written(path, place, parts):
    """What a file holds after all parts; it was as long before."""
    length = place + sum(len(part) for part in parts)
    path.write_bytes(b"\xff" * (length + 5))
    file = os.open(path, os.O_RDWR)
    try:
        found = Pieces(file, place)
        for part in parts:
            buffer = bytearray(part)
            found.write(memoryview(buffer))
            buffer[:] = bytes(len(buffer))
        found.close()
    finally:
        os.close(file)
    return path.read_bytes()


@given(
    place=st.integers(0, 3 * PIECE),
    lengths=st.lists(
        st.sampled_from([0, 1, 999, PIECE - 1, PIECE, 2 * PIECE, 150_001]), max_size=6
    ),
)
@settings(max_examples=40, deadline=None)
def test_every_byte_is_at_its_place(tmp_path_factory, place, lengths):
    """Nothing before or after is touched; a part may be overwritten once it was taken."""
    parts = [bytes([n + 1]) * length for n, length in enumerate(lengths)]
    found = written(tmp_path_factory.mktemp("p") / "f", place, parts)
    assert found == b"\xff" * place + b"".join(parts) + b"\xff" * 5


def test_pieces_end_at_round_places_and_short_writes_are_gone_on_with(tmp_path, monkeypatch):
    """All but the last do; a system may write less than it was asked to."""
    ends = []

    def short(file, buffers, place):
        whole = b"".join(buffers)
        ends.append(place + len(whole))
        return os.pwrite(file, whole[: max(1, len(whole) // 2)], place)

    monkeypatch.setattr(pieces.os, "pwritev", short)
    parts = [os.urandom(100_000) for _ in range(4)]
    assert written(tmp_path / "f", 77, parts)[77:-5] == b"".join(parts)
    assert all(end % PIECE == 0 for end in ends[:-1])
    assert ends[-1] == 77 + 400_000
