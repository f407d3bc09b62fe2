"""A run in an MLflow tracking store: metrics per system and task, and the table as an artifact.

Needs the extra `mlflow`. The store is an SQLite file; MLflow takes plain folders no longer.
MLflow's own telemetry is switched off: an export to a file asks no network.
"""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, RunTag
from mlflow.environment_variables import MLFLOW_DISABLE_TELEMETRY
from mlflow.exceptions import MlflowException
from mlflow.telemetry.client import set_telemetry_client
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from escalera.domain.scores import ScoreTable
from escalera.edges import mlflow_store
from escalera.edges.scores import jsonl_file
from escalera.edges.scores.scale import cut
from escalera.errors import ScoresError

EXPERIMENT = "escalera"
ARTIFACT = "scores.jsonl"
LONGEST_TAG, MOST_TAGS = 5000, 100
BATCH = 1000
"""Metrics in one call; MLflow takes no more."""

Figure = tuple[str, float]

MLFLOW_DISABLE_TELEMETRY.set(True)
set_telemetry_client()


def write(table: ScoreTable, path: Path) -> None:
    """Append a run to the store at *path*; its artifacts lie beside it, in `NAME-artifacts`.

    Per system and task: the mean score, and how many rows have a score and how many have none. A
    system without any score on a task has no mean.
    """
    store = path.resolve()
    figures = tuple(_figures(table, path))
    if (reason := mlflow_store.unfit(path)) is not None:
        raise _error(path, f"MLflow refuses it ({cut(reason)})")
    try:
        client = MlflowClient(tracking_uri=f"sqlite:///{store}", registry_uri=f"sqlite:///{store}")
        run = client.create_run(_experiment(client, store), run_name=table.source[:250])
        _log(client, run.info, table, figures)
        client.set_terminated(run.info.run_id)
    except (MlflowException, SQLAlchemyError) as error:
        raise _error(path, f"MLflow refuses it ({cut(str(error))})") from error


# Below: private.


def _experiment(client: MlflowClient, store: Path) -> str:
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    artifacts = store.with_name(f"{store.stem}-artifacts")
    return str(client.create_experiment(EXPERIMENT, artifact_location=artifacts.as_uri()))


def _log(client: MlflowClient, run: Any, table: ScoreTable, figures: tuple[Figure, ...]) -> None:
    said = [("escalera.source", table.source)]
    said += [(f"escalera.note.{number}", note) for number, note in enumerate(table.notes, start=1)]
    tags = [RunTag(name, text[:LONGEST_TAG]) for name, text in said[:MOST_TAGS]]
    client.log_batch(run.run_id, tags=tags)
    for start in range(0, len(figures), BATCH):
        batch = figures[start : start + BATCH]
        metrics = [Metric(name, value, run.start_time, 0) for name, value in batch]
        client.log_batch(run.run_id, metrics=metrics)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / ARTIFACT
        jsonl_file.write(table, file)
        client.log_artifact(run.run_id, str(file))


def _figures(table: ScoreTable, path: Path) -> Iterator[Figure]:
    cells: dict[tuple[str, str], list[float | None]] = {}
    for row in table.rows:
        cells.setdefault((row.system, row.task), []).append(row.score)
    named: dict[str, tuple[str, str]] = {}
    for cell, scores in cells.items():
        name = "/".join(_allowed(part) for part in cell)
        if named.setdefault(name, cell) != cell:
            raise _error(path, f"{cell!r} and {named[name]!r} would have one name, {name!r}")
        known = [score for score in scores if score is not None]
        if known:
            yield f"mean_score/{name}", math.fsum(known) / len(known)
        yield f"scored/{name}", len(known)
        yield f"unscored/{name}", len(scores) - len(known)


def _allowed(name: str) -> str:
    """*name* with what MLflow forbids in metrics replaced; dots alone would climb folders."""
    plain = re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)[:100]
    return "/".join(part.strip(". ") or "_" for part in plain.split("/"))


def _error(path: Path, problem: str) -> ScoresError:
    return ScoresError(
        file=str(path), problem=problem, remedy="Rename one, or name a new file for the store"
    )
