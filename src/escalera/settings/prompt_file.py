"""Reading prompt files: a conversation of templates in TOML, with the inputs that it needs."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence, Set
from pathlib import Path
from typing import NoReturn

import msgspec

from escalera.core.prompts import templates
from escalera.domain.dataset import Example
from escalera.domain.message import Message, Role
from escalera.domain.selection import Selection
from escalera.domain.system import Prompt
from escalera.domain.task import NamedPrompt
from escalera.errors import ProjectError, TemplateError

LARGEST = 1_000_000
"""Bytes: a longer file is a mistake, not a prompt."""


class MessageTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[messages]]`: one turn, a Jinja template."""

    role: Role
    content: str


class PromptFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file. `inputs` names what the templates may use; `marker` precedes the answer."""

    messages: list[MessageTable]
    inputs: list[str] = msgspec.field(default_factory=lambda: ["input"])
    marker: str = ""


def load(
    file: Path,
    *,
    task: str,
    project: Path,
    examples: Sequence[Example],
    passages: tuple[Selection, ...] = (),
) -> NamedPrompt:
    """The prompt in *file*, which *project* names for *task*.

    A prompt with the input `passages` gets those that the first of *passages* chooses.

    It is called by the name of the file. Raises `ProjectError` for a file that cannot be read, that
    is no prompt, whose templates use what it does not declare, or that needs a field which one of
    *examples* lacks: before anything is spent.
    """
    found = _parsed(file, task=task, project=project)
    _check_turns(file, found)
    _check_inputs(file, found)
    _check_items(file, found, examples, known={"input", *(["passages"] if passages else [])})
    turns = [Message(role=turn.role, content=turn.content) for turn in found.messages]
    *before, last = turns
    system = before.pop(0).content if before and before[0].role == "system" else ""
    prompt = Prompt(
        system=system,
        turns=tuple(before),
        template=last.content,
        marker=found.marker.strip(),
        selections=passages[:1] if "passages" in found.inputs else (),
    )
    return NamedPrompt(name=file.stem, prompt=prompt)


# Below: private.

_SHAPE = 'A prompt file is like inputs = ["input"] and [[messages]] with role and content'


def _parsed(file: Path, *, task: str, project: Path) -> PromptFile:
    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except OSError as error:
        raise ProjectError(
            file=str(project),
            key=f"tasks.{task}.prompt.files",
            problem=f"names the file {str(file)!r}, which cannot be read ({error.strerror})",
            remedy="Put it there, or name another file; paths are relative to the project's",
        ) from error
    if len(content) > LARGEST:
        _refuse(file, "the file", f"is longer than {LARGEST} bytes", "Shorten it")
    try:
        return msgspec.convert(tomllib.loads(content.decode("utf-8-sig")), PromptFile)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        _refuse(file, "the file", f"is not a prompt: {error}", _SHAPE)


def _check_turns(file: Path, found: PromptFile) -> None:
    roles = [turn.role for turn in found.messages]
    if roles[-1:] != ["user"]:
        last = roles[-1] if roles else "missing"
        _refuse(file, "messages", f"the last one is {last!r}", "It must be the user's: it is asked")
    if "system" in roles[1:]:
        _refuse(file, "messages", "a system message stands below others", "Put it first, and once")


def _check_inputs(file: Path, found: PromptFile) -> None:
    for place, turn in enumerate(found.messages):
        key = f"messages[{place}].content"
        try:
            unknown = templates.variables(turn.content) - set(found.inputs)
        except TemplateError as error:
            _refuse(file, key, str(error), "See Jinja's template designer documentation")
        if unknown:
            name = sorted(unknown)[0]
            _refuse(file, key, f"uses {name!r}, which is not in `inputs`", "Declare it, or mend it")
    if "input" not in templates.variables(found.messages[-1].content):
        rule = "does not use `input`, so the model would not see what the user writes"
        _refuse(file, "the last message", rule, "Write {{ input }} where it belongs")


def _check_items(
    file: Path, found: PromptFile, examples: Sequence[Example], *, known: Set[str]
) -> None:
    needed = set(found.inputs) - known
    if not needed:
        return
    for example in examples:
        lacking = sorted(needed - {name for name, _ in example.fields})
        if lacking:
            rule = f"needs the field {lacking[0]!r}, which the item {example.id!r} does not have"
            _refuse(file, "inputs", rule, f'Add "fields": {{"{lacking[0]}": …}} to its line')


def _refuse(file: Path, key: str, problem: str, remedy: str) -> NoReturn:
    raise ProjectError(file=str(file), key=key, problem=problem, remedy=remedy)
