"""What a row of a data file says, whatever form it has: the one mapping from rows to items.

Four forms are known by their keys: our own (`input` and `target`), a preferred answer beside a
rejected one (`chosen`), a prompt with its completion, and a chat in OpenAI's form (`messages`).
Tables of others say which of their columns is which.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from escalera.core.data import chats, preferences
from escalera.core.data.flaws import Flaw, shown
from escalera.domain.dataset import SPLITS, Example, Split
from escalera.domain.identity import canonical, digest_of
from escalera.domain.message import Message, Query

Form = Literal["items", "preference", "pairs", "chat"]
PAIRED = ("chosen", "prompt", "rejected")
FORMS: Mapping[Form, tuple[str, ...]] = {
    "items": ("input", "target"),
    "preference": PAIRED,
    "pairs": ("prompt", "completion"),
    "chat": ("messages",),
}
"""Every form by the keys that make it; of a preference the first tells it."""

SHARED = ("id", "split", "cluster", "licence", "license", "source", "fields")
"""Keys that a row of any form may have."""
OWN = (*SHARED, "history", "rejected")
"""Keys that an item of our own form may have beside its texts."""
MEANINGS = (*FORMS["items"], *OWN, "messages")
"""What a column of another's table may be said to be."""

SPLIT_NAMES: Mapping[str, Split] = {
    "validation": "search",
    "valid": "search",
    "dev": "search",
    "test": "confirm",
    **{name: name for name in SPLITS},
}
"""Splits by the names that others have for them, and by our own."""

Entry = tuple[str, Mapping[str, Any] | Flaw]
"""The place of a row in its file, and what stands there, or why it cannot be read."""

DEEPEST = 100
"""Levels of lists and objects in each other; what is written again must not run out of stack."""
NEEDED = 'A line is like {"id": "1", "split": "train", "input": "…", "target": "…"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What a file says of all its rows; a row may say something else.

    `columns` are meanings with the names of the columns that have them.
    """

    split: Split | None = None
    licence: str = ""
    source: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One item as a file says it; where it does not, texts are empty and the split is None."""

    name: str
    split: Split | None
    input: str
    target: str
    cluster: str = ""
    history: tuple[Message, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    rejected: str = ""
    licence: str = ""
    source: str = ""

    @property
    def query(self) -> Query:
        """What is asked."""
        return Query(input=self.input, history=self.history, fields=self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one row of a file came to: items, or what is wrong with it.

    `unread` are keys that nothing was made of.
    """

    form: Form | None
    rows: tuple[Row, ...] = ()
    flaws: tuple[Flaw, ...] = ()
    unread: tuple[str, ...] = ()


def read(raw: Mapping[str, Any], defaults: Defaults, *, asked_only: bool = False) -> Reading:
    """The items of a row: one, or one for each answer of a chat that is to be learned.

    With *asked_only* a question without an answer is an item, too, and its target is empty.
    """
    renamed = _unpacked(_renamed(raw, defaults.columns))
    if _too_deep(renamed):
        rule = f"is not an item: it is nested deeper than {DEEPEST} levels"
        return Reading(form=None, flaws=(Flaw(rule, "Write what is inside as text"),))
    form = form_of(renamed)
    if asked_only and form in ("items", "pairs") and renamed.get(FORMS[form][1]) is None:
        found = read({**renamed, FORMS[form][1]: "?"}, replace(defaults, columns={}))
        return replace(found, rows=tuple(replace(row, target="") for row in found.rows))
    if form is None:
        return Reading(form=None, flaws=(_formless(raw, renamed, defaults),))
    flaws: list[Flaw] = []
    about = _about(renamed, defaults, flaws)
    if form in ("chat", "preference"):
        chat = form == "chat"
        talk = chats.answers(renamed["messages"]) if chat else preferences.answers(renamed)
        flaws += talk.flaws
        parts = talk.turns
    else:
        parts = _pair(renamed, form, flaws)
    known = {*FORMS[form], *(OWN if form == "items" else SHARED)}
    aside = {*defaults.columns} - {*defaults.columns.values()}  # another column has their meaning
    unread = (
        *(key for key in renamed if key not in known),
        *(key for key in raw if key in aside),
    )
    if flaws:
        return Reading(form=form, flaws=tuple(flaws), unread=unread)
    return Reading(form=form, rows=tuple(_rows(parts, about)), unread=unread)


def form_of(raw: Mapping[str, Any]) -> Form | None:
    """The form of a row by its keys, or None."""
    for form, keys in FORMS.items():
        if any(key in raw for key in (keys[:1] if form == "preference" else keys)):
            return form
    return None


def name_of(row: Row, seen: dict[str, int]) -> str:
    """The name of a row: its own, or one made of what it asks.

    The same question again gets a number, as counted in *seen*. A made name stays as it is when
    rows are added or moved.
    """
    if row.name:
        return row.name
    made = digest_of(row.query)[:16]
    seen[made] = seen.get(made, 0) + 1
    return made if seen[made] == 1 else f"{made}-{seen[made]}"


def example(row: Row, *, name: str, task: str) -> Example:
    """The item of *task* that *row* is; it needs a split."""
    if row.split is None:
        raise ValueError(f"the row {name!r} has no split")
    full = f"{task}/{name}"
    return Example(
        id=full,
        task=task,
        split=row.split,
        input=row.input,
        target=row.target,
        cluster=row.cluster or full,
        history=row.history,
        fields=row.fields,
        rejected=row.rejected,
        licence=row.licence,
        source=row.source,
    )


# Below: private.


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """What a row says beside its texts."""

    name: str
    split: Split | None
    cluster: str
    licence: str
    source: str
    fields: dict[str, Any]


def _renamed(raw: Mapping[str, Any], columns: Mapping[str, str]) -> Mapping[str, Any]:
    """The row under our own names; what stands under such a name otherwise is left aside."""
    if not columns:
        return raw
    named = {meaning: raw[column] for meaning, column in columns.items() if column in raw}
    used = {*columns, *columns.values()}
    return {key: value for key, value in raw.items() if key not in used} | named


def _unpacked(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row with lists and objects that stand in it as JSON text, as in the cells of a table."""
    found = {}
    for key in ("messages", "history", "fields", *(PAIRED if "chosen" in raw else ())):
        value = raw.get(key)
        if isinstance(value, str) and value[:1] in ("[", "{"):
            try:
                found[key] = json.loads(value)
            except (ValueError, RecursionError):
                continue  # told as the text that it is
            if key in PAIRED and not _talk_of(found[key]):
                del found[key]  # an answer may be JSON, too
    return {**raw, **found} if found else raw


def _too_deep(raw: Mapping[str, Any]) -> bool:
    """Whether lists and objects stand in each other so deep that they could not be written."""
    level: list[Any] = [raw]
    for _ in range(DEEPEST + 1):
        parts = (one.values() if isinstance(one, Mapping) else one for one in level)
        level = [one for part in parts for one in part if isinstance(one, (Mapping, list))]
        if not level:
            return False
    return True


def _talk_of(value: Any) -> bool:
    """Whether JSON is a list of messages."""
    if not isinstance(value, list) or not value:
        return False  # an empty list is an answer: it says that there is nothing
    return all(isinstance(e, Mapping) and "role" in e for e in value)


def _formless(raw: Mapping[str, Any], renamed: Mapping[str, Any], defaults: Defaults) -> Flaw:
    missing = [column for column in defaults.columns.values() if column not in raw]
    if missing:
        keys = ", ".join(map(repr, list(raw)[:8])) or "none"
        return Flaw(f"has no column {missing[0]!r}: its columns are {keys}", "Correct the columns")
    keys = ", ".join(map(repr, list(renamed)[:8])) or "none"
    return Flaw(
        f"is not an item: it has the keys {keys}, and neither `input` and `target`, nor `prompt` "
        "and `completion`, nor `chosen` and `rejected`, nor `messages`",
        "Say which columns are the input and the target (`columns`), or rename them",
    )


def _about(raw: Mapping[str, Any], defaults: Defaults, flaws: list[Flaw]) -> _About:
    licence = _text(raw, "licence", flaws) or _text(raw, "license", flaws)
    return _About(
        name=_name(raw, "id", flaws),
        split=_split(raw, defaults, flaws),
        cluster=_name(raw, "cluster", flaws),
        licence=licence or defaults.licence,
        source=_text(raw, "source", flaws) or defaults.source,
        fields=_fields(raw, flaws),
    )


def _rows(parts: tuple[chats.Turn, ...], about: _About) -> Iterator[Row]:
    several = len(parts) > 1
    for number, part in enumerate(parts, start=1):
        fields = about.fields | ({} if part.system is None else {"system": part.system})
        name = f"{about.name}.{number}" if several and about.name else about.name
        yield Row(
            name=name,
            split=about.split,
            input=part.input,
            target=part.target,
            cluster=about.cluster or (_talk(parts, about) if several else ""),
            history=part.history,
            fields=tuple((key, canonical(fields[key]).decode()) for key in sorted(fields)),
            rejected=part.rejected,
            licence=about.licence,
            source=about.source,
        )


def _talk(parts: tuple[chats.Turn, ...], about: _About) -> str:
    """The cluster of the answers of one chat: its name, or one made of how it begins."""
    return about.name or digest_of([parts[0].history, parts[0].input, parts[-1].input])[:16]


def _pair(raw: Mapping[str, Any], form: Form, flaws: list[Flaw]) -> tuple[chats.Turn, ...]:
    asked, answer = FORMS[form]
    texts = [_needed(raw, key, flaws) for key in (asked, answer)]
    if form == "pairs":
        return (chats.Turn(input=texts[0], target=texts[1]),)
    rejected = _text(raw, "rejected", flaws)
    if rejected and rejected == texts[1]:
        flaws.append(preferences.same("`rejected`", "`target`", rejected))
    history = _history(raw, flaws)
    return (chats.Turn(input=texts[0], target=texts[1], history=history, rejected=rejected),)


def _needed(raw: Mapping[str, Any], key: str, flaws: list[Flaw]) -> str:
    if raw.get(key) is None:
        remedy = f"{NEEDED}; or say which column it is (`columns`)"
        flaws.append(Flaw(f"is not an item: `{key}` is missing", remedy))
        return ""
    found = _text(raw, key, flaws)
    if isinstance(raw[key], str) and not found.strip():
        flaws.append(Flaw(f"`{key}` is empty", "Fill it in, or remove the line"))
    return found


def _text(raw: Mapping[str, Any], key: str, flaws: list[Flaw]) -> str:
    value = raw.get(key)
    if value is None or isinstance(value, str):
        return _whole(value or "", key, flaws)
    flaws.append(Flaw(f"is not an item: `{key}` is {shown(value)}, not text", "Write it as text"))
    return ""


def _whole(text: str, key: str, flaws: list[Flaw]) -> str:
    """*text*, unless it holds half of a character, which JSON can say and no file can hold."""
    if not text.isascii() and text != text.encode(errors="ignore").decode():
        flaws.append(Flaw(f"`{key}` holds half of a character (a lone surrogate)", "Remove it"))
    return text


def _name(raw: Mapping[str, Any], key: str, flaws: list[Flaw]) -> str:
    value = raw.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    found = _text(raw, key, flaws)
    if isinstance(value, str) and not value.strip():
        flaws.append(Flaw(f"`{key}` is empty", "Fill it in, or leave the key out"))
    return found


def _split(raw: Mapping[str, Any], defaults: Defaults, flaws: list[Flaw]) -> Split | None:
    value = raw.get("split")
    if value is None or value == "":
        return defaults.split
    found = SPLIT_NAMES.get(value) if isinstance(value, str) else None
    if found is None:
        rule = f"is not an item: `split` is {shown(value)}, not one of {', '.join(SPLIT_NAMES)}"
        flaws.append(Flaw(rule, "Use one of them"))
    return found


def _history(raw: Mapping[str, Any], flaws: list[Flaw]) -> tuple[Message, ...]:
    value = raw.get("history")
    if value is None or value == "":
        return ()
    found, wrong = chats.turns(value, "history")
    flaws += wrong
    return found


def _fields(raw: Mapping[str, Any], flaws: list[Flaw]) -> dict[str, Any]:
    value = raw.get("fields")
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping):
        rule = f"is not an item: `fields` is {shown(value)}, not an object"
        flaws.append(Flaw(rule, 'Write them like {"tier": "gold"}'))
        return {}
    for name, told in value.items():
        if not name.isidentifier() or name == "input":
            rule = f"the field {name!r} cannot be used in a template"
            flaws.append(Flaw(rule, "Give it a plain name that is not `input`"))
        if not _is_json(told):
            rule = f"the field {name!r} is {shown(told)}, which JSON cannot say"
            flaws.append(Flaw(rule, "Write it as text, or leave it out"))
    return dict(value)


def _is_json(value: Any) -> bool:
    """Whether JSON can say it: a time, bytes, NaN and half a character it cannot."""
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError):
        return False
    return True
