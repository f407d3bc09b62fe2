"""The answer about data need, as people and programs read it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.apps import needed
from escalera.apps.needed import DataNeed, NeedWish
from escalera.core.finetuning import data_need
from escalera.core.finetuning.data_need import Question
from escalera.core.finetuning.trainings import Training
from escalera.errors import EvidenceMissing, InputError
from escalera.testing import playbook

TASK = playbook.task("a", items={"train": 375, "search": 9, "confirm": 9})
SCORES = {(23, 0): 0.33, (46, 0): 0.45, (93, 0): 0.57, (187, 0): 0.68, (375, 0): 0.76}
MEASURED = tuple(
    Training(examples=n, chain=chain, score=score, items=700)
    for (n, chain), score in SCORES.items()
)


def found() -> DataNeed:
    """A forecast from five trainings."""
    question = Question(bar=0.85, most=5000, cost_per_example=0.4)
    return DataNeed(task=TASK, trainings=MEASURED, forecast=data_need.forecast(MEASURED, question))


def test_the_answer_comes_in_words_figures_and_json() -> None:
    """Measured scores first, then what is forecast, with intervals, counts and prices."""
    need = found()
    assert need.sentence.startswith("To reach 0.85 on a: about")
    assert [row[2] for row in need.table[:5]] == ["measured"] * 5
    assert " to " in need.table[-1][2]
    document = need.document
    assert document["verdict"] == "more data"
    more, price = document["more"], document["price"]
    assert price["median"] == pytest.approx(0.4 * more["median"])
    assert [one["examples"] for one in document["trainings"]] == [23, 46, 93, 187, 375]


@pytest.mark.parametrize("wish", [NeedWish(bar=1.5), NeedWish(most=10), NeedWish(cost=-1.0)])
def test_a_question_that_makes_no_sense_is_refused_before_anything_is_trained(wish) -> None:
    """A bar of 1.5, fewer than there are, a negative cost."""
    project = playbook.project(TASK)
    with pytest.raises(InputError):
        needed.need(project, TASK, wish, ports=None, observer=None)


def test_what_a_cap_ended_too_early_is_told_with_the_cap() -> None:
    """Not as if sizes had been forgotten; three are enough."""
    with pytest.raises(EvidenceMissing, match=r"1 of the 3 sizes .* raise the caps under"):
        needed.require_curve(TASK, MEASURED[:1])
    needed.require_curve(TASK, MEASURED[:3])


def test_a_model_behind_an_endpoint_cannot_be_asked() -> None:
    """It has no weights here."""
    project = playbook.project(TASK)
    served = replace(project, model=replace(project.model, trainable=False))
    with pytest.raises(InputError, match="name a local model"):
        needed.need(served, TASK, None, ports=None, observer=None)
