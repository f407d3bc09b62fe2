"""What routes take, and which one wins under which terms."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.ladder import choosing, weighing
from escalera.core.ladder.case import Case
from escalera.domain.service import Service
from escalera.testing import playbook
from escalera.testing.playbook import luck, simulate

A = replace(playbook.task("a"), value_per_point=10.0)
B = replace(playbook.task("b"), value_per_point=20.0)
PLAIN = playbook.project(A, B)
GOOD = {
    "adapter(a 12, b": {"a": 0.9, "b": 0.96},
    "adapter(a": {"a": 0.96, "b": 0.3},
    "adapter(b": {"a": 0.3, "b": 0.96},
    "merge": {"a": 0.88, "b": 0.96},
    "model(a": {"a": 0.96, "b": 0.3},
}


def climb(project=PLAIN, rates=None):
    """A climb in which mixture, merge and route all would do."""
    table = rates or GOOD

    def answers(system, item):
        found = [r for start, r in table.items() if (system.adapter or "").startswith(start)]
        return float(luck(item) < (found[0] if found else {"a": 0.3, "b": 0.96})[item.task])

    return simulate(project, answers)


def case(service: Service | None, rates=None) -> Case:
    """The evidence of that climb, under other terms."""
    return Case(project=replace(PLAIN, service=service), evidence=climb(rates=rates).evidence)


def test_value_models_artefacts_and_trainings_are_read_off_the_evidence():
    """An adapter needs no model of its own; a merge stands for all trainings behind it."""
    found = {c.rung: c for c in choosing.candidates(case(Service(calls=1)))}
    assert set(found) >= {"mixture", "merge", "route"}
    route, merge = found["route"].running, found["merge"].running
    scores = {s.task.name: s.adequacy.figure.value for s in found["route"].standings}
    assert route.value == pytest.approx(1000 * scores["a"] + 2000 * scores["b"])
    assert (route.models, route.artefacts) == (1, 1)
    assert (merge.models, merge.artefacts) == (1, 3)
    trainings = climb().evidence.trained.values()
    each = {p[-1].adapter: sum(part.seconds for part in p) / 3600 for p in trainings}
    assert route.training_hours == pytest.approx(each["adapter(a 12)"])
    assert merge.training_hours == pytest.approx(each["adapter(a 12)"] + each["adapter(b 12)"])
    assert found["route"].seconds > 0


def test_a_whole_model_is_held_ready_beside_its_base():
    """Where LoRA learned too little and all weights learned enough."""
    rates = {"model(a 12, b": {"a": 0.3, "b": 0.3}, "model(a": {"a": 0.96, "b": 0.3}}
    found = {c.rung: c for c in choosing.candidates(case(Service(calls=1), rates))}
    assert (found["route"].running.models, found["prompt"].running.models) == (2, 1)


def test_terms_choose_and_the_words_say_why_and_what_would_turn_it():
    """Without terms the mixture keeps least; with dear quality the route wins."""
    assert choosing.stop(case(None)).rung == "mixture"
    ended = choosing.stop(case(Service(calls=1000, artefact_month=5.0)))
    assert ended.rung == "route"
    mixture = next(reason for reason in ended.reasons if "mixture" in reason)
    assert "it is worth $2," in mixture
    assert "a month instead of $2," in mixture
    merge = [turn for turn in ended.reversal if "Merged" in turn]
    assert merge == []  # it keeps more and scores less: no term makes it better
    worthless = replace(A, value_per_point=0.0), replace(B, value_per_point=0.0)
    poor = replace(playbook.project(*worthless), service=Service(calls=1000, artefact_month=5.0))
    assert choosing.stop(Case(project=poor, evidence=climb().evidence)).rung == "mixture"


def test_what_answers_too_late_is_not_chosen():
    """Nothing is promoted where nothing is fast enough, and what it takes is said."""
    fast = case(Service(calls=1, seconds=1000.0))
    assert choosing.stop(fast).reason == "adequate"
    late = choosing.stop(case(Service(calls=1, seconds=1e-9)))
    assert (late.reason, late.route) == ("inadequate", None)
    assert "meets every bar, but a call takes" in late.words
    assert "a service that allows" in late.reversal[0]


def test_a_rung_that_is_adequate_but_too_slow_does_not_end_the_climb():
    """It goes on to what may be faster."""
    service = Service(calls=1, seconds=1e-9)
    project = replace(PLAIN, service=service)
    climbed = climb(project, {"adapter(a": {"a": 0.96, "b": 0.96}})
    assert "lora" in {d.rung for d in climbed.evidence.decided}
    assert "route" in {d.rung for d in climbed.evidence.decided}
    assert weighing.too_slow(
        Case(project=project, evidence=climbed.evidence), climbed.evidence.nominee("lora")
    )
