"""`escalera init`."""

from __future__ import annotations

from escalera.apps import workspace
from escalera.apps.cli.main import run


def test_it_writes_a_project_that_can_be_opened(tmp_path, capsys):
    """The file and its data are found and read."""
    folder = tmp_path / "new"
    assert run(["init", str(folder)]) == 0
    assert "escalera climb" in capsys.readouterr().out
    project = workspace.load(folder).project
    assert project.name == "my-assistant"
    (task,) = project.tasks
    assert len(task.items("confirm")) == 3


def test_it_never_overwrites(tmp_path, capsys):
    """Neither of the files, and then it writes none of them."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "questions.jsonl").write_text("mine")
    assert run(["init", str(tmp_path)]) == 2
    assert "exists" in capsys.readouterr().err
    assert (tmp_path / "data" / "questions.jsonl").read_text() == "mine"
    assert not (tmp_path / "escalera.toml").exists()
