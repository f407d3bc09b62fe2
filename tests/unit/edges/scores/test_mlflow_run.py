"""A run in an MLflow store, as MLflow itself reads it back.

The extra `mlflow` is heavier than all of the base install, so it is not part of `dev`. Continuous
integration installs it; there, a missing package is a failure and not a reason to leave this out.
"""

from __future__ import annotations

import importlib.util
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.unit.edges.scores.tables import DATA, bits, table

from escalera.edges.scores import jsonl_file, reading, writing
from escalera.errors import ScoresError

INSTALLED = importlib.util.find_spec("mlflow") is not None
if not INSTALLED and not os.environ.get("CI"):
    pytest.skip("needs mlflow: pip install -e '.[mlflow]'", allow_module_level=True)

pytestmark = [
    pytest.mark.mlflow,
    pytest.mark.filterwarnings("ignore"),  # MLflow's own, of its own packages
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with two runs of one table. Making one takes MLflow some seconds."""
    file = tmp_path_factory.mktemp("mlflow") / "runs.db"
    for _ in range(2):
        writing.write(reading.read(DATA / "promptfoo" / "variants.json"), file)
    return file


def runs(store):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{store}", registry_uri=f"sqlite:///{store}")
    experiment = client.get_experiment_by_name("escalera")
    return client.search_runs([experiment.experiment_id])


def test_metrics_are_means_and_counts_per_system_and_task(store):
    """Under names that MLflow allows; each export is a finished run of its own."""
    first, second = runs(store)
    assert first.data.metrics == second.data.metrics
    assert first.info.status == "FINISHED"
    assert first.info.run_name == "promptfoo 0.121.20 results variants.json"
    plain = "openai:chat:mock-weak _ plain/promptfoo"
    metrics = {name: value for name, value in first.data.metrics.items() if plain in name}
    assert metrics == {f"mean_score/{plain}": 0.25, f"scored/{plain}": 2, f"unscored/{plain}": 2}


def test_the_table_is_an_artifact_that_reads_back(store):
    """With every row, and the scores bit for bit."""
    uri = runs(store)[0].info.artifact_uri
    file = Path(uri.removeprefix("file://")) / "scores.jsonl"
    assert bits(jsonl_file.read(file)) == bits(reading.read(DATA / "promptfoo" / "variants.json"))
    assert file.is_relative_to(store.parent / "runs-artifacts")


def test_a_system_without_scores_has_no_mean(store):
    """Unknown is never 0."""
    writing.write(table({"score": None, "reason": "an outage", "system": "../down"}), store)
    assert runs(store)[0].data.metrics == {"scored/_/down/t": 0, "unscored/_/down/t": 1}


def test_telemetry_is_off():
    """An export to a file asks no network."""
    from mlflow.environment_variables import MLFLOW_DISABLE_TELEMETRY
    from mlflow.telemetry.client import get_telemetry_client

    assert MLFLOW_DISABLE_TELEMETRY.get() is True
    assert get_telemetry_client() is None


def test_names_that_would_fall_together_are_refused(store):
    """Two systems must not share one metric; and no run is left half written."""
    before = len(runs(store))
    with pytest.raises(ScoresError, match="would have one name, 'a_/t'"):
        writing.write(table({"system": "a|"}, {"system": "a?"}), store)
    assert len(runs(store)) == before


def test_what_is_no_store_is_named(tmp_path):
    """A file that is something else is left as it is."""
    file = tmp_path / "runs.db"
    file.write_text("no database " * 100)
    with pytest.raises(ScoresError, match=r"runs\.db: MLflow refuses it"):
        writing.write(table({}), file)


def test_the_store_of_another_is_left_as_it_is(tmp_path):
    """MLflow made its tables in any database."""
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file)) as store:
        store.execute("CREATE TABLE orders (number)")
        store.commit()
    before = file.read_bytes()
    with pytest.raises(ScoresError, match=r"shop\.db: MLflow refuses it .it holds the table"):
        writing.write(table({}), file)
    assert file.read_bytes() == before
