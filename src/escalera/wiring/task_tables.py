"""From a table `[tasks.NAME]` and the files that it names to a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from escalera.core.prompts import selections
from escalera.domain.dataset import Examples
from escalera.domain.judge import Label, Panel
from escalera.domain.project import BaseModel
from escalera.domain.task import Task
from escalera.edges.data import reading
from escalera.settings import (
    data_file,
    data_tables,
    documents,
    labels_file,
    panels,
    prompt_file,
    schema_file,
    scorer_table,
)
from escalera.settings.tables import ProjectFile, TaskTable
from escalera.wiring import scorers


def load(
    file: Path,
    tables: ProjectFile,
    name: str,
    *,
    judges: Mapping[str, Panel],
    model: BaseModel,
    embedder: BaseModel | None,
) -> Task:
    """The task called *name* of the project *file*, with items, labels, documents and prompts.

    *model* is what is prompted, and *embedder* what documents may be searched with. Raises
    `InputError` kin for whatever is wrong with a file.
    """
    table = tables.tasks[name]
    panel = panels.named(scorer_table.kind(table.scorer), judges)
    refuses: Callable[[str], str | None] = data_file.accepts
    if panel is None:
        chosen = scorers.chosen(file, tables, name)
        scorer, refuses = chosen.identity, chosen.refuses
    else:
        scorer = panel.scorer
    examples = data_file.load(
        data_tables.sources(table, file),
        task=name,
        project=file,
        reader=reading.entries,
        refuses=refuses,
    )
    schema = None
    if table.schema is not None:
        schema = schema_file.load(table.schema, task=name, project=file)
        from escalera.edges import schemas

        schemas.check(schema, examples, task=name, project=file)
    task = Task(
        name=name,
        title=table.title or name.replace("_", " "),
        scorer=scorer,
        bar=table.bar,
        margin=table.margin,
        share=table.share if table.share is not None else 1 / len(tables.tasks),
        value_per_point=table.value_per_point,
        max_tokens=table.max_tokens,
        parts=table.prompt.parts(),
        examples=examples.in_order(seed=tables.project.seed),
        labels=() if panel is None else _labels(file, name, table, examples, panel),
        schema=schema,
        context=None
        if table.context is None
        else documents.load(table.context, task=name, project=file),
    )
    passages = selections.passages(task, model=model, embedder=embedder)
    prompts = [
        prompt_file.load(
            file.parent / named, task=name, project=file, examples=examples, passages=passages
        )
        for named in table.prompt.files
    ]
    return replace(task, prompts=tuple(prompts))


# Below: private.


def _labels(
    file: Path, name: str, table: TaskTable, examples: Examples, panel: Panel
) -> tuple[Label, ...]:
    if table.labels is None:
        return ()
    path, ids = file.parent / table.labels, (example.id for example in examples)
    given = labels_file.load(path, task=name, project=file, items=ids, scale=panel.scale)
    return tuple(
        replace(label, scores=tuple(panel.counted(score) for score in label.scores))
        for label in given
    )
