"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE, UNIT = ROOT / "src" / "escalera", ROOT / "tests" / "unit"

PLAYBOOKS = "proved by playbooks and properties in core/ladder/test_planner and test_properties"
WITHOUT_OWN_TEST = {
    "apps/cli/diagnose.py": "in apps/test_diagnosed",
    "__main__.py": "one call; run as a process in apps/cli/test_main",
    "apps/answered.py": "in apps/test_workspace",
    "apps/gateway/cycle.py": "over real connections in apps/gateway/test_protocol",
    "apps/cli/chat.py": "the loop is in apps/cli/test_main, the answers in engine/test_serve",
    "apps/cli/combine.py": "in apps/test_combined",
    "apps/report/combined.py": "in apps/test_combined",
    "core/ladder/terms.py": "in core/ladder/test_weighing",
    "domain/finetuned.py": "values; in apps/test_concluded and edges/journal/test_rows",
    "apps/cli/model.py": "in apps/test_exported and end_to_end/test_published",
    "edges/exporting/folding.py": "in apps/test_exported",
    "edges/exporting/gguf.py": "in apps/test_exported",
    "wiring/exporting.py": "in apps/test_exported",
    "apps/licensed.py": "in apps/test_concluded",
    "core/ladder/tuned.py": "in core/ladder/test_naming and apps/test_concluded",
    "domain/hosting.py": "values; in edges/providers/test_hosted_models and wiring/test_hosting",
    "engine/hosting.py": "end_to_end/test_hosted",
    "core/ladder/teaching.py": "in engine/test_making",
    "edges/providers/jobs_http.py": "in edges/providers/test_tuning",
    "domain/job.py": "values; in contract/test_jobs",
    "domain/batch.py": "values; in contract/test_batches",
    "domain/stored_file.py": "values; in contract/test_files",
    "domain/call_log.py": "values; in contract/test_calls",
    "edges/gateway_store/calls.py": "contract/test_calls",
    "edges/gateway_store/batches.py": "contract/test_batches",
    "edges/gateway_store/files.py": "contract/test_files",
    "edges/gateway_store/spooling.py": "contract/test_files",
    "domain/sla.py": "values; in core/serving/test_sla",
    "domain/act.py": "values; in core/serving/test_audit",
    "ports/jobs.py": "protocols; in contract/test_files and test_jobs",
    "wiring/stores.py": "in apps/test_issued and apps/cli/test_keys",
    "domain/access.py": "values; in core/serving/test_leasing and contract/test_keys",
    "edges/gateway_store/jobs.py": "contract/test_jobs",
    "edges/gateway_store/keys.py": "contract/test_keys",
    "edges/gateway_store/shelf.py": "contract/test_shelf",
    "edges/sql_files.py": "used by every test of a store in SQLite",
    "testing/gateway_stores.py": "contract/test_keys",
    "domain/traffic.py": "values; in apps/gateway and end_to_end/test_serve",
    "domain/service.py": "values; in core/economics/test_keeping",
    "apps/cli/gate.py": "in apps/test_promoted",
    "apps/report/promotions.py": "in apps/test_promoted",
    "apps/cli/route.py": "in apps/test_routed",
    "apps/cli/work.py": "the process in end_to_end/test_finetuning",
    "engine/examining.py": "in engine/test_tuning",
    "engine/shift.py": "in engine/test_tuning",
    "engine/workshop.py": "values; in engine/test_tuning",
    "wiring/tuning.py": "in apps/test_working",
    "engine/proving.py": "in apps/test_routed and core/routing/test_proving",
    "apps/gateway/desks.py": "in apps/gateway/test_resting and apps/test_workspace",
    "domain/screening.py": "values; in core/ladder/test_screening and edges/journal/test_rows",
    "apps/chatting.py": "in apps/test_workspace",
    "domain/trial.py": "values; in core/serving/test_trials and edges/journal/test_rows",
    "apps/gateway/canaries.py": "in apps/gateway/test_mirroring",
    "apps/gateway/counter.py": "in apps/gateway/test_mirroring and test_resting",
    "apps/gateway/trial_book.py": "in apps/gateway/test_mirroring",
    "apps/gateway/tried.py": "in apps/gateway/test_mirroring",
    "apps/judged_pairs.py": "in apps/test_trials",
    "apps/cli/promote.py": "in apps/test_trials",
    "apps/cli/rollback.py": "in apps/test_trials",
    "apps/cli/shadow.py": "in apps/test_trials",
    "edges/gateway_store/accounts.py": "in apps/gateway/test_mirroring and edges/test_write_ahead",
    "edges/gateway_store/pairs.py": "in apps/gateway/test_mirroring and apps/test_trials",
    "settings/trial_table.py": "in apps/test_trials",
    "domain/promotion.py": "values; in apps/test_promoted",
    "apps/cli/curves.py": "in apps/test_curves",
    "apps/cli/climb.py": "exit codes and output in apps/cli/test_main",
    "apps/cli/data_need.py": "in apps/cli/test_main and apps/test_needed",
    "apps/cli/demo.py": "runs the whole example: `make demo`",
    "apps/cli/compare.py": "end_to_end/test_compare",
    "apps/cli/eval.py": "end_to_end/test_eval",
    "apps/cli/generating.py": "in apps/data/test_generated and test_effects",
    "apps/cli/export.py": "end_to_end/test_compare",
    "apps/cli/judge.py": "end_to_end/test_judged",
    "apps/cli/label.py": "arguments in apps/cli/test_main, the page in end_to_end/test_label",
    "apps/cli/pilots.py": "end_to_end/test_pilots",
    "apps/cli/placebo.py": "end_to_end/test_placebo",
    "apps/cli/prompts.py": "in apps/test_prompts",
    "apps/cli/report.py": "exit codes and output in apps/cli/test_main",
    "apps/cli/sweep.py": "end_to_end/test_sweep",
    "apps/cli/trying.py": "end_to_end/test_try",
    "apps/data/filters.py": "in apps/data/test_generated and test_answered",
    "apps/data/laid.py": "in apps/data/test_described and test_cleaned",
    "apps/data/rephrased.py": "in end_to_end/test_context",
    "apps/data/loading.py": "in apps/data/test_described and test_cleaned",
    "wiring/curves.py": "in contract/test_curve_writer and apps/test_curves",
    "core/data/flaws.py": "values; in every test of core/data",
    "core/ladder/case.py": PLAYBOOKS,
    "core/ladder/combining.py": PLAYBOOKS,
    "core/ladder/confirm.py": PLAYBOOKS,
    "core/ladder/deciding.py": PLAYBOOKS,
    "core/ladder/finetuning.py": PLAYBOOKS,
    "core/ladder/prompting.py": PLAYBOOKS,
    "domain/distillation.py": "values; in core/ladder/test_distilling and edges/journal/test_rows",
    "domain/generation.py": "values; in engine/test_generating and edges/journal/test_rows",
    "core/ladder/subsets.py": "in core/ladder/test_needing and test_piloting",
    "domain/project.py": "in domain/test_task",
    "domain/reading.py": "values; in engine/test_weighing and edges/journal/test_rows",
    "edges/scoring/binding.py": "protocols and values; used by every test of a scorer",
    "edges/tables/refusing.py": "a protocol; used by every test of edges/tables",
    "edges/journal/sqlite.py": "contract/test_journal",
    "domain/left_files.py": "a name; in edges/providers/test_adapters",
    "domain/levers.py": "in domain/test_recipe and core/finetuning/test_effort",
    "edges/vllm/keeper.py": "as a process in edges/vllm/test_kept",
    "edges/vllm/telling.py": "values; in edges/vllm/test_kept",
    "edges/lines.py": "contract/test_lines",
    "edges/training/trl_steps.py": "contract/test_training_engines",
    "errors.py": "messages are tested where the errors are raised",
    "merging.py": "in apps/cli/test_merge; what it opens in edges/merging",
    "apps/cli/gateway.py": "end_to_end/test_gateway_runs",
    "apps/gateway/batches.py": "end_to_end/test_gateway_batches",
    "apps/gateway/batching.py": "in apps/gateway/test_working",
    "apps/gateway/deposits.py": "end_to_end/test_gateway_files and test_gateway_batches",
    "apps/gateway/asked.py": "values; in apps/gateway/test_asking and test_books",
    "apps/gateway/running.py": "end_to_end/test_gateway_runs",
    "apps/gateway/starting.py": "end_to_end/test_gateway_runs",
    "apps/gateway/worker.py": "end_to_end/test_gateway_runs",
    "ports/serving.py": "protocols; kept by tests/contract",
    "settings/jobs_table.py": "in settings/test_project_file",
    "settings/tables.py": "in settings/test_project_file and test_checks",
    "testing/upstream/__main__.py": "run as a process in testing/upstream/test_server",
    "testing/optimisers.py": "used by edges/optimisers",
    "wiring/labels.py": "in apps/label/test_matter",
    "wiring/data_sets.py": "in apps/data/test_described, test_cleaned and test_converted",
    "wiring/models.py": "in apps/test_workspace, apps/test_doctor and edges/providers/test_hub",
    "wiring/retrieval.py": "in end_to_end/test_context",
    "wiring/scorers.py": "in end_to_end/test_scorers",
}
"""Modules without a test file of the same name, each with the place that proves it."""

BANNED_NAMES = {"utils", "helpers", "common", "misc", "base", "shared", "tools"}
LONGEST_MODULE, LONGEST_FUNCTION = 400, 60


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def name(module: Path) -> str:
    return module.relative_to(SOURCE).as_posix()


def functions(module: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    return [
        node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]


def test_there_is_something_to_check():
    """The rules below look at the whole package."""
    assert len(modules()) > 80


def test_every_module_has_a_test_of_its_name():
    """Or stands in the table of exceptions; and no exception outlives its reason."""
    missing = {
        name(module)
        for module in modules()
        if module.name != "__init__.py"
        and not (UNIT / name(module)).with_name(f"test_{module.name}").exists()
    }
    assert missing == set(WITHOUT_OWN_TEST)


@pytest.mark.parametrize("module", modules(), ids=name)
def test_modules_are_short(module):
    """A reader can hold one in mind."""
    assert len(module.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


def test_functions_are_short():
    """Bodies without their docstring, in lines."""
    long = [
        f"{name(module)}: {node.name}"
        for module in modules()
        for node in functions(module)
        if (node.end_lineno or 0) - _first(node).lineno + 1 > LONGEST_FUNCTION
    ]
    assert long == []


def test_no_module_is_named_after_nothing():
    """A module is a noun of the domain."""
    parts = {part for module in modules() for part in Path(name(module)).with_suffix("").parts}
    assert parts & BANNED_NAMES == set()


def test_no_except_swallows_everything():
    """Neither bare nor of all exceptions, but where it is raised again or handed to somebody."""
    broad = [
        f"{name(module)}:{node.lineno}"
        for module in modules()
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and _is_broad(node)
        if not _raises(node) and not _hands_on(node)
    ]
    assert broad == []


def test_every_public_thing_says_what_it_is():
    """Modules, and public classes and functions of the core and the domain."""
    silent = []
    for module in modules():
        tree = ast.parse(module.read_text(encoding="utf-8"))
        if tree.body and not ast.get_docstring(tree):
            silent.append(name(module))
        for node in tree.body:
            public = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name[0] != "_"
            if public and not ast.get_docstring(node):
                silent.append(f"{name(module)}: {node.name}")
    assert silent == []


def test_every_test_says_what_it_proves():
    """A name is not enough."""
    silent = [
        f"{file.relative_to(UNIT)}: {node.name}"
        for file in sorted(UNIT.rglob("test_*.py"))
        for node in functions(file)
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert silent == []


def test_placeholders_of_sql_are_bare_or_named():
    """Python 3.14 refuses numbered ones with values by their place, and 3.11 says nothing."""
    numbered = [
        f"{file.relative_to(SOURCE)}: {line.strip()}"
        for file in [*modules(), *SOURCE.rglob("*.sql")]
        for line in file.read_text(encoding="utf-8").splitlines()
        if re.search(r"[=+-] \?[0-9]", line)
    ]
    assert numbered == []


def test_no_rule_of_the_architecture_is_ignored():
    """The contracts hold as they stand."""
    contracts = (ROOT / ".importlinter").read_text(encoding="utf-8")
    assert "ignore_imports" not in contracts
    assert contracts.count("exhaustive = True") == 4


# Below: private.


def _first(node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.stmt:
    return node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]


def _is_broad(node: ast.ExceptHandler) -> bool:
    broad = {"Exception", "BaseException"}
    caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(kind is None or (isinstance(kind, ast.Name) and kind.id in broad) for kind in caught)


def _hands_on(node: ast.ExceptHandler) -> bool:
    """Whether something that is called is given the exception."""
    calls = [
        one for one in node.body if isinstance(one, ast.Expr) and isinstance(one.value, ast.Call)
    ]
    names = {one.id for call in calls for one in ast.walk(call) if isinstance(one, ast.Name)}
    return node.name is not None and node.name in names


def _raises(node: ast.ExceptHandler) -> bool:
    last = node.body[-1]
    return isinstance(last, ast.Raise) and (last.exc is None or last.cause is not None)
