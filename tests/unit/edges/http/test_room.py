"""Whether there is room for another file or connection."""

from __future__ import annotations

import errno
import socket

import pytest
from tests.unit.edges.http.crowded import crowded

from escalera.edges.http import room


@pytest.mark.parametrize(("left", "scarce"), [(0, True), (1, True), (32, True), (33, False)])
def test_an_eighth_is_kept(left: int, *, scarce: bool) -> None:
    """Of 256 the last 32; whoever closes something makes room again."""
    with crowded(left):
        assert room.is_scarce() is scarce
    assert not room.is_scarce()


def test_no_more_than_a_bound_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a process may have many, an eighth of them would be a waste; without a limit none."""
    infinite = room.resource.RLIM_INFINITY
    for granted, highest in ((64, 56), (65_536, 65_536 - 512), (infinite, float("inf"))):
        monkeypatch.setattr(room.resource, "getrlimit", lambda _, granted=granted: (granted, 0))
        assert room._highest() == highest


def test_what_else_goes_wrong_is_not_for_want_of_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is unknown is one thing; that it cannot be looked up now is another."""
    assert room.is_missing(OSError(errno.EMFILE, "Too many open files"))
    assert room.is_missing(OSError(errno.ENFILE, "Too many open files in system"))
    assert not room.is_missing(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"))
    assert not room.is_missing(UnicodeError("label too long"))
    assert not room.is_missing(socket.gaierror(socket.EAI_NONAME, "unknown"))
    monkeypatch.setattr(room, "is_scarce", lambda: True)
    assert room.is_missing(socket.gaierror(socket.EAI_AGAIN, "try again"))
