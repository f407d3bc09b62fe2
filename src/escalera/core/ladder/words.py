"""Sentences of verdicts: what was found, in words that a manager reads, with its figures."""

from __future__ import annotations

from collections.abc import Sequence

from escalera.core.evaluation.compare import spendable
from escalera.core.ladder.confirm import Standing
from escalera.core.stats import power
from escalera.domain.event import Looked
from escalera.domain.verdict import Figure


def figure(found: Figure) -> str:
    """A score with its interval, as "0.61 [0.56, 0.66]"; of no scored item, that there is none."""
    if not found.n:
        return "no score"
    return f"{found.value:.2f} [{found.lower:.2f}, {found.upper:.2f}]"


def difference(found: Figure) -> str:
    """A signed difference with its interval."""
    return f"{_signed(found.value)} [{_signed(found.lower)}, {_signed(found.upper)}]"


def standing(found: Standing) -> str:
    """One task of one route in one sentence."""
    task = found.task
    said = f"{task.title} {figure(found.adequacy.figure)}, bar {task.bar:.2f}"
    said += _basis(found.adequacy)
    if found.identical:
        return f"{said}, answered as before"
    if found.regression is None:
        return said
    change = found.regression.figure
    if found.gate:
        return f"{said}, {difference(change)} to the incumbent"
    if found.outcome == "regressed":
        fall = f"fell by {-change.value:.2f} [{-change.upper:.2f}, {-change.lower:.2f}]"
        return f"{said}, but it {fall}; the margin is {task.margin:.2f}"
    return (
        f"{said}, but a fall of more than {task.margin:.2f} is not ruled out: {difference(change)}"
    )


def items_needed(found: Looked) -> str:
    """What an undecided question about a bar needs: more items, or scores for those it has."""
    if not found.figure.n and found.unscored:
        return f"none of {found.unscored} items has a score: `escalera eval` says why"
    lacking = f"{found.unscored} items have no score, of which `escalera eval` says why"
    if found.unscored and _shown(found):
        return f"{lacking}, and what they are worth could change it"
    return f"{_more(found)}; {lacking}" if found.unscored else _more(found)


def joined(parts: Sequence[str]) -> str:
    """Words joined as in a sentence: "a", "a and b", "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


# Below: private.


def _shown(found: Looked) -> bool:
    """Whether the scored items alone would settle a question about a bar."""
    bar, ends = found.question.threshold, found.figure
    return found.question.kind == "adequacy" and not ends.lower < bar <= ends.upper


def _more(found: Looked) -> str:
    question, value = found.question, found.figure.value
    if question.kind != "adequacy" or not 0 < value < 1:
        return "more `confirm` items are needed"
    alpha = spendable(question.alpha, found.pairing)
    needed = power.items_against_bar(mean=value, bar=question.threshold, alpha=alpha)
    if needed is None:
        return "no number of items is likely to settle it: the score is at the bar"
    more = max(needed - found.figure.n, 1)
    return f"about {more} more `confirm` items are needed if {value:.2f} is the true score"


def _basis(found: Looked) -> str:
    """What a judged figure rests on."""
    match found.basis:
        case "scorer":
            return ""
        case "judge":
            return f" (by the judge alone: {found.labels} labels)"
        case "corrected":
            alone = "" if found.judge is None else f", the judge alone says {found.judge.value:.2f}"
            return f" (corrected by {found.labels} labels{alone})"


def _signed(value: float) -> str:
    # A rounded nothing has no sign to speak of.
    return f"{round(value, 2) + 0.0:+.2f}"
