"""Rules that go beyond types."""

from __future__ import annotations

import copy
from math import inf as INF  # noqa: N812
from math import nan as NAN  # noqa: N812

import msgspec
import pytest

from escalera.edges.scoring.desk import OPTIONS
from escalera.settings import checks
from escalera.settings.tables import ProjectFile

GOOD = {
    "project": {"name": "p"},
    "models": {"base": {"path": "model"}},
    "climb": {"model": "base"},
    "tasks": {
        "a": {"data": "a.jsonl", "scorer": "exact", "bar": 0.8},
        "b": {"data": "b.jsonl", "scorer": "exact", "bar": 0.8},
    },
}


def problems(*path_and_value):
    """The problems of a good file in which one key has another value."""
    raw = copy.deepcopy(GOOD)
    if path_and_value:
        *path, last, value = path_and_value
        table = raw
        for name in path:
            table = table.setdefault(name, {})
        table[last] = value
    return checks.problems(msgspec.convert(raw, ProjectFile), OPTIONS)


def test_a_good_file_has_no_problem():
    """Defaults are in range."""
    assert problems() == []


@pytest.mark.parametrize(
    ("path", "bad", "good"),
    [
        (
            ("project", "confidence"),
            [0.5, 1.0, 95.0, 0.9999999999999, 0.99991, NAN],
            [0.51, 0.999, 0.9999],
        ),
        (("project", "seed"), [-1, 2**63], [0, 2**63 - 1]),
        (("climb", "replay"), [0.0, 1.1], [0.01, 1.0, "auto"]),
        (("climb", "looks"), [[], [0.5], [0.5, 0.5, 1.0], [0.0, 1.0], [1.0, 0.5]], [[1.0]]),
        (("climb", "rungs"), [[], ["lora"], ["lora", "prompt"]], [["prompt"]]),
        (("budget", "money"), [0.0, -1.0, INF, NAN, 1e305], [0.01]),
        (("budget", "calls"), [0, -1], [1]),
        (("budget", "minutes"), [0.0, INF, NAN], [0.5]),
        (("training", "full", "learning_rate"), [0.0, INF], ["auto", 1e-5]),
        (("training", "weights", "rank"), [0], [1]),
        (("training", "weights", "alpha"), [0], [1]),
        (("training", "weights", "dropout"), [-0.1, 1.0, NAN], [0.0, 0.9]),
        (("training", "weights", "share"), [0.0, 1.1], [0.25, 1.0]),
        (("training", "memory", "pass_tokens"), [15], [16]),
        (("training", "epochs"), [0], [1]),
        (("training", "learning_rate"), [0.0, INF, NAN], [1e-6]),
        (("training", "warm_up"), [-0.1, 1.0], [0.0, 0.5]),
        (("training", "weight_decay"), [-0.1, INF], [0.0, 0.1]),
        (("training", "clip"), [0.0, INF, NAN], [1.0]),
        (("training", "checkpoints"), [0], [1]),
        (("training", "batch_tokens"), [15], [16]),
        (("tasks", "a", "bar"), [0.0, 1.0, 80.0], [0.01, 0.99]),
        (("tasks", "a", "margin"), [0.0, 1.0], [0.01, 0.5]),
        (("tasks", "a", "max_tokens"), [0], [1]),
        (("tasks", "a", "value_per_point"), [-1.0, INF, NAN, 1e300], [0.0, 50000.0]),
    ],
)
def test_numbers_are_in_range(path, bad, good):
    """Both sides of every border; the message has the value and the rule."""
    for value in bad:
        (found,) = problems(*path, value)
        assert found[0] == ".".join(path)
        assert repr(value) in found[1]
        assert found[2].startswith("Give ")
    for value in good:
        assert problems(*path, value) == []


@pytest.mark.parametrize(
    ("key", "bad", "good"),
    [
        ("calls", 0, 1),
        ("seconds", 0.0, 0.1),
        ("model_month", -1.0, 0.0),
        ("artefact_month", INF, 3.0),
        ("training_hour", NAN, 0.0),
        ("base_changes", NAN, 0.0),
    ],
)
def test_the_terms_of_a_service_are_in_range(key, bad, good):
    """Money and times that can be weighed."""
    (found,) = problems("service", {"calls": 1} | {key: bad})
    assert found[0] == f"service.{key}"
    assert problems("service", {"calls": 1} | {key: good}) == []


@pytest.mark.parametrize(
    "path",
    [
        ("models", "base", "concurrency"),
        ("models", "base", "price"),
        ("models", "base", "threads"),
    ],
)
def test_values_that_could_never_work_are_refused_at_the_border(path):
    """No semaphore of zero, no adapter without weight or targets, no negative price."""
    bad = {"price": {"prompt": -1.0, "completion": 1.0}}.get(path[-1], 0)
    found = problems(*path, bad)
    assert found
    assert found[0][0].startswith(".".join(path))


@pytest.mark.parametrize("kind", ["prompt", "completion"])
@pytest.mark.parametrize("dollars", [INF, NAN, -1.0, 1e305])
def test_a_price_is_a_finite_number(kind, dollars):
    """It is kept in whole micro-dollars, which infinity and "not a number" have none of."""
    price = {"prompt": 0.0, "completion": 0.0} | {kind: dollars}
    (found,) = problems("models", "base", "price", price)
    assert found[0] == f"models.base.price.{kind}"
    assert repr(dollars) in found[1]
    assert found[2] == "Give a finite number from 0 to 1000000000"


def test_the_model_must_be_there():
    """With the names that are."""
    (found,) = problems("climb", "model", "other")
    assert found == ("climb.model", "'other' is not under [models]", "Name one of ['base']")


@pytest.mark.parametrize(
    "model",
    [
        {},
        {"path": "m", "base_url": "http://x", "model": "y"},
        {"path": "m", "hub": "owner/name"},
        {"hub": "owner/name", "base_url": "http://x", "model": "y"},
    ],
)
def test_a_model_is_at_one_place(model):
    """None and two are refused."""
    (found,) = problems("models", "base", model)
    assert found[0] == "models.base"
    assert "one of" in found[1]


def test_an_endpoint_needs_the_name_of_its_model():
    """Else it could not be asked."""
    assert [p[0] for p in problems("models", "base", {"base_url": "http://x"})] == [
        "models.base.model"
    ]
    assert problems("models", "base", {"base_url": "http://x", "model": "m"}) == []


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [(0.5, 0.4, "0.9 over 2 tasks"), (0.5, None, "0.5 over 1 tasks"), (1.0, 1.0, "2 over 2")],
)
def test_traffic_shares_add_up(first, second, said):
    """Every task has a share and they make 1, or none has one."""
    raw = msgspec.json.decode(msgspec.json.encode(GOOD))
    raw["tasks"]["a"]["share"] = first
    if second is not None:
        raw["tasks"]["b"]["share"] = second
    (found,) = checks.problems(msgspec.convert(raw, ProjectFile), OPTIONS)
    assert found[0] == "tasks"
    assert said in found[1]


def test_shares_that_add_up_are_fine():
    """Also where floats do not add up to the last bit."""
    raw = msgspec.json.decode(msgspec.json.encode(GOOD))
    raw["tasks"]["c"] = dict(raw["tasks"]["a"])
    for name, share in {"a": 0.1, "b": 0.2, "c": 0.7}.items():
        raw["tasks"][name]["share"] = share
    assert checks.problems(msgspec.convert(raw, ProjectFile), OPTIONS) == []


def test_prompt_files_have_names_of_their_own():
    """A report calls a prompt by the name of its file."""
    files = ["a/terse.toml", "b/terse.toml"]
    (found,) = problems("tasks", "b", "prompt", {"files": files})
    assert found[0] == "tasks.b.prompt.files"
    assert "two files called 'terse'" in found[1]
    assert problems("tasks", "b", "prompt", {"files": ["a/terse.toml", "a/long.toml"]}) == []


def test_another_tool_needs_a_model_that_writes_and_calls_to_search_with():
    """Each with its key and what to do."""
    search = {"optimiser": "gepa", "calls": 99}
    found = problems("climb", "search", search)
    assert [key for key, *_ in found] == ["climb.search.optimiser", "climb.search.calls"]
    assert "99 calls" in found[1][1]
    assert problems("climb", "proposer", next(iter(GOOD["models"]))) == []


def test_an_engine_fits_its_model():
    """vLLM serves weights that lie here; its table needs it; its keys are looked at."""
    assert problems("models", "base", {"path": "m", "engine": "vllm"}) == []
    endpoint = {"base_url": "http://x/v1", "model": "m", "engine": "vllm"}
    assert [key for key, _, _ in problems("models", "base", endpoint)] == ["models.base.engine"]
    table = {"path": "m", "vllm": {}}
    assert [key for key, _, _ in problems("models", "base", table)] == ["models.base.vllm"]
    table = {"path": "m", "engine": "vllm", "vllm": {"rank": 12}}
    assert {key for key, _, _ in problems("models", "base", table)} == {"models.base.vllm.rank"}


def test_a_vllm_process_is_held_to_a_schema_as_an_endpoint_is():
    """It is asked over HTTP: what decodes is not ours."""
    model = {"path": "m", "engine": "vllm", "output": ["json_schema"]}
    assert problems("models", "base", model) == []
    (wrong,) = problems("models", "base", {**model, "output": ["constrained"]})
    assert wrong[0] == "models.base.output"


@pytest.mark.parametrize("key", ["embedding", "router_embedding"])
def test_embeddings_are_not_asked_of_vllm(key):
    """The model that makes them computes in this process, and stands under [models]."""
    models = {"base": {"path": "m"}, "read": {"path": "m", "engine": "vllm"}}
    for named, said in (("read", "answers with vLLM"), ("gone", "is not under")):
        raw = {**copy.deepcopy(GOOD), "models": models, "climb": {"model": "base", key: named}}
        found = checks.problems(msgspec.convert(raw, ProjectFile), OPTIONS)
        assert [(one, said in problem) for one, problem, _ in found] == [(f"climb.{key}", True)]


def test_what_is_trained_can_be_served():
    """A method that vLLM cannot load is refused, unless nothing is trained."""
    model = {"path": "m", "engine": "vllm"}
    raw = {
        **copy.deepcopy(GOOD),
        "models": {"base": model},
        "training": {"weights": {"method": "dora"}},
    }
    (wrong,) = checks.problems(msgspec.convert(raw, ProjectFile), OPTIONS)
    assert wrong[0] == "training.weights.method"
    raw["climb"]["rungs"] = ["prompt"]
    assert checks.problems(msgspec.convert(raw, ProjectFile), OPTIONS) == []
