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
        writer.write("r", "label", [POINT], {})
        writer.close()
    assert other.read_bytes() == b"theirs"
    assert len(list((tmp_path / "label").iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """With what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match=r"file'.*name another folder"):
        TensorBoard(tmp_path / "file").write("r", "label", [POINT], {})


def test_a_training_stands_once_under_what_it_was_taught(tmp_path: Path) -> None:
    """It has no such name before its first pause, in this export or in one that was stopped."""
    run, known = "ab" * 32, "10 orders (abababababab)"
    stopped = TensorBoard(tmp_path)
    stopped.write(run, run[:12], [POINT], {})
    stopped.close()
    (tmp_path / run[:10]).mkdir()
    (tmp_path / run[:10] / "notes.txt").write_text("theirs")
    writer = TensorBoard(tmp_path)
    writer.write(run, run[:12], [POINT], {})
    writer.write(run, known, [POINT], {"rank": "16", "layers": "a|b"})
    writer.close()
    assert {one.name for one in tmp_path.iterdir()} == {known, run[:10]}
    (file,) = (tmp_path / known).iterdir()
    written = file.read_bytes()
    assert b"| rank | 16 |" in written
    assert b"| layers | a\\|b |" in written
    assert b"loss" in written
