"""Everything in the documentation that looks as if it worked, does.

Python blocks are run, page by page, in a folder with the climbed example; a block marked `server`
talks to a server that stands in for `escalera serve`. Commands of shell blocks are checked to
exist, TOML blocks to hold known keys, JSON blocks to be rows, links to lead somewhere.
"""

from __future__ import annotations

import importlib
import json
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from tests.unit.apps.gateway.sockets import served

from escalera.apps.cli.main import cli
from escalera.apps.gateway import jobs
from escalera.apps.gateway.admitting import OneKey
from escalera.apps.gateway.app import Setup, application
from escalera.apps.gateway.deposits import Deposits
from escalera.apps.gateway.metrics import Metrics
from escalera.core.data import rows
from escalera.domain.judge import PREFIX
from escalera.edges.scoring.desk import OPTIONS
from escalera.engine.serve import Desk, Served
from escalera.settings import scorer_table
from escalera.settings.gateway_table import GatewayTable
from escalera.settings.jobs_table import JobsTable
from escalera.settings.merge_recipe import MergeTable
from escalera.settings.prompt_file import PromptFile
from escalera.settings.tables import ProjectFile
from escalera.testing.scripted import ScriptedProvider
from escalera.wiring import stores

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
SERVER = "http://127.0.0.1:8000"
FENCE = re.compile(r"^```(\w+)?[ ]*(\w+)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
KINDS = {"python", "sh", "toml", "json", "mermaid", None}


@dataclass(frozen=True)
class Block:
    """A fenced block: its kind, its mark and where it stands."""

    page: Path
    line: int
    kind: str | None
    mark: str | None
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        kind, mark, body = found.groups()
        yield Block(page, line, kind, mark, body)


BLOCKS = [block for page in PAGES for block in blocks(page)]


def of_kind(kind: str) -> list[Any]:
    """Parameters: the blocks of one kind."""
    return [pytest.param(block, id=str(block)) for block in BLOCKS if block.kind == kind]


def test_every_fence_is_of_a_kind_that_is_checked() -> None:
    """A block of another kind would be skipped silently."""
    assert {str(block): block.kind for block in BLOCKS if block.kind not in KINDS} == {}
    fences = sum(page.read_text(encoding="utf-8").count("```") for page in PAGES)
    assert fences == 2 * len(BLOCKS), "a fence is not closed, or is indented"


PYTHON_PAGES = [page for page in PAGES if any(b.kind == "python" for b in blocks(page))]


@pytest.mark.network
@pytest.mark.parametrize("page", PYTHON_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_runs(
    page: Path, decided_example: Path, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    """Blocks of a page run one after the other and share their names."""
    monkeypatch.chdir(decided_example)
    names: dict[str, Any] = {"__name__": "documentation"}
    for block in blocks(page):
        if block.kind == "python":
            text = block.text.replace(SERVER, server) if block.mark == "server" else block.text
            code = compile("\n" * block.line + text, str(page), "exec")
            exec(code, names)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Stands for `escalera serve` on the example."""
    provider = ScriptedProvider(lambda request: f"heard: {request.messages[-1].content}")
    models = {"support": Served(revision="scripted", provider=provider)}
    desk = Desk(label="escalera", route=None, infer=None, models=models)
    entrance, found = OneKey(None), stores.at(tmp_path_factory.mktemp("state"))
    deposits = Deposits(
        found, table=GatewayTable, now=stores.wall_clock(), tell=print, metrics=Metrics()
    )
    tuning = jobs.opened(
        found,
        JobsTable,
        models=lambda: ("support",),
        tasks=lambda: ("order_changes",),
        now=stores.wall_clock(),
    )
    setup = Setup(
        entrance=entrance,
        rooms=[*deposits.rooms(), tuning],
        beside=lambda gateway: deposits.running(gateway, entrance),
    )
    with served(application(desk, api_key=None, now=lambda: 0.0, setup=setup)) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("block", of_kind("sh"))
def test_commands_exist(block: Block) -> None:
    """Every line of a shell block begins with a command that is known here."""
    for line in block.text.strip().splitlines():
        words = shlex.split(line, comments=True)
        if words:
            check = COMMANDS.get(words[0])
            assert check is not None, f"{block}: {line!r} begins with an unknown command"
            check(words[1:])


def parses(arguments: list[str]) -> None:
    """The arguments are right for `escalera`; nothing is run."""
    if arguments in (["--help"], ["--version"]):
        return
    command = cli.get_command(click.Context(cli), arguments[0])
    assert command is not None, f"there is no command {arguments[0]!r}"
    context = command.make_context(arguments[0], arguments[1:])
    if isinstance(command, click.Group):
        _, part, rest = command.resolve_command(context, arguments[1:])
        assert part is not None
        part.make_context(arguments[1], rest)


def is_module(arguments: list[str]) -> None:
    """`python -m` names a module of ours that takes the options."""
    flag, name, *options = arguments
    assert flag == "-m"
    command = importlib.import_module(f"{name}.__main__").command
    command.make_context(name, options)


def is_target(arguments: list[str]) -> None:
    """`make` knows the targets."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in arguments:
        assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), target


def installs_here(arguments: list[str]) -> None:
    """`pip install` names this folder, with extras that there are."""
    command, *what = arguments
    assert command == "install"
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name in what:
        extra = re.fullmatch(r"\.(?:\[(\w+)\])?", name)
        assert extra is not None, name
        assert extra[1] is None or extra[1] in known["optional-dependencies"]


def accepts(arguments: list[str]) -> None:
    """A command of the shell itself."""
    assert arguments


COMMANDS: Mapping[str, Callable[[list[str]], None]] = {
    "escalera": parses,
    "make": is_target,
    "pip": installs_here,
    "python": is_module,
    "export": accepts,
    ".": accepts,
}


@pytest.mark.parametrize("block", of_kind("toml"))
def test_project_files_hold_known_keys(block: Block) -> None:
    """A part of a project file, or a prompt file, has the keys and types that the reader knows."""
    fields = {field.name: field.type for field in msgspec.structs.fields(ProjectFile)}
    if "merge_method" in tomllib.loads(block.text):
        msgspec.convert(tomllib.loads(block.text), MergeTable)
        return
    if "messages" in tomllib.loads(block.text):
        msgspec.convert(tomllib.loads(block.text), PromptFile)
        return
    for table, value in tomllib.loads(block.text).items():
        assert table in fields, f"{block}: there is no table {table!r}"
        if table in ("models", "tasks"):
            for task in msgspec.convert(value, fields[table]).values():
                if table == "tasks" and not scorer_table.kind(task.scorer).startswith(PREFIX):
                    scorer_table.read(task.scorer, OPTIONS)
        elif table == "climb":
            msgspec.convert({"model": "base"} | value, fields[table])
        else:
            msgspec.convert(value, fields[table])


@pytest.mark.parametrize("block", of_kind("json"))
def test_rows_are_items(block: Block) -> None:
    """Every line is an item of a data file."""
    for line in block.text.strip().splitlines():
        reading = rows.read(json.loads(line), rows.Defaults())
        assert (reading.flaws, reading.unread) == ((), ()), block


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """A link to a file of the repository names one that is there."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    inside = [link for link in LINK.findall(text) if not link.startswith(("http", "#"))]
    missing = [link for link in inside if not (page.parent / link.partition("#")[0]).exists()]
    assert missing == []
