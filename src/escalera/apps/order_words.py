"""What is said of the orders that judges were asked in: why, and how many calls that left out."""

from __future__ import annotations

from typing import Any

from escalera.core.evaluation import orders
from escalera.core.evaluation.orders import Saving
from escalera.core.evidence import Evidence
from escalera.core.stats.position import Stretch
from escalera.domain.judge import Panel
from escalera.domain.project import Project


def lines(project: Project, panel: Panel, evidence: Evidence) -> list[str]:
    """A sentence for every judge of *panel* that compares and has been asked."""
    return [
        _line(panel, saving)
        for saving in orders.savings(project, panel, evidence)
        if saving.answers
    ]


def rows(project: Project, panel: Panel, evidence: Evidence) -> list[dict[str, Any]]:
    """The same as plain data."""
    return [
        {
            "model": saving.judge.model,
            "word": saving.state.word,
            "one_order": saving.state.one_order,
            "answers": saving.answers,
            "single": saving.single,
            "calls_left_out": saving.calls,
            "limit": panel.max_position_bias,
            "second_order": panel.second_order,
            "position_bias": _bias(saving.state.rests_on),
            "wider": round(saving.wider(panel.second_order), 4),
            "words": _line(panel, saving),
        }
        for saving in orders.savings(project, panel, evidence)
        if saving.answers
    ]


def left_out(project: Project, evidence: Evidence) -> int:
    """How many calls all judges together were spared."""
    return sum(
        saving.calls
        for panel in project.judges
        for saving in orders.savings(project, panel, evidence)
    )


def beforehand(panel: Panel) -> str | None:
    """What is known before the first answer, where second orders may be left out."""
    if not panel.spares:
        return None
    saved = 0.5 * (1.0 - panel.second_order)
    return (
        f"judge {panel.name}: compares in both orders until its position bias is shown to be "
        f"smaller than {panel.max_position_bias:.2f} (64 to 128 answers of a judge that is nearly "
        f"free of it), then in one, drawn by a coin, of all but {panel.second_order:.0%}: "
        f"{saved:.0%} fewer of its calls from there on; second_order = 1 asks both always"
    )


# Below: private.


def _line(panel: Panel, saving: Saving) -> str:
    state, limit = saving.state, panel.max_position_bias
    said = f"judge {panel.name} ({saving.judge.model}): "
    found = state.rests_on
    if found is None:
        said += (
            f"its position bias is not shown to be smaller than {limit:.2f} yet, on "
            f"{state.now.pairs} independent answers: both orders are asked"
        )
    elif state.word == "large":
        said += (
            f"its position bias {_shown(found)} is larger than {limit:.2f}: both orders are asked"
        )
    elif not state.one_order:
        said += (
            f"its position bias {_shown(found)} is smaller than {limit:.2f}, but the order changes "
            "so many verdicts that one would be mostly noise: both are asked"
        )
    else:
        said += (
            f"its position bias {_shown(found)} is smaller than {limit:.2f}: both orders are asked "
            f"of {panel.second_order:.0%} of the answers, intervals are "
            f"{saving.wider(panel.second_order) - 1.0:.0%} wider for it"
        )
    if saving.calls:
        said += f"; {saving.calls} calls left out, on {saving.single} of {saving.answers} answers"
    return said


def _shown(found: Stretch) -> str:
    bias = found.interval
    return f"{bias.estimate:+.2f} [{bias.lower:+.2f}, {bias.upper:+.2f}]"


def _bias(found: Stretch | None) -> dict[str, Any] | None:
    if found is None:
        return None
    bias = found.interval
    return {
        "value": round(bias.estimate, 6),
        "lower": round(bias.lower, 6),
        "upper": round(bias.upper, 6),
        "pairs": found.pairs,
    }
