"""Where a prompt of the report comes from."""

from __future__ import annotations

from dataclasses import replace

from escalera.apps.report import lineage
from escalera.testing import playbook
from escalera.testing.playbook import luck, simulate

A = playbook.task("a")


def climbed():
    return simulate(playbook.project(A), lambda _, item: float(luck(item) < 0.3)).evidence


def test_a_prompt_that_was_made_from_another_shows_what_changed():
    """With both versions; an adapter or a contract on top changes no prompt."""
    evidence = climbed()
    made = next(p for p in evidence.proposed if p.parent is not None)
    (parent,) = {p.system for p in evidence.proposed if p.system.digest == made.parent}
    found = lineage.of(evidence, replace(made.system, adapter="x"))
    assert found["version"] == made.system.prompt.digest[:12]
    assert found["parent"] == parent.prompt.digest[:12]
    assert any(line.startswith(("+", "-")) for line in found["changes"])


def test_the_first_prompt_has_no_parent():
    """And a prompt that was never proposed has nothing to show."""
    evidence = climbed()
    first = evidence.proposed[0]
    assert lineage.of(evidence, first.system)["changes"] == []
    assert lineage.of(evidence, first.system)["parent"] is None
    other = replace(first.system, prompt=replace(first.system.prompt, system="Another."))
    assert lineage.of(evidence, other)["changes"] == []
