"""Workers are started, started again, told, and ended."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from escalera.apps.gateway import address, supervisor
from escalera.apps.gateway.supervisor import Crew, Supervisor

pytestmark = [pytest.mark.network, pytest.mark.timeout(60)]

WORKER = """
import os, signal, sys, time
from pathlib import Path
slot = sys.argv[-1].partition(":")[0]
said = Path(sys.argv[1]) / f"{slot}-{os.getpid()}"
def note(number, _):
    said.write_text(f"signal {number}")
    if number == signal.SIGTERM and "draining" in sys.argv:
        os.close(int(sys.argv[-1].split(":")[1]))
        time.sleep(20)
    if number == signal.SIGTERM:
        raise SystemExit(0)
if "loading" in sys.argv:
    said.write_text("loads")
    while not said.with_name("loaded").exists():
        pass
signal.signal(signal.SIGTERM, note)
said.write_text("runs")
signal.signal(signal.SIGHUP, note)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
sys.stdin.read()
"""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with address.listening("127.0.0.1", 0) as found:
        yield found


def run(
    folder: Path,
    listener: socket.socket,
    then: Callable[[Supervisor], None],
    *more: str,
    workers: int = 2,
) -> list[str]:
    """Supervise workers that write what happens to them into *folder*; then ask them to end."""
    said: list[str] = []
    command = (sys.executable, "-c", WORKER, str(folder), *more)

    async def watch() -> None:
        found = Supervisor(Crew(command=command, workers=workers), listener, said.append)
        task = asyncio.create_task(found.run())
        await asyncio.to_thread(_until, lambda: len(list(folder.iterdir())) >= workers)
        await asyncio.to_thread(then, found)
        os.kill(os.getpid(), signal.SIGTERM)
        await task

    asyncio.run(watch())
    return said


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


def texts(folder: Path) -> list[str]:
    return [file.read_text() for file in folder.iterdir()]


def test_workers_are_told_and_ended(tmp_path: Path, listener: socket.socket) -> None:
    """A SIGHUP goes to each of them, and at the end a SIGTERM; none is left."""
    pids: dict[int, int] = {}

    def then(found: Supervisor) -> None:
        pids.update(found.pids())
        _until(lambda: all(text == "runs" for text in texts(tmp_path)))
        os.kill(os.getpid(), signal.SIGHUP)
        _until(lambda: texts(tmp_path) == [f"signal {signal.SIGHUP}"] * 2)

    run(tmp_path, listener, then)
    assert sorted(pids) == [0, 1]
    assert texts(tmp_path) == [f"signal {signal.SIGTERM}"] * 2
    for pid in pids.values():
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_one_that_loads_is_told_when_it_has(tmp_path: Path, listener: socket.socket) -> None:
    """A SIGHUP that comes before a worker can heed it does not end it, and is not lost."""

    def then(found: Supervisor) -> None:
        pids = found.pids()
        _until(lambda: texts(tmp_path) == ["loads"] * 2)
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(0.2)  # it would have ended them
        (tmp_path / "loaded").touch()
        wanted = sorted(["", *[f"signal {signal.SIGHUP}"] * 2])
        _until(lambda: sorted(texts(tmp_path)) == wanted)
        assert found.pids() == pids

    assert run(tmp_path, listener, then, "loading") == []


def test_one_that_is_killed_is_started_again(tmp_path: Path, listener: socket.socket) -> None:
    """In its own slot, and it is told."""

    def then(found: Supervisor) -> None:
        before = found.pids()[1]
        os.kill(before, signal.SIGKILL)
        _until(lambda: found.pids().get(1, before) != before)
        _until(lambda: len(list(tmp_path.glob("1-*"))) == 2)

    said = run(tmp_path, listener, then)
    assert any("worker 1 ended with -9" in words for words in said)


TOLD = """
import sys, time
from pathlib import Path
from escalera.apps.gateway import address, supervisor
place = sys.argv[-1].split(":")
line = supervisor.told().decode() if place[2:] == ["told"] else "nothing"
(Path(sys.argv[1]) / place[0]).write_text(line)
sys.stdin.read()
"""


@pytest.mark.parametrize(("told", "known"), [(b'{"a": 1}', '{"a": 1}'), (b"", "nothing")])
def test_what_only_workers_may_know_is_told_over_the_pipe(
    tmp_path: Path, listener: socket.socket, told: bytes, known: str
) -> None:
    """To each of them, also to one that is started again; the pipe ends with us as before."""
    command = (sys.executable, "-c", TOLD, str(tmp_path))

    async def watch() -> None:
        crew = Crew(command=command, workers=2, told=told)
        found = Supervisor(crew, listener, lambda _: None)
        task = asyncio.create_task(found.run())
        await asyncio.to_thread(_until, lambda: sorted(texts(tmp_path)) == [known] * 2)
        (tmp_path / "1").unlink()
        os.kill(found.pids()[1], signal.SIGKILL)
        await asyncio.to_thread(_until, lambda: sorted(texts(tmp_path)) == [known] * 2)
        os.kill(os.getpid(), signal.SIGTERM)
        await task

    asyncio.run(watch())


def test_that_it_ends_is_said_before_workers_have_ended(
    tmp_path: Path, listener: socket.socket
) -> None:
    """Another gateway may take its place while they answer what is under way."""
    command = (sys.executable, "-c", WORKER, str(tmp_path), "draining")
    left: list[int] = []

    async def watch() -> None:
        crew = Crew(command=command, workers=1)
        found = Supervisor(
            crew, listener, lambda _: None, leave=lambda: left.append(len(found.pids()))
        )
        task = asyncio.create_task(found.run())
        await asyncio.to_thread(_until, lambda: texts(tmp_path) == ["runs"])
        assert left == []
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.to_thread(_until, lambda: bool(left))
        for pid in found.pids().values():
            os.kill(pid, signal.SIGKILL)
        await task

    asyncio.run(watch())
    assert left == [1]


def test_one_that_does_not_end_is_killed(
    tmp_path: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the time that it has."""
    monkeypatch.setattr(supervisor, "DRAIN", 0.3)
    pids: dict[int, int] = {}

    def then(found: Supervisor) -> None:
        time.sleep(0.3)  # until its signals are set
        pids.update(found.pids())

    said = run(tmp_path, listener, then, "stubborn", workers=1)
    assert any("killed" in words for words in said)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_who_comes_while_workers_end_is_refused_at_once(
    tmp_path: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody takes connections any more: one that is let wait is reset when all have ended."""
    monkeypatch.setattr(supervisor, "DRAIN", 2.0)
    address = listener.getsockname()

    def refused() -> bool:
        try:
            socket.create_connection(address, timeout=1).close()
        except ConnectionRefusedError:
            return True
        return False

    def end(found: Supervisor) -> None:
        _until(lambda: texts(tmp_path) == ["runs"] * 2)
        os.kill(os.getpid(), signal.SIGTERM)
        _until(lambda: texts(tmp_path) == ["signal 15"] * 2)
        end_of_patience = time.monotonic() + 1
        while not refused():
            assert time.monotonic() < end_of_patience
        assert len(found.pids()) == 2

    run(tmp_path, listener, end, "draining")
