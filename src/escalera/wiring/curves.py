"""Where curves of trainings come from, and where they are written."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from escalera.domain.training import StepSignal
from escalera.edges.training import underway as logs
from escalera.errors import MissingExtra
from escalera.ports import CurveWriter
from escalera.wiring import Installation


def underway(installation: Installation) -> dict[str, tuple[StepSignal, ...]]:
    """What trainings that are not at their end have told so far, by the recipe's digest."""
    return logs.signals(installation.checkpoints)


def tensorboard(folder: Path) -> CurveWriter:
    """Event files below *folder*. Raises `MissingExtra`."""
    _require("tensorboardX", "tensorboard")
    from escalera.edges.curves.tensorboard import TensorBoard

    return TensorBoard(folder)


def mlflow(store: Path) -> CurveWriter:
    """Runs of the store at *store*. Raises `MissingExtra`."""
    for package in ("mlflow", "sqlalchemy"):
        _require(package, "mlflow")
    from escalera.edges.curves.mlflow_runs import MLflowRuns

    return MLflowRuns(store)


# Below: private.


def _require(package: str, extra: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise MissingExtra(feature="writing curves there", package=package, extra=extra)
