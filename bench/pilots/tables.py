"""The table of choices among bases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bench.pilots import choosing
from bench.pilots.choosing import Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One choice, with the true scores of all bases, and what full trainings measure of them."""

    where: str
    way: str
    choice: Choice
    truths: dict[str, float]
    full: dict[str, np.ndarray]

    @property
    def tied(self) -> bool:
        """Whether the choice is right, or full trainings do not tell it from the best."""
        return self.right or self.choice.name in choosing.alike(self.full)

    @property
    def right(self) -> bool:
        """Whether the choice is the best, or within a point of it."""
        return choosing.right(self.choice.name, self.truths)

    @property
    def missed(self) -> float:
        """What the choice lacks of the best, in points."""
        return 100 * (max(self.truths.values()) - self.truths[self.choice.name])


def page(simulated: Sequence[Outcome], real: Sequence[Outcome]) -> str:
    """The page."""
    forecasts = [*_forecasts(simulated)], [*_forecasts(real)]
    tasks = {one.where: one.full for one in real}
    spread = float(np.mean([choosing.spread(full) for full in tasks.values()])) ** 0.5
    lines = [
        "# Which base: choices from pilots beside full trainings",
        "",
        "    make bench-pilots",
        "",
        "Of some bases one is chosen from pilots, which are asked 300 items; the truth is every",
        "base finetuned on all examples. A choice is right where its true score is within a point",
        "of the best. It is tied where full trainings do not tell it from the best: two seeds, up",
        "to 2,000 items, z below 1.96. `cost` is what the pilots read, as a share of finetuning",
        "every base on all examples. Beside `pilots`, what Escalera does: `one size`, every base",
        "once on a sixteenth of them, and `halving by score`, of which half goes on to twice the",
        "examples.",
        "",
        "## Simulated bases",
        "",
        "Six bases, 2,048 examples, 300 items; curves are top - fall (1 + n / from)^-slope with",
        "parameters drawn anew for each project, and are not of the forecast's families alone.",
        "",
        *_table(simulated, by_place=False),
        "",
        "## Real bases",
        "",
        "Five Llamas of 0.2 and 0.9 million parameters, pretrained differently (`bench/bases`);",
        "all weights learn; up to 1,024 examples, pilots on three orders of them. The items of the",
        "pilots are among those that full trainings are judged by, whose score has a standard",
        f"deviation over seeds of {100 * spread:.1f} points.",
        "",
        *_table(real, by_place=True),
        "",
        "True scores:",
        "",
        *_truths(real),
        "",
        "## Forecasts of the pilots",
        "",
        "| | forecasts | mean absolute error, points | 80 % intervals that hold the truth |",
        "|---|---|---|---|",
        *(
            f"| {name} | {len(found)} | {100 * np.mean([abs(e) for e, _ in found]):.1f} | "
            f"{100 * np.mean([held for _, held in found]):.0f} % |"
            for name, found in zip(("simulated", "real"), forecasts, strict=True)
        ),
    ]
    return "\n".join(lines) + "\n"


# Private.


def _table(found: Sequence[Outcome], *, by_place: bool) -> list[str]:
    lines = [
        "| where | way | choices | right (95 %) | right or tied (95 %) | "
        "missed on the mean, points | cost |",
        "|---|---|---|---|---|---|---|",
    ]
    ways = list(dict.fromkeys(one.way for one in found))
    places = list(dict.fromkeys(one.where for one in found))
    groups = [(place,) for place in places] if by_place and len(places) > 1 else []
    for group in [*groups, tuple(places)]:
        for way in ways:
            some = [one for one in found if one.way == way and one.where in group]
            name = group[0] if len(group) == 1 else "all"
            lines.append(_line(name, way, some))
    return lines


def _line(name: str, way: str, some: Sequence[Outcome]) -> str:
    right, tied = _share([one.right for one in some]), _share([one.tied for one in some])
    return (
        f"| {name} | {way} | {len(some)} | {right} | {tied} | "
        f"{np.mean([one.missed for one in some]):.2f} | "
        f"{100 * np.mean([one.choice.cost for one in some]):.1f} % |"
    )


def _share(held: Sequence[bool]) -> str:
    low, high = _wilson(sum(held), len(held))
    return f"{100 * np.mean(held):.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def _wilson(right: int, count: int) -> tuple[float, float]:
    """Interval of a share (Wilson 1927)."""
    z, share = 1.96, right / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * (share * (1 - share) / count + z * z / (4 * count**2)) ** 0.5 / (1 + z * z / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def _truths(found: Sequence[Outcome]) -> list[str]:
    truths = {one.where: one.truths for one in found}
    names = list(next(iter(truths.values())))
    return [
        "| task | " + " | ".join(names) + " |",
        "|---" * (1 + len(names)) + "|",
        *(
            f"| {task} | " + " | ".join(f"{scores[name]:.3f}" for name in names) + " |"
            for task, scores in truths.items()
        ),
    ]


def _forecasts(found: Sequence[Outcome]) -> list[tuple[float, bool]]:
    return [
        (option.score - one.truths[option.name], low <= one.truths[option.name] <= high)
        for one in found
        for option in one.choice.options
        for low, high in [option.interval]
        if option.name in one.truths
    ]
