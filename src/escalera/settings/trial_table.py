"""`[gateway.shadows.NAME]`, `[gateway.canaries.NAME]`: candidates that are tried on live calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Annotated

import msgspec

from escalera.domain.trial import TrialBasis

Problem = tuple[str, str, str]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
Part = Annotated[float, msgspec.Meta(ge=0, lt=1)]
More = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class ShadowTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[gateway.shadows.NAME]`: copies of a share of the calls of `of` go to `to`.

    `money` is what they may cost in US dollars, None without limit. `queue` copies may wait,
    `at_once` are asked together; `pairs` are kept with their texts. `task` is the one whose scorer
    judges them, where quality is told by scores. The rest is what the candidate
    is held to (`core.serving.trials.Terms`); a limit below 0 is not watched.
    """

    of: str
    to: str
    share: Share
    money: Annotated[float, msgspec.Meta(gt=0)] | None = None
    queue: Count = 100
    at_once: Count = 2
    pairs: Annotated[int, msgspec.Meta(ge=0)] = 1000
    quality: TrialBasis = "agreement"
    task: str | None = None
    margin: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.05
    dearer: float = 0.1
    slower: float = 0.5
    refusals: float = 0.05
    failures: float = 0.05
    planned: Count = 400


class CanaryTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[gateway.canaries.NAME]`: a share of the calls of `of` is answered by `to`.

    Where the candidate cannot answer, `of` does. It gets no call any more once a limit is shown not
    to be kept; a limit below 0 is not watched.
    """

    of: str
    to: str
    share: Share
    dearer: float = 0.1
    slower: float = 0.5
    refusals: float = 0.05
    failures: float = 0.05
    planned: Count = 400


Trial = ShadowTable | CanaryTable


def problems(
    shadows: Mapping[str, ShadowTable], canaries: Mapping[str, CanaryTable], names: Set[str]
) -> Iterator[Problem]:
    """What is wrong with trials of *names*: key, problem and remedy."""
    for name in shadows.keys() & canaries.keys():
        yield (
            f"gateway.canaries.{name}",
            "is the name of a shadow too",
            "Give every trial its own name: what it says is recorded under it",
        )
    tried: set[str] = set()
    for key, trial in _all(shadows, canaries):
        for part, name in (("of", trial.of), ("to", trial.to)):
            if name not in names:
                told = f"names {name!r}, which is none that can be asked"
                yield f"{key}.{part}", told, f"The names are {', '.join(sorted(names))}"
        if trial.of == trial.to:
            yield f"{key}.to", f"is {trial.to!r}, as `of` is", "Name another candidate"
        if trial.of in tried:
            told = f"tries a second candidate on the calls of {trial.of!r}"
            yield f"{key}.of", told, "End one trial before the next begins"
        tried.add(trial.of)


# Below: private.


def _all(
    shadows: Mapping[str, ShadowTable], canaries: Mapping[str, CanaryTable]
) -> Iterator[tuple[str, Trial]]:
    for name, shadow in shadows.items():
        yield f"gateway.shadows.{name}", shadow
    for name, canary in canaries.items():
        yield f"gateway.canaries.{name}", canary
