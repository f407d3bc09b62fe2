"""Other tools by name, and what is said where their package is not installed."""

from __future__ import annotations

import importlib.util
from typing import get_args

import pytest

from escalera.domain.optimiser import OptimiserName
from escalera.errors import MissingExtra
from escalera.wiring import optimisers


def test_every_name_of_the_project_file_says_what_it_needs():
    """No tool without its packages."""
    assert set(optimisers.NEEDS) == set(get_args(OptimiserName))


@pytest.mark.parametrize("name", get_args(OptimiserName))
def test_a_tool_that_is_not_installed_names_its_extra(name, monkeypatch):
    """And how to install it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    extra = optimisers.NEEDS[name][0]
    for asked in (optimisers.of, optimisers.require):
        with pytest.raises(MissingExtra, match=rf"escalera\[{extra}\]"):
            asked(name)


@pytest.mark.parametrize(
    ("way", "package", "extra"), [("parzen", "optuna", "sweep"), ("evolution", "cmaes", "local")]
)
def test_each_way_to_suggest_needs_its_own_package(way, package, extra, monkeypatch):
    """And keeps the port where it is there."""
    if importlib.util.find_spec(package) is not None:
        assert callable(optimisers.suggester(way).suggest)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=rf"escalera\[{extra}\]"):
        optimisers.suggester(way)


@pytest.mark.parametrize("name", get_args(OptimiserName))
def test_a_tool_that_is_installed_can_be_asked(name):
    """It keeps the port."""
    if any(importlib.util.find_spec(package) is None for package in optimisers.NEEDS[name]):
        pytest.skip(f"needs {name}: pip install -e '.[{optimisers.NEEDS[name][0]}]'")
    assert callable(optimisers.of(name).improve)
