"""`[models.NAME.finetuning]`: what is refused, with the key and the remedy."""

from __future__ import annotations

import copy
from math import inf, nan
from typing import Any

import msgspec
import pytest

from escalera.settings import hosting_checks
from escalera.settings.tables import ProjectFile

GOOD: dict[str, Any] = {
    "project": {"name": "p"},
    "models": {"far": {"base_url": "http://127.0.0.1/v1", "model": "m", "finetuning": {}}},
    "climb": {"model": "far"},
    "tasks": {},
}


def keys(*path_and_value: Any) -> list[str]:
    """The keys of what is wrong with a good file in which one has another value."""
    raw = copy.deepcopy(GOOD)
    if path_and_value:
        *path, last, value = path_and_value
        table = raw
        for name in path:
            table = table.setdefault(name, {})
        table[last] = value
    return [key for key, _, _ in hosting_checks.problems(msgspec.convert(raw, ProjectFile))]


def test_an_empty_table_is_enough() -> None:
    """Everything in it has a default."""
    assert keys() == []


@pytest.mark.parametrize(
    ("key", "bad", "good"),
    [
        ("methods", [[]], [["dpo"]]),
        ("price", [-1.0, inf, nan], [0.0, 3.0]),
        ("batch_size", [0], [1]),
        ("learning_rate_multiplier", [0.0, inf], [0.1]),
        ("beta", [0.0, inf], [0.1]),
        ("hours", [0.0, 1e6], [1.0]),
        ("suffix", ["a b", "x" * 41, "ä"], ["", "a-B_1"]),
    ],
)
def test_ranges(key: str, bad: list[Any], good: list[Any]) -> None:
    """The edges of what is taken."""
    place = ("models", "far", "finetuning", key)
    assert [keys(*place, value) for value in bad] == [[".".join(place)]] * len(bad)
    assert [keys(*place, value) for value in good] == [[]] * len(good)


@pytest.mark.parametrize(
    ("key", "value"),
    [("learning_rate", 0.1), ("optimizer", "sgd"), ("engine", "trl"), ("weights", {"rank": 4})],
)
def test_levers_that_a_job_does_not_take(key: str, value: object) -> None:
    """They are refused rather than ignored; what a job takes is named."""
    raw = copy.deepcopy(GOOD) | {"training": {key: value}}
    ((found, _, remedy),) = hosting_checks.problems(msgspec.convert(raw, ProjectFile))
    assert found == f"training.{key}"
    assert "training.epochs" in remedy
    raw["models"]["near"] = {"path": "model"}
    raw["climb"] = {"model": "near"}
    assert not list(hosting_checks.problems(msgspec.convert(raw, ProjectFile)))


def test_what_needs_weights_here() -> None:
    """A model on this machine is trained here, and a job cannot pause for pilots."""
    assert keys("models", "near", {"path": "m", "finetuning": {}}) == ["models.near.finetuning"]
    assert keys("climb", "replay", "auto") == ["climb.replay"]
