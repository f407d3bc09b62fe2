"""The guards of a project file, with the engines that they search with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from escalera.core.serving.guarding.guards import Guard, GuardSet, Language
from escalera.core.serving.guarding.pattern import Pattern
from escalera.domain.guard import GuardSide
from escalera.errors import InputError, MissingExtra, ProjectError
from escalera.ports.serving import Matcher, Sought, TextFilter
from escalera.settings import guard_table
from escalera.settings.guard_table import GuardTable

FEWEST = 10
"""Messages of a topic from which it can be learned at all."""
DENIED, ALLOWED = "denied", "allowed"


def matching(patterns: Sequence[Pattern]) -> Matcher:
    """The engine that is there, ready to look for *patterns*; one for all who look for the same."""
    return _matcher(
        tuple(
            Sought(
                expression=pattern.expression,
                look=pattern.first_look,
                signs=pattern.signs,
                foreign=pattern.foreign,
            )
            for pattern in patterns
        )
    )


def guard_set(file: Path, tables: Mapping[str, GuardTable], side: GuardSide) -> GuardSet:
    """The guards over one side. Raises `ProjectError` for what cannot be searched for."""
    asked = {name: table for name, table in tables.items() if table.side in (side, "both")}
    topics = {
        name: _topic(file, name, table) for name, table in asked.items() if table.topic is not None
    }
    guards = guard_table.guards(tables, side, topics)
    told = any(guard.languages for guard in guards)
    try:
        return GuardSet(guards, matching, language=_language() if told else None)
    except InputError as error:
        raise _unusable(file, guards, error) from error


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


@lru_cache(maxsize=8)
def _matcher(sought: tuple[Sought, ...]) -> Matcher:
    from escalera.edges.matching import choosing  # 2 MB that a gateway without guards does not need

    return choosing.matcher(sought)


def _unusable(file: Path, guards: Sequence[Guard], error: InputError) -> ProjectError:
    """The error of the first guard whose patterns cannot be searched for."""
    name = guards[0].name
    for guard in guards:
        try:
            matching(guard.patterns)
        except InputError as found:
            name, error = guard.name, found
            break
    return ProjectError(
        file=str(file),
        key=f"gateway.guards.{name}",
        problem=str(error).rstrip("."),
        remedy="Correct it",
    )


def _filter(file: Path, name: str, table: GuardTable) -> TextFilter:
    folder = file.parent.absolute()
    key = "presidio" if table.function is None else "function"
    try:
        if table.function is not None:
            from escalera.edges.filters import function

            function.check(table.function, folder)
            return function.FunctionFilter(
                name, table.function, folder=folder, seconds=table.seconds
            )
        from escalera.edges.filters.presidio import PresidioFilter

        return PresidioFilter(name, table.presidio or ())
    except MissingExtra:
        raise
    except InputError as error:
        raise ProjectError(
            file=str(file),
            key=f"gateway.guards.{name}.{key}",
            problem=str(error).rstrip("."),
            remedy="Correct it",
        ) from error


def _topic(file: Path, name: str, table: GuardTable) -> Callable[[str], bool]:
    """What tells the topic, learned from both files by the features and the fit of the router."""
    from escalera.core.routing import fitting

    denied = _messages(file, f"gateway.guards.{name}.topic", table.topic or "")
    others = _messages(file, f"gateway.guards.{name}.others", table.others or "")
    labels = [DENIED] * len(denied) + [ALLOWED] * len(others)
    router = fitting.fit((DENIED, ALLOWED), [*denied, *others], labels)
    return lambda text: router.infer(text) == DENIED


def _messages(file: Path, key: str, name: str) -> list[str]:
    try:
        lines = (file.parent / name).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        problem = f"{name!r} cannot be read: {error}"
        remedy = "Name a text file in UTF-8, relative to the project file"
        raise ProjectError(file=str(file), key=key, problem=problem, remedy=remedy) from error
    found = [line.strip() for line in lines if line.strip()]
    if len(found) < FEWEST:
        problem = f"{name!r} has {len(found)} messages"
        remedy = f"Give {FEWEST} at least, one a line; fifty find most of a topic"
        raise ProjectError(file=str(file), key=key, problem=problem, remedy=remedy)
    return found


def _language() -> Language:
    from escalera.edges.data.languages import language

    return language
