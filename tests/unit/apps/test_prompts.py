"""The versions of a project's prompts."""

from __future__ import annotations

import json

import pytest

from escalera.apps import prompts, workspace
from escalera.apps.cli.main import run
from escalera.errors import InputError


@pytest.fixture
def climbed(write, climb):
    """A project whose type b needs more than wording."""
    folder = write()
    climb(folder, a=0.97, b=0.3)
    return folder


def test_every_version_has_a_parent_that_is_a_version(climbed):
    """Back to the prompt that tells everything, which has none."""
    found = workspace.load(climbed).prompts()
    for task in ("a", "b"):
        mine = [one for one in found if one.task == task]
        known = {one.version for one in mine}
        assert len(known) == len(mine) > 10
        assert mine[0].parent is None
        assert {one.parent for one in mine[1:]} - {None} <= known
        assert {one.parent for one in mine if "examples" in one.operator} <= known


def test_what_is_known_comes_along(climbed):
    """Means of the search items that were asked; which rung put it forward."""
    found = workspace.load(climbed).prompts()
    asked = [one for one in found if one.items]
    assert all(0 <= one.mean <= 1 for one in asked)
    (a,) = [one for one in found if one.task == "a" and "prompt" in one.put_forward]
    assert a.mean > 0.9
    assert [one.task for one in found if "examples" in one.put_forward] == ["a", "b"]


def test_a_version_is_found_by_the_beginning_of_its_digest(climbed):
    """If that tells it from others."""
    found = workspace.load(climbed).prompts()
    assert prompts.find(found, found[3].version[:12]) == found[3]
    for name in ("", "abc", "no version at all", found[3].version[:3]):
        with pytest.raises(InputError, match=r"is no version|stands for several"):
            prompts.find(found, name)


def test_the_command_lists_shows_and_compares(climbed, capsys):
    """A table, a text, a difference."""
    found = workspace.load(climbed).prompts()
    base, other = found[0], next(one for one in found if one.parent == found[0].version)
    assert run(["prompts", "-p", str(climbed), "--task", "a"]) == 0
    said = capsys.readouterr().out
    assert base.version[:12] in said
    assert "put forward" in said
    assert run(["prompts", base.version[:12], "-p", str(climbed)]) == 0
    assert capsys.readouterr().out.startswith("[system]\n")
    assert run(["prompts", base.version[:12], other.version[:12], "-p", str(climbed)]) == 0
    assert capsys.readouterr().out.startswith("@@")
    assert run(["prompts", "-p", str(climbed), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["prompts"]
    assert [one["version"] for one in told] == [one.version for one in found]


def test_three_versions_are_a_mistake(climbed, capsys):
    """There is no difference of three."""
    assert run(["prompts", "a", "b", "c", "-p", str(climbed)]) == 2
    assert "two to compare" in capsys.readouterr().err
