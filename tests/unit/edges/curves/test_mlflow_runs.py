"""A store that MLflow refuses is named; what is written is in contract/test_curve_writer."""

import importlib.util
import os
from pathlib import Path

import pytest

if importlib.util.find_spec("mlflow") is None and not os.environ.get("CI"):
    pytest.skip("needs mlflow: pip install -e '.[mlflow]'", allow_module_level=True)

from escalera.domain.training import Scalar
from escalera.edges.curves.mlflow_runs import MLflowRuns
from escalera.errors import TrainingError

pytestmark = [pytest.mark.mlflow, pytest.mark.filterwarnings("ignore")]


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    """And left as it is."""
    file = tmp_path / "notes.txt"
    file.write_text("not a database, but longer than a header would be" * 10)
    with pytest.raises(TrainingError, match=r"notes.txt'.*Name a new file"):
        MLflowRuns(file).write("r", "label", [Scalar(name="loss", step=1, value=0.5)])
    assert file.read_text().startswith("not a database")
