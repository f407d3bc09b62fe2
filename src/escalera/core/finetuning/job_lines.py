"""The lines of a job's file: conversations to be taught, and all that is wrong with them, by line.

Lines are JSON in OpenAI's form. A conversation (`messages`) teaches every answer of the assistant
whose `weight` is not 0; a preference teaches to prefer one answer (`preferred_output`) to another
(`non_preferred_output`). What is in a line and would not be taught is an error, not left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from escalera.domain.levers import Objective
from escalera.domain.message import Message, Role
from escalera.domain.recipe import TrainingPair

MOST = 1000
"""Findings that are kept of a file; those beyond are counted."""
TOLD = 3
"""Findings that the sentence about a file tells."""

Sizes = Callable[[Sequence[TrainingPair]], Sequence[int | str]]
"""From pairs to how many tokens each has, or why it cannot be taught."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFinding:
    """What is wrong with a line, by its number from 1; a warning keeps nothing from teaching."""

    line: int
    level: Literal["warn", "error"]
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A file that was checked: what is taught, the lines that hold it, its tokens, the findings.

    `errors` and `warnings` count all findings, of which at most `MOST` are here.
    """

    pairs: tuple[TrainingPair, ...]
    examples: int
    tokens: int
    findings: tuple[LineFinding, ...]
    errors: int
    warnings: int


def check(
    lines: Iterable[bytes], objective: Objective, sizes: Sizes, *, least: int, most: int
) -> Checked:
    """Read and check every line of a file that has from *least* to *most* examples.

    Nothing is sized beyond *most* examples.
    """
    notes = _Notes()
    pairs, examples = _read(lines, objective, notes, most)
    if examples > most:
        notes.error(examples, "too_many_examples", f"at most {most} examples may be taught at once")
        return notes.checked((), examples, 0)
    tokens, kept = 0, []
    for pair, size in zip(pairs, sizes(pairs), strict=True):
        if isinstance(size, str):
            notes.error(_line(pair), "cannot_be_told", size)
        else:
            tokens += size
            kept.append(pair)
    _note_duplicates(pairs, notes)
    if not notes.errors and examples < least:
        said = f"there are {examples} examples, and at least {least} are needed to learn from"
        notes.error(max(1, examples), "too_few_examples", said)
    return notes.checked(tuple(kept), examples, tokens)


def sentence(param: str, found: Checked) -> str:
    """What keeps a file from being taught, with the first lines; empty where nothing does."""
    errors = [one for one in found.findings if one.level == "error"]
    if not errors:
        return ""
    told = "; ".join(f"line {one.line}: {one.message}" for one in errors[:TOLD])
    left = found.errors - min(TOLD, len(errors))
    more = f"; and {left} more, which the job's events and its result file tell" if left else ""
    wrong = "1 thing is" if found.errors == 1 else f"{found.errors} things are"
    return f"{param}: {wrong} wrong. {told}{more}. Nothing was trained."


def shared(taught: Sequence[TrainingPair], held: Sequence[TrainingPair]) -> tuple[int, ...]:
    """Lines of the second file that are in the first one too: they cannot tell what was learned."""
    known = {_same(pair) for pair in taught}
    return tuple(dict.fromkeys(_line(pair) for pair in held if _same(pair) in known))


# Below: private.

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}


class _Wrong(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class _Notes:
    def __init__(self) -> None:
        self.findings: list[LineFinding] = []
        self.errors = self.warnings = 0

    def error(self, line: int, code: str, message: str) -> None:
        self.errors += 1
        self._add(LineFinding(line=line, level="error", code=code, message=message))

    def warn(self, line: int, code: str, message: str) -> None:
        self.warnings += 1
        self._add(LineFinding(line=line, level="warn", code=code, message=message))

    def checked(self, pairs: tuple[TrainingPair, ...], examples: int, tokens: int) -> Checked:
        return Checked(
            pairs=pairs,
            examples=examples,
            tokens=tokens,
            findings=tuple(sorted(self.findings, key=lambda one: one.line)),
            errors=self.errors,
            warnings=self.warnings,
        )

    def _add(self, finding: LineFinding) -> None:
        if len(self.findings) < MOST:
            self.findings.append(finding)


def _read(
    lines: Iterable[bytes], objective: Objective, notes: _Notes, most: int
) -> tuple[list[TrainingPair], int]:
    parse = _preference if objective == "preference" else _conversation
    pairs: list[TrainingPair] = []
    examples = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            notes.warn(number, "empty_line", "the line is empty")
            continue
        examples += 1
        if examples > most:
            break
        try:
            pairs.extend(parse(_object(line), number))
        except _Wrong as wrong:
            notes.error(number, wrong.code, wrong.message)
    return pairs, examples


def _object(line: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _Wrong("not_json", f"is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise _Wrong("not_an_object", f"is a JSON {_kind(found)}, and not an object")
    return found


def _conversation(found: Mapping[str, Any], number: int) -> Iterator[TrainingPair]:
    if "preferred_output" in found:
        raise _Wrong("wrong_format", "is a preference; the method 'dpo' is taught with those")
    _require_known(found, ("messages",))
    turns = _turns(found.get("messages"), "messages", weighed=True)
    if turns[-1][0].role != "assistant":
        said = f"the last message is of the {turns[-1][0].role!r}, and must be the assistant's"
        raise _Wrong("no_answer", said)
    taught = [place for place, (message, weight) in enumerate(turns) if _taught(message, weight)]
    if not taught:
        raise _Wrong("nothing_taught", "every answer has the weight 0, so nothing is taught")
    messages = tuple(message for message, _ in turns)
    for count, place in enumerate(taught, start=1):
        _require_answer(messages[place].content)
        _require_question(messages[:place])
        name = f"line {number}" if len(taught) == 1 else f"line {number}, answer {count}"
        yield TrainingPair(
            messages=messages[:place],
            target=messages[place].content,
            item=name,
            cluster=f"line {number}",
        )


def _preference(found: Mapping[str, Any], number: int) -> Iterator[TrainingPair]:
    if "messages" in found:
        raise _Wrong("wrong_format", "is a conversation; the method 'supervised' takes those")
    _require_known(found, ("input", "preferred_output", "non_preferred_output"))
    asked = found.get("input")
    if not isinstance(asked, dict):
        raise _Wrong("no_input", "has no `input` with `messages`")
    _require_known(asked, ("messages",))
    messages = tuple(m for m, _ in _turns(asked.get("messages"), "input.messages", weighed=False))
    _require_question(messages)
    right, wrong = (_output(found.get(key), key) for key in ("preferred_output", _REJECTED))
    if right == wrong:
        raise _Wrong("same_answers", "the preferred answer is the other one")
    yield TrainingPair(
        messages=messages,
        target=right,
        rejected=wrong,
        item=f"line {number}",
        cluster=f"line {number}",
    )


_REJECTED = "non_preferred_output"


def _output(found: Any, key: str) -> str:
    turns = _turns(found, key, weighed=False)
    if len(turns) != 1 or turns[0][0].role != "assistant":
        raise _Wrong("no_answer", f"`{key}` must be one message of the assistant")
    _require_answer(turns[0][0].content)
    return turns[0][0].content


def _turns(found: Any, where: str, *, weighed: bool) -> list[tuple[Message, int | None]]:
    if not isinstance(found, list) or not found:
        raise _Wrong("no_messages", f"`{where}` must be a list of messages")
    return [_turn(one, f"{where}[{n}]", weighed=weighed) for n, one in enumerate(found)]


def _turn(found: Any, where: str, *, weighed: bool) -> tuple[Message, int | None]:
    if not isinstance(found, dict):
        raise _Wrong("no_message", f"`{where}` is a JSON {_kind(found)}, and not a message")
    role = found.get("role")
    if role in ("tool", "function") or found.get("tool_calls") or found.get("function_call"):
        raise _Wrong("tools", f"`{where}` uses tools, which are not taught")
    if not isinstance(role, str) or role not in _ROLES:
        said = ", ".join(map(repr, _ROLES))
        raise _Wrong("unknown_role", f"`{where}.role` is {_shown(role)}; the roles are {said}")
    weight = found.get("weight")
    if weight is not None and (not weighed or role != "assistant"):
        raise _Wrong("misplaced_weight", f"`{where}.weight` is for answers that are taught")
    if weight is not None and (isinstance(weight, bool) or weight not in (0, 1)):
        raise _Wrong("unknown_weight", f"`{where}.weight` is {_shown(weight)}, and must be 0 or 1")
    _require_known(found, ("role", "content", "weight"), within=f"{where}.")
    return Message(role=_ROLES[role], content=_content(found.get("content"), where)), weight


def _content(found: Any, where: str) -> str:
    if isinstance(found, str):
        return found
    if not isinstance(found, list) or not found:
        raise _Wrong("no_content", f"`{where}.content` must be text")
    pieces = []
    for part in found:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind != "text" or not isinstance(part.get("text"), str):
            said = f"`{where}.content` has a part of the type {_shown(kind)}; only text is taught"
            raise _Wrong("not_text", said)
        pieces.append(part["text"])
    return "".join(pieces)


def _taught(message: Message, weight: int | None) -> bool:
    return message.role == "assistant" and weight != 0


def _require_answer(text: str) -> None:
    if not text.strip():
        raise _Wrong("empty_answer", "an answer that is taught is empty")


def _require_question(messages: Sequence[Message]) -> None:
    if not any(one.role == "user" and one.content.strip() for one in messages):
        raise _Wrong("no_question", "nothing is asked by the user before the answer")


def _require_known(found: Mapping[str, Any], known: Sequence[str], within: str = "") -> None:
    """Whatever else is said would not be taught: what says nothing may stand."""
    for key, value in found.items():
        if key in known or value in (None, [], {}, "") or key == "parallel_tool_calls":
            continue
        if key in ("tools", "functions"):
            raise _Wrong("tools", f"`{within}{key}` are given, and tools are not taught")
        raise _Wrong("unknown_key", f"`{within}{_cut(key)}` is not known, and would not be taught")


def _note_duplicates(pairs: Sequence[TrainingPair], notes: _Notes) -> None:
    first: dict[object, int] = {}
    twice: list[tuple[int, int]] = []
    for pair in pairs:
        before = first.setdefault(_same(pair), _line(pair))
        if before != _line(pair):
            twice.append((_line(pair), before))
    if twice:
        said = ", ".join(f"{line} (as {before})" for line, before in twice[:TOLD])
        more = f" and {len(twice) - TOLD} more" if len(twice) > TOLD else ""
        told = f"{len(twice)} examples are there before: lines {said}{more}"
        notes.warn(twice[0][0], "duplicates", told)


def _same(pair: TrainingPair) -> object:
    return pair.messages, pair.target, pair.rejected


def _line(pair: TrainingPair) -> int:
    return int(pair.cluster.removeprefix("line "))


def _kind(value: Any) -> str:
    kinds = {list: "list", str: "string", bool: "boolean", type(None): "null", dict: "object"}
    return kinds.get(type(value), "number")


def _shown(value: Any) -> str:
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"
