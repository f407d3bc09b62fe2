"""Another tool in a project: part of what a climb commits to, and only where it is named."""

from __future__ import annotations

from dataclasses import replace

from escalera.core.ladder.planner import project_digest
from escalera.domain.optimiser import Optimiser
from escalera.testing import playbook


def test_a_tool_is_committed_to_and_none_changes_no_earlier_project():
    """Another tool, or other calls, are another project."""
    plain = playbook.project(playbook.task("a"))
    tools = [Optimiser(name="gepa", calls=100), Optimiser(name="gepa", calls=200)]
    found = {project_digest(replace(plain, optimiser=tool)) for tool in (None, *tools)}
    assert len(found) == 3
    assert project_digest(replace(plain, optimiser=None)) == project_digest(plain)
