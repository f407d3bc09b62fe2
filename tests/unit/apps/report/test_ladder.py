"""The picture of the climb as data."""

from __future__ import annotations

from dataclasses import replace

from escalera.apps.report import ladder
from escalera.core.ladder import rungs
from escalera.core.ladder.case import Case
from escalera.domain.levers import Trainable
from escalera.testing import playbook
from escalera.testing.playbook import DECLARED, luck, simulate

A, B = playbook.task("a"), playbook.task("b")

LORA = Trainable()


def build(allowed, rate, trainable=LORA):
    policy = replace(DECLARED, rungs=allowed)
    project = replace(playbook.project(A, B, policy=policy), trainable=trainable)
    climbed = simulate(project, lambda system, item: float(luck(item) < rate(system)))
    return ladder.build(Case(project=project, evidence=climbed.evidence))


def test_every_rung_of_the_table_has_a_state():
    """Climbed, not reached and not allowed are told apart."""
    found = build(("prompt", "examples", "lora"), lambda _: 0.97)
    assert [entry["rung"] for entry in found] == [row.name for row in rungs.RUNGS]
    assert {entry["rung"]: entry["state"] for entry in found} == {
        "prompt": "adequate",
        "examples": "not reached",
        "search": "not allowed",
        "structured": "not allowed",
        "lora": "not reached",
        "full": "not allowed",
        "mixture": "not allowed",
        "merge": "not allowed",
        "route": "not allowed",
    }


def test_a_climbed_rung_has_words_and_a_price():
    """Per task, the summary first where there is one; what it was told to cost."""
    found = {
        entry["rung"]: entry
        for entry in build(("prompt", "lora"), lambda s: 0.3 if s.adapter is None else 0.97)
    }
    assert len(found["prompt"]["words"]) == 2
    assert "bar 0.70; best of 5 prompts" in found["prompt"]["words"][0]
    assert found["lora"]["words"][0].startswith("LoRA on the failing types: every bar is met")
    assert len(found["lora"]["words"]) == 3
    assert found["lora"]["price"]["training_tokens"] > 0
    assert found["lora"]["price"]["calls"] >= 200
    assert set(found["lora"]["price"]["clocks"]) == {"minutes", "minutes_range"}
    assert found["mixture"]["price"] is None
    assert found["mixture"]["words"] == []


def test_a_rung_is_called_by_what_is_trained_on_it():
    """In its title, and in what was recorded when it was decided."""
    dora = Trainable(method="dora")
    found = {
        entry["rung"]: entry
        for entry in build(("prompt", "lora"), lambda s: 0.3 if s.adapter is None else 0.97, dora)
    }
    assert found["lora"]["title"] == "DoRA on the failing types"
    assert found["lora"]["words"][0].startswith("DoRA on the failing types: every bar is met")
