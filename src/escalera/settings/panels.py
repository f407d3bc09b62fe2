"""From the tables `[judges.NAME]` to panels of judges."""

from __future__ import annotations

from collections.abc import Mapping

from escalera.core.evaluation import judge
from escalera.domain.judge import PREFIX, Judge, Panel, Scale
from escalera.domain.message import Decoding
from escalera.domain.project import BaseModel
from escalera.settings.tables import JudgeTable

SECOND_ORDER = 0.1
"""The share of answers that keep both orders, where the project file says none.

The smaller, the fewer calls, and the later a bias that drifts is found: some fifty pairs tell, so
about five hundred answers. Scores are unbiased whatever it is."""


def panel(name: str, table: JudgeTable, graders: Mapping[str, BaseModel]) -> Panel:
    """The judges of one table; `graders` are the models that grade, by name."""
    lowest, highest = table.scale
    judges = [
        Judge(
            kind=table.kind,
            model=model,
            revision=graders[model].revision,
            rubric=table.rubric,
            scale=Scale(lowest=lowest, highest=highest, anchors=tuple(table.anchors)),
            reference=table.reference,
            decoding=Decoding(max_tokens=table.max_tokens, temperature=table.temperature),
            wording=judge.WORDING,
        )
        for model in table.models
    ]
    return Panel(
        name=name,
        judges=tuple(judges),
        repeats=table.repeats,
        min_agreement=table.min_agreement,
        max_drift=table.max_drift,
        second_order=SECOND_ORDER if table.second_order is None else table.second_order,
        max_position_bias=table.max_position_bias,
        combine=table.combine,
        passing=table.passing,
    )


def named(scorer: str, panels: Mapping[str, Panel]) -> Panel | None:
    """The panel that the kind of a task's `scorer` names, or None where it names no judge."""
    return panels[scorer.removeprefix(PREFIX)] if scorer.startswith(PREFIX) else None
