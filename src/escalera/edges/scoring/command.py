"""A scorer of the user's own, in any language: a process that speaks JSON lines."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from escalera.domain.scoring import Score, Submission
from escalera.edges.processes import Lines
from escalera.edges.scoring import answers
from escalera.edges.scoring.binding import Kind, Means
from escalera.errors import BadOption


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """`command`: the program and its arguments, run in the project's folder.

    `seconds` is the most that one score may take. `version` is for changes that the files named in
    `command` do not show: another version scores every reply anew.
    """

    command: tuple[str, ...]
    seconds: float = 10.0
    version: str = ""

    def __post_init__(self) -> None:
        if not self.command or not self.command[0]:
            raise BadOption("command", "is empty", 'Give a list, as ["python", "score.py"]')
        check_seconds(self.seconds)


class CommandScorer:
    """One process for all answers, started when the first comes."""

    def __init__(self, options: Command, means: Means) -> None:
        self._name = f"the command {options.command[0]!r}"
        program = _program(options.command[0], means.folder)
        self._lines = Lines(
            [str(program), *options.command[1:]],
            name=self._name,
            seconds=options.seconds,
            folder=means.folder,
        )

    async def score(self, answer: Submission) -> Score:
        """What the process says."""
        return answers.score(await self._lines.ask(answers.question(answer)), name=self._name)

    async def close(self) -> None:
        """End the process."""
        await self._lines.close()


def check_seconds(seconds: float) -> None:
    """Raise `BadOption` for a time in which nothing can be scored."""
    if not 0 < seconds <= 3600:
        raise BadOption("seconds", f"{seconds!r} is out of range", "Give above 0 and at most 3600")


# Below: private.


def _prepare(options: Command, means: Means) -> str:
    _program(options.command[0], means.folder)
    digest = hashlib.sha256()
    for word in options.command:
        file = means.folder / word
        digest.update(file.read_bytes() if file.is_file() else word.encode())
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def _program(name: str, folder: Path) -> Path:
    """A file of the project's folder, or a program of the search path."""
    own = folder / name
    if own.is_file():
        return own.absolute()
    found = shutil.which(name)
    if found is None:
        raise BadOption(
            "command",
            f"{name!r} is neither a file beside the project file nor a program that is installed",
            "Install it, or correct the path; paths are relative to the project file",
        )
    return Path(found)


KIND = Kind(options=Command, open=CommandScorer, prepare=_prepare)
