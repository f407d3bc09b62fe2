"""Reading the documents of a task: text files by pattern, cut into passages, within bounds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from escalera.core.prompts import context
from escalera.domain.selection import Context, Passage
from escalera.errors import ProjectError
from escalera.settings.tables import ContextTable

LARGEST = 32_000_000
"""Bytes of all documents of a task together: they are held in memory, and hashed at every start."""


def load(table: ContextTable, *, task: str, project: Path) -> Context:
    """The documents that *project* names for *task*, in passages; files in the order of their
    paths.

    Raises `ProjectError` for a pattern that matches no file, a file that is no UTF-8 text, and more
    than `LARGEST` bytes.
    """
    passages: list[Passage] = []
    left = LARGEST
    for file in _files(table.documents, task, project):
        text = _text(file, task, project, left)
        left -= len(text.encode())
        source = _source(file, project)
        passages += context.cut(text, source=source, words=table.chunk, overlap=table.overlap)
    if not passages:
        _refuse(project, task, "name files without a word", "Name documents that say something")
    return Context(
        passages=tuple(passages), top=table.top, tokens=table.tokens, methods=tuple(table.methods)
    )


# Below: private.


def _files(patterns: Sequence[str], task: str, project: Path) -> list[Path]:
    found: set[Path] = set()
    for pattern in patterns:
        if Path(pattern).is_absolute():
            rule = f"hold {pattern!r}, which is no path relative to the project file"
            _refuse(project, task, rule, "Name documents beside or below it")
        matching = {file for file in project.parent.glob(pattern) if file.is_file()}
        if not matching:
            rule = f"hold {pattern!r}, which matches no file"
            _refuse(project, task, rule, "Patterns are relative to the project file: docs/**/*.md")
        found |= matching
    return sorted(found)


def _text(file: Path, task: str, project: Path, left: int) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(left + 1)
        if len(content) > left:
            rule = f"are longer than {LARGEST} bytes together"
            _refuse(project, task, rule, "Name fewer, or split the task")
        return content.decode("utf-8-sig")
    except OSError as error:
        rule = f"name the file {str(file)!r}, which cannot be read ({error.strerror})"
        _refuse(project, task, rule, "Make it readable, or name others")
    except UnicodeDecodeError:
        rule = f"name the file {str(file)!r}, which is not UTF-8 text"
        _refuse(project, task, rule, "Save it as UTF-8 text; a PDF, say, is none")


def _source(file: Path, project: Path) -> str:
    parts = file.relative_to(project.parent) if file.is_relative_to(project.parent) else file
    return parts.as_posix()


def _refuse(project: Path, task: str, problem: str, remedy: str) -> NoReturn:
    raise ProjectError(
        file=str(project), key=f"tasks.{task}.context.documents", problem=problem, remedy=remedy
    )
