"""What the store of batches must do, whoever holds one and whoever thinks that it does."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from escalera.domain.batch import NOTHING, Batch, BatchAnswer, BatchError, BatchUsage, BatchWish
from escalera.edges.gateway_store.batches import AT_ONCE, SQLiteBatches
from escalera.errors import StoreUnavailable

NOW = 1_800_000_000.0
NONE = BatchError(code="none", message="of no line")
WISH = BatchWish(
    endpoint="/v1/chat/completions",
    input_file="file-1",
    metadata={"é": "'; --"},
    output_seconds=3600,
)


def batch(number: int = 1, **more) -> Batch:
    """One as it is when it is made."""
    id_ = f"batch_{number:032x}"
    return Batch(**{"id": id_, "wish": WISH, "created": NOW, "expires": NOW + 86_400, **more})


def answer(line: int, *, is_error: bool = False, usage: BatchUsage = NOTHING) -> BatchAnswer:
    record = b'{"line":%d}' % line
    return BatchAnswer(line=line, is_error=is_error, record=record, usage=usage)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """What batches are made of."""
    path = tmp_path / "file-1"
    path.write_bytes(b"requests\n")
    return path


@pytest.fixture
def book(tmp_path: Path) -> Iterator[SQLiteBatches]:
    """Empty."""
    made = SQLiteBatches(tmp_path / "batches")
    yield made
    made.close()


def test_a_batch_comes_back_as_it_was(book, source):
    """With every field; and what it asks stays when the file is deleted."""
    whole = batch(
        owner="team",
        key="key_1",
        status="validating",
        reached={"validating": NOW, "in_progress": NOW + 1},
        errors=(BatchError(code="c", message="m", param="p", line=3), NONE),
        total=5,
        model="m",
        output_file="file-2",
        waits="money",
    )  # fmt: skip
    book.open(whole, source)
    book.open(batch(2), source)
    assert book.get(whole.id) == whole
    assert book.get(batch(2).id) == batch(2)
    assert book.get("batch_unknown") is None
    source.unlink()
    assert book.input(whole.id).read_bytes() == b"requests\n"


def test_pages_by_owner(book, source):
    """Newest first, behind one; somebody else's are not among them."""
    for number, owner in ((1, "a"), (2, "b"), (3, "a"), (4, "a")):
        book.open(batch(number, owner=owner), source)

    def numbers(**wanted) -> list[int]:
        return [int(one.id[6:], 16) for one in book.all(**wanted)]

    assert numbers(owner="a") == [4, 3, 1]
    assert numbers(owner="a", limit=2) == [4, 3]
    assert numbers(owner="a", after=batch(3).id) == [1]
    assert numbers(owner=None) == [4, 3, 2, 1]
    assert numbers(owner="a", after="batch_unknown") == []


def test_one_worker_has_a_batch_until_it_is_silent(book, source):
    """The oldest is taken first; one that speaks keeps it, one that does not loses it."""
    book.open(batch(1), source)
    book.open(batch(2), source)
    first = book.take("one", now=NOW, silent=10)
    assert first == batch(1, starts=1)
    assert book.take("two", now=NOW, silent=10).id == batch(2).id
    assert book.take("two", now=NOW + 9, silent=10) is None
    assert book.beat(first.id, "one", now=NOW + 9, waits="money").waits == "money"
    assert book.get(first.id).waits == "money"
    again = book.take("three", now=NOW + 12, silent=10)
    assert again.id == batch(2).id
    assert again.starts == 2
    assert book.take("three", now=NOW + 12, silent=10) is None
    assert book.take("three", now=NOW + 30, silent=10) == replace(first, starts=2)
    assert book.beat(first.id, "one", now=NOW + 30) is None


def test_what_is_let_go_is_taken_at_once(book, source):
    """By its own worker alone."""
    book.open(batch(), source)
    book.take("one", now=NOW, silent=10)
    book.release(batch().id, "two")
    assert book.take("two", now=NOW, silent=10) is None
    book.release(batch().id, "one")
    assert book.take("two", now=NOW, silent=10).starts == 2


def test_answers_count_once_and_from_the_worker_alone_who_has_it(book, source):
    """Whatever somebody says who lost it, and whatever is said twice."""
    id_ = batch().id
    book.open(batch(total=9), source)
    book.take("one", now=NOW, silent=10)
    found = book.keep(id_, "one", [answer(1), answer(4, is_error=True)])
    assert (found.completed, found.failed) == (1, 1)
    found = book.keep(id_, "one", [answer(1, is_error=True), answer(7)])
    assert (found.completed, found.failed) == (2, 1)
    book.take("two", now=NOW + 20, silent=10)
    assert book.keep(id_, "one", [answer(8)]) is None
    assert book.answered(id_) == {1, 4, 7}
    assert book.answers(id_, errors=False) == [answer(1), answer(7)]
    assert book.answers(id_, errors=True) == [answer(4, is_error=True)]
    assert book.answers(id_, errors=False, after=1, limit=1) == [answer(7)]
    assert book.answers(id_, errors=False, after=7) == []


def test_tokens_count_once(book, source):
    """As answers do; of a batch whose first answers nobody counted nothing is made up."""
    for number, usage in ((1, NOTHING), (2, None)):
        book.open(batch(number, usage=usage), source)
        id_ = book.take("one", now=NOW, silent=10).id
        some = BatchUsage(input=3, cached=1, output=2, reasoning=1)
        book.keep(id_, "one", [answer(1, usage=some), answer(2, usage=BatchUsage(untold=1))])
        book.keep(id_, "one", [answer(1, usage=some), answer(3, usage=some)])
        found = book.get(id_).usage
        whole = BatchUsage(input=6, cached=2, output=4, reasoning=2, untold=1)
        assert found == (None if usage is None else whole)


def test_how_many_are_not_over_is_told(book, source):
    """By their status."""
    for number, status in enumerate(("validating", "in_progress", "in_progress")):
        book.open(batch(number, status=status), source)
    assert book.standing() == {"validating": 1, "in_progress": 2}
    book.change(batch(1).id, lambda found: replace(found, status="cancelled"))
    assert book.standing() == {"validating": 1, "in_progress": 1}


def test_a_change_is_made_of_what_is_there_now(book, source):
    """By anybody, or by the worker as long as it has the batch."""
    id_ = batch().id
    book.open(batch(), source)
    book.take("one", now=NOW, silent=10)

    def cancel(found: Batch) -> Batch:
        return replace(found, status="cancelling")

    assert book.change(id_, cancel).status == "cancelling"
    assert book.beat(id_, "one", now=NOW).status == "cancelling"
    assert book.change(id_, cancel, worker="two") is None
    assert book.change("batch_unknown", cancel) is None
    over = book.change(id_, lambda found: replace(found, status="cancelled"), worker="one")
    assert book.get(id_) == over
    assert book.take("two", now=NOW + 99, silent=10) is None
    assert book.keep(id_, "one", [answer(1)]) is None


def test_what_is_over_is_forgotten_but_for_the_batch(book, source):
    """However many answers there were."""
    id_ = batch().id
    book.open(batch(), source)
    book.take("one", now=NOW, silent=10)
    book.keep(id_, "one", [answer(line) for line in range(2 * AT_ONCE + 1)])
    book.forget(id_)
    assert book.answered(id_) == frozenset()
    assert not book.input(id_).exists()
    assert book.get(id_) is not None
    assert source.exists()


def test_what_a_kill_left_is_swept_at_the_next_start(book, source, tmp_path):
    """Requests of no batch and of one that is over; those that are still needed stay."""
    book.open(batch(1), source)
    book.open(batch(2), source)
    book.change(batch(2).id, lambda found: replace(found, status="completed"))
    orphan, notes = book.input(batch(3).id), tmp_path / "batches" / "notes.jsonl"
    for path in (orphan, notes):
        path.write_bytes(b"x")
    SQLiteBatches(tmp_path / "batches").close()
    assert book.input(batch(1).id).exists()
    assert notes.exists()
    assert not book.input(batch(2).id).exists()
    assert not orphan.exists()


def test_workers_at_once_take_each_batch_once(tmp_path, source):
    """Many of them, on connections of their own."""
    with closing(SQLiteBatches(tmp_path / "batches")) as book:
        for number in range(20):
            book.open(batch(number), source)
    taken: list[str] = []

    def work(name: str) -> None:
        with closing(SQLiteBatches(tmp_path / "batches")) as own:
            while found := own.take(name, now=NOW, silent=10):
                taken.append(found.id)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [batch(number).id for number in range(20)]


def test_where_files_cannot_be_linked_they_are_copied(book, source, monkeypatch):
    """As on a file system that knows no links."""

    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    book.open(batch(), source)
    source.unlink()
    assert book.input(batch().id).read_bytes() == b"requests\n"


def test_a_batch_of_a_file_that_is_gone_is_none(book, tmp_path):
    """Nothing of it is there."""
    with pytest.raises(StoreUnavailable):
        book.open(batch(), tmp_path / "gone")
    assert book.get(batch().id) is None


def test_only_its_owner_may_read_it(book, tmp_path):
    """Answers are as secret as what was asked."""
    mode = (tmp_path / "batches" / "batches.sqlite").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
