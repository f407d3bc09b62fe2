"""Several processes may be the first to open a file."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from escalera.edges import write_ahead
from escalera.edges.gateway_store.accounts import SQLiteAccounts
from escalera.edges.gateway_store.calls import SQLiteCalls
from escalera.edges.gateway_store.pairs import SQLitePairs
from escalera.edges.journal.sqlite import SQLiteJournal

Opens = Callable[[Path], SQLiteAccounts | SQLiteCalls | SQLiteJournal | SQLitePairs]


@contextmanager
def about_to_write(file: Path, seconds: float) -> Iterator[None]:
    """Another connection holds *file*, without a write-ahead log yet, and lets it go later."""
    ready = threading.Event()

    def hold() -> None:
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("begin immediate")
            ready.set()
            threading.Event().wait(seconds)
            other.execute("rollback")

    holder = threading.Thread(target=hold)
    holder.start()
    ready.wait()
    try:
        yield
    finally:
        holder.join()


@pytest.mark.parametrize("opens", [SQLiteAccounts, SQLiteCalls, SQLiteJournal, SQLitePairs])
def test_the_second_process_waits_for_the_first_to_make_the_file(
    opens: Opens, tmp_path: Path
) -> None:
    """Two workers that take up a new configuration make its files at the same moment."""
    file = tmp_path / "x.sqlite"
    with about_to_write(file, 0.2):
        opens(file).close()
    with closing(sqlite3.connect(file)) as found:
        assert found.execute("pragma journal_mode").fetchone() == ("wal",)


def test_a_file_that_cannot_be_used_is_not_kept_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is one whose tables cannot be made."""
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def remembered(*asked: Any, **more: Any) -> sqlite3.Connection:
        opened.append(connect(*asked, **more))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", remembered)
    for name, text, make in (("a", "no database " * 100, "select 1"), ("b", "", "create nonsense")):
        (tmp_path / name).write_text(text)
        with pytest.raises(sqlite3.DatabaseError):
            write_ahead.opened(tmp_path / name, seconds=1.0, make=make)
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            opened[-1].execute("select 1")


def test_a_file_that_stays_held_is_told(tmp_path: Path) -> None:
    """Whoever opens it is not left waiting for ever."""
    file = tmp_path / "x.sqlite"
    with (
        about_to_write(file, 0.3),
        closing(sqlite3.connect(file)) as late,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        write_ahead.begin(late, seconds=0.05)


def test_a_file_at_rest_is_read_and_not_written(tmp_path: Path) -> None:
    """Nothing is made beside it, so that its folder need not be writable."""
    file = tmp_path / "x y?.sqlite"
    write_ahead.opened(
        file, seconds=1.0, make="create table t (n); insert into t values (7)"
    ).close()
    with closing(write_ahead.at_rest(file)) as found:
        assert found.execute("select n from t").fetchall() == [(7,)]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            found.execute("insert into t values (8)")
        assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_what_stands_in_a_log_only_is_read_as_well(tmp_path: Path) -> None:
    """A file that somebody writes to is not taken for one at rest."""
    file = tmp_path / "x.sqlite"
    with closing(write_ahead.opened(file, seconds=1.0, make="create table t (n)")) as writer:
        writer.execute("insert into t values (7)")
        with closing(write_ahead.at_rest(file)) as found:
            assert found.execute("select n from t").fetchall() == [(7,)]


def test_what_is_no_database_is_no_file_at_rest(tmp_path: Path) -> None:
    """It is told when it is opened, not when it is read."""
    (tmp_path / "x.sqlite").write_text("no database " * 100)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        write_ahead.at_rest(tmp_path / "x.sqlite")
