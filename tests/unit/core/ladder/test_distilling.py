"""Teaching the answers of a stronger system: who is asked what, what is kept, and the recipe."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.evidence import Evidence
from escalera.core.ladder import budgeting, distilling, effecting, materials, steps, training
from escalera.core.ladder.caps import Caps
from escalera.core.ladder.case import Case
from escalera.core.ladder.effecting import Arm
from escalera.domain.identity import digest_of
from escalera.domain.levers import Softened
from escalera.domain.project import BaseModel, Budget, ModelPrice, Teacher
from escalera.errors import TrainingError
from escalera.testing import playbook
from escalera.testing.playbook import luck

BIG = BaseModel(
    name="big", revision="b1", trainable=False, price=ModelPrice(prompt=1, completion=1)
)
ITEMS = {"train": 20, "search": 20, "confirm": 100}
TASK = playbook.task("a", items=ITEMS)


def project(**teacher):
    return replace(playbook.project(TASK), teacher=Teacher(**{"model": BIG} | teacher))


def answers(system, item):
    """The teacher is right at seven in ten; with another seed at others."""
    return float(luck(item) < 0.7)


def followed(given, answers=answers, evidence=None):
    """All steps for one task, and what is known then."""
    evidence = evidence or Evidence()
    done = []
    while True:
        case = Case(project=given, evidence=evidence)
        step = distilling.step(case, "lora", [TASK])
        if step is None:
            return done, case
        done.append(step)
        for event in playbook.perform(step, project=given, evidence=evidence, answers=answers):
            evidence.apply(event)


def test_the_teacher_is_asked_about_train_items_and_right_answers_are_kept() -> None:
    """By the task's own scorer; the others are left out of the recipe by their ids."""
    done, case = followed(project())
    asked, put = done
    assert isinstance(asked, steps.Evaluate)
    assert isinstance(put, steps.Distil)
    assert (asked.purpose, {call.item.split for call in asked.calls}) == ("teach", {"train"})
    assert {call.system.model for call in asked.calls} == {"big"}
    found = distilling.of(case, TASK)
    assert found is not None
    right = {item.id for item in TASK.items("train") if luck(item) < 0.7}
    assert (set(found.kept), found.asked, found.least) == (right, 20, 1.0)
    assert found.score == pytest.approx(len(right) / 20)
    made = effecting.recipe(case, TASK, 0).ingredients[0]
    taken = materials.taught(case.project, made)
    assert {item.id for item in taken} == right
    assert made.answers == found.answers
    assert made.data == digest_of([item.digest for item in taken])


def test_the_recipe_covers_what_is_taught() -> None:
    """Other answers, another recipe; without a teacher the one that it was before."""
    _, case = followed(project())
    plain = Case(project=playbook.project(TASK), evidence=Evidence())
    _, other = followed(project(), answers=lambda _, item: float(luck(item) < 0.4))
    digests = {effecting.recipe(one, TASK, 0).digest for one in (case, plain, other)}
    assert len(digests) == 3
    assert distilling.step(plain, "lora", [TASK]) is None
    assert distilling.calls(plain, [TASK]) == 0


def test_an_item_that_was_answered_wrong_is_asked_again_and_no_other() -> None:
    """With another sample, until one is right or the samples are used up."""

    def drawn(system, item):
        tries[item.id] = tries.get(item.id, 0) + 1
        return float(luck(item) < 0.3 * tries[item.id])

    tries: dict[str, int] = {}
    done, case = followed(project(samples=3, temperature=0.7), answers=drawn)
    sizes = [len(step.calls) for step in done if isinstance(step, steps.Evaluate)]
    assert sizes[0] == 20
    assert sizes == sorted(sizes, reverse=True)
    assert [{c.repeat for c in s.calls} for s in done[:3]] == [{0}, {1}, {2}]
    found = distilling.of(case, TASK)
    assert found is not None
    assert set(found.kept) == {item.id for item in TASK.items("train") if luck(item) < 0.9}
    assert {call.system.decoding.temperature for call in done[0].calls} == {0.7}


def test_a_rung_teaches_by_what_it_put_forward() -> None:
    """Its own prompt and examples; where it has put nothing forward that is said."""
    waiting = project(model=None, rung="prompt")
    with pytest.raises(TrainingError, match="the rung 'prompt' has put nothing forward"):
        followed(waiting)
    climbed = playbook.simulate(waiting, lambda _, item: float(luck(item) < 0.9))
    nominee = climbed.evidence.nominee("prompt")
    assert nominee is not None
    done, _ = followed(waiting, evidence=climbed.evidence)
    assert {call.system for call in done[0].calls} == {nominee.system("a")}


def test_no_good_answer_is_said_with_what_to_do() -> None:
    """Before anything is trained."""
    with pytest.raises(TrainingError, match=r"lower training\.teacher\.least"):
        followed(project(), answers=lambda *_: 0.0)
    _, case = followed(project(least=0.0), answers=lambda *_: 0.0)
    found = distilling.of(case, TASK)
    assert found is not None
    assert len(found.kept) == 20


def test_a_climb_asks_the_teacher_behind_the_price_and_before_the_training() -> None:
    """The calls are in the rung's price, and its caps hold for them."""
    given = project()
    climbed = playbook.simulate(
        given, lambda system, item: float(luck(item) < (0.95 if system.model == "big" else 0.5))
    )
    kinds = [
        type(step).__name__ + getattr(step, "purpose", "")
        for step in climbed.steps
        if getattr(step, "rung", None) == "lora" or isinstance(step, (steps.Price, steps.Distil))
    ]
    at = kinds.index("Evaluateteach")
    assert kinds[at : at + 3] == ["Evaluateteach", "Distil", "Train"]
    assert "Price" in kinds[:at]
    prices = {event.rung: event.calls for event in climbed.evidence.priced.values()}
    plain = playbook.simulate(
        playbook.project(TASK), lambda system, item: float(luck(item) < 0.5)
    ).evidence.priced["lora"]
    assert prices["lora"] == plain.calls + 20
    assert Caps.of(given).prices["big"] == BIG.price


def test_a_cap_stops_before_the_teacher() -> None:
    """Its calls are charged at its own price."""
    given = replace(project(), budget=Budget(calls=3))
    evidence = Evidence()
    case = Case(project=given, evidence=evidence)
    step = distilling.step(case, "lora", [TASK])
    assert isinstance(step, steps.Evaluate)
    evidence.spent.calls = 3
    assert budgeting.exceeds(case, step)


def test_both_arms_of_an_effect_are_distilled() -> None:
    """More rows are answered by the teacher as the others are."""
    arm = Arm(project=project(), task="a", seeds=2)
    step = effecting.next_step(arm, Evidence())
    assert isinstance(step, steps.Evaluate)
    assert step.purpose == "teach"
    assert training.taught(Case(project=arm.project, evidence=Evidence()), []) == ()


def test_what_was_distilled_is_said_in_words() -> None:
    """How many answers of whom; and whose distribution, how strongly."""
    _, case = followed(project())
    recipe = effecting.recipe(case, TASK, 0)
    (said,) = distilling.words(case.evidence, recipe)
    assert said == (
        "a: 14 of 20 answers of big are taught, those that score 1 or more; its answers score 0.700"
    )
    plain = effecting.recipe(Case(project=playbook.project(TASK), evidence=Evidence()), TASK, 0)
    assert distilling.words(case.evidence, plain) == ()
    soft = replace(plain, softened=Softened(model="big", revision="b1", share=0.25))
    assert distilling.words(Evidence(), soft) == (
        "what big would say at every token, at the temperature 2, is 25% of the loss",
    )
