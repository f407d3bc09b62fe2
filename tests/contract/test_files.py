"""What every store of files must do, and what the one on disk must survive."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import multiprocessing
import os
import signal
import stat
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from escalera.domain.stored_file import Incoming, Space, StoredFile
from escalera.edges.gateway_store import spooling
from escalera.edges.gateway_store.files import TOGETHER, SQLiteFiles
from escalera.errors import EvidenceMissing, FileTooLarge, StoreUnavailable

NOW = 1_800_000_000.0
ABOUT = Incoming(name="../../é'; --", purpose="batch", owner="team é", created=NOW)


class Clock:
    """Wall time that a test moves."""

    now = NOW

    def __call__(self) -> float:
        return self.now


def names() -> Iterator[str]:
    return (f"file-{number:032x}" for number in itertools.count(1))


def on_disk(folder: Path, clock: Clock | None = None) -> SQLiteFiles:
    return SQLiteFiles(folder, now=clock or Clock(), name=names().__next__)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[SQLiteFiles]:
    """Empty."""
    made = on_disk(tmp_path / "files", clock)
    yield made
    made.close()


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    for piece in data:
        yield piece


def added(store, *data: bytes, space: Space | None = None, **about) -> StoredFile:
    said = {"name": "a.jsonl", "purpose": "batch", "created": NOW, "owner": "anna", **about}
    return asyncio.run(store.add(pieces(*data), lambda: Incoming(**said), space=space))


def test_a_file_comes_back_as_it_was(store):
    """With its digest and all that was said of it; its name is no path."""
    data = [b"x" * (TOGETHER + 1), b"", b"\n{}"]
    whole = b"".join(data)
    found = asyncio.run(store.add(pieces(*data), lambda: ABOUT))
    digest = hashlib.sha256(whole).hexdigest()
    assert found == StoredFile(
        id=found.id, name=ABOUT.name, purpose="batch", size=len(whole), digest=digest,
        created=NOW, owner="team é",
    )  # fmt: skip
    assert store.get(found.id) == found
    assert store.path(found.id).read_bytes() == whole
    assert store.path(found.id).name == found.id
    assert added(store).size == 0


def test_what_is_not_there_is_said_not_to_be(store):
    """By id; and what looks like a path is the id of nothing."""
    for id_ in ("file-0", "", "../files.sqlite", "file-" + "0" * 32):
        assert store.get(id_) is None
        assert not store.remove(id_)
        with pytest.raises(EvidenceMissing):
            store.path(id_)


def test_pages_by_owner_and_purpose(store):
    """Newest first, or oldest first, behind a file; somebody else's are not among them."""
    mine = [added(store, b"1").id for _ in range(3)]
    tuned = added(store, b"1", purpose="fine-tune").id
    other = added(store, b"1", owner="bert").id

    def ids(**wanted):
        return [one.id for one in store.all(**{"owner": "anna", **wanted})]

    assert ids() == [tuned, *reversed(mine)]
    assert ids(oldest_first=True) == [*mine, tuned]
    assert ids(limit=2) == [tuned, mine[2]]
    assert ids(after=mine[2]) == [mine[1], mine[0]]
    assert ids(after=mine[1], oldest_first=True) == [mine[2], tuned]
    assert ids(purpose="fine-tune") == [tuned]
    assert ids(owner=None, limit=1) == [other]
    assert ids(after="file-unknown") == []


def test_a_file_that_was_removed_is_gone(store):
    """Once; whoever reads it reads on."""
    found = added(store, b"data")
    path = store.path(found.id)
    with path.open("rb") as reading:
        assert store.remove(found.id)
        assert reading.read() == b"data"
    assert not path.exists()
    assert store.get(found.id) is None
    assert not store.remove(found.id)


def test_a_file_is_gone_when_it_expires(store, clock):
    """At once for whoever asks, and from the disk when it is swept."""
    found = added(store, b"data", expires=NOW + 10)
    stays = added(store, b"data")
    path = store.path(found.id)
    assert store.sweep() == 0
    clock.now = NOW + 10
    assert store.get(found.id) is None
    assert [one.id for one in store.all(owner="anna")] == [stays.id]
    assert store.sweep() == 1
    assert not path.exists()
    assert store.path(stays.id).exists()


def test_too_much_is_refused_and_leaves_nothing(store):
    """A file that is too long, and an owner's files that are too many; others have their own."""
    space = Space(owner="anna", file=10, total=25)
    with pytest.raises(FileTooLarge, match="has more than the 10 bytes"):
        added(store, b"x" * 6, b"x" * 5, space=space)
    for _ in range(2):
        added(store, b"x" * 10, space=space)
    with pytest.raises(FileTooLarge, match="26 bytes, and 25 are allowed"):
        added(store, b"x" * 6, space=space)
    assert added(store, b"x" * 5, space=space).size == 5
    assert added(store, b"x" * 10, owner="bert", space=replace(space, owner="bert")).size == 10
    assert sum(one.size for one in store.all(owner="anna")) == 25


def test_uploads_at_once_stay_in_bounds_together(store):
    """What is still coming counts."""
    space = Space(owner="anna", file=10, total=15)

    async def story() -> list[object]:
        gate = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield b""
            yield b"x" * 8
            await gate.wait()
            yield b"x"

        about = Incoming(name="a", purpose="batch", created=NOW, owner="anna")
        adding = [
            asyncio.create_task(store.add(slow(), lambda: about, space=space)) for _ in range(2)
        ]
        await asyncio.wait(adding, return_when=asyncio.FIRST_COMPLETED)
        gate.set()
        return await asyncio.gather(*adding, return_exceptions=True)

    found = asyncio.run(story())
    assert sorted(type(one).__name__ for one in found) == ["FileTooLarge", "StoredFile"]


def test_an_upload_that_breaks_off_leaves_nothing(store, tmp_path):
    """Neither for those who ask nor on the disk."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * (TOGETHER + 1)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        asyncio.run(store.add(broken(), lambda: ABOUT))
    assert store.all(owner=None) == []
    assert [*tmp_path.rglob("file-*")] == []


def test_what_was_made_here_is_kept_as_a_copy(store, tmp_path):
    """The file itself stays where it is."""
    made = tmp_path / "made.jsonl"
    made.write_bytes(b"made here")
    found = store.keep(made, ABOUT)
    assert store.path(found.id).read_bytes() == b"made here"
    assert made.exists()


# The one on disk


def test_only_its_owner_may_read_it(tmp_path):
    """Neither the bytes nor the index are for others."""
    with closing(on_disk(tmp_path)) as store:
        found = added(store, b"secret")
        for path in (store.path(found.id), tmp_path / "files.sqlite"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600


def _upload_until_killed(folder: Path, began) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * TOGETHER
            began.set()
            await asyncio.sleep(0.01)

    asyncio.run(on_disk(folder).add(endless(), lambda: ABOUT))


def test_an_upload_that_is_killed_is_swept_and_one_that_goes_on_is_not(tmp_path):
    """Nothing of it is visible, and nothing of it stays after the next start."""
    context = multiprocessing.get_context("spawn")
    began = context.Event()
    uploading = context.Process(target=_upload_until_killed, args=(tmp_path, began))
    uploading.start()
    assert began.wait(30)
    with closing(on_disk(tmp_path)) as store:
        store.sweep()
        assert [path.suffix for path in tmp_path.glob("file-*")] == [spooling.PART]
        os.kill(uploading.pid or 0, signal.SIGKILL)
        uploading.join()
        assert store.all(owner=None) == []
        assert [path.suffix for path in tmp_path.glob("file-*")] == [spooling.PART]
        store.sweep()
        assert [*tmp_path.glob("file-*")] == []


def test_bytes_without_a_row_are_swept(tmp_path):
    """As a kill between the two leaves them; files that are known stay, and what is not ours."""
    with closing(on_disk(tmp_path)) as store:
        found = added(store, b"stays")
        orphan = tmp_path / ("file-" + "f" * 32)
        orphan.write_bytes(b"left")
        other = tmp_path / "file-notes.txt"
        other.write_bytes(b"somebody's")
        store.sweep()
        assert not orphan.exists()
        assert other.exists()
        assert store.path(found.id).read_bytes() == b"stays"


def test_sweeping_does_not_hurt_uploads_that_go_on(tmp_path):
    """Many uploads, and another process's sweeps all the while."""
    with closing(on_disk(tmp_path)) as store, closing(on_disk(tmp_path)) as sweeper:
        ends = threading.Event()

        def sweep() -> None:
            while not ends.is_set():
                sweeper.sweep()

        sweeping = threading.Thread(target=sweep)
        sweeping.start()
        try:
            found = [added(store, b"%d" % number) for number in range(40)]
        finally:
            ends.set()
            sweeping.join()
        for number, one in enumerate(found):
            assert store.path(one.id).read_bytes() == b"%d" % number


def test_a_cancelled_upload_leaves_nothing(tmp_path):
    """Even where a thread still writes for it."""

    async def story(store: SQLiteFiles) -> None:
        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * TOGETHER

        adding = asyncio.create_task(store.add(endless(), lambda: ABOUT))
        await asyncio.sleep(0.2)
        adding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await adding

    with closing(on_disk(tmp_path)) as store:
        asyncio.run(story(store))
        assert [*tmp_path.glob("file-*")] == []


def test_a_folder_that_cannot_be_used_is_said_to_be(tmp_path):
    """With what to look for."""
    (tmp_path / "files").write_text("a file")
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        on_disk(tmp_path / "files")
    store = on_disk(tmp_path / "other")
    (tmp_path / "other" / ("file-" + "0" * 31 + "1.part")).mkdir()
    with closing(store), pytest.raises(StoreUnavailable, match="cannot be written"):
        added(store, b"x")
