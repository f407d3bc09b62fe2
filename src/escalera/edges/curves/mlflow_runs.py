"""Curves as runs of an MLflow tracking store, one per training. Needs the extra `mlflow`.

The store is an SQLite file. MLflow's own telemetry is switched off: a file asks no network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from mlflow.entities import Metric
from mlflow.environment_variables import MLFLOW_DISABLE_TELEMETRY
from mlflow.exceptions import MlflowException
from mlflow.telemetry.client import set_telemetry_client
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from escalera.domain.training import Scalar
from escalera.errors import TrainingError

EXPERIMENT = "escalera trainings"
RECIPE = "escalera.recipe"
"""The tag that says which training a run is of: a second export adds to the same run."""
BATCH = 1000
"""Metrics in one call; MLflow takes no more."""

MLFLOW_DISABLE_TELEMETRY.set(True)
set_telemetry_client()


class MLflowRuns:
    """Writes to the store at *path*; what is there already is not written again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._runs: dict[str, str] = {}
        self._last: dict[tuple[str, str], int] = {}

    def write(self, run: str, label: str, scalars: Sequence[Scalar]) -> None:
        """Add what is new. Raises `TrainingError` for a store that MLflow refuses."""
        try:
            self._write(self._run(run, label, {_name(one.name) for one in scalars}), run, scalars)
        except (MlflowException, SQLAlchemyError) as error:
            raise TrainingError(
                f"MLflow refuses the store {str(self._path)!r}: {str(error).splitlines()[0]}. "
                "Name a new file."
            ) from error

    def close(self) -> None:
        """Mark the runs as ended; called once."""
        for run in self._runs.values():
            self._client.set_terminated(run)

    # Private

    @cached_property
    def _client(self) -> MlflowClient:
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


def _name(name: str) -> str:
    """*name* with what MLflow forbids in metrics replaced."""
    return re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)
