"""Event files beside those of others, and a folder that cannot be written."""

from pathlib import Path

import pytest

from escalera.domain.training import Scalar
from escalera.edges.curves.tensorboard import TensorBoard
from escalera.errors import TrainingError

POINT = Scalar(name="loss", step=1, value=0.5)


def test_files_of_others_stay(tmp_path: Path) -> None:
    """Only what was written here before is written anew."""
    (tmp_path / "label").mkdir()
    other = tmp_path / "label" / "events.out.tfevents.1.host"
    other.write_bytes(b"theirs")
    for _ in range(2):
        writer = TensorBoard(tmp_path)
        writer.write("r", "label", [POINT])
        writer.close()
    assert other.read_bytes() == b"theirs"
    assert len(list((tmp_path / "label").iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """With what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match=r"file'.*name another folder"):
        TensorBoard(tmp_path / "file").write("r", "label", [POINT])
