"""The reference pages say what the code does: generated parts are compared, tables checked."""

from __future__ import annotations

import dataclasses
import importlib.util
import inspect
import json
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import pytest

import escalera
from escalera import domain, ports
from escalera.apps.cli import main
from escalera.apps.compared import Comparison
from escalera.apps.decision import Decision
from escalera.apps.report.document import EXIT_CODES
from escalera.apps.workspace import Workspace
from escalera.core.ladder import steps
from escalera.edges.scores.columns import COLUMNS
from escalera.edges.scores.reading import READERS
from escalera.edges.scores.writing import WRITERS
from escalera.edges.scoring.desk import OPTIONS
from escalera.settings import (
    gateway_table,
    guard_table,
    jobs_table,
    merge_recipe,
    serving_table,
    tables,
    training_table,
    trial_table,
    vllm_table,
)

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATE = _generator()


@pytest.mark.parametrize("name", list(GENERATE.PARTS))
def test_generated_parts_are_fresh(name: str) -> None:
    """`make docs` would change nothing."""
    text = (DOCS / GENERATE.PARTS[name][0]).read_text(encoding="utf-8")
    assert GENERATE.renewed(text, name) == text, "run `make docs`"


def test_a_page_without_its_part_is_noticed() -> None:
    """A part whose comments were removed is an error, not a page that goes stale."""
    with pytest.raises(LookupError, match="holds no part"):
        GENERATE.renewed("# Command line\n", "commands")


TABLES: dict[str, type[msgspec.Struct]] = {
    "[project]": tables.ProjectTable,
    "[budget]": tables.BudgetTable,
    "[models.NAME]": tables.ModelTable,
    "[models.NAME.sla]": tables.SlaTable,
    "[models.NAME.vllm]": vllm_table.VLLMTable,
    "[models.NAME.finetuning]": tables.FinetuningTable,
    "[models.NAME.serving]": serving_table.ServingTable,
    "price": tables.PriceTable,
    "[climb]": tables.ClimbTable,
    "[climb.search]": tables.SearchTable,
    "[training]": training_table.TrainingTable,
    "[training.weights]": training_table.WeightsTable,
    "[service]": tables.ServiceTable,
    "[gateway]": gateway_table.GatewayTable,
    "[gateway.traces]": gateway_table.TracesTable,
    "[gateway.cache]": gateway_table.CacheTable,
    "[gateway.timeouts]": gateway_table.TimeoutsTable,
    "[gateway.breaker]": gateway_table.BreakerTable,
    "[gateway.log]": gateway_table.LogTable,
    "[gateway.files]": gateway_table.FilesTable,
    "[gateway.jobs]": jobs_table.JobsTable,
    "[gateway.batches]": gateway_table.BatchesTable,
    "[gateway.guards.NAME]": guard_table.GuardTable,
    "[gateway.limits]": guard_table.LimitsTable,
    "[gateway.routes.NAME]": gateway_table.RouteTable,
    "[gateway.shadows.NAME]": trial_table.ShadowTable,
    "[gateway.canaries.NAME]": trial_table.CanaryTable,
    "[training.full]": training_table.FullTable,
    "[training.memory]": training_table.MemoryTable,
    "[training.sweep]": training_table.SweepTable,
    "[training.rewind]": training_table.RewindTable,
    "[tasks.NAME]": tables.TaskTable,
    "[judges.NAME]": tables.JudgeTable,
    "[tasks.NAME.data]": tables.DataTable,
    "[tasks.NAME.prompt]": tables.PromptTable,
    "[tasks.NAME.context]": tables.ContextTable,
}
MERGE_TABLES: dict[str, type[msgspec.Struct]] = {
    "Keys": merge_recipe.MergeTable,
    "Keys of a model": merge_recipe.SourceTable,
}


@pytest.mark.parametrize("section", list(MERGE_TABLES))
def test_every_key_of_a_merge_recipe_is_explained(section: str) -> None:
    """Keys and defaults of the page are those of the reader, and no others."""
    page = (DOCS / "reference" / "merge-recipe.md").read_text(encoding="utf-8")
    part = page.split(f"\n## {section}\n")[1].split("\n## ")[0]
    written = dict(re.findall(r"^\| `(\w+)` \| \w+ \| (.+?) \| .+ \|$", part, re.MULTILINE))
    fields = {field.name: field for field in msgspec.structs.fields(MERGE_TABLES[section])}
    assert set(written) == set(fields)
    for key, default in written.items():
        assert default == "empty" or _agrees(default, fields[key]), key


NO_DEFAULT = {"no cap", "none", "empty"}


def _written(section: str) -> dict[str, tuple[str, str]]:
    """Key to (type, default), from the page's table."""
    page = (DOCS / "reference" / "project-file.md").read_text(encoding="utf-8")
    part = page.split(f"\n## `{section}`\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| .+ \|$", part, re.MULTILINE)
    return {key: (kind, default) for key, kind, default in rows}


@pytest.mark.parametrize("section", list(TABLES))
def test_every_key_of_the_project_file_is_explained(section: str) -> None:
    """Keys, types and defaults of the page are those of the reader, and no others."""
    written = _written(section)
    fields = {field.name: field for field in msgspec.structs.fields(TABLES[section])}
    assert set(written) == set(fields)
    for key, (kind, default) in written.items():
        assert _kind(fields[key].type) in kind, key
        assert _agrees(default, fields[key]), f"{key}: the page says {default}"


def _kind(annotation: Any) -> str:
    """The word for a type that the page's cell must contain."""
    options = [o for o in getattr(annotation, "__args__", ()) if o is not type(None)]
    origin = getattr(annotation, "__origin__", None)
    if origin in {list, dict}:
        return "list" if origin is list else "table"
    if isinstance(annotation, type):
        if issubclass(annotation, msgspec.Struct):
            return "table"
        return {str: "string", int: "integer", float: "number", bool: "boolean"}[annotation]
    if all(isinstance(option, str) for option in options):
        return f'"{options[-1]}"'
    return _kind(options[0])


def _agrees(said: str, field: Any) -> bool:
    if field.required:
        return said == "required"
    made = field.default_factory is not msgspec.NODEFAULT
    default = field.default_factory() if made else field.default
    if default is None or isinstance(default, msgspec.Struct):
        return said in NO_DEFAULT
    return bool(tomllib.loads(f"x = {said.strip('`')}")["x"] == default)


def test_every_exit_code_is_explained() -> None:
    """Reasons to stop and their codes are on the page, and every other code too."""
    page = (DOCS / "reference" / "exit-codes.md").read_text(encoding="utf-8")
    said = {r: int(code) for r, code in re.findall(r"^\| (\w+) \| (\d+) \|$", page, re.MULTILINE)}
    assert said == EXIT_CODES
    rows = {int(code) for code in re.findall(r"^\| (\d+) \| [a-z]", page, re.MULTILINE)}
    others = {main.EXIT_ERROR, main.EXIT_INPUT, main.EXIT_INTERRUPTED}
    assert rows == {*EXIT_CODES.values(), *others}


def test_every_public_name_is_explained() -> None:
    """The page of the library names all that it exports, member by member."""
    page = (DOCS / "reference" / "python-api.md").read_text(encoding="utf-8")
    for name in escalera.__all__:
        assert f"## `{name}" in page, name
    for kind in (Workspace, Decision, Comparison):
        for member in {*vars(kind), *getattr(kind, "__dataclass_fields__", {})}:
            if not member.startswith("_"):
                assert re.search(rf"`{member}[`(]", page), f"{kind.__name__}.{member}"


def _domain_words() -> set[str]:
    """Every public class and literal type of the domain, the ports, and the steps' names."""
    folder = Path(inspect.getfile(domain)).parent if domain.__file__ else Path(domain.__path__[0])
    sources = [file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.py"))]
    classes = {
        name for text in sources for name in re.findall(r"^class ([A-Z]\w+)", text, re.MULTILINE)
    }
    literals = re.findall(r"^(\w+) = Literal", "\n".join(sources), re.MULTILINE)
    interfaces = {name for name, kind in inspect.getmembers(ports, inspect.isclass) if _of(kind)}
    return classes | set(literals) | interfaces


def _of(kind: type) -> bool:
    return kind.__module__ == ports.__name__


def test_every_class_of_the_domain_is_a_term() -> None:
    """The glossary spells every noun of the domain as the code does."""
    page = (DOCS / "glossary.md").read_text(encoding="utf-8")
    known = set(re.findall(r"`(\w+)`", page))
    assert _domain_words() - known - {"RungName", "QueryType", "QuestionKind"} == set()
    named = {kind.__name__ for kind in steps.Step.__args__}
    assert named <= known


def test_every_option_of_a_scorer_is_explained() -> None:
    """Keys, types and defaults of the page are those of the scorers, kind by kind."""
    page = (DOCS / "reference" / "project-file.md").read_text(encoding="utf-8")
    part = page.split("\n## `[tasks.NAME.scorer]`\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.+?) \| (.+?) \| .+ \|$", part, re.MULTILINE)
    written = {(kind, key): (type_, default) for kind, key, type_, default in rows}
    fields = {
        (kind, field.name): (get_type_hints(options)[field.name], field.default)
        for kind, options in OPTIONS.items()
        for field in dataclasses.fields(options)
    }
    assert set(written) == set(fields)
    for key, (type_, default) in fields.items():
        said, shown = written[key]
        words = {str: "string", int: "integer", float: "number", bool: "boolean"}
        if get_origin(type_) is tuple:
            wanted = ["list of strings"]
        elif get_origin(type_) is Literal:
            wanted = [f"`{json.dumps(value)}`" for value in get_args(type_)]
        else:
            wanted = [words[type_]]
        assert all(word in said for word in wanted), key
        required = default is dataclasses.MISSING
        assert shown == ("required" if required else f"`{json.dumps(default)}`"), key


def test_every_scorer_is_explained() -> None:
    """The page that helps to choose has each kind in its table."""
    page = (DOCS / "how-to" / "choose-a-scorer.md").read_text(encoding="utf-8")
    part = page.split("\n## Which one\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`.+?) \|", part, re.MULTILINE)
    assert {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} == set(OPTIONS)


def test_every_column_of_scores_is_explained() -> None:
    """The page about importing lists each name of each column, and no others."""
    page = (DOCS / "how-to" / "import-scores.md").read_text(encoding="utf-8")
    part = page.split("\n## Columns of plain tables\n")[1].split("\n\nScores may also")[0]
    cells = re.findall(r"^\| [a-z ]+ \| (.+?) \|", part, re.MULTILINE)
    said = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(said) == sorted(name for names in COLUMNS.values() for name in names)


def test_every_format_of_scores_is_explained() -> None:
    """Each that is read has its row, each that is written its word."""
    page = (DOCS / "how-to" / "import-scores.md").read_text(encoding="utf-8")
    read = page.split("\n## What is read\n")[1].split("\n\nRecent")[0]
    first = re.findall(r"^\| (`.+?) \|", read, re.MULTILINE)
    assert {name for cell in first for name in re.findall(r"`([\w-]+)`", cell)} == set(READERS)
    written = page.split("\n## What is written\n")[1]
    assert all(suffix in written for writer in WRITERS.values() for suffix in writer.suffixes[:1])


def test_every_dependency_is_explained() -> None:
    """Each package that is installed for us has its row, and each row its package."""
    page = (DOCS / "explanation" / "dependencies.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        needed += extra
    names = {re.split(r"[\[<>=;~! ]", entry)[0] for entry in needed} - {"escalera"}
    assert set(re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE)) == names
