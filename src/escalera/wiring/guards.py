"""The guards of a project file, with the engines that they search with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from escalera.core.serving.guarding.guards import GuardSet, Language
from escalera.core.serving.guarding.pattern import Pattern
from escalera.domain.guard import GuardSide
from escalera.edges.filters.function import FunctionFilter
from escalera.edges.matching import choosing
from escalera.errors import InputError, ProjectError
from escalera.ports.serving import Matcher, Sought, TextFilter
from escalera.settings import guard_table
from escalera.settings.guard_table import GuardTable


def matching(patterns: Sequence[Pattern]) -> Matcher:
    """The engine that is there, ready to look for *patterns*."""
    return choosing.matcher(
        [
            Sought(
                expression=pattern.expression,
                look=pattern.first_look,
                signs=pattern.signs,
                foreign=pattern.foreign,
            )
            for pattern in patterns
        ]
    )


def guard_set(file: Path, tables: Mapping[str, GuardTable], side: GuardSide) -> GuardSet:
    """The guards over one side. Raises `ProjectError` for what cannot be searched for."""
    guards = guard_table.guards(tables, side)
    for guard in guards:
        try:
            matching(guard.patterns)
        except InputError as error:
            raise ProjectError(
                file=str(file),
                key=f"gateway.guards.{guard.name}",
                problem=str(error).rstrip("."),
                remedy="Correct it",
            ) from error
    asked = any(guard.languages for guard in guards)
    return GuardSet(guards, matching, language=_language() if asked else None)


def filters(
    file: Path, tables: Mapping[str, GuardTable]
) -> tuple[tuple[str, GuardTable, TextFilter], ...]:
    """The guards that ask something of the outside: name, table, and what is asked.

    Raises `ProjectError` for one that cannot be asked.
    """
    return tuple(
        (name, table, _filter(file, name, table)) for name, table in tables.items() if table.filters
    )


def invalid(schema: str, text: str) -> str | None:
    """What is wrong with *text* by a JSON Schema; None where it is valid."""
    from escalera.edges import schemas

    return schemas.invalid(schema, text)


# Below: private.


def _filter(file: Path, name: str, table: GuardTable) -> TextFilter:
    if table.function is not None:
        folder = file.parent.absolute()
        return FunctionFilter(name, table.function, folder=folder, seconds=table.seconds)
    from escalera.edges.filters.presidio import PresidioFilter

    try:
        return PresidioFilter(name, table.presidio or ())
    except InputError as error:
        raise ProjectError(
            file=str(file),
            key=f"gateway.guards.{name}.presidio",
            problem=str(error).rstrip("."),
            remedy="Correct it",
        ) from error


def _language() -> Language:
    from escalera.edges.data.languages import language

    return language
