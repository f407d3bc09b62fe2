"""The ways of holding answers to a schema, each against the bare prompt."""

from __future__ import annotations

from dataclasses import replace

from escalera.apps.report import contracts
from escalera.core.ladder.case import Case
from escalera.domain.contract import LOCAL_MODES
from escalera.domain.event import Observed
from escalera.testing import playbook
from escalera.testing.playbook import luck, simulate

TASK = replace(playbook.task("a"), schema='{"type":"object"}')
PROJECT = playbook.project(TASK)
PROJECT = replace(PROJECT, model=replace(PROJECT.model, output=LOCAL_MODES))


def answers(system, item):
    constrained = system.output is not None and system.output.mode == "constrained"
    return float(luck(item) < (0.95 if constrained else 0.3))


def climbed():
    """A climb whose constrained answers are valid and whose others are not."""
    found = simulate(PROJECT, answers)
    held = {
        p.system.digest
        for p in found.evidence.proposed
        if p.system.output is not None and p.system.output.mode == "constrained"
    }
    evidence = playbook.Playbook(PROJECT).evidence
    for event in found.events:
        if isinstance(event, Observed):
            event = replace(event, valid=event.system in held)  # noqa: PLW2901
        evidence.apply(event)
    return Case(project=PROJECT, evidence=evidence)


def test_every_contract_that_was_tried_is_a_row():
    """Against the same prompt without one, on the items of the race."""
    case = climbed()
    rows = contracts.build(case)
    tried = [p for p in case.evidence.proposed if p.rung == "structured" and p.system.output]
    assert [row["operator"] for row in rows] == [p.operator for p in tried]
    for row, proposed in zip(rows, tried, strict=True):
        constrained = proposed.system.output.mode == "constrained"
        assert row["valid"] == float(constrained)
        assert row["valid_without"] == 0.0
        assert (row["mode"], row["told"]) == (
            proposed.system.output.mode,
            proposed.system.output.told,
        )
        assert row["items"] == row["score"]["n"] >= 2
        assert (row["score"]["value"] > 0.4) == constrained
        assert row["clocks"]["seconds"]["value"] == 0.0


def test_a_climb_without_the_rung_has_no_rows():
    """There is nothing to compare."""
    plain = playbook.project(playbook.task("a"))
    found = simulate(plain, answers)
    assert contracts.build(Case(project=plain, evidence=found.evidence)) == []
