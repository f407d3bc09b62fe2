"""A forecast of data need in words."""

from __future__ import annotations

import math

from escalera.core.finetuning.data_need import Forecast, Predicted


def sentence(found: Forecast, task: str) -> str:
    """Return the answer in one or two sentences: for people, with the figures it rests on."""
    bar, most, last = f"{found.question.bar:g}", found.question.most, found.predicted[-1]
    match found.verdict:
        case "enough":
            return (
                f"{found.at_hand:,} examples are enough for {bar} on {task}: the score is "
                f"{_score(found.predicted[0])}."
            )
        case "not by data":
            return (
                f"More data will not get {task} to {bar}: with {most:,} examples the score "
                f"would be {_score(last)}, and the chance of {bar} is {_percent(found.need.ever)}."
            )
        case "more data":
            return f"To reach {bar} on {task}: {_more(found)}.{_doubt(found)}"
        case "undecided":
            return (
                f"Whether data alone gets {task} to {bar} cannot be told yet: with {most:,} "
                f"examples the score would be {_score(last)}, and the chance of {bar} is "
                f"{_percent(found.need.ever)}."
            )


def gain(found: Forecast) -> str:
    """Return what one more percentage point takes."""
    if found.point is None:
        return f"No further point is to be expected up to {found.question.most:,} examples."
    price = ""
    if found.question.cost_per_example is not None:
        price = f", about {_money(found.point * found.question.cost_per_example)}"
    return f"One more point: about {rounded(found.point):,} more examples{price}."


def rounded(count: float) -> int:
    """Return a count to two significant digits, upwards: more would claim what is not known."""
    if count < 10:
        return math.ceil(count)
    unit: int = 10 ** (int(math.log10(count)) - 1)
    return math.ceil(count / unit - 1e-9) * unit


# Private.


def _more(found: Forecast) -> str:
    middle, lower, upper = found.more
    most = rounded(found.question.most - found.at_hand)
    low = rounded(lower or 0)
    high = f"more than {most:,}" if upper is None else f"{rounded(upper):,}"
    said = f"about {rounded(middle or 0):,} more examples ({low:,} to {high})"
    cost = found.question.cost_per_example
    if cost is None:
        return said
    end = f"more than {_money(most * cost)}" if upper is None else _money(rounded(upper) * cost)
    price = _money(rounded(middle or 0) * cost)
    return f"{said}, at {cost:.2f} each about {price} ({_money(low * cost)} to {end})"


def _doubt(found: Forecast) -> str:
    if found.need.upper is not None:
        return ""
    missed = _percent(1.0 - found.need.ever)
    return f" The chance that {found.question.most:,} examples do not get there is {missed}."


def _score(predicted: Predicted) -> str:
    low, high = predicted.intervals[1]
    return f"{predicted.score:.3f} ({low:.3f} to {high:.3f})"


def _percent(share: float) -> str:
    if share < 0.01:
        return "below 1 %"
    if share > 0.99:
        return "above 99 %"
    return f"{100.0 * share:.0f} %"


def _money(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 10 else f"{amount:,.2f}"
