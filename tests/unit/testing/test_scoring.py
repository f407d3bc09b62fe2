"""The scorers of the core behind the port."""

from __future__ import annotations

import asyncio

from escalera.domain.dataset import Example
from escalera.domain.scoring import Submission
from escalera.testing.scoring import PureScoring

ITEM = Example(id="1", task="t", split="confirm", input="q", target="right", cluster="1")


def test_it_scores_by_the_scorers_of_the_core():
    """By name, in order, and it says when it was closed."""
    desk = PureScoring()
    answers = [Submission(reply=reply, item=ITEM) for reply in ("right", "wrong")]
    found = asyncio.run(desk.score("exact", answers))
    assert [score.value for score in found] == [1.0, 0.0]
    asyncio.run(desk.close())
    assert desk.closed == 1
