"""The choice of a base, as people and programs read it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.apps import piloted
from escalera.apps.piloted import Piloted, PilotWish
from escalera.core.finetuning import pilots
from escalera.core.finetuning.pilots import Base, Standing, Terms
from escalera.core.finetuning.trainings import Training
from escalera.core.ladder.piloting import Economy, Effort, Found
from escalera.errors import InputError
from escalera.testing import playbook

TASK = playbook.task("a", items={"train": 512, "search": 9, "confirm": 9})
EFFORT = Effort(training=120.0, training_money=0.1, answers_money=3.5, pilots=20.0)


def found(economy: Economy) -> Piloted:
    """Two bases with three pilots each, and one of them a fourth."""
    scores = {"small": (0.3, 0.4, 0.5), "large": (0.4, 0.55, 0.68, 0.77)}
    bases = tuple(
        Base(
            name=name,
            pilots=tuple(
                Training(examples=8 * 2**n, chain=1, score=score, items=100)
                for n, score in enumerate(some)
            ),
        )
        for name, some in scores.items()
    )
    terms, standing = Terms(pool=512), Standing(score=0.2, error=0.04)
    return Piloted(
        task=TASK,
        current="small",
        economy=economy,
        found=Found(
            terms=terms,
            standing=standing,
            bases=bases,
            options=pilots.options(bases, standing, terms),
            efforts={"small": replace(EFFORT, training_money=None), "large": EFFORT},
            next=pilots.following(bases, standing, terms),
            read=0.1,
        ),
    )


def test_the_answer_comes_as_a_table_in_words_and_in_json() -> None:
    """Staying has its row; prices are told where they are known."""
    told = found(Economy(answers=1000))
    head, *rows = told.table
    assert len({len(row) for row in told.table}) == 1
    assert [row[0] for row in rows] == ["large", "small", "stay (small)"]
    assert rows[0][1] == "0.770 at 64"
    assert rows[0][3:5] == ("0.10 (2.0 min)", "3.50")
    assert rows[1][3] == "2.0 min"
    assert rows[2][1] == "-"
    assert head[0] == "answer"
    assert told.recommendation.startswith("Finetune large")
    assert len(told.reversals) == 2
    assert told.ending
    document = told.document
    assert [one["name"] for one in document["options"]] == ["large", "small", "stay"]
    assert document["pilots"]["large"][-1] == {"examples": 64, "chain": 1, "score": 0.77}
    assert found(Economy()).table[1][4] == "-"


@pytest.mark.parametrize(
    "wish",
    [
        PilotWish(share=0.0),
        PilotWish(economy=Economy(months=0.0)),
        PilotWish(economy=Economy(hour=-1.0)),
        PilotWish(economy=Economy(point=-1.0)),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_before_anything_is_trained(wish) -> None:
    """Shares and months above 0, no negative money."""
    project = playbook.project(TASK)
    with pytest.raises(InputError, match="must"):
        piloted.run(project, TASK, (project.model,), wish, ports=None, observer=None)


def test_only_models_on_this_machine_can_be_tried() -> None:
    """An endpoint's has no weights here; and some base there must be."""
    project = playbook.project(TASK)
    served = replace(project.model, trainable=False)
    with pytest.raises(InputError, match="name local models"):
        piloted.run(project, TASK, (served,), PilotWish(), ports=None, observer=None)
    with pytest.raises(InputError, match="no base"):
        piloted.run(project, TASK, (), PilotWish(), ports=None, observer=None)
