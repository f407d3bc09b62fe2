"""A filter of the user's own: a Python function, called in a process of its own.

In that process because it may load what it likes, hang or crash, and must hold up nothing.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path

import msgspec

from escalera.edges.filters.spans import apart
from escalera.edges.processes import Lines
from escalera.errors import GuardFailed, InputError, ScorerFailed

SECONDS = 1.0
"""What one text may take, unless the project file says otherwise."""


def check(function: str, folder: Path) -> None:
    """Raise `InputError` unless there is such a function, as far as can be told without running it.

    Of a package it is only asked whether it is there.
    """
    place, _, name = function.rpartition(":")
    if not place.endswith(".py"):
        first = place.partition(".")[0]
        if PathFinder.find_spec(first, [str(folder), *sys.path]) is None:
            raise InputError(f"{function!r}: there is no package {first!r}.")
        return
    try:
        tree = ast.parse((folder / place).read_bytes())
    except OSError as error:
        raise InputError(f"{function!r}: {place!r} cannot be read: {error}.") from error
    except (SyntaxError, ValueError) as error:
        raise InputError(f"{function!r}: {place!r} is no Python: {error}.") from error
    known = {one.name for one in tree.body if isinstance(one, (ast.FunctionDef, ast.ClassDef))}
    for one in tree.body:
        if isinstance(one, ast.ImportFrom):
            known |= {alias.asname or alias.name for alias in one.names}
        elif isinstance(one, ast.Assign):
            known |= {target.id for target in one.targets if isinstance(target, ast.Name)}
    if name not in known:
        told = ", ".join(sorted(known)) or "nothing"
        raise InputError(f"{function!r}: {place!r} defines no {name!r}, but {told}.")


class FunctionFilter:
    """*function* is `file.py:name`, relative to *folder*, or `package.module:name`."""

    def __init__(self, guard: str, function: str, *, folder: Path, seconds: float) -> None:
        place, _, name = function.rpartition(":")
        if place.endswith(".py"):
            place = str((folder / place).absolute())
        self._guard = guard
        worker = Path(__file__).with_name("function_worker.py")
        self._lines = Lines(
            [sys.executable, str(worker), place, name],
            name=f"the function {function!r}",
            seconds=seconds,
            folder=folder,
        )

    async def spans(self, text: str, *, side: str, role: str) -> Sequence[tuple[int, int]]:
        """What the function finds. Raises `GuardFailed` where it does not say."""
        try:
            found = await self._lines.ask({"text": text, "side": side, "role": role})
        except ScorerFailed as error:
            raise GuardFailed(str(error), guard=self._guard) from error
        if isinstance(found, str):
            raise GuardFailed(found, guard=self._guard)
        try:
            spans = msgspec.convert(found, list[tuple[int, int]])
        except msgspec.ValidationError as error:
            raise GuardFailed(
                f"it returned {found!r}: give True, False or None, or pairs of a start and an end",
                guard=self._guard,
            ) from error
        for start, end in spans:
            if not 0 <= start < end <= len(text):
                said = f"it returned the span {start} to {end} of a text of {len(text)} characters"
                raise GuardFailed(said, guard=self._guard)
        return apart(spans)

    async def close(self) -> None:
        """End the process."""
        await self._lines.close()
