"""The choice of a base in words: what to do, and what would reverse it."""

from __future__ import annotations

from collections.abc import Sequence

from escalera.core.finetuning import pilots
from escalera.core.finetuning.pilots import STAY, NextPilot, Option

SURE = 0.8
"""Chance of being the best from which an option is recommended without a reservation."""

_NEAR = 0.01


def recommendation(found: Sequence[Option], current: str) -> str:
    """What to do, with the chance that it is the best; *current* is the model in use."""
    best = found[0]
    chance = f"{100 * best.best:.0f} %"
    if best.name == STAY:
        said = f"Stay with {current} as it is: no base is expected to be worth more when finetuned"
    elif best.name == current:
        said = f"Finetune {best.name}, the base in use: {_expected(best)}"
    else:
        said = f"Finetune {best.name}: {_expected(best)}"
    if best.best >= SURE:
        return f"{said}. The chance that it is the best choice is {chance}."
    rival = max(found[1:], key=lambda option: option.best)
    return (
        f"{said}. It is not sure: the chance that it is the best choice is {chance}, and that "
        f"{_named(rival, current)} is, {100 * rival.best:.0f} %."
    )


def reversals(found: Sequence[Option], current: str, worth: float | None) -> tuple[str, ...]:
    """What would make another option the best: a score of it, or another worth of a point."""
    best, said = found[0], []
    for option in found[1:]:
        needed = pilots.break_even(option, best, worth)
        name = _named(option, current)
        if needed >= 1.0:
            said.append(f"no score of {name} would")
        else:
            said.append(f"{name} would with a score of {needed:.3f} (expected {option.score:.3f})")
    if worth is not None:
        said += _turns(found, current, worth)
    return tuple(said)


def ending(following: NextPilot, regret: float, worth: float | None) -> str:
    """Why no further pilot is run, and what knowing all would still be worth."""
    left = _amount(regret, worth)
    match following.reason:
        case "nothing is worth its price":
            return f"No further pilot is worth its price; to know every score would be worth {left}"
        case "budget":
            return (
                "Pilots have read what they may; a further one would be worth its price. To know "
                f"every score would be worth {left}: raise --share"
            )
        case None:
            return (
                f"The pilots were cut short: the next one, of {following.base}, would be worth "
                f"{_amount(following.worth, worth)}"
            )


# Private.


def _expected(best: Option) -> str:
    low, high = best.interval
    return f"{best.score:.3f} is expected on all examples (80 %: {low:.3f} to {high:.3f})"


def _named(option: Option, current: str) -> str:
    if option.name == STAY:
        return f"staying with {current} as it is"
    return f"finetuning {option.name}"


def _amount(value: float, worth: float | None) -> str:
    return f"{100 * value:.1f} points" if worth is None else f"{value:,.2f}"


def _turns(found: Sequence[Option], current: str, worth: float) -> list[str]:
    """The worth of a point at which an option with another score and another price draws level."""
    best, said, now = found[0], [], worth / 100
    for option in found[1:]:
        gap, saved = best.score - option.score, best.price - option.price
        if abs(gap) < _NEAR or saved / gap <= 0.0:
            continue
        turn = saved / gap / 100
        than = "less" if turn < now else "more"
        name = _named(option, current)
        level = f"{turn:,.2f}" if turn >= 0.01 else f"{turn:.2g}"
        said.append(f"{name} would if a point were worth {than} than {level} (now {now:,.2f})")
    return said
