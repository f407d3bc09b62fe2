"""A scorer of the user's own: a Python function, called in a process of its own.

In that process because it may load what it likes, hang or crash, and must hold up nothing.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from escalera.domain.scoring import Score, Submission
from escalera.edges.processes import Lines
from escalera.edges.scoring import answers
from escalera.edges.scoring.binding import Kind, Means
from escalera.edges.scoring.command import check_seconds
from escalera.errors import BadOption


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """`function`: `file.py:name`, relative to the project file, or `package.module:name`.

    `seconds` is the most that one score may take, the first one's import included. `version` is
    for changes that the file does not show, such as in what it imports: another version scores
    every reply anew.
    """

    function: str
    seconds: float = 10.0
    version: str = ""

    def __post_init__(self) -> None:
        place, _, name = self.function.rpartition(":")
        if not place or not name.isidentifier():
            raise BadOption(
                "function",
                f"{self.function!r} names no function",
                'Write it as "scorers.py:score" or "package.module:score"',
            )
        check_seconds(self.seconds)

    @property
    def place(self) -> str:
        """The file or the module."""
        return self.function.rpartition(":")[0]

    @property
    def name(self) -> str:
        """What the function is called in it."""
        return self.function.rpartition(":")[2]


class FunctionScorer:
    """One process for all answers, started when the first comes."""

    def __init__(self, options: Function, means: Means) -> None:
        self._name = f"the function {options.function!r}"
        worker = Path(__file__).with_name("function_worker.py")
        place = options.place
        if place.endswith(".py"):
            place = str((means.folder / place).absolute())
        self._lines = Lines(
            [sys.executable, str(worker), place, options.name],
            name=self._name,
            seconds=options.seconds,
            folder=means.folder,
        )

    async def score(self, answer: Submission) -> Score:
        """What the function returns."""
        return answers.score(await self._lines.ask(answers.question(answer)), name=self._name)

    async def close(self) -> None:
        """End the process."""
        await self._lines.close()


# Below: private.


def _prepare(options: Function, means: Means) -> str:
    """The digest of the file with the function, which is read but not run."""
    file = _file(options, means.folder)
    source = file.read_bytes()
    try:
        known = _names(ast.parse(source))
    except (SyntaxError, ValueError) as error:
        raise BadOption("function", f"{str(file)!r} is no Python: {error}", "Correct it") from error
    if options.name not in known:
        raise BadOption(
            "function",
            f"{options.function!r}: {str(file)!r} defines no {options.name!r}",
            f"It defines {', '.join(sorted(known)) or 'nothing'}",
        )
    return hashlib.sha256(source).hexdigest()[:16]


def _file(options: Function, folder: Path) -> Path:
    if options.place.endswith(".py"):
        found: Path | None = folder / options.place
    else:
        found = _module(options.place, [str(folder), *sys.path])
    if found is None or not found.is_file():
        raise BadOption(
            "function",
            f"{options.function!r}: there is no file of that name",
            "Put it beside the project file, or install the package; paths are relative to it",
        )
    return found


def _module(dotted: str, path: list[str]) -> Path | None:
    """Where a module lies, found without importing it or a package around it."""
    first, _, rest = dotted.partition(".")
    spec = PathFinder.find_spec(first, path)
    if spec is None or not rest:
        return Path(spec.origin) if spec is not None and spec.origin else None
    return _module(rest, list(spec.submodule_search_locations or ()))


def _names(tree: ast.Module) -> set[str]:
    """What a module defines at its top level: functions, classes, assignments and imports."""
    names: set[str] = set()
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign(targets=targets):
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.ImportFrom(names=imported):
                names |= {alias.asname or alias.name for alias in imported}
    return names


KIND = Kind(options=Function, open=FunctionScorer, prepare=_prepare)
