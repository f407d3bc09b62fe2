"""The decision report: one document in, one self-contained HTML page out.

The page is for someone who was not there: the verdict sentence first, then pictures, then figures,
then how to repeat it. It asks the network for nothing, runs no script, and its policy forbids both.
Everything in the document is data and is escaped; the words of verdicts come from the document,
the words of the page from the templates. Equal documents give equal bytes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, Literal

import jinja2
from markupsafe import Markup

from escalera.apps.report import charts, numerals

CellState = Literal["regressed", "unproven", "inadequate", "undecided", "adequate", "not measured"]

TEMPLATES = "templates"
REFRESH = 5
"""Seconds between two looks at a page of trainings that are underway."""
WORDS: Mapping[CellState, str] = {
    "regressed": "regressed",
    "unproven": "fall not ruled out",
    "inadequate": "below the bar",
    "undecided": "undecided",
    "adequate": "adequate",
    "not measured": "not measured",
}


def render(document: Mapping[str, Any]) -> str:
    """Return the whole report as one HTML file."""
    theme = _theme("theme.css")
    template = _environment().get_template("page.html.j2")
    return template.render(document, theme=theme, theme_digest=_policy_digest(theme))


def trainings(document: Mapping[str, Any], tasks: Sequence[Mapping[str, Any]]) -> str:
    """Return the page of a project's trainings; it loads itself while one is underway."""
    theme = _theme("theme.css")
    template = _environment().get_template("trainings.html.j2")
    return template.render(
        document,
        tasks=tasks,
        refresh=REFRESH if document["underway"] else None,
        theme=theme,
        theme_digest=_policy_digest(theme),
    )


def fragment(document: Mapping[str, Any]) -> str:
    """Return the verdict and one small table, for a notebook's output cell.

    It styles only itself and only with the colour it finds: notebooks choose their own theme.
    """
    template = _environment().get_template("fragment.html.j2")
    return template.render(document, theme=_theme("fragment.css"))


def cell_state(cell: Mapping[str, Any]) -> CellState:
    """Name what matters most about one candidate on one query type.

    A fall comes before a missed bar: it is what nobody asked for. A fall that could not be ruled
    out is kept apart from one that was seen.
    """
    if cell["score"] is None:
        return "not measured"
    if cell["gate"] is False:
        return "regressed" if cell["comparison"] == "worse" else "unproven"
    if cell["adequacy"] == "adequate":
        return "adequate"
    return "inadequate" if cell["adequacy"] == "inadequate" else "undecided"


# Private.


def _cell_of(candidate: Mapping[str, Any], task: str) -> Mapping[str, Any] | None:
    return next((cell for cell in candidate["cells"] if cell["task"] == task), None)


def _task_of(tasks: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    return next((task for task in tasks if task["name"] == name), None)


def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("escalera.apps.report", TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(
        score=numerals.score,
        signed=numerals.signed,
        interval=numerals.interval,
        signed_interval=numerals.signed_interval,
        count=numerals.count,
        counted=numerals.counted,
        percent=numerals.percent,
        money=numerals.money,
        thousand_calls=numerals.thousand_calls,
        plain=numerals.plain,
        duration=numerals.duration,
        clock=numerals.clock,
    )
    made.globals.update(
        cell_of=_cell_of,
        cell_state=cell_state,
        ceiling=charts.ceiling,
        columns=charts.columns,
        curve=charts.curve,
        lanes=charts.lanes,
        part=charts.part,
        place=charts.percent,
        strip=charts.strip,
        task_of=_task_of,
        ticks=charts.TICKS,
        words=WORDS,
    )
    return made


def _theme(name: str) -> Markup:
    folder = resources.files("escalera.apps.report") / TEMPLATES
    style = (folder / name).read_text(encoding="utf-8")
    return Markup(style)  # noqa: S704  (our own file, no part of the document)


def _policy_digest(style: str) -> str:
    digest = hashlib.sha256(style.encode("utf-8")).digest()
    return "sha256-" + base64.b64encode(digest).decode("ascii")
