"""Every writer of curves writes each point once, whoever wrote before it."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from escalera.domain.training import Scalar
from escalera.wiring import curves

RUN = "ab" * 32
SETTINGS = {"rank": "16"}
MLFLOW = [pytest.mark.mlflow, pytest.mark.filterwarnings("ignore")]


def of(writer: str, folder: Path):
    """A writer, and what reads it back: steps and values by name."""
    if writer == "mlflow":
        if importlib.util.find_spec("mlflow") is None and not os.environ.get("CI"):
            pytest.skip("needs mlflow: pip install -e '.[mlflow]'")
        return curves.mlflow(folder / "runs.db"), lambda: of_mlflow(folder / "runs.db")
    return curves.tensorboard(folder), lambda: of_tensorboard(folder / "label")


def of_tensorboard(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """The points of the event files in a folder."""
    from tensorboardX.proto.event_pb2 import Event

    found: dict[str, list[tuple[int, float]]] = {}
    for file in sorted(folder.glob("events.*")):
        left = file.read_bytes()
        while left:
            size = int.from_bytes(left[:8], "little")
            event = Event.FromString(left[12 : 12 + size])
            left = left[16 + size :]
            for value in event.summary.value:
                if value.HasField("tensor"):  # the settings, as a text
                    continue
                found.setdefault(value.tag, []).append((event.step, round(value.simple_value, 6)))
    return found


def of_mlflow(store: Path) -> dict[str, list[tuple[int, float]]]:
    """The points of the only run of a store."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{store}")
    (experiment,) = [e for e in client.search_experiments() if "escalera" in e.name]
    (run,) = client.search_runs([experiment.experiment_id])
    return {
        name: [(one.step, one.value) for one in client.get_metric_history(run.info.run_id, name)]
        for name in run.data.metrics
    }


def points(many: int) -> list[Scalar]:
    """A loss for every step, and a score at the second."""
    losses = [Scalar(name="loss", step=n, value=1 / n) for n in range(1, many + 1)]
    return [*losses, Scalar(name="score/order_changes", step=2, value=0.5)]


@pytest.mark.parametrize("writer", ["tensorboard", pytest.param("mlflow", marks=MLFLOW)])
def test_each_point_is_written_once(writer: str, tmp_path: Path) -> None:
    """While it grows, and when another process exports it again."""
    made, read = of(writer, tmp_path)
    made.write(RUN, "label", points(2), SETTINGS)
    made.write(RUN, "label", points(5), SETTINGS)
    made.close()
    expected = {
        "loss": [(n, round(1 / n, 6)) for n in range(1, 6)],
        "score/order_changes": [(2, 0.5)],
    }

    def rounded():
        return {name: [(n, round(v, 6)) for n, v in found] for name, found in read().items()}

    assert rounded() == expected
    again, _ = of(writer, tmp_path)
    again.write(RUN, "label", points(6), SETTINGS)
    again.close()
    assert rounded()["loss"] == [*expected["loss"], (6, round(1 / 6, 6))]
    assert rounded()["score/order_changes"] == expected["score/order_changes"]
