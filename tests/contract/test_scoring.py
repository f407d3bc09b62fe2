"""The port `Scoring`: what every implementation keeps."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from escalera.core.evaluation.scorers import NoOptions
from escalera.domain.dataset import Example
from escalera.domain.scoring import Submission
from escalera.edges.scoring.binding import Means
from escalera.edges.scoring.desk import Desk, choose
from escalera.testing.scoring import PureScoring

MEANS = Means(folder=Path(), embeds=lambda name: 1 / 0)
MADE = {
    "pure": PureScoring,
    "desk": lambda: Desk(
        [choose(kind, NoOptions(), MEANS) for kind in ("exact", "numeric")], MEANS
    ),
}


def answer(reply, target="3", finish="stop"):
    item = Example(id="1", task="t", split="confirm", input="q", target=target, cluster="1")
    return Submission(reply=reply, item=item, finish=finish)


@pytest.fixture(params=MADE)
def score(request):
    """A call of the port, from opening to closing."""

    def ask(scorer, *answers):
        async def run():
            made = MADE[request.param]()
            try:
                return list(await made.score(scorer, answers))
            finally:
                await made.close()

        return asyncio.run(run())

    return ask


def test_one_score_per_answer_in_order(score):
    """However many there are."""
    assert score("exact") == []
    found = score("exact", answer("3"), answer("4"), answer(" 3 "))
    assert [one.value for one in found] == [1.0, 0.0, 1.0]


def test_the_scorer_is_the_one_that_is_named(score):
    """Each judges in its own way."""
    assert score("exact", answer("it is 3"))[0].value == 0.0
    assert score("numeric", answer("it is 3"))[0].value == 1.0


def test_no_score_comes_with_a_reason(score):
    """A filtered reply, a target that cannot be read: never a 0."""
    found = score("numeric", answer("3", finish="filtered"), answer("3", target="three"))
    assert [one.value for one in found] == [None, None]
    assert "filtered" in found[0].reason
    assert "holds no number" in found[1].reason


def test_an_unknown_scorer_is_an_error(score):
    """A task cannot name one: it is our mistake, and no score."""
    with pytest.raises(KeyError):
        score("no such scorer", answer("3"))
