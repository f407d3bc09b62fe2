"""The pages of a sitting as HTML: everything of the project in them is data, and is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from urllib.parse import quote

import jinja2

from escalera.apps.label.matter import Matter
from escalera.apps.label.sitting import LONGEST_NAME, Shown, Sitting
from escalera.core.evaluation.labelling import Given, Unit
from escalera.core.stats.clustering import Interval

TEMPLATES = "templates"
_SHORT = 80
"""Characters of an answer in a list."""
FILES: Mapping[str, str] = {
    "label.css": "text/css; charset=utf-8",
    "label.js": "text/javascript; charset=utf-8",
}
"""What pages ask for besides, with its kind."""

SAID: Mapping[str, str] = {
    "saved": "Saved.",
    "back": "Taken back: label it again.",
    "later": "Put off: it comes again at the end.",
    "nothing": "There is no label of yours to take back.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A button: the value that it gives, the keys that press it, and what it says."""

    value: str
    keys: tuple[str, ...]
    label: str
    words: str = ""


class Pages:
    """Renders the pages of a sitting, which are found below the path *base*."""

    def __init__(self, open_sitting: Sitting, *, base: str) -> None:
        self._sitting = open_sitting
        self._base = base
        self._choices = choices(open_sitting.matter)

    def start(self) -> str:
        """Who labels?"""
        people = self._sitting.people
        return self._render("start", title="Who labels?", people=people, longest=LONGEST_NAME)

    def item(self, shown: Shown, *, said: str = "", problem: str = "", draft: str = "") -> str:
        """One unit to be labelled, or that nothing is left; *draft* is what was refused."""
        sitting = self._sitting
        standing = sitting.standing() if shown.unit is None else sitting.glance()
        return self._render(
            "item",
            title=f"{shown.done} labelled, {shown.left} left",
            shown=shown,
            unit=shown.unit,
            texts=shown.texts,
            choices=self._choices,
            said=SAID.get(said, ""),
            problem=problem,
            draft=draft if problem else self._draft(shown),
            standing=standing,
        )

    def progress(self, by: str) -> str:
        """How far people are and agree, and what *by* labelled."""
        return self._render(
            "progress",
            title="Progress",
            by=by,
            shown=None,
            standing=self._sitting.standing(),
            given=self._sitting.labelled(by),
            apart=self._sitting.apart(by),
            told=self._told,
        )

    def problem(self, said: str) -> str:
        """That something went wrong."""
        return self._render("problem", title="Not done", problem=said)

    def _draft(self, shown: Shown) -> str:
        """What stands in the field for a target at first."""
        if shown.value is not None:
            return shown.value
        return shown.unit.item.target if shown.unit is not None else ""

    def _told(self, unit: Unit, given: Given) -> str:
        """A label in a few words."""
        value = given.value
        if isinstance(value, str) or value is None:
            return value or ""
        if len(unit.texts) == 1:
            return f"{value:g}"
        # By its words and not by its name: whose answers they are is not shown while people label.
        return "both alike" if value == 0.5 else f"“{_short(unit.texts[value != 1.0])}”"

    def _render(self, name: str, **more: object) -> str:
        template = _environment().get_template(f"{name}.html.j2")
        return template.render(matter=self._sitting.matter, base=self._base, **more)


def choices(matter: Matter) -> tuple[Choice, ...]:
    """The buttons of *matter*; none where people write, or give one of many grades in a field."""
    grades = matter.grades
    if grades is None:
        return ()
    if len(matter.units[0].texts) == 2 if matter.units else False:
        return (
            Choice(value="first", keys=("1", "a"), label="A", words="is better"),
            Choice(value="tie", keys=("0", "t"), label="Tie", words="both alike"),
            Choice(value="second", keys=("2", "b"), label="B", words="is better"),
        )
    if grades[0] >= 0 and grades[-1] <= 9:
        keys = [f"{grade:g}" for grade in grades]
    elif len(grades) <= 9:
        keys = [str(place) for place in range(1, len(grades) + 1)]
    else:
        return ()
    anchors = matter.anchors or ("",) * len(grades)
    return tuple(
        Choice(value=f"{grade:g}", keys=(key,), label=f"{grade:g}", words=words)
        for grade, key, words in zip(grades, keys, anchors, strict=True)
    )


@cache
def file(name: str) -> bytes:
    """One of `FILES`."""
    return (resources.files("escalera.apps.label") / TEMPLATES / name).read_bytes()


# Below: private.


@cache
def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("escalera.apps.label", TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(interval=_interval, part=_part, short=_short)
    return made


def _part(text: str) -> str:
    """A part of a path, or a value of a query."""
    return quote(text, safe="")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHORT else f"{line[:_SHORT].rstrip()}…"


def _interval(found: Interval) -> str:
    return f"{found.estimate:.2f} [{found.lower:.2f}, {found.upper:.2f}]"
