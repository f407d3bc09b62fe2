"""The sandbox, by trying: programs that reach for what they must not have.

A program answers only where it reaches its end, so each of them asserts that it was refused; and
each has a twin that shows that the same program would be told apart.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from escalera.edges.scoring import sandbox
from escalera.edges.scoring.sandbox import Job, Limits
from escalera.errors import BadOption, ScorerFailed

RUNNER = Path(sandbox.__file__).with_name("python_runner.py")
full = pytest.mark.skipif(
    not set(sandbox.NEEDS["full"]) <= sandbox.measures(), reason="the kernel lacks a measure"
)

REFUSED = """
import errno
def refused(do):
    try:
        do()
    except OSError as error:
        assert error.errno in (errno.EPERM, errno.EACCES), error
    else:
        raise AssertionError("it was allowed")
"""


def job(program, *, isolation="full", tests="", **limits):
    """Two seconds and 256 MB, unless said."""
    return Job(
        runner=RUNNER,
        data={"program": REFUSED + program, "tests": tests, "packages": []},
        limits=Limits(**{"seconds": 2, "memory_mb": 256} | limits),
        isolation=isolation,
    )


def ran(program, **others):
    """Whether the program came to its end."""
    return asyncio.run(sandbox.run(job(program, **others))) is True


@pytest.mark.parametrize("isolation", ["full", "limits"])
def test_a_good_program_comes_to_its_end(isolation):
    """With the standard library, files of its own, threads and an event loop."""
    if not set(sandbox.NEEDS[isolation]) <= sandbox.measures():
        pytest.skip("the kernel lacks a measure")
    program = """
import asyncio, collections, decimal, json, math, random, re, sqlite3, tempfile, zoneinfo
open("mine", "w").write("x" * 1000)
assert open("mine").read() == "x" * 1000
async def f():
    await asyncio.sleep(0)
    return 3
assert asyncio.run(f()) == 3
"""
    assert ran(program, isolation=isolation)


@pytest.mark.parametrize(
    "program",
    [
        "raise ValueError",
        "assert False",
        "import sys; sys.exit(0)",
        "import os; os._exit(0)",
        "def broken(:",
        "import no_such_module",
        "quit()",
        "raise KeyboardInterrupt",
    ],
)
def test_a_program_that_does_not_come_to_its_end_has_not_answered(program):
    """However it leaves, with whatever exit code: the tests after it did not run."""
    assert not ran(program)


def test_tests_run_after_the_program_in_its_names():
    """What they assert is what counts."""
    assert ran("def double(x): return 2 * x", tests="assert double(2) == 4")
    assert not ran("def double(x): return 2 * x", tests="assert double(2) == 5")


@full
@pytest.mark.parametrize(
    "program",
    [
        "import socket; refused(socket.socket)",
        "import socket; refused(lambda: socket.socket(socket.AF_UNIX))",
        "import socket; refused(lambda: socket.create_connection(('127.0.0.1', PORT), 1))",
        "import http.client as h; refused(h.HTTPConnection('127.0.0.1', PORT, timeout=1).connect)",
    ],
)
def test_no_network(program):
    """Not even to this machine, where somebody is listening."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert ran(program.replace("PORT", str(listener.getsockname()[1])))


@full
@pytest.mark.parametrize(
    "program",
    [
        "import os; refused(os.fork)",
        "import os\nwhile True: os.fork()",
        "import subprocess; refused(lambda: subprocess.run(['/bin/true']))",
        "import os; refused(lambda: os.execv('/bin/true', ['true']))",
        "import os; refused(lambda: os.kill(os.getppid(), 9))",
        "import os; refused(lambda: os.kill(-1, 9))",
        "import os; refused(lambda: os.setpriority(os.PRIO_PROCESS, os.getppid(), 19))",
        "import os, resource as r; refused(lambda: r.prlimit(os.getppid(), r.RLIMIT_CPU, (1, 1)))",
    ],
)
def test_no_other_process(program):
    """Neither new ones nor those that are there: a fork bomb is one refused call."""
    assert ran(program) is ("while" not in program)


@full
def test_nothing_outside_of_the_scratch_folder_is_read_or_written(tmp_path):
    """Neither the user's files, nor the system's, nor those of other processes."""
    secret = tmp_path / "secret"
    secret.write_text("a key")
    for path in (secret, "/etc/passwd", "/proc/self/environ", f"/proc/{os.getpid()}/environ"):
        assert ran(f"refused(lambda: open({str(path)!r}))")
    for path in (tmp_path, Path.home(), "/", "/etc"):
        assert ran(f"import os; refused(lambda: os.listdir({str(path)!r}))")
    for path in (tmp_path / "new", secret, "/tmp/escalera-was-here", "/dev/shm/escalera-was-here"):
        assert ran(f"refused(lambda: open({str(path)!r}, 'a'))")
    assert ran(f"import os; refused(lambda: os.unlink({str(secret)!r}))")
    assert ran(f"import os; os.symlink({str(secret)!r}, 'link'); refused(lambda: open('link'))")
    assert secret.read_text() == "a key"


def test_the_environment_is_empty(monkeypatch):
    """A key in the caller's environment is not in the program's."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    program = "import os; assert not set(os.environ) - {'LANG', 'LC_CTYPE', 'PYTHONHASHSEED'}"
    assert ran(program, isolation="limits")


def test_memory_is_bounded():
    """As a program would take it: at once, bit by bit, and by mapping."""
    if "memory" not in sandbox.measures():
        pytest.skip("the system keeps no limit of memory")
    for program in (
        "x = 'x' * 400_000_000",
        "x = []\nwhile True: x.append('x' * 1_000_000)",
        "import mmap; mmap.mmap(-1, 400_000_000)",
    ):
        assert not ran(program)
    assert ran("x = 'x' * 50_000_000")


def test_processor_time_is_bounded():
    """A loop without an end is stopped, even one that ignores the signal."""
    assert not ran("while True: pass", seconds=1)
    ignores = "import signal; signal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    assert not ran(ignores, seconds=1)


def test_waiting_is_bounded(monkeypatch):
    """A program that uses no time but does not end is killed, and leaves nothing."""
    monkeypatch.setattr(Limits, "wall", 1.0)
    assert not ran("import time; time.sleep(600)")
    assert not ran("import threading\nthreading.Event().wait()")
    assert not ran("input()")


def test_files_are_bounded():
    """In size each, and in the number of those that are open; the rest is the scratch folder's."""
    assert not ran("open('big', 'wb').write(b'x' * 8_000_000)")
    assert not ran("held = [open('f', 'w') for _ in range(100)]")


@full
def test_the_scratch_folder_is_bounded():
    """Where namespaces hold, many small files are bounded too."""
    if "namespaces" not in sandbox.measures():
        pytest.skip("no namespaces here")
    assert not ran("for n in range(20): open(str(n), 'wb').write(b'x' * 3_000_000)")


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    """Neither the scratch folder nor a process."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert ran("open('mine', 'w').write('x')")
    assert list(tmp_path.iterdir()) == []


def test_a_result_cannot_be_written_by_the_program():
    """Not by printing, and not into the pipe without the token."""
    line = json.dumps({"token": "guess", "done": True})
    program = f"""
import os
for descriptor in range(3, 64):
    try:
        os.write(descriptor, {line!r}.encode() + b"\\n")
    except OSError:
        pass
print({line!r})
os._exit(0)
"""
    assert not ran(program)


def test_a_flood_of_output_is_no_answer():
    """And holds up nothing."""
    assert ran("print('x' * 10_000_000)")
    flood = """
import os
while True:
    for descriptor in range(3, 9):
        try:
            os.write(descriptor, b"x" * 65536)
        except OSError:
            pass
"""
    assert not ran(flood, seconds=1)


def test_what_the_sandbox_lacks_is_no_wrong_answer(monkeypatch):
    """Nothing is run, and the reason is told."""
    monkeypatch.setitem(sandbox.NEEDS, "full", ("limits", "moat"))
    with pytest.raises(ScorerFailed, match="lacks moat here, and nothing was run"):
        ran("1")
    with pytest.raises(BadOption, match=r"isolation: 'full' needs moat, not had here.*\"limits\""):
        sandbox.check("full")
    sandbox.check("limits")


def test_an_interpreter_that_does_not_start_is_no_wrong_answer(monkeypatch):
    """The reason is told."""
    monkeypatch.setattr(sandbox, "_COMMAND", ("/no/such/python",))
    with pytest.raises(ScorerFailed, match="did not start"):
        ran("1")
    monkeypatch.setattr(sandbox, "_COMMAND", (sys.executable, "-c", "raise SystemExit(1)"))
    with pytest.raises(ScorerFailed, match="did not start"):
        ran("1")


@full
def test_a_user_without_rights_is_confined_as_well():
    """The measures need no root; where we are root, another user is tried."""
    if os.getuid() != 0:
        pytest.skip("the other tests have shown it")
    jail = str(RUNNER.with_name("jail.py"))
    code = (
        "import encodings.ascii, os, runpy, sysconfig\n"
        "sysconfig.get_config_vars()\n"  # read while the interpreter's folder can be
        f"main = runpy.run_path({jail!r})['main']\n"
        "os.chdir('/tmp'); os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "main(['--measures'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert set(sandbox.NEEDS["full"]) <= set(json.loads(done.stdout)), done.stderr


def test_many_at_a_time():
    """Each has its own limits and its own folder."""

    async def run():
        program = "import os; open('mine', 'x').write('x'); assert os.listdir() == ['mine']"
        return await asyncio.gather(*(sandbox.run(job(program)) for _ in range(8)))

    assert asyncio.run(run()) == [True] * 8


def test_cancelling_ends_the_process():
    """A climb that is interrupted leaves no program running."""

    async def run():
        waiting = asyncio.ensure_future(sandbox.run(job("import time; time.sleep(60)")))
        await asyncio.sleep(0.5)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(run())
    mine = subprocess.run(
        ["ps", "--ppid", str(os.getpid()), "-o", "args"], capture_output=True, text=True, check=True
    )
    assert "jail.py" not in mine.stdout
