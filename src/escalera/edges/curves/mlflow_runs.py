"""Curves as runs of an MLflow tracking store, one per training. Needs the extra `mlflow`.

The store is an SQLite file. MLflow's own telemetry is switched off: a file asks no network.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path

from mlflow.entities import Metric, Param
from mlflow.environment_variables import MLFLOW_DISABLE_TELEMETRY
from mlflow.exceptions import MlflowException
from mlflow.telemetry.client import set_telemetry_client
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from escalera.domain.training import Scalar
from escalera.edges import mlflow_store
from escalera.errors import TrainingError

EXPERIMENT = "escalera trainings"
RECIPE = "escalera.recipe"
"""The tag that says which training a run is of: a second export adds to the same run."""
BATCH = 1000
"""Metrics in one call; MLflow takes no more."""
PARAMS = 100
"""The same of parameters."""

MLFLOW_DISABLE_TELEMETRY.set(True)
set_telemetry_client()


class MLflowRuns:
    """Writes to the store at *path*; what is there already is not written again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._runs: dict[str, str] = {}
        self._last: dict[tuple[str, str], int] = {}
        self._told: dict[str, str] = {}

    def write(
        self, run: str, label: str, scalars: Sequence[Scalar], settings: Mapping[str, str]
    ) -> None:
        """Add what is new. Raises `TrainingError` for a store that MLflow refuses."""
        try:
            run_id = self._run(run, label, {_name(one.name) for one in scalars})
            self._write(run_id, run, scalars)
            self._tell(run_id, label, settings)
        except (MlflowException, SQLAlchemyError) as error:
            raise _refused(self._path, str(error).splitlines()[0]) from error

    def close(self) -> None:
        """Mark the runs as ended; called once."""
        for run in self._runs.values():
            self._client.set_terminated(run)

    # Private

    @cached_property
    def _client(self) -> MlflowClient:
        _require_store(self._path)
        store = f"sqlite:///{self._path.resolve()}"
        return MlflowClient(tracking_uri=store, registry_uri=store)

    def _write(self, run_id: str, run: str, scalars: Sequence[Scalar]) -> None:
        new = [one for one in scalars if one.step > self._last.get((run, _name(one.name)), -1)]
        now = self._client.get_run(run_id).info.start_time
        for start in range(0, len(new), BATCH):
            batch = new[start : start + BATCH]
            metrics = [Metric(_name(one.name), one.value, now, one.step) for one in batch]
            self._client.log_batch(run_id, metrics=metrics)
        for one in new:
            self._last[run, _name(one.name)] = one.step

    def _tell(self, run_id: str, label: str, settings: Mapping[str, str]) -> None:
        """Name the run, and say what it was made with; neither is known before its first pause."""
        if self._told.get(run_id) == label:
            return
        there = self._client.get_run(run_id)
        if there.info.run_name != label:
            self._client.update_run(run_id, name=label)
        params = [
            Param(_name(name), value)
            for name, value in settings.items()
            if _name(name) not in there.data.params
        ]
        for start in range(0, len(params), PARAMS):
            self._client.log_batch(run_id, params=params[start : start + PARAMS])
        self._told[run_id] = label

    def _run(self, run: str, label: str, names: set[str]) -> str:
        if run not in self._runs:
            experiment = self._experiment()
            kept = self._client.search_runs([experiment], f"tags.`{RECIPE}` = '{run}'")
            made = kept[0] if kept else self._client.create_run(
                experiment, run_name=label, tags={RECIPE: run}
            )  # fmt: skip
            self._runs[run] = made.info.run_id
            for name in names if kept else ():
                history = self._client.get_metric_history(made.info.run_id, name)
                self._last[run, name] = max((one.step for one in history), default=-1)
        return self._runs[run]

    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(EXPERIMENT)
        return str(found.experiment_id if found else self._client.create_experiment(EXPERIMENT))


# Below: private.


def _require_store(path: Path) -> None:
    """Raise `TrainingError` for what is no SQLite file; MLflow would try to open it for minutes."""
    if re.match(r"[a-z][a-z0-9+]+:/", str(path), flags=re.IGNORECASE):
        raise TrainingError(
            f"{str(path)!r} is an address, and curves are written to a file. Name a file, and "
            "point MLflow at it (--backend-store-uri sqlite:///FILE)."
        )
    if (reason := mlflow_store.unfit(path)) is not None:
        raise _refused(path, reason)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as store:
            store.execute("PRAGMA schema_version")
    except (OSError, sqlite3.Error) as error:
        raise _refused(path, str(error)) from error


def _refused(path: Path, reason: str) -> TrainingError:
    return TrainingError(f"MLflow refuses the store {str(path)!r}: {reason}. Name a new file.")


def _name(name: str) -> str:
    """*name* with what MLflow forbids in metrics replaced."""
    return re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)
