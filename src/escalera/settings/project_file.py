"""Reading `escalera.toml`: file, key, offending value and remedy for whatever is wrong with it.

This module is the only reader of the environment.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from escalera.errors import ProjectError
from escalera.settings import checks
from escalera.settings.gateway_table import GatewayTable
from escalera.settings.tables import (
    BudgetTable,
    ClimbTable,
    JudgeTable,
    ModelTable,
    ProjectFile,
    ProjectTable,
    ServiceTable,
    TaskTable,
)
from escalera.settings.training_table import TrainingTable

Table = TypeVar("Table", bound=msgspec.Struct)


def load(file: Path, *, scorers: Mapping[str, type], text: str | None = None) -> ProjectFile:
    """Read and check a project file. Raises `ProjectError` for the first thing that is wrong.

    *scorers* holds the kinds of scorers that it may name, with the dataclasses of their options.
    With *text* that is read, as if it stood in *file*.
    """
    text = text_of(file) if text is None else text
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(
            file=str(file),
            key="the file",
            problem=f"is not TOML: {error}",
            remedy="Strings need quotes, tables need [brackets]",
        ) from error
    found = _Reader(file, raw).read()
    for key, problem, remedy in checks.problems(found, scorers):
        raise ProjectError(file=str(file), key=key, problem=problem, remedy=remedy)
    return found


def text_of(file: Path) -> str:
    """What a project file says. Raises `ProjectError` where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ProjectError(
            file=str(file),
            key="the file",
            problem=f"cannot be read ({error.strerror})",
            remedy="Run `escalera init` to write one, or name another with --project",
        ) from error
    except UnicodeDecodeError as error:
        raise ProjectError(
            file=str(file),
            key="the file",
            problem=f"is not UTF-8 text ({error.reason} at byte {error.start})",
            remedy="Save it as UTF-8",
        ) from error


def state_of(file: Path) -> Path:
    """The folder of a project's state, whatever else is wrong with its file.

    What keeps a gateway running must be found while the file is being mended; where it says
    nothing that can be read, the folder is the default one. Raises `ProjectError` without a file.
    """
    default = ProjectTable(name="").state
    try:
        text = file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        if not file.exists():
            text_of(file)  # tells what to do
        text = ""
    try:
        table = tomllib.loads(text).get("project")
    except tomllib.TOMLDecodeError:
        line = _STATE.search(text)
        table = None if line is None else {"state": line[1] or line[2]}
    found = table.get("state") if isinstance(table, Mapping) else None
    return file.parent / (found if isinstance(found, str) else default)


def secret(variable: str) -> str | None:
    """The value of an environment variable that holds a key, or None when it is unset or empty."""
    return os.environ.get(variable) or None


# Below: private.

_STATE = re.compile(r"""^\s*state\s*=\s*(?:"([^"\\\n]+)"|'([^'\n]+)')""", re.MULTILINE)
_PATH = re.compile(r" - at `\$\.?([^`]*)`$")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]+)`")
_MISSING = re.compile(r"Object missing required field `([^`]+)`")
_ENTRY = re.compile(r"\[([^]]*[^]0-9.][^]]*)\]")
_DOT = "\0"
"""Stands for a dot in the name of an entry within a path."""
_REMEDY = "`escalera init` shows every key"


class _Reader:
    """Converts table by table, so that every error names its key in full."""

    def __init__(self, file: Path, raw: Mapping[str, Any]) -> None:
        self._file = str(file)
        self._raw = raw

    def read(self) -> ProjectFile:
        self._only_known_tables()
        return ProjectFile(
            project=self._table("project", ProjectTable),
            models=self._named("models", ModelTable),
            climb=self._table("climb", ClimbTable),
            tasks=self._named("tasks", TaskTable),
            judges=self._named("judges", JudgeTable) if "judges" in self._raw else {},
            budget=self._table("budget", BudgetTable, optional=True),
            training=self._table("training", TrainingTable, optional=True),
            service=self._table("service", ServiceTable) if "service" in self._raw else None,
            gateway=self._table("gateway", GatewayTable, optional=True),
        )

    def _only_known_tables(self) -> None:
        known = list(ProjectFile.__struct_fields__)
        for name in self._raw:
            if name not in known:
                raise self._error(name, "is not a known table", _suggest(name, known))

    def _table(self, key: str, kind: type[Table], *, optional: bool = False) -> Table:
        if key not in self._raw and not optional:
            raise self._error(key, "is missing", _REMEDY)
        return self._convert(key, self._raw.get(key, {}), kind)

    def _named(self, key: str, kind: type[Table]) -> dict[str, Table]:
        tables = self._raw.get(key, {})
        if not isinstance(tables, Mapping) or not tables:
            raise self._error(key, "is missing", f"Add a table [{key}.NAME]; {_REMEDY}")
        return {name: self._convert(f"{key}.{name}", t, kind) for name, t in tables.items()}

    def _convert(self, key: str, value: object, kind: type[Table]) -> Table:
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            raise self._explained(key, value, kind, str(error)) from None

    def _explained(
        self, key: str, value: object, kind: type[msgspec.Struct], message: str
    ) -> ProjectError:
        where = _PATH.search(message)
        inner = _named_entry(value, kind, where.group(1), message) if where else ""
        full = ".".join(part for part in (key, _ENTRY.sub(_shown, inner)) if part)
        problem = _PATH.sub("", message)
        if unknown := _UNKNOWN.search(problem):
            known = list(_struct_at(kind, inner).__struct_fields__)
            name = unknown.group(1)
            return self._error(f"{full}.{name}", "is not a known key", _suggest(name, known))
        if missing := _MISSING.search(problem):
            return self._error(f"{full}.{missing.group(1)}", "is missing", _REMEDY)
        said = f"has the value {_at(value, inner)!r}: {problem[:1].lower()}{problem[1:]}"
        return self._error(full, said, _REMEDY)

    def _error(self, key: str, problem: str, remedy: str) -> ProjectError:
        return ProjectError(file=self._file, key=key, problem=problem, remedy=remedy)


def _suggest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known here: {', '.join(known)}"


def _struct_at(kind: type[msgspec.Struct], path: str) -> type[msgspec.Struct]:
    """The struct of a nested table such as `prompt` or `price`, or of one in a list of them."""
    for part in path.split(".") if path else []:
        fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
        found = fields.get(part.partition("[")[0])
        options = getattr(found, "__args__", (found,))
        kind = next(o for o in options if isinstance(o, type) and issubclass(o, msgspec.Struct))
    return kind


def _named_entry(value: object, kind: type[msgspec.Struct], path: str, message: str) -> str:
    """*path*, where msgspec says `[...]` of a table of tables, with the name of the wrong one."""
    head, _, tail = path.partition("[...]")
    entries = value.get(head) if isinstance(value, Mapping) and head != path else None
    if not isinstance(value, Mapping) or not isinstance(entries, Mapping):
        return path
    for name, entry in entries.items():
        if _problem({**value, head: {name: entry}}, kind) == message:
            return f"{head}[{name.replace('.', _DOT)}]{tail}"
    return path


def _problem(value: object, kind: type[msgspec.Struct]) -> str:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def _shown(entry: re.Match[str]) -> str:
    return "." + entry.group(1).replace(_DOT, ".")


def _at(value: object, path: str) -> object:
    for part in path.split(".") if path else []:
        name, _, index = part.partition("[")
        if isinstance(value, Mapping):
            value = value.get(name)
        if index and isinstance(value, list) and index[:-1].isdigit():
            value = value[int(index[:-1])]
        elif index and isinstance(value, Mapping):
            value = value.get(index[:-1].replace(_DOT, "."))
    return value
