"""The account of errors and of items: what verdicts may be wrong by, and how worn the items are.

Both run over the life of a journal: a project that is changed and climbed again asks further
questions of the same `confirm` items. Asking the same question again of the same answers is no new
question.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

from escalera.core.ladder.case import Case
from escalera.core.stats import reuse
from escalera.domain.dataset import Examples
from escalera.domain.event import Looked


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What all climbs of this journal together put at risk, and the wear of each task's items.

    `at_risk` bounds the chance of any wrong claim, ever; `accepted` is what the project accepts for
    one climb. `questions` counts distinct ones. `wear` has an entry per task that was asked about.
    """

    at_risk: float
    accepted: float
    questions: int
    wear: tuple[reuse.Wear, ...]

    @property
    def overdrawn(self) -> bool:
        """Whether re-runs have put more at risk than one climb may: fresh items are due."""
        return self.at_risk > self.accepted * (1 + 1e-9)


def account(case: Case) -> Account:
    """The account of everything that was asked of `confirm` items, in this climb and before."""
    asked = {look.question.digest: look for look in case.evidence.looks}
    spent: dict[tuple[str, str], list[float]] = defaultdict(list)
    for look in asked.values():
        # Within a climb the tasks share alpha (a promotion needs all), and so do the kinds.
        spent[look.question.kind, look.question.task].append(look.question.alpha)
    alpha = case.project.policy.alpha
    return Account(
        at_risk=max((math.fsum(parts) for parts in spent.values()), default=0.0),
        accepted=alpha,
        questions=len(asked),
        wear=reuse.read([_use(case, look) for look in asked.values()], alpha=alpha),
    )


# Below: private.


def _use(case: Case, look: Looked) -> reuse.Use:
    """The items up to the last look; each look could have ended the question."""
    name = look.question.task
    known = {task.name: task for task in case.project.tasks}
    items = known[name].items("confirm") if name in known else Examples()
    if look.question.mode == "anytime":
        items = items.in_clusters(seed=case.project.policy.seed)
    seen = look.figure.n + look.unscored
    return reuse.Use(
        split=name, items=tuple(item.id for item in items[:seen]), answers=look.look + 1
    )
