"""The event of a screening: which changes of a prompt go on into a race."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from escalera.domain.project import RungName
from escalera.domain.verdict import Figure

Stage = Literal["toggles", "factorial"]
STAGES: tuple[Stage, ...] = get_args(Stage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """A stage of screening ended: what each factor adds to the mean score on `items` common items.

    `toggles` turns each factor on by itself, over the first of `runs`; `factorial` turns all on and
    off together, on every item or on some mirrored pairs of runs for each. `factors` and `effects`
    belong together, and so do `runs` (digests of systems) and `means` (of what each was asked).
    `kept` are the factors that go on. The effects chose, so the largest are overestimates. `round`
    tells the screenings of a rung and task apart.
    """

    rung: RungName
    task: str
    round: int
    stage: Stage
    items: int
    factors: tuple[str, ...]
    effects: tuple[Figure, ...]
    runs: tuple[str, ...]
    means: tuple[float, ...]
    kept: tuple[str, ...]
