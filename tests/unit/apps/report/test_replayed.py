"""What the report says of the ratios that a mixture tried."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.core.ladder.test_replaying import AUTO, FEW, A, B, answers, climb

from escalera.apps.report import replayed
from escalera.core.ladder.case import Case
from escalera.testing import playbook
from escalera.testing.playbook import simulate


def _rows(policy, climbed):
    case = Case(project=playbook.project(A, B, policy=policy), evidence=climbed.evidence)
    return replayed.build(case)


def test_each_ratio_stands_with_its_room_and_its_cost():
    """Of four, the one that was trained to its end is the chosen one; each has its own price."""
    rows = _rows(AUTO, climb(AUTO))
    assert [row["ratio"] for row in rows] == [0.1, 0.25, 0.5, 1.0]
    assert [row["chosen"] for row in rows] == [False, False, True, False]
    assert max(rows, key=lambda row: row["room"])["chosen"]
    assert all(row["tokens"] > 0 and row["clocks"]["seconds"] > 0 for row in rows)
    assert rows[0]["tokens"] < rows[-1]["tokens"]


def test_a_ratio_that_replays_no_more_is_no_row():
    """Where items are few, three that differ are all; the best of them is the chosen one."""
    project = playbook.project(A, FEW, policy=AUTO)
    case = Case(project=project, evidence=simulate(project, answers).evidence)
    rows = replayed.build(case)
    assert [(row["ratio"], row["chosen"]) for row in rows] == [
        (0.1, False),
        (0.25, False),
        (0.5, True),
    ]


def test_a_ratio_that_is_given_is_not_searched():
    """There is nothing to tell."""
    fixed = replace(AUTO, replay=0.25)
    assert _rows(fixed, climb(fixed)) == []
