"""A worker goes on saying how it stands, whatever the disk does."""

from __future__ import annotations

import pytest

from escalera.apps.gateway.metrics import Metrics
from escalera.apps.gateway.standing import Standing, Voice


class Disk:
    """Files of slots; `full` makes writing fail, `gone` reading."""

    def __init__(self) -> None:
        self.texts: dict[int, bytes] = {}
        self.full = self.gone = False

    def write(self, slot: int, text: bytes) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.texts[slot] = text

    def read(self, slot: int) -> bytes | None:
        if self.gone:
            raise OSError(24, "Too many open files")
        return self.texts.get(slot)


def standing(version: int) -> Standing:
    return Standing(slot=1, pid=7, version=version, names=["m"], metrics=Metrics().snapshot())


def test_the_last_word_is_read_by_who_comes_after() -> None:
    """Nothing where there is none, or what is there cannot be read."""
    disk = Disk()
    voice = Voice(disk, 1, lambda _: None)
    assert voice.before() is None
    voice.say(standing(3))
    assert voice.before() == standing(3)
    disk.gone = True
    assert voice.before() is None
    disk.gone, disk.texts[1] = False, b"{"
    assert voice.before() is None


@pytest.mark.parametrize("seconds", [1, 5])
def test_a_full_disk_is_told_once_and_outlived(seconds: int) -> None:
    """The old word stays; as soon as there is room, the present one takes its place."""
    disk, told = Disk(), []
    voice = Voice(disk, 1, told.append)
    voice.say(standing(1))
    disk.full = True
    for _ in range(seconds):
        voice.say(standing(2))
    assert len(told) == 1
    assert "worker 1 cannot write how it stands ([Errno 28]" in told[0]
    assert voice.before() == standing(1)
    disk.full = False
    for _ in range(2):
        voice.say(standing(2))
    assert told[1:] == ["worker 1 can write how it stands again"]
    assert voice.before() == standing(2)
