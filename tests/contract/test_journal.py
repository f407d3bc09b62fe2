"""What every journal must do, and what the one on disk must survive."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from escalera.core.ladder.steps import Call
from escalera.domain.event import Failed, Judged
from escalera.domain.message import Decoding, Usage
from escalera.domain.system import Prompt, System
from escalera.edges.journal.sqlite import SQLiteJournal
from escalera.errors import JournalConflict, JournalCorrupt, JournalError
from escalera.ports import Journal
from escalera.testing import playbook
from escalera.testing.memory import MemoryJournal


def event(number: int) -> Failed:
    return Failed(step=str(number), cause="é \n ' \" \\ \x00", retryable=bool(number % 2))


EVENTS = [event(number) for number in range(6)]


@pytest.fixture(params=["memory", "sqlite"])
def journal(request: pytest.FixtureRequest, tmp_path: Path):
    """Every implementation, empty."""
    made: Journal = (
        MemoryJournal() if request.param == "memory" else SQLiteJournal(tmp_path / "j.sqlite")
    )
    yield made
    made.close()


def test_it_begins_empty(journal: Journal) -> None:
    """Nothing has happened yet."""
    assert list(journal.events()) == []


def test_events_come_back_in_order_and_unchanged(journal: Journal) -> None:
    """Over several appends, read twice."""
    journal.append(EVENTS[:1])
    journal.append(EVENTS[1:4])
    journal.append(EVENTS[4:])
    assert list(journal.events()) == EVENTS
    assert list(journal.events()) == EVENTS


def test_bought_answers_are_found_by_their_requests(journal: Journal) -> None:
    """Those that were bought, and no others; many keys at a time; before and after more events."""
    task = playbook.task("a", items={"confirm": 40})
    project = playbook.project(task)
    system = System(model="m", revision="r", prompt=Prompt(), decoding=Decoding())
    asked = [
        playbook.observed(project, Call(system=system, item=item), 1.0)
        for item in task.items("confirm")
    ]
    copied = replace(asked[0], system="another", bought=False)
    journal.append([*asked[:30], copied])
    keys = [answer.request for answer in asked]
    assert journal.bought([*keys, "nothing", "'); drop table journal; --"]) == {
        answer.request: answer for answer in asked[:30]
    }
    journal.append([EVENTS[0], *asked[30:]])
    assert journal.bought(keys) == {answer.request: answer for answer in asked}
    assert journal.bought([]) == {}


def test_bought_grades_are_found_by_their_requests(journal: Journal) -> None:
    """Those that were bought; grades are no answers, and answers no grades."""
    grades = [
        Judged(
            system="s",
            item="a/1",
            item_digest="i",
            repeat=0,
            task="a",
            answer="x",
            judge="j",
            order="alone",
            draw=draw,
            turn=0,
            grade=None,
            reason="no verdict",
            request=f"q{draw}",
            bought=draw < 2,
            reply="",
            finish="stop",
            attempts=1,
            usage=Usage(prompt_tokens=1, completion_tokens=0),
            micro_dollars=None,
            revision="r",
            seconds=0.0,
        )
        for draw in range(3)
    ]
    journal.append([EVENTS[0], *grades])
    assert journal.judged(["q0", "q1", "q2", "q3"]) == {"q0": grades[0], "q1": grades[1]}
    assert journal.bought(["q0", "q1"]) == {}
    assert journal.judged([]) == {}


def test_equal_events_are_two_events(journal: Journal) -> None:
    """The same failure twice happened twice."""
    journal.append([EVENTS[0], EVENTS[0]])
    assert list(journal.events()) == [EVENTS[0], EVENTS[0]]


def test_appending_nothing_changes_nothing(journal: Journal) -> None:
    """An empty group is no event."""
    journal.append(EVENTS[:2])
    journal.append([])
    assert list(journal.events()) == EVENTS[:2]


def test_an_append_is_all_or_nothing(journal: Journal) -> None:
    """A group that breaks half way leaves no part of itself, and the journal goes on."""

    class Broken(list):
        def __iter__(self):
            yield EVENTS[1]
            raise RuntimeError("half way")

    journal.append(EVENTS[:1])
    with pytest.raises(RuntimeError):
        journal.append(Broken([0, 0]))
    assert list(journal.events()) == EVENTS[:1]
    journal.append(EVENTS[1:2])
    assert list(journal.events()) == EVENTS[:2]


# The journal on disk.


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A journal of six events in a folder that did not exist."""
    path = tmp_path / "new" / "journal.sqlite"
    with closing(SQLiteJournal(path)) as journal:
        journal.append(EVENTS)
    return path


def read(file: Path) -> list[object]:
    with closing(SQLiteJournal(file)) as journal:
        return list(journal.events())


def tamper(file: Path, *statements: str) -> None:
    """What somebody with the file and without its triggers can do."""
    with closing(sqlite3.connect(file)) as connection:
        for name in ("update", "delete"):
            connection.execute(f"drop trigger journal_is_append_only_{name}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_it_is_there_after_reopening(file: Path) -> None:
    """A second process reads what the first wrote, goes on, and knows the head."""
    with closing(SQLiteJournal(file)) as journal:
        assert list(journal.events()) == EVENTS
        journal.append([event(6)])
        head = journal.head
    with closing(SQLiteJournal(file)) as journal:
        assert list(journal.events()) == [*EVENTS, event(6)]
        assert journal.head == head


def test_it_can_be_continued_without_being_read_first(file: Path) -> None:
    """The first append finds the end by itself."""
    with closing(SQLiteJournal(file)) as journal:
        journal.append([event(6)])
    assert read(file) == [*EVENTS, event(6)]


def test_equal_histories_have_equal_heads(tmp_path: Path) -> None:
    """The head is a hash of all events, however they were grouped."""
    heads = set()
    for name, groups in {"a": [EVENTS], "b": [EVENTS[:2], EVENTS[2:]]}.items():
        with closing(SQLiteJournal(tmp_path / name)) as journal:
            for group in groups:
                journal.append(group)
            heads.add(journal.head)
    assert len(heads) == 1


def test_the_second_of_two_writers_is_refused(file: Path) -> None:
    """Its decisions rest on a journal that has moved on; after reading again it may write."""
    with closing(SQLiteJournal(file)) as first, closing(SQLiteJournal(file)) as second:
        assert len(list(first.events())) == len(list(second.events())) == 6
        first.append([event(6)])
        with pytest.raises(JournalConflict, match="another process"):
            second.append([event(7), event(8)])
        assert read(file) == [*EVENTS, event(6)]
        assert len(list(second.events())) == 7
        second.append([event(7)])
    assert read(file) == [*EVENTS, event(6), event(7)]


@pytest.mark.parametrize(
    ("statement", "position"),
    [
        (
            "update journal set body = cast('{}' as blob) where position = 4",
            4,
        ),
        ("update journal set body = cast(x'00' || body as blob) where position = 3", 3),
        ("update journal set kind = 'decided' where position = 2", 2),
        ("update journal set version = 0 where position = 2", 2),
        ("update journal set hash = upper(hash) where position = 5", 5),
        ("delete from journal where position = 1", 1),
        ("delete from journal where position = 3", 3),
    ],
)
def test_a_changed_or_missing_row_is_found_and_named(
    file: Path, statement: str, position: int
) -> None:
    """Whatever byte was changed: reading stops at that event, with its position."""
    tamper(file, statement)
    with pytest.raises(JournalCorrupt, match=rf"event {position} is missing or was changed"):
        read(file)


def test_rows_in_another_order_are_found(file: Path) -> None:
    """Two events that changed places break the chain at the first of them."""
    tamper(
        file,
        "update journal set position = -1 where position = 2",
        "update journal set position = 2 where position = 3",
        "update journal set position = 3 where position = -1",
    )
    with pytest.raises(JournalCorrupt, match="event 2 is missing or was changed"):
        read(file)


def test_a_corrupt_journal_is_not_continued(file: Path) -> None:
    """Nothing is appended behind a broken chain."""
    tamper(file, "delete from journal where position = 3")
    with closing(SQLiteJournal(file)) as journal, pytest.raises(JournalCorrupt):
        journal.append([event(6)])


@pytest.mark.parametrize(
    "statement", ["update journal set kind = 'x'", "delete from journal where position = 6"]
)
def test_the_file_itself_refuses_changes(file: Path, statement: str) -> None:
    """Triggers say no to whoever opens the file and means well."""
    refused = pytest.raises(sqlite3.IntegrityError, match="append-only")
    with closing(sqlite3.connect(file)) as connection, refused:
        connection.execute(statement)
    assert read(file) == EVENTS


def test_a_file_that_is_no_journal_is_refused_with_the_remedy(tmp_path: Path) -> None:
    """And left as it is."""
    other = tmp_path / "notes.txt"
    other.write_text("not a database, but long enough to look at " * 50)
    with pytest.raises(JournalError, match="cannot be opened as a journal"):
        SQLiteJournal(other)
    assert other.read_text().startswith("not a database")


def test_a_file_that_cannot_be_opened_is_not_said_to_need_a_copy(tmp_path: Path) -> None:
    """As on a disk that is mounted for reading alone; here a folder has the name of the file."""
    (tmp_path / "journal.sqlite").mkdir()
    with pytest.raises(JournalError, match=r"has to be writable: copy the project"):
        SQLiteJournal(tmp_path / "journal.sqlite")


@pytest.fixture
def unwritable() -> Iterator[Path]:
    """A journal in a folder in which whoever runs this may change nothing, root neither."""
    nobody = 65534
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "journal.sqlite")
        with closing(SQLiteJournal(file)) as journal:
            journal.append(EVENTS)
        file.chmod(0o444)
        Path(name).chmod(0o555)
        before = os.geteuid()
        os.seteuid(before or nobody)
        try:
            yield file
        finally:
            os.seteuid(before)
            Path(name).chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="folders are not closed by their mode there")
def test_a_journal_that_may_only_be_read_is_read(unwritable: Path) -> None:
    """Reports of evidence that somebody keeps where nobody changes it."""
    with closing(SQLiteJournal(unwritable, reading=True)) as journal:
        assert list(journal.events()) == EVENTS
        with pytest.raises(JournalError, match="cannot be written: attempt to write a readonly"):
            journal.append(EVENTS)
    with pytest.raises(JournalError, match="Its folder has to be writable"):
        SQLiteJournal(unwritable)


def test_a_folder_that_cannot_be_made_is_told_with_the_remedy(tmp_path: Path) -> None:
    """A file stands where the folder should."""
    (tmp_path / "state").write_text("mine")
    with pytest.raises(JournalError, match=r"cannot be opened.*another folder as `project\.state`"):
        SQLiteJournal(tmp_path / "state" / "journal.sqlite")


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A journal of many pages, of which those behind the first few were overwritten."""
    file = tmp_path / "journal.sqlite"
    with closing(SQLiteJournal(file)) as journal:
        journal.append([Failed(step=str(n), cause="c" * 3000, retryable=True) for n in range(50)])
    whole = file.read_bytes()
    kept = 8 * 4096
    file.write_bytes(whole[:kept] + b"\xa5" * (len(whole) - kept))
    return file


def test_damaged_pages_are_told_when_they_are_read(damaged: Path) -> None:
    """What came before is read; then the file, what SQLite says of it, and what can be done."""
    found = []
    with closing(SQLiteJournal(damaged)) as journal:
        with pytest.raises(JournalCorrupt, match=r"damaged: .*malformed\. Restore .* a copy"):
            found.extend(journal.events())
        with pytest.raises(JournalCorrupt):
            journal.append([event(1)])
    assert found


def test_damaged_pages_are_told_when_they_are_written(file: Path) -> None:
    """Damage that came after the journal was read."""
    with closing(SQLiteJournal(file)) as journal:
        assert list(journal.events()) == EVENTS
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("pragma wal_checkpoint(truncate)")
        whole = file.read_bytes()
        file.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
        with pytest.raises(JournalCorrupt, match=r"damaged: .*Restore .* a copy"):
            journal.append([event(number) for number in range(100)])


def test_text_that_is_none_is_told(file: Path) -> None:
    """A damaged byte in a name, which SQLite hands over and Python cannot read."""
    tamper(file, "update journal set kind = cast(x'ff80' as text) where position = 2")
    with pytest.raises(JournalError, match=r"cannot be read: .*restore the journal from a copy"):
        read(file)


def test_a_journal_that_cannot_be_written_is_told_with_the_remedy(file: Path) -> None:
    """Nothing is lost by it, and the way to go on is told."""
    with closing(SQLiteJournal(file)) as journal:
        assert list(journal.events()) == EVENTS
        journal._connection.execute("pragma query_only = on")
        with pytest.raises(JournalError, match=r"cannot be written: .*start again"):
            journal.append([event(6)])
    assert read(file) == EVENTS


WRITER = """
import sys
from pathlib import Path
from escalera.core.ladder.steps import Call
from escalera.domain.event import Failed
from escalera.domain.message import Decoding
from escalera.domain.system import Prompt, System
from escalera.edges.journal.sqlite import SQLiteJournal
journal = SQLiteJournal(Path(sys.argv[1]))
number = 0
while True:
    group = [Failed(step=str(number + n), cause="c" * 5000, retryable=True) for n in range(3)]
    journal.append(group)
    number += 3
    print(number, flush=True)
"""


def test_a_killed_writer_leaves_a_readable_journal(tmp_path: Path) -> None:
    """kill -9 in the middle of appending: whole groups, in order, nothing acknowledged is lost."""
    file = tmp_path / "journal.sqlite"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(file)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for _ in range(5):
            acknowledged = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged = max([acknowledged, *map(int, writer.stdout.read().split())])
    assert writer.returncode == -signal.SIGKILL
    found = read(file)
    assert [entry.step for entry in found] == [str(number) for number in range(len(found))]
    assert len(found) % 3 == 0
    assert len(found) >= acknowledged
    with closing(SQLiteJournal(file)) as journal:
        journal.append(EVENTS[:1])
    assert read(file)[-1] == EVENTS[0]


def test_what_others_append_can_be_caught_up_with(tmp_path: Path) -> None:
    """Each event once, in order, also after a conflict; then writing goes on."""
    file = tmp_path / "journal.sqlite"
    with closing(SQLiteJournal(file)) as ours, closing(SQLiteJournal(file)) as theirs:
        ours.append(EVENTS[:2])
        assert list(ours.later()) == []
        assert list(theirs.later()) == EVENTS[:2]
        theirs.append(EVENTS[2:4])
        with pytest.raises(JournalConflict):
            ours.append(EVENTS[4:5])
        assert list(ours.later()) == EVENTS[2:4]
        ours.append(EVENTS[4:5])
        assert list(theirs.later()) == EVENTS[4:5]
        assert list(theirs.events()) == EVENTS[:5]
