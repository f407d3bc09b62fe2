"""Functional correctness: a reply's Python program passes the item's tests, or it does not."""

from __future__ import annotations

import platform
import re
import site
import warnings
from dataclasses import dataclass
from pathlib import Path

from escalera.domain.scoring import Score, Submission
from escalera.edges.scoring import sandbox
from escalera.edges.scoring.binding import Kind, Means
from escalera.edges.scoring.sandbox import Isolation, Job, Limits
from escalera.errors import BadOption


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonTests:
    """`seconds` of processor time and `memory_mb` megabytes for program and tests together.

    `after_input`: the program begins with the item's input, which the reply completes.
    `packages`: installed packages may be imported. `isolation`: see `sandbox`.
    """

    seconds: int = 5
    memory_mb: int = 512
    after_input: bool = False
    packages: bool = False
    isolation: Isolation = "full"

    def __post_init__(self) -> None:
        check_limits(self.seconds, self.memory_mb)


class PythonScorer:
    """A process per answer; 1 when it ends with every test passed, 0 however else it ends."""

    def __init__(self, options: PythonTests, _means: Means) -> None:
        self._options = options
        self._packages = tuple(site.getsitepackages()) if options.packages else ()
        self._runner = Path(__file__).with_name("python_runner.py")

    async def score(self, answer: Submission) -> Score:
        """Run the program, then the tests."""
        options = self._options
        code = program(answer.reply)
        if options.after_input:
            code = f"{answer.item.input}\n{code}"
        job = Job(
            runner=self._runner,
            data={"program": code, "tests": answer.target, "packages": self._packages},
            limits=Limits(seconds=options.seconds, memory_mb=options.memory_mb),
            isolation=options.isolation,
            paths=self._packages,
        )
        return Score(value=float(await sandbox.run(job) is True))

    async def close(self) -> None:
        """Nothing is held between answers."""


def program(reply: str) -> str:
    """The Python in a reply: its fenced blocks, one after the other, or all of it without any.

    Blocks of another language are left out. A block that is not closed goes to the end.
    """
    blocks = [body for kind, body in _FENCED.findall(reply) if kind.lower() in _PYTHON]
    return "\n".join(blocks) if blocks else reply


def check_limits(seconds: int, memory_mb: int) -> None:
    """Raise `BadOption` for limits under which nothing can run, or that are none."""
    if not 1 <= seconds <= 600:
        raise BadOption("seconds", f"{seconds!r} is out of range", "Give 1 to 600")
    if not 64 <= memory_mb <= 65536:
        raise BadOption("memory_mb", f"{memory_mb!r} is out of range", "Give 64 to 65536")


# Below: private.

_FENCED = re.compile(
    r"^[ \t]*```[ \t]*(\w*)[^\n]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE
)
_PYTHON = frozenset({"", "python", "py", "python3"})


def _prepare(options: PythonTests, _means: Means) -> str:
    sandbox.check(options.isolation)
    return ".".join(platform.python_version_tuple()[:2])


def _refuses(target: str, _options: PythonTests) -> str | None:
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(target, "<tests>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"is no Python program of tests ({error})"
    return None


KIND = Kind(options=PythonTests, open=PythonScorer, prepare=_prepare, refuses=_refuses)
