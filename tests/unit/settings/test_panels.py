"""From tables to panels."""

from __future__ import annotations

from escalera.core.evaluation.judge import WORDING
from escalera.domain.message import Decoding
from escalera.domain.project import BaseModel
from escalera.settings import panels
from escalera.settings.tables import JudgeTable


def model(name):
    return BaseModel(name=name, revision=f"{name}-1", trainable=False, price=None)


def test_every_model_of_a_table_is_a_judge():
    """With its own revision, and the same rubric."""
    table = JudgeTable(
        model=["x", "y"],
        rubric="Is kind.",
        kind="pairwise",
        repeats=2,
        temperature=0.3,
        min_agreement=0.6,
        max_drift=0.2,
    )
    found = panels.panel("kind", table, {"x": model("x"), "y": model("y")})
    assert (found.name, found.repeats, found.min_agreement) == ("kind", 2, 0.6)
    assert found.max_drift == 0.2
    assert [(one.model, one.revision) for one in found.judges] == [("x", "x-1"), ("y", "y-1")]
    assert {one.wording for one in found.judges} == {WORDING}
    assert found.judges[0].decoding == Decoding(max_tokens=512, temperature=0.3)
    assert (found.scale.lowest, found.scale.highest) == (0, 1)


def test_second_orders_are_left_out_unless_the_table_says_otherwise():
    """A tenth keeps both; 1 is always both, and where judges vote so is nothing said."""
    pair = {"model": "x", "rubric": "r", "kind": "pairwise"}
    made = [
        panels.panel("kind", JudgeTable(**pair, **more), {"x": model("x")})
        for more in ({}, {"second_order": 1.0}, {"combine": "vote"})
    ]
    assert [one.second_order for one in made] == [panels.SECOND_ORDER, 1.0, panels.SECOND_ORDER]
    assert [one.spares for one in made] == [True, False, False]
    voting = JudgeTable(model="x", rubric="r", combine="vote", passing=3, max_position_bias=0.2)
    found = panels.panel("kind", voting, {"x": model("x")})
    assert (found.combine, found.passing, found.max_position_bias) == ("vote", 3, 0.2)


def test_a_scorer_names_a_panel_only_with_its_prefix():
    """A judge may be called as a scorer is."""
    found = panels.panel("exact", JudgeTable(model="x", rubric="r"), {"x": model("x")})
    assert panels.named("judge:exact", {"exact": found}) is found
    assert panels.named("exact", {"exact": found}) is None
    assert (found.scale.lowest, found.scale.highest) == (0, 4)
