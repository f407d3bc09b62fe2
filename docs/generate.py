"""Writes the generated parts of the documentation: `python docs/generate.py`.

Each part stands between two comments that name it; tests compare it with what is written here.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import get_args

import click

from escalera.apps.cli.main import COMMANDS, cli
from escalera.core.ladder import rungs
from escalera.core.merging.methods import METHODS
from escalera.core.serving.guarding.kinds import GROUPS, KINDS
from escalera.domain import event
from escalera.domain.event import Outcome

DOCS = Path(__file__).resolve().parent
MARK = "<!-- generated: {name}; `make docs` writes it anew -->"
END = "<!-- end of {name} -->"


def main() -> None:
    """Write every generated part into its page."""
    for name, (page, _) in PARTS.items():
        file = DOCS / page
        file.write_text(renewed(file.read_text(encoding="utf-8"), name), encoding="utf-8")


def renewed(text: str, name: str) -> str:
    """*text* with the part *name* as it should be. Raises LookupError when the page lacks it."""
    begin, end = MARK.format(name=name), END.format(name=name)
    part = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not part.search(text):
        raise LookupError(f"the page holds no part between {begin!r} and {end!r}")
    made = f"{begin}\n\n{PARTS[name][1]().strip()}\n\n{end}"
    return part.sub(lambda _: made, text)


def cli_reference() -> str:
    """Every command with its arguments and options."""
    context = click.Context(cli, info_name="escalera")
    sections = []
    for name in COMMANDS:
        command = cli.get_command(context, name)
        if command is None:
            raise LookupError(f"there is no command {name!r}")
        sections.append(_command(name, command))
        if isinstance(command, click.Group):
            sections += [_command(f"{name} {key}", part) for key, part in command.commands.items()]
    return "\n\n".join(sections)


def ladder_table() -> str:
    """The rungs, bottom first."""
    lines = [
        "| rung | title | changes | needs | costs to make | keeps alive | weight in alpha |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| `{r.name}` | {r.title} | {r.changes} | {r.needs} | {r.makes} | {r.keeps} "
        f"| {r.alpha:.2f} |"
        for r in rungs.RUNGS
    ]
    return "\n".join(lines)


def ladder_diagram() -> str:
    """The legal moves as a Mermaid state diagram."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {rungs.RUNGS[0].name}"]
    for row, following in zip(rungs.RUNGS, (*rungs.RUNGS[1:], None), strict=True):
        target = following.name if following is not None else "decision"
        for move, outcomes in _moves(row).items():
            leads_to = "decision" if move == "stop" else target
            when = "in any case" if len(outcomes) == len(row.moves) else " or ".join(outcomes)
            lines.append(f"    {row.name} --> {leads_to}: {when}")
    return "\n".join([*lines, "    decision --> [*]", "```"])


def events_reference() -> str:
    """Every kind of event with its fields."""
    return "\n\n".join(_event(kind) for kind in get_args(event.Event))


def merge_methods() -> str:
    """Every merge method with its parameters."""
    lines = [
        "| method | what it makes | base | models | parameters | source |",
        "|---|---|---|---|---|---|",
    ]
    for row in METHODS.values():
        count = f"{row.fewest}" if row.fewest == row.most else f"{row.fewest} or more"
        given = ", ".join(
            f"`{p.name}`" + ("" if p.default is None else f" = {_toml(p.default)}")
            for p in row.parameters
        )
        lines.append(
            f"| `{row.name}` | {row.title} | {row.base} | {count} | {given} | {row.source} |"
        )
    return "\n".join(lines)


# Below: private.


def _toml(value: float | bool) -> str:  # noqa: FBT001
    return str(value).lower() if isinstance(value, bool) else f"{value:g}"


def _command(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=f"escalera {name}")
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f"## `escalera {name}`", "", f"    escalera {name} {usage}", ""]
    lines.append(inspect.cleandoc(command.help or ""))
    options = [p for p in command.params if isinstance(p, click.Option)]
    if options:
        lines += ["", "| option | what it does | default |", "|---|---|---|"]
        lines += [_option(option, context) for option in options]
    return "\n".join(lines)


def _option(option: click.Option, context: click.Context) -> str:
    names = ", ".join(f"`{name}`" for name in sorted(option.opts, key=len, reverse=True))
    if not option.is_flag:
        names += f" {option.make_metavar(context).lower().split()[0]}"
    default = f"`{option.get_default(context)}`" if option.show_default else ""
    return f"| {names.replace('|', '/')} | {option.help or ''} | {default} |"


def _moves(row: rungs.Rung) -> Mapping[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for outcome in get_args(Outcome):
        grouped.setdefault(row.moves[outcome], []).append(outcome)
    return grouped


def _event(kind: type) -> str:
    lines = [f"## `{kind.__name__}`", "", inspect.cleandoc(kind.__doc__ or ""), ""]
    lines += ["| field | type |", "|---|---|"]
    for field in dataclasses.fields(kind):
        shown = str(field.type).replace("|", "or")
        clock = " (a clock reading)" if field.name in event.CLOCK_FIELDS else ""
        lines.append(f"| `{field.name}` | `{shown}`{clock} |")
    return "\n".join(lines)


def guard_kinds() -> str:
    """What guards can look for, by group, and where the forms are laid down."""
    groups = {kind: name for name, of in GROUPS.items() for kind in of}
    lines = ["| kind | group | what it is told by |", "|---|---|---|"]
    for kind, patterns in KINDS.items():
        told = dict.fromkeys(one.source for one in patterns)
        behind = " Only behind words that name it." if all(one.context for one in patterns) else ""
        group = f"`{groups[kind]}`" if kind in groups else ""
        lines.append(f"| `{kind}` | {group} | {'; '.join(told)}.{behind} |")
    return "\n".join(lines)


PARTS: Mapping[str, tuple[str, Callable[[], str]]] = {
    "commands": ("reference/cli.md", cli_reference),
    "guard-kinds": ("reference/guards.md", guard_kinds),
    "events": ("reference/events.md", events_reference),
    "methods": ("reference/merge-recipe.md", merge_methods),
    "rungs": ("explanation/the-ladder.md", ladder_table),
    "moves": ("explanation/the-ladder.md", ladder_diagram),
}
"""Every part: the page it stands on, and what makes it."""


if __name__ == "__main__":
    main()
