"""`escalera merge`: what it prints, its exit codes, and what it does not load."""

import json
import subprocess
import sys

import pytest
from tests.unit.edges.merging.folders import adapter, loaded, model

from escalera.apps.cli.main import run

RECIPE = """
merge_method = "task_arithmetic"
base_model = "c"

[[models]]
model = "a"
parameters = { weight = 0.5, gamma = 0.1 }
"""


@pytest.fixture
def recipe(tmp_path):
    """A recipe beside its two models."""
    for seed, name in enumerate("ac"):
        model(tmp_path / name, seed)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path / "recipe.toml"


def test_a_plan_writes_nothing(recipe, tmp_path, capsys):
    """What would be written, and what has no effect."""
    before = set(tmp_path.rglob("*"))
    assert run(["merge", str(recipe), "--plan"]) == 0
    shown = capsys.readouterr().out
    assert "task_arithmetic: 7 tensors" in shown
    assert "note: gamma has no effect on task_arithmetic" in shown
    assert run(["merge", str(recipe), "--plan", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tensors"] == 7
    assert set(tmp_path.rglob("*")) == before


def test_a_merge_is_written_and_told(recipe, tmp_path, capsys):
    """With what rounding took; a second time there is nothing to do."""
    arguments = ["merge", str(recipe), "--into", str(tmp_path / "out"), "--threads", "2"]
    assert run(arguments) == 0
    shown = capsys.readouterr().out
    assert "7 tensors" in shown
    assert "rounding took" in shown
    assert set(loaded(tmp_path / "out")) == set(loaded(tmp_path / "a"))
    assert run([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["resumed"] == 7


def test_what_cannot_be_done_is_said_with_its_code(recipe, tmp_path, capsys):
    """Bad input is 2, models that cannot be merged 1, and nothing is left of either."""
    assert run(["merge", str(recipe)]) == 2
    assert "either --into DIR or --plan" in capsys.readouterr().err
    assert run(["merge", str(tmp_path / "nowhere.toml"), "--plan"]) == 2
    (tmp_path / "a" / "config.json").unlink()
    assert run(["merge", str(recipe), "--into", str(tmp_path / "out")]) == 1
    assert "has no config.json" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_rank_is_of_adapters_only(recipe, tmp_path, capsys):
    """For models it would be passed over."""
    recipe.write_text(f"rank = 4\n{RECIPE}")
    for where in (["--plan"], ["--into", str(tmp_path / "out")]):
        assert run(["merge", str(recipe), *where]) == 1
        assert "rank is 4, which only adapters have" in capsys.readouterr().err


def test_no_library_is_loaded_that_does_nothing(recipe, tmp_path):
    """NumPy does it all; a climb, its events and a bar that nobody sees would double the start."""
    program = (
        "import sys; from escalera.apps.cli.main import run; "
        f"assert run(['merge', {str(recipe)!r}, '--into', {str(tmp_path / 'out')!r}]) == 0; "
        "needless = {'torch', 'safetensors', 'transformers', 'rich', 'escalera.domain.event', "
        "'escalera.core.ladder'} & set(sys.modules); assert not needless, needless"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


def test_adapters_are_known_by_their_folders(tmp_path, capsys):
    """Merged at a rank with the error told; not together with models."""
    for seed, name in enumerate("ab"):
        adapter(tmp_path / name, seed)
    sources = '[[models]]\nmodel = "a"\n[[models]]\nmodel = "b"\n'
    text = 'merge_method = "linear"\nrank = 2\nparameters = { weight = 0.5 }\n' + sources
    (tmp_path / "recipe.toml").write_text(text)
    assert run(["merge", str(tmp_path / "recipe.toml"), "--into", str(tmp_path / "out")]) == 0
    assert "% of the merged change" in capsys.readouterr().out
    assert run(["merge", str(tmp_path / "recipe.toml"), "--plan"]) == 1
    assert "this recipe names adapters" in capsys.readouterr().err
    model(tmp_path / "c", 0)
    (tmp_path / "mixed.toml").write_text(text + '[[models]]\nmodel = "c"\n')
    assert run(["merge", str(tmp_path / "mixed.toml"), "--into", str(tmp_path / "no")]) == 1
    assert "'a' is an adapter and others are models" in capsys.readouterr().err
    (tmp_path / "lost.toml").write_text(text + '[[models]]\nmodel = "lost"\n')
    assert run(["merge", str(tmp_path / "lost.toml"), "--into", str(tmp_path / "no")]) == 1
    assert "'lost' is no folder" in capsys.readouterr().err
