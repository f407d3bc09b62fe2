"""GEPA (Agrawal et al. 2025, arXiv 2507.19457): reflection on a few answers at a time.

Its own defaults, on one component: the system message. A share of the items validates candidates,
the others are reflected on. An answer without a score counts as the mean of those it was asked
with: GEPA knows no missing scores, and a zero would blame the prompt for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import gepa

from escalera.domain.dataset import Example
from escalera.ports import Asking, Graded

MOST_VALIDATION = 60
"""Items that accepted candidates are scored on; at most half of all, and a sixth of the calls."""

NAME = "instruction"


class Gepa:
    """The port `Optimiser`, by the package `gepa`."""

    def improve(
        self, prompt: str, items: Sequence[Example], ask: Asking, *, seed: int
    ) -> Sequence[str]:
        """What GEPA's validation prefers, if that is another prompt."""
        calls = ask.left()
        count = min(MOST_VALIDATION, len(items) // 2, calls // 6)
        adapter = _Adapter(ask)
        found = gepa.optimize(
            seed_candidate={NAME: prompt},
            trainset=[*items[count:]],
            valset=[*items[:count]],
            adapter=adapter,
            reflection_lm=lambda message: ask.write(_text(message)),
            # Answers that it has already cost nothing and count here: else it could go on forever.
            stop_callbacks=lambda _: ask.left() <= 0 or adapter.asked >= calls,
            logger=_Quiet(),
            seed=seed,
        )
        best = found.best_candidate[NAME]
        return [] if best == prompt else [best]


# Below: private.


class _Adapter(gepa.GEPAAdapter):  # type: ignore[misc]  # without types where it is not installed
    def __init__(self, ask: Asking) -> None:
        self._ask = ask
        self.asked = 0

    def evaluate(
        self,
        batch: list[Example],
        candidate: dict[str, str],
        capture_traces: bool = False,  # noqa: FBT001, FBT002  as GEPA calls it
    ) -> Any:
        self.asked += len(batch)
        said = self._ask.answers(candidate[NAME], batch)
        return gepa.EvaluationBatch(
            outputs=[one.said for one in said],
            scores=_scores(said),
            trajectories=[*zip(batch, said, strict=True)] if capture_traces else None,
        )

    def make_reflective_dataset(
        self, candidate: dict[str, str], eval_batch: Any, components_to_update: list[str]
    ) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        del candidate
        rows = [_row(item, said) for item, said in eval_batch.trajectories]
        return dict.fromkeys(components_to_update, rows)


class _Quiet:
    def log(self, message: str) -> None:
        del message


def _scores(said: Sequence[Graded]) -> list[float]:
    known = [one.score for one in said if one.score is not None]
    neutral = fmean(known) if known else 0.0
    return [neutral if one.score is None else one.score for one in said]


def _row(item: Example, said: Graded) -> dict[str, str]:
    right = said.score is not None and said.score >= 1
    return {
        "Inputs": item.input,
        "Generated Outputs": said.said,
        "Feedback": "This is right." if right else f"Expected was: {item.target}",
    }


def _text(message: str | list[dict[str, Any]]) -> str:
    if isinstance(message, str):
        return message
    return "\n\n".join(str(turn["content"]) for turn in message)
