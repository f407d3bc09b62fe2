"""Reading the project file: the exact key, the offending value and the remedy."""

from __future__ import annotations

import tomllib
from importlib import resources

import msgspec
import pytest

from escalera.domain.project import RUNGS
from escalera.edges.scoring.desk import OPTIONS
from escalera.errors import InputError, ProjectError
from escalera.settings import project_file
from escalera.settings.jobs_table import JobsTable
from escalera.settings.tables import ProjectFile

GOOD = """\
[project]
name = "support"

[models.base]
path = "model"

[climb]
model = "base"

[tasks.orders]
data = "orders.jsonl"
scorer = "exact"
bar = 0.8

[tasks.orders.prompt]
role = "You are a clerk."

[tasks.rest]
data = "rest.jsonl"
scorer = "numeric"
bar = 0.7
"""


def load(folder, text):
    file = folder / "escalera.toml"
    file.write_text(text, encoding="utf-8")
    return project_file.load(file, scorers=OPTIONS)


def test_a_good_file_is_read_with_its_defaults(tmp_path):
    """What is not written has the value that the template shows."""
    found = load(tmp_path, GOOD)
    assert found.project.name == "support"
    assert (found.project.state, found.project.seed) == (".escalera", 0)
    assert (found.project.confidence, found.project.query_type) == (0.95, "inferred")
    assert sorted(found.climb.rungs) == sorted(RUNGS)
    assert found.climb.looks == [0.25, 0.5, 0.75, 1.0]
    assert list(found.tasks) == ["orders", "rest"]
    assert found.tasks["orders"].prompt.parts().role == "You are a clerk."
    assert found.tasks["rest"].margin == 0.05
    assert found.budget.money is None


def test_no_table_is_dropped(tmp_path):
    """Whatever table the file may have is in what is read."""
    added = {
        "service": "calls = 5\nseconds = 0.5",
        "training": "epochs = 7",
        "budget": "calls = 9",
        "gateway": "attempts = 3\njobs = { price_per_hour = 1.5 }",
        "judges.fair": 'model = "base"\nrubric = "Is it kind?"\nallow_self = true',
    }
    assert {name.partition(".")[0] for name in added} == {
        field.name
        for field in msgspec.structs.fields(ProjectFile)
        if field.default is not msgspec.NODEFAULT or field.default_factory is not msgspec.NODEFAULT
    }
    found = load(tmp_path, GOOD + "".join(f"\n[{k}]\n{v}\n" for k, v in added.items()))
    assert (found.service.calls, found.service.seconds) == (5, 0.5)
    assert (found.training.epochs, found.budget.calls) == (7, 9)
    assert (found.judges["fair"].rubric, found.gateway.attempts) == ("Is it kind?", 3)
    assert found.gateway.jobs == JobsTable(price_per_hour=1.5)


CASES = [
    # what is replaced, by what, the key, the problem, the remedy
    ("", "[bugdet]\ncalls = 5\n", "bugdet", "not a known table", "Did you mean 'budget'?"),
    ("name =", "nme =", "project.nme", "is not a known key", "Did you mean 'name'?"),
    ("path =", "pth =", "models.base.pth", "is not a known key", "Did you mean 'path'?"),
    (
        "bar = 0.8\n",
        "bar = 0.8\nzzz = 1\n",
        "tasks.orders.zzz",
        "is not a known",
        "Known here: data,",
    ),
    (
        "role =",
        "rolle =",
        "tasks.orders.prompt.rolle",
        "is not a known key",
        "Did you mean 'role'?",
    ),
    ('name = "support"', "", "project.name", "is missing", "escalera init"),
    ("bar = 0.7\n", "", "tasks.rest.bar", "is missing", "escalera init"),
    ('[project]\nname = "support"\n', "", "project", "is missing", "escalera init"),
    ('[climb]\nmodel = "base"\n', "", "climb", "is missing", "escalera init"),
    ('[models.base]\npath = "model"\n', "", "models", "is missing", "[models.NAME]"),
    ("bar = 0.8", 'bar = "high"', "tasks.orders.bar", "'high'", "escalera init"),
    ("bar = 0.8", "bar = true", "tasks.orders.bar", "True", "escalera init"),
    ('"numeric"', '"blue"', "tasks.rest.scorer", "'blue'", "exact, normalised"),
    ('name = "support"', "name = 7", "project.name", "7", "escalera init"),
    (
        'path = "model"',
        'path = "m"\nprice = { prompt = "x", completion = 1 }',
        "models.base.price.prompt",
        "'x'",
        "escalera init",
    ),
    (
        'path = "model"',
        'path = "m"\nprice = { prompt = 1 }',
        "models.base.price.completion",
        "is missing",
        "escalera init",
    ),
    (
        'model = "base"',
        'model = "base"\nrungs = ["prompt", "magic"]',
        "climb.rungs[1]",
        "'magic'",
        "",
    ),
    (
        "",
        '[gateway.routes.good]\nmodels = ["base"]\n'
        '[gateway.routes."a.b"]\ndecision = "123456"\nforce = " "\n',
        "gateway.routes.a.b.force",
        "' '",
        "escalera init",
    ),
    ("", "[gateway.routes.a]\nmdels = []\n", "gateway.routes.a.mdels", "is not a", "'models'"),
    ('[models.base]\npath = "model"', "[models]\nbase = 3", "models.base", "3", "escalera init"),
]


@pytest.mark.parametrize(("old", "new", "key", "problem", "remedy"), CASES)
def test_what_is_wrong_is_told_with_its_key_and_its_remedy(
    tmp_path, old, new, key, problem, remedy
):
    """File, key in full, offending value, rule and what to do: one message."""
    assert old in GOOD
    text = GOOD.replace(old, new, 1) if old else GOOD + new
    with pytest.raises(ProjectError) as caught:
        load(tmp_path, text)
    error = caught.value
    assert error.key == key
    assert problem in error.problem
    assert remedy in error.remedy
    assert str(error).startswith(f"{tmp_path / 'escalera.toml'}: {key}: ")


def test_a_missing_file_is_told(tmp_path):
    """With the command that writes one."""
    with pytest.raises(ProjectError, match=r"No such file.*escalera init"):
        project_file.load(tmp_path / "none.toml", scorers=OPTIONS)


def test_a_folder_is_no_file(tmp_path):
    """The system's own word is passed on."""
    with pytest.raises(ProjectError, match="cannot be read"):
        project_file.load(tmp_path, scorers=OPTIONS)


def test_what_is_not_toml_is_told(tmp_path):
    """With the line that the parser names."""
    with pytest.raises(ProjectError, match=r"is not TOML.*line 1"):
        load(tmp_path, "name = support")


def test_what_is_not_text_is_told(tmp_path):
    """A file in another encoding is the user's to mend, not a traceback."""
    file = tmp_path / "escalera.toml"
    file.write_bytes(b'[project]\nname = "caf\xe9"\n')
    with pytest.raises(InputError, match="UTF-8"):
        project_file.load(file, scorers=OPTIONS)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (b'[project]\nname = "a"\nstate = "own"\n', "own"),
        (b'[project]\nname = "\xff"\nstate = "own"\n', "own"),
        (b'[project\nname =\n  state= "own" # here\n', "own"),
        (b"[project\nstate = 'o w'\n", "o w"),
        (b"[project\n", ".escalera"),
        (b"[project]\nstate = 1\n", ".escalera"),
        (b"", ".escalera"),
    ],
)
def test_the_state_is_found_whatever_else_is_wrong(tmp_path, said, state):
    """A gateway is rolled back while its file is being mended."""
    (tmp_path / "escalera.toml").write_bytes(said)
    assert project_file.state_of(tmp_path / "escalera.toml") == tmp_path / state


def test_the_state_is_found_beside_what_cannot_be_read(tmp_path):
    """But not beside a file that is not there: it may be another name that was meant."""
    assert project_file.state_of(tmp_path) == tmp_path.parent / ".escalera"
    with pytest.raises(ProjectError, match="cannot be read"):
        project_file.state_of(tmp_path / "other.toml")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    """Some editors write one at the start of UTF-8 files."""
    plain = load(tmp_path, GOOD)
    assert load(tmp_path, "\ufeff" + GOOD) == plain


def test_secrets_come_from_the_environment(monkeypatch):
    """An empty variable is as good as none."""
    monkeypatch.setenv("A_KEY", "secret")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("NO_KEY", raising=False)
    assert project_file.secret("A_KEY") == "secret"
    assert project_file.secret("EMPTY") is None
    assert project_file.secret("NO_KEY") is None


def test_the_template_is_a_good_file(tmp_path):
    """What `escalera init` writes can be read, with its commented keys too."""
    template = resources.files("escalera.apps.cli") / "template" / "escalera.toml"
    text = template.read_text(encoding="utf-8")
    assert load(tmp_path, text).tasks
    raw = tomllib.loads(text)
    assert set(raw) == {"project", "budget", "models", "climb", "tasks"}
