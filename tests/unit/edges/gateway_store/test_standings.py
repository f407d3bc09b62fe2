"""What workers say of themselves, on disk."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from escalera.edges.gateway_store.standings import Standings
from escalera.errors import InputError


def test_the_last_word_of_each_slot(tmp_path: Path) -> None:
    """By slot; nothing where nobody said anything."""
    found = Standings(tmp_path / "w")
    assert found.read(0) is None
    assert found.read_all() == []
    found.write(1, b"b")
    found.write(0, b"x")
    found.write(0, b"a")
    assert found.read_all() == [b"a", b"b"]
    assert found.read(1) == b"b"


def test_two_threads_of_a_worker_may_speak_at_once(tmp_path: Path) -> None:
    """Its word of every second and that of a new configuration do not take each other's file."""
    found = Standings(tmp_path)
    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(found.write, 0, b"x" * 1000) for _ in range(2000)]:
            done.result()
    assert found.read_all() == [b"x" * 1000]
    assert [file.name for file in tmp_path.iterdir()] == ["worker-0.json"]


def test_a_word_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """Where the slot cannot be taken, what was there stays alone."""
    (tmp_path / "worker-0.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        Standings(tmp_path).write(0, b"x")
    assert [file.name for file in tmp_path.iterdir()] == ["worker-0.json"]


def test_slots_that_are_no_more_are_forgotten(tmp_path: Path) -> None:
    """A gateway with fewer workers does not count those of before."""
    found = Standings(tmp_path)
    for slot in range(12):
        found.write(slot, b"x")
    found.clear(2)
    assert len(found.read_all()) == 2
    assert found.read(11) is None


def test_one_process_leads_until_it_leaves_or_ends(tmp_path: Path) -> None:
    """The process that takes signals and the number of its workers; a second is refused by name
    of the first, leaves nothing behind, and may lead once the first says that it is leaving."""
    found = Standings(tmp_path)
    assert found.leader() is None
    with found.leading(17, workers=3) as leave:
        assert found.leader() == (17, 3)
        with (
            pytest.raises(InputError, match=r"already, as process 17\..*`kill 17`"),
            found.leading(18, workers=1),
        ):
            pytest.fail("it leads beside another")
        assert [file.name for file in tmp_path.iterdir()] == ["leader-17"]
        leave()
        assert found.leader() is None
        with found.leading(18, workers=1):
            assert found.leader() == (18, 1)
    assert found.leader() is None
    assert list(tmp_path.iterdir()) == []


def test_of_many_that_start_at_once_one_leads(tmp_path: Path) -> None:
    """Nobody looks between another's look and its claim."""

    def lead(pid: int) -> int:
        try:
            with Standings(tmp_path).leading(pid, workers=1):
                barrier.wait(30)
        except InputError:
            barrier.wait(30)
            return 0
        return 1

    barrier = threading.Barrier(8)
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(lead, range(1, 9))) == 1


KILLED = """
import os, sys
from pathlib import Path
from escalera.edges.gateway_store.standings import Standings
with Standings(Path(sys.argv[1])).leading(os.getpid(), workers=2):
    print(os.getpid(), flush=True)
    sys.stdin.read()
"""


def test_a_leader_that_was_killed_leads_no_more(tmp_path: Path) -> None:
    """Whoever has its number now is not taken for it, and gets no signal."""
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as leader:
        assert leader.stdout is not None
        pid = int(leader.stdout.readline())
        found = Standings(tmp_path)
        assert found.leader() == (pid, 2)
        leader.kill()
    (left,) = tmp_path.iterdir()
    left.rename(tmp_path / f"leader-{os.getpid()}")
    assert found.leader() is None
    assert list(tmp_path.iterdir()) == []
