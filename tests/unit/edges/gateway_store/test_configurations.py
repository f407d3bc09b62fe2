"""Versions of a configuration on disk."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from escalera.edges.gateway_store.configurations import Configurations
from escalera.errors import InputError, StoreUnavailable


def test_a_new_text_is_a_new_version_and_the_same_is_not(tmp_path: Path) -> None:
    """Numbers go up, and what is in use is the last."""
    found = Configurations(tmp_path / "c")
    assert found.current() is None
    assert found.numbers() == []
    assert [found.add(text).number for text in ("one", "one", "two", "one")] == [1, 1, 2, 3]
    current = found.current()
    assert current is not None
    assert (current.number, current.text) == (3, "one")


def test_going_back_loses_nothing(tmp_path: Path) -> None:
    """The versions after it stay, and the next one has a number of its own."""
    found = Configurations(tmp_path)
    for text in ("one", "two", "three"):
        found.add(text)
    assert found.use(1).text == "one"
    assert Configurations(tmp_path).current() == found.version(1)
    assert found.add("four").number == 4
    assert found.numbers() == [1, 2, 3, 4]


def test_a_refused_version_is_none_to_go_back_to(tmp_path: Path) -> None:
    """What was in use before it is in use again, also nothing; its number is not given again."""
    found = Configurations(tmp_path)
    found.refuse(found.add("bad").number, instead=None)
    assert found.current() is None
    assert found.add("one").number == 2
    found.refuse(found.add("worse").number, instead=2)
    current = found.current()
    assert current is not None
    assert (current.number, current.text) == (2, "one")
    assert found.numbers() == [2]
    assert found.add("two").number == 4


def test_a_version_that_is_not_there(tmp_path: Path) -> None:
    """Nothing changes, and it is told what there is."""
    found = Configurations(tmp_path)
    found.add("one")
    with pytest.raises(InputError, match=r"no version 7; there are \[1\]"):
        found.use(7)
    current = found.current()
    assert current is not None
    assert current.number == 1


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    """A configuration may hold what others should not see."""
    Configurations(tmp_path).add("one")
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("said", [b"", b"x", b"-1", b"\xff"])
def test_what_is_damaged_is_told_with_the_remedy(tmp_path: Path, said: bytes) -> None:
    """Which file, and what to write into it."""
    found = Configurations(tmp_path)
    found.add("one")
    (tmp_path / "current").write_bytes(said)
    with pytest.raises(StoreUnavailable, match=r"current: .*(Write one of \[1\]|there and whole)"):
        found.current()
    (tmp_path / "current").write_text("1\n")
    assert found.current() == found.version(1)
