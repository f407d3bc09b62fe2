"""A store that MLflow refuses is named; what is written is in contract/test_curve_writer."""

import importlib.util
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

if importlib.util.find_spec("mlflow") is None and not os.environ.get("CI"):
    pytest.skip("needs mlflow: pip install -e '.[mlflow]'", allow_module_level=True)

from mlflow.tracking import MlflowClient

from escalera.domain.training import Scalar
from escalera.edges.curves.mlflow_runs import EXPERIMENT, MLflowRuns
from escalera.errors import TrainingError

POINT = Scalar(name="loss", step=1, value=0.5)

pytestmark = [pytest.mark.mlflow, pytest.mark.filterwarnings("ignore")]


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    """And left as it is."""
    file = tmp_path / "notes.txt"
    file.write_text("not a database, but longer than a header would be" * 10)
    with pytest.raises(TrainingError, match=r"notes.txt'.*Name a new file"):
        MLflowRuns(file).write("r", "label", [POINT], {})
    assert file.read_text().startswith("not a database")


def test_the_store_of_another_is_refused(tmp_path: Path) -> None:
    """MLflow made its tables in any database."""
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file)) as store:
        store.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        store.commit()
    before = file.read_bytes()
    with pytest.raises(TrainingError, match=r"the table 'alembic_version'.*Name a new file"):
        MLflowRuns(file).write("r", "label", [POINT], {})
    assert file.read_bytes() == before


def test_an_address_is_refused(tmp_path: Path, monkeypatch) -> None:
    """It made a folder of that name, and nothing came to the server."""
    monkeypatch.chdir(tmp_path)
    for address in ("http://127.0.0.1:5000", "sqlite:///runs.db"):
        with pytest.raises(TrainingError, match=r"is an address.*Name a file"):
            MLflowRuns(Path(address)).write("r", "label", [POINT], {})
    assert not [*tmp_path.iterdir()]


@pytest.mark.timeout(20)
def test_a_folder_is_refused_at_once(tmp_path: Path) -> None:
    """MLflow tried again and again to open it, for two minutes."""
    with pytest.raises(TrainingError, match=r"refuses the store.*Name a new file"):
        MLflowRuns(tmp_path).write("r", "label", [POINT], {})


def test_a_run_is_named_and_described_as_soon_as_that_is_known(tmp_path: Path) -> None:
    """While a training has not paused, neither is; another export finds the same run."""
    store, run = tmp_path / "new" / "runs.db", "ab" * 32
    client = MlflowClient(f"sqlite:///{store}")
    for told in ("abababababab", "10 orders (abababababab)", "10 orders (abababababab)"):
        writer = MLflowRuns(store)
        writer.write(run, told[:12], [POINT], {})
        writer.write(run, told, [POINT], {"rank": "16", "examples/ä": "10"} if " " in told else {})
        writer.close()
        (found,) = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])
        assert found.info.run_name == told
    assert found.data.params == {"rank": "16", "examples/_": "10"}
