"""What the tables of a project file mean to the planner: policy, budget and modes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from escalera.domain.contract import LOCAL_MODES, REMOTE_MODES, OutputMode
from escalera.domain.optimiser import Optimiser
from escalera.domain.project import PROMPTING, RUNGS, BaseModel, Budget, Policy
from escalera.domain.service import Service
from escalera.domain.task import Task
from escalera.errors import ProjectError
from escalera.settings.tables import ModelTable, ProjectFile


def policy(tables: ProjectFile, model: BaseModel, tasks: Sequence[Task]) -> Policy:
    """Rungs that need weights, a schema or a model that writes prompts are left out without.

    A job of a provider does not pause to be measured: it has one checkpoint, its end.
    """
    lacking = {"structured"} if all(task.schema is None for task in tasks) else set()
    if tables.climb.proposer is None:
        lacking.add("search")
    if tables.training.weights.method == "full":
        lacking.add("full")  # the rung before it trains all weights already
    served = tables.models[model.name]
    if served.engine == "vllm":
        lacking.add("full")  # vLLM loads adapters, and no other weights while it runs
    if served.finetuning is not None:
        lacking |= {"full", "merge"}  # the weights stay at the provider
    elif not model.trainable:
        lacking |= set(RUNGS) - set(PROMPTING)
    rungs = [rung for rung in tables.climb.rungs if rung not in lacking]
    return Policy(
        alpha=round(1 - tables.project.confidence, 12),
        looks=tuple(tables.climb.looks),
        spending=tables.climb.spending,
        query_type=tables.project.query_type,
        rungs=tuple(rungs),
        replay=None if tables.climb.replay == "auto" else tables.climb.replay,
        replayed=tables.climb.replayed,
        operators=None if tables.climb.operators is None else tuple(tables.climb.operators),
        seed=tables.project.seed,
        example_tokens=tables.climb.example_tokens,
        checkpoints=1 if served.finetuning is not None else tables.training.checkpoints,
    )


def optimiser(tables: ProjectFile) -> Optimiser | None:
    """The tool that searches for prompts instead of the rounds of the search rung."""
    search = tables.climb.search
    return None if search is None else Optimiser(name=search.optimiser, calls=search.calls)


def budget(tables: ProjectFile) -> Budget:
    """The hard caps; money in micro-dollars."""
    money = tables.budget.money
    return Budget(
        micro_dollars=None if money is None else round(money * 1_000_000),
        calls=tables.budget.calls,
        tokens=tables.budget.tokens,
        minutes=tables.budget.minutes,
    )


def service(tables: ProjectFile) -> Service | None:
    """The terms that systems are weighed by, where the project has them."""
    table = tables.service
    return None if table is None else Service(**msgspec.structs.asdict(table))


def modes(table: ModelTable) -> tuple[OutputMode, ...]:
    """How the answers of a model can be held to a schema: as its table says, else all there is."""
    able = LOCAL_MODES if table.in_process else REMOTE_MODES
    return able if table.output is None else tuple(mode for mode in able if mode in table.output)


def strangers(file: Path, tables: ProjectFile) -> tuple[str, ...]:
    """Messages that are known to be of no task, a line each; empty lines are left out.

    Raises `ProjectError` where the file cannot be read, or holds none.
    """
    named = tables.project.strangers
    if named is None:
        return ()
    try:
        text = (file.parent / named).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = f"{named!r} cannot be read as UTF-8 text: {error}"
    else:
        found = tuple(line.strip() for line in text.splitlines() if line.strip())
        if found:
            return found
        problem = f"{named!r} holds no message"
    raise ProjectError(
        file=str(file),
        key="project.strangers",
        problem=problem,
        remedy="Name a text file with a message to a line, or leave it out",
    )
