"""Playbooks of the planner: which step comes next, and where a climb ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.ladder import steps
from escalera.core.ladder.planner import project_digest
from escalera.core.prompts import operators
from escalera.core.routing import features
from escalera.domain.contract import LOCAL_MODES, OutputContract
from escalera.domain.event import Observed
from escalera.domain.levers import Trainable
from escalera.domain.project import RUNGS, Budget, ModelPrice
from escalera.domain.system import Prompt
from escalera.domain.task import NamedPrompt
from escalera.testing import playbook
from escalera.testing.playbook import DECLARED, Playbook, luck, perform, simulate

A, B = playbook.task("a"), playbook.task("b")
BOTH = playbook.project(A, B)
LORA, MIXTURE, OTHER = "adapter(a 12)", "adapter(a 12, b 3)", "adapter(b 12)"
FULL, FULL_MIXTURE = "model(a 12)", "model(a 12, b 3)"
GOOD, POOR = 0.96, 0.3


def model(prompted, *, shots=None, merged=None, **adapters):
    """A model by its rates per task: prompted, with worked examples, with each adapter."""
    tuned = {"lora": LORA, "mixture": MIXTURE, "other": OTHER}
    tuned |= {"full": FULL, "full_mixture": FULL_MIXTURE}
    by_adapter = {tuned[name]: rates for name, rates in adapters.items()}

    def answers(system, item):
        if system.adapter is None:
            shown = system.prompt.shots or system.prompt.selections
            rates = shots if shots is not None and shown else prompted
        else:
            rates = by_adapter.get(system.adapter, merged)
        return float(luck(item) < rates[item.task])

    return answers


def rates(a, b):
    return {"a": a, "b": b}


BREAKS = {"lora": rates(GOOD, POOR), "other": rates(POOR, GOOD)}


def trained(climbed):
    return [step for step in climbed.steps if isinstance(step, steps.Train)]


def rungs_climbed(climbed):
    return list(dict.fromkeys(decided.rung for decided in climbed.evidence.decided))


def outcomes(climbed):
    return {d.rung: d.outcome for d in climbed.evidence.decided if d.task == ""}


def the_end(climbed):
    (stopped,) = climbed.evidence.stopped
    return stopped


def test_the_first_steps_of_a_climb():
    """Commit, try ten items, tell the price, screen, race: in this order, whatever is answered."""
    book = Playbook(playbook.project(A))
    opened = book.expect(steps.Open)
    assert opened.event.project == project_digest(book.project)
    book.feed(opened.event)
    pilot = book.expect(steps.Evaluate)
    assert (pilot.purpose, pilot.task, len(pilot.calls)) == ("pilot", "", 10)
    book.feed(*answered(book, pilot))
    book.feed(book.expect(steps.Price).event)
    for stage in ("toggles", "factorial"):
        book.feed(*book.expect(steps.Propose).events)
        screening = book.expect(steps.Evaluate)
        assert (screening.purpose, screening.task) == ("screen", "a")
        book.feed(*answered(book, screening))
        ended = book.expect(steps.Screen)
        assert ended.event.stage == stage
        book.feed(ended.event)
    book.feed(*book.expect(steps.Propose).events)
    race = book.expect(steps.Evaluate)
    assert (race.purpose, race.task) == ("race", "a")
    book.feed(*answered(book, race))
    assert book.expect(steps.Halve).event.round == 1


def answered(book, step):
    return perform(
        step, project=book.project, evidence=book.evidence, answers=model(rates(GOOD, GOOD))
    )


def test_adequate_prompts_stop_the_climb_at_its_first_rung():
    """No training is asked for, no second rung, and the prompts are served."""
    climbed = simulate(BOTH, model(rates(GOOD, GOOD)))
    assert the_end(climbed).reason == "adequate"
    assert the_end(climbed).rung == "prompt"
    assert the_end(climbed).route == climbed.evidence.nominee("prompt").digest
    assert trained(climbed) == []
    assert rungs_climbed(climbed) == ["prompt"]


def test_examples_are_tried_for_the_failing_type_only():
    """They are enough here, so nothing is trained; the other type keeps its short prompt."""
    climbed = simulate(BOTH, model(rates(POOR, GOOD), shots=rates(GOOD, GOOD)))
    assert (the_end(climbed).reason, the_end(climbed).rung) == ("adequate", "examples")
    assert trained(climbed) == []
    entered = [p for p in climbed.evidence.proposed if p.rung == "examples"]
    assert {p.task for p in entered} == {"a"}
    chosen = climbed.evidence.nominee("examples")
    assert chosen.system("a").prompt.shots or chosen.system("a").prompt.selections
    assert chosen.system("b") == climbed.evidence.nominee("prompt").system("b")


def test_a_type_that_prompting_cannot_do_is_trained():
    """Prompt, examples, then one LoRA on that type's items; nothing breaks, so it is served."""
    climbed = simulate(BOTH, model(rates(POOR, GOOD), lora=rates(GOOD, GOOD)))
    assert outcomes(climbed) == {
        "prompt": "inadequate",
        "examples": "inadequate",
        "lora": "adequate",
    }
    assert (the_end(climbed).reason, the_end(climbed).rung) == ("adequate", "lora")
    (only,) = trained(climbed)
    assert [part.task for part in only.recipe.ingredients] == ["a"]
    assert only.recipe.ingredients[0].examples == 12


def test_a_broken_type_makes_all_ways_out_be_built_and_judged():
    """Mixture, merge and route, whatever the first of them says, on the same confirm items."""
    answers = model(
        rates(POOR, GOOD), mixture=rates(GOOD, GOOD), merged=rates(GOOD, GOOD), **BREAKS
    )
    climbed = simulate(BOTH, answers)
    assert outcomes(climbed) == {
        "prompt": "inadequate",
        "examples": "inadequate",
        "lora": "regressed",
        "mixture": "adequate",
        "merge": "adequate",
        "route": "adequate",
    }
    order = {item.id: n for task in BOTH.tasks for n, item in enumerate(task.items("confirm"))}
    for rung in ("lora", "mixture", "merge", "route"):
        route = climbed.evidence.nominee(rung)
        for task in BOTH.tasks:
            asked = [
                order[event.item]
                for event in climbed.events
                if isinstance(event, Observed)
                and event.system == route.system(task.name).digest
                and (event.split, event.task) == ("confirm", task.name)
            ]
            assert sorted(asked) == list(range(len(asked)))
            assert len(asked) in (50, 100)


@pytest.mark.parametrize(
    ("winner", "mixture", "merged"),
    [
        ("mixture", rates(GOOD, GOOD), rates(GOOD, GOOD)),
        ("merge", rates(GOOD, POOR), rates(GOOD, GOOD)),
        ("route", rates(GOOD, POOR), rates(GOOD, POOR)),
    ],
)
def test_the_cheapest_way_out_that_passes_is_chosen(winner, mixture, merged):
    """One adapter before one that needs its parts kept, and both before a second model."""
    climbed = simulate(BOTH, model(rates(POOR, GOOD), mixture=mixture, merged=merged, **BREAKS))
    assert (the_end(climbed).reason, the_end(climbed).rung) == ("adequate", winner)
    assert the_end(climbed).route == climbed.evidence.nominee(winner).digest


def test_a_shown_fall_promotes_nothing():
    """The bars are met and one type falls: regressed, with the margin that would change it."""
    a, b = playbook.task("a"), playbook.task("b", bar=0.5, margin=0.05)
    policy = replace(DECLARED, rungs=("prompt", "lora"))
    climbed = simulate(
        playbook.project(a, b, policy=policy), model(rates(POOR, GOOD), lora=rates(GOOD, 0.75))
    )
    stopped = the_end(climbed)
    assert (stopped.reason, stopped.route) == ("regressed", None)
    assert "harms b" in stopped.words


def test_nothing_that_helps_ends_inadequate():
    """Every allowed rung is climbed and none is promoted."""
    poor = rates(POOR, GOOD)
    climbed = simulate(BOTH, model(poor, lora=poor, mixture=poor, other=poor, merged=poor))
    assert (the_end(climbed).reason, the_end(climbed).route) == ("inadequate", None)
    lacking = {"search", "structured"}  # a model that writes prompts, and a schema
    assert set(rungs_climbed(climbed)) == set(RUNGS) - lacking


def test_all_weights_learn_only_where_lora_learned_too_little():
    """Enough with it ends the climb; harm by LoRA is not answered with more of the same."""
    poor = rates(POOR, GOOD)
    enough = simulate(BOTH, model(poor, lora=poor, full=rates(GOOD, GOOD)))
    assert (the_end(enough).reason, the_end(enough).rung) == ("adequate", "full")
    assert [step.recipe.trainable.method for step in trained(enough)] == ["lora", "full"]
    assert trained(enough)[1].recipe.levers.learning_rate == BOTH.full.learning_rate
    harmed = simulate(BOTH, model(poor, mixture=poor, merged=poor, **BREAKS))
    assert outcomes(harmed)["lora"] == "regressed"
    assert "full" not in rungs_climbed(harmed)


def test_what_reached_the_bar_with_all_weights_is_mixed_and_routed():
    """Where LoRA learned too little, and all weights learned enough but harmed another task."""
    poor = rates(POOR, GOOD)
    climbed = simulate(
        BOTH,
        model(poor, lora=poor, full=rates(GOOD, POOR), full_mixture=poor, merged=poor, other=poor),
    )
    assert outcomes(climbed)["full"] == "regressed"
    assert (the_end(climbed).reason, the_end(climbed).rung) == ("adequate", "route")
    route = climbed.evidence.nominee("route")
    assert (route.system("a").adapter, route.system("b").adapter) == (FULL, None)
    mixed = [step.recipe for step in trained(climbed) if step.rung == "mixture"]
    assert [recipe.trainable.method for recipe in mixed] == ["full"]
    specialists = [step.recipe for step in trained(climbed) if step.rung == "merge"]
    assert {recipe.trainable.method for recipe in specialists} == {"full"}
    plans = [merge.plan for merge in climbed.evidence.merged.values()]
    assert {plan.method for plan in plans} == {"linear", "ties"}
    assert {plan.adapters[0].adapter for plan in plans} == {FULL}


@pytest.mark.parametrize(
    ("trainable", "is_merged"),
    [
        (Trainable(method="rslora"), True),
        (Trainable(method="partial"), True),
        (Trainable(method="dora"), False),
        (Trainable(method="dora", merged=True), True),
        (Trainable(tokens=("<a>",)), False),
    ],
)
def test_what_cannot_be_merged_is_not_raced(trainable, is_merged):
    """The other ways out of a regression are built all the same."""
    project = replace(BOTH, trainable=trainable)
    climbed = simulate(
        project,
        model(rates(POOR, GOOD), mixture=rates(POOR, GOOD), merged=rates(GOOD, GOOD), **BREAKS),
    )
    assert ("merge" in rungs_climbed(climbed)) == is_merged
    assert bool(climbed.evidence.merged) == is_merged
    assert {"mixture", "route"} <= set(rungs_climbed(climbed))


SCHEMA = '{"type":"object"}'
FORMED = playbook.project(replace(A, schema=SCHEMA), B)
FORMED = replace(FORMED, model=replace(FORMED.model, output=LOCAL_MODES))


def held(poor, constrained, tuned=None):
    """A model that constrained decoding helps, told or not, and perhaps an adapter."""

    def answers(system, item):
        mode = None if system.output is None else system.output.mode
        rates = constrained if mode == "constrained" else poor
        return float(luck(item) < (rates if system.adapter is None else tuned)[item.task])

    return answers


def test_contracts_are_tried_where_wording_and_examples_failed():
    """For the failing type only; the best prompt runs as it is beside every contract."""
    climbed = simulate(FORMED, held(rates(POOR, GOOD), rates(GOOD, GOOD)))
    assert outcomes(climbed) == {
        "prompt": "inadequate", "examples": "inadequate", "structured": "adequate"
    }  # fmt: skip
    entered = [p for p in climbed.evidence.proposed if p.rung == "structured"]
    assert {p.task for p in entered} == {"a"}
    first, *others = entered
    assert (first.parent, first.system.output) == (None, None)
    assert {p.system.prompt for p in others} == {first.system.prompt}
    assert {p.parent for p in others} == {first.system.digest}
    modes = [(p.system.output.mode, p.system.output.told, p.system.output.repairs) for p in others]
    assert modes == [
        ("constrained", False, 0),
        ("prompt", True, 0),
        ("constrained", True, 0),
        ("prompt", False, 2),
        ("prompt", True, 2),
    ]
    served = climbed.evidence.route(the_end(climbed).route)
    assert served.system("a").output.mode == "constrained"
    assert served.system("b").output is None


def test_without_a_schema_or_a_failing_type_with_one_the_rung_is_passed_by():
    """Nothing is asked, nothing is decided, and the climb goes on above."""
    poor = model(rates(POOR, GOOD), lora=rates(GOOD, GOOD))
    for project in (BOTH, playbook.project(A, replace(B, schema=SCHEMA))):
        climbed = simulate(project, poor)
        assert "structured" not in rungs_climbed(climbed)
        assert outcomes(climbed)["lora"] == "adequate"


def test_what_is_trained_keeps_constrained_decoding_and_no_other_contract():
    """It changes no prompt and costs no call; what is told in the prompt was not trained under."""
    fair = rates(0.5, GOOD)
    climbed = simulate(FORMED, held(rates(POOR, GOOD), fair, tuned=rates(GOOD, GOOD)))
    assert outcomes(climbed)["structured"] == "inadequate"
    tuned = climbed.evidence.nominee("lora").system("a")
    assert tuned.output == OutputContract(schema=SCHEMA, mode="constrained")
    assert tuned.prompt == climbed.evidence.nominee("prompt").system("a").prompt

    def told(system, item):
        repaired = system.output is not None and system.output.repairs
        rate = {"a": 0.5 if repaired else POOR, "b": GOOD}[item.task]
        return float(luck(item) < (GOOD if system.adapter else rate))

    climbed = simulate(FORMED, told)
    assert climbed.evidence.nominee("structured").system("a").output.repairs == 2
    assert climbed.evidence.nominee("lora").system("a").output is None


def test_a_prompt_that_thinks_aloud_is_not_held_to_json_itself():
    """Its reasons are no JSON: contracts stand on the best prompt that answers at once."""
    aloud = NamedPrompt(name="think", prompt=Prompt(system="Think.", marker="Answer:"))
    task = replace(A, schema=SCHEMA, prompts=(aloud,))
    project = playbook.project(task)
    project = replace(project, model=replace(project.model, output=LOCAL_MODES))
    climbed = simulate(
        project, lambda s, i: float(luck(i) < (0.4 if s.prompt.marker else POOR)), at_most=2500
    )
    entered = [p.system for p in climbed.evidence.proposed if p.rung == "structured"]
    assert entered[0].prompt.marker == "Answer:"
    assert all(not system.prompt.marker for system in entered[1:])
    assert {system.output is None for system in entered} == {True, False}


def test_not_enough_evidence_is_never_climbed():
    """At the bar nothing is shown: the climb stops and says how many items are needed."""
    climbed = simulate(playbook.project(A), model(rates(0.72, GOOD)))
    stopped = the_end(climbed)
    assert (stopped.reason, stopped.rung, stopped.route) == ("undecided", "prompt", None)
    assert rungs_climbed(climbed) == ["prompt"]
    assert any("more `confirm` items are needed" in way for way in stopped.reversal)


def test_a_shown_shortfall_outweighs_an_open_type():
    """One type is inadequate, the other open: the climb goes on, for the first only."""
    climbed = simulate(BOTH, model(rates(POOR, 0.72), shots=rates(GOOD, 0.72)))
    assert outcomes(climbed) == {"prompt": "inadequate", "examples": "undecided"}
    assert {p.task for p in climbed.evidence.proposed if p.rung == "examples"} == {"a"}
    assert the_end(climbed).reason == "undecided"


def test_an_adapter_that_was_shown_inadequate_is_inadequate_even_if_its_gate_is_open():
    """A shown shortfall is not called "not enough evidence", so the climb goes on."""
    a = playbook.task("a", items={"train": 4, "search": 20, "confirm": 40})
    policy = replace(DECLARED, rungs=("prompt", "lora"))
    climbed = simulate(playbook.project(a, policy=policy), lambda _, item: float(luck(item) < 0.2))
    looks = [look for looks in climbed.evidence.looked.values() for look in looks]
    assert [look.verdict for look in looks if look.question.kind == "regression"][-1] == "undecided"
    assert outcomes(climbed) == {"prompt": "inadequate", "lora": "inadequate"}
    assert the_end(climbed).reason == "inadequate"


def test_examples_that_do_not_help_are_not_asked_about_again():
    """The plain wording wins the second race too: its verdict stands, and no alpha is spent."""
    climbed = simulate(playbook.project(A), lambda _, item: float(luck(item) < POOR))
    assert climbed.evidence.nominee("examples") == climbed.evidence.nominee("prompt")
    asked = [
        looks[0].question
        for looks in climbed.evidence.looked.values()
        if looks[0].question.candidate == climbed.evidence.nominee("prompt").digest
    ]
    assert len(asked) == 1
    assert outcomes(climbed)["examples"] == "inadequate"


@pytest.mark.parametrize(
    "allowed", [("prompt",), ("prompt", "examples"), ("prompt", "lora"), ("prompt", "route")]
)
def test_rungs_that_are_not_allowed_are_not_climbed(allowed):
    """A project says how far a climb may go; what is missing is named as a way on."""
    project = playbook.project(A, B, policy=replace(DECLARED, rungs=allowed))
    climbed = simulate(project, model(rates(POOR, GOOD), **BREAKS))
    assert set(rungs_climbed(climbed)) == set(allowed)
    if "route" not in allowed:
        assert any("not allow" in way for way in the_end(climbed).reversal)
    else:
        assert the_end(climbed).rung == "route"


def test_the_route_rung_uses_what_was_trained():
    """It asks for no training of its own after the LoRA rung, and keeps the incumbent's prompt."""
    climbed = simulate(
        BOTH,
        model(rates(POOR, GOOD), mixture=rates(GOOD, POOR), merged=rates(GOOD, POOR), **BREAKS),
    )
    assert [step.rung for step in trained(climbed)] == ["lora", "mixture", "merge"]
    route = climbed.evidence.nominee("route")
    assert route.system("a").adapter == LORA
    assert route.system("b") == climbed.evidence.nominee("examples").system("b")


def test_what_the_router_is_not_sure_of_is_left_to_the_incumbent():
    """On the route rung, and there only: the adapter was not taught such messages."""
    project = playbook.project(A, B, policy=replace(DECLARED, query_type="inferred"))
    shy = A.items("confirm")[0]

    def infer(item):
        return f"{item.task}?" if item == shy else item.task

    climbed = simulate(
        project,
        model(rates(POOR, GOOD), mixture=rates(GOOD, POOR), merged=rates(GOOD, POOR), **BREAKS),
        infer=infer,
    )
    evidence = climbed.evidence
    route, incumbent = evidence.nominee("route"), evidence.nominee("examples")
    assert [branch.task for branch in route.unsure] == ["a"]
    assert evidence.answering(route, shy) == incumbent.system("a")
    assert evidence.answering(route, A.items("confirm")[1]).adapter == LORA
    assert [evidence.nominee(rung).unsure for rung in ("lora", "mixture", "merge")] == [(), (), ()]


def test_a_router_of_other_features_is_learned_anew(monkeypatch):
    """A climb that goes on with a later version opens its project again, and fits first."""
    project = playbook.project(A, B, policy=replace(DECLARED, query_type="inferred"))
    before = simulate(project, model(rates(GOOD, GOOD)))
    assert Playbook(project, before.events).next() is None
    monkeypatch.setattr(features, "NAME", "of another version")
    book = Playbook(project, before.events)
    book.feed(book.expect(steps.Open).event)
    book.expect(steps.FitRouter)
    declared = replace(project, policy=DECLARED)
    known = project_digest(declared)
    monkeypatch.undo()
    assert project_digest(declared) == known


def test_a_router_is_learned_once_and_misrouted_items_are_judged_as_they_are_answered():
    """An item that is sent to the wrong system counts for its own type."""
    project = playbook.project(A, B, policy=replace(DECLARED, query_type="inferred"))
    wrong = {item.id for item in A.items("confirm")[::2]}

    def infer(item):
        return "b" if item.id in wrong else item.task

    def answers(system, item):
        return float(f"Answer {item.task}." in system.prompt.system + system.prompt.template)

    climbed = simulate(project, answers, infer=infer)
    assert sum(isinstance(step, steps.FitRouter) for step in climbed.steps) == 1
    decided = climbed.evidence.decision("prompt", "a")
    assert decided.outcome == "inadequate"
    assert climbed.evidence.decision("prompt", "b").outcome == "adequate"


def test_a_cap_on_calls_stops_before_the_call_that_would_exceed_it():
    """For every cap: never a call too many, and the verdict says that money ran out."""
    whole = simulate(BOTH, model(rates(GOOD, GOOD))).evidence.spent.calls
    for cap in (1, 19, 20, 21, whole - 1, whole):
        project = playbook.project(A, B, budget=Budget(calls=cap))
        climbed = simulate(project, model(rates(GOOD, GOOD)))
        assert climbed.evidence.spent.calls <= cap
        assert (the_end(climbed).reason == "budget") == (cap < whole)


def test_a_cap_on_money_stops_before_the_call_that_could_exceed_it():
    """The worst case of every call is held against what is left, so the cap is never broken."""
    price = ModelPrice(prompt=10**6, completion=10**6)
    for cap in (50, 500, 5000):
        project = playbook.project(A, B, price=price, budget=Budget(micro_dollars=cap))
        climbed = simulate(project, model(rates(POOR, POOR)))
        assert climbed.evidence.spent.micro_dollars <= cap
        assert the_end(climbed).reason == "budget"
        assert "dollars" in the_end(climbed).words


def test_a_cap_on_minutes_stops_before_the_next_training_or_call():
    """A quarter of a second per call: a minute is 240 calls."""
    project = playbook.project(A, B, budget=Budget(minutes=1.0))
    climbed = simulate(project, model(rates(POOR, POOR)))
    assert the_end(climbed).reason == "budget"
    late = [n for n, step in enumerate(climbed.steps) if isinstance(step, steps.Evaluate)][-1]
    before = climbed.steps[:late]
    done = sum(len(set(step.calls)) for step in before if isinstance(step, steps.Evaluate))
    assert done * 0.25 < 60.0 <= climbed.evidence.spent.seconds


def test_nothing_comes_after_the_end():
    """A stopped climb asks for nothing, until the project changes."""
    climbed = simulate(BOTH, model(rates(GOOD, GOOD)))
    assert Playbook(BOTH, climbed.events).next() is None
    other = playbook.project(A, playbook.task("b", bar=0.8))
    assert isinstance(Playbook(other, climbed.events).next(), steps.Open)


def test_a_raised_bar_is_decided_on_the_answers_that_are_there():
    """A changed project is climbed anew without asking any call twice."""
    answers = model(rates(GOOD, GOOD))
    before = simulate(BOTH, answers)
    easier = playbook.project(playbook.task("a", bar=0.6), B)
    after = simulate(easier, answers, events=before.events)
    assert after.evidence.spent.calls == before.evidence.spent.calls
    assert the_end(after).reason == "adequate"


def test_tasks_in_another_order_and_items_behind_the_others_reuse_everything():
    """What is asked again is nothing; what is asked at all is the new items."""
    answers = model(rates(GOOD, GOOD))
    before = simulate(BOTH, answers)
    turned = simulate(playbook.project(B, A), answers, events=before.events)
    assert turned.evidence.spent.calls == before.evidence.spent.calls
    counts = {"train": 12, "search": 40, "confirm": 130}
    longer = playbook.project(playbook.task("a", items=counts), B)
    bought = simulate(longer, answers, events=before.events).events[len(before.events) :]
    asked = {(e.system, e.item_digest) for e in bought if isinstance(e, Observed)}
    known = {(e.system, e.item_digest) for e in before.events if isinstance(e, Observed)}
    assert asked
    assert not asked & known


def test_where_every_task_fails_there_is_nothing_to_combine():
    """Mixture, merge and route protect other tasks; with none, tuning is the end of the climb."""
    climbed = simulate(BOTH, lambda system, item: float(luck(item) < POOR))
    assert rungs_climbed(climbed) == ["prompt", "examples", "lora", "full"]
    assert len(trained(climbed)) == 2
    assert the_end(climbed).reason == "inadequate"


def test_the_merge_whose_worst_task_is_farthest_above_its_bar_is_nominated():
    """Bars differ, so the highest worst score is not it; nor is one that lacks scores."""
    strict, lenient = playbook.task("a", bar=0.8), playbook.task("b", bar=0.4)
    by_merge = {
        "merge(concatenate 0.8 0.5)": rates(0.7, 0.75),
        "merge(concatenate 0.6 0.4)": rates(0.99, 0.6),
        "merge(concatenate 1.0 0.3)": rates(0.72, 0.99),
    }

    def answers(system, item):
        if not (system.adapter or "").startswith("merge"):
            return model(rates(POOR, 0.5), mixture=rates(POOR, 0.2), **BREAKS)(system, item)
        right = by_merge.get(system.adapter)
        return None if right is None else float(luck(item) < right[item.task])

    climbed = simulate(playbook.project(strict, lenient), answers)
    assert climbed.evidence.nominee("merge").adapters() == ("merge(concatenate 0.6 0.4)",)


def test_merges_are_halved_and_the_best_is_moved_by_steps():
    """Ten plans, then five, then two; the winner with each weight moved; one of those is better."""
    moved = "merge(concatenate 0.6 0.5)"

    def answers(system, item):
        if not (system.adapter or "").startswith("merge"):
            return model(rates(POOR, GOOD), mixture=rates(POOR, GOOD), **BREAKS)(system, item)
        good = {"merge(concatenate 0.6 0.4)": 0.9, moved: 0.97}.get(system.adapter, 0.6)
        return float(luck(item) < good)

    climbed = simulate(playbook.project(A, B), answers)
    rounds = [
        (race.items, len(race.entrants), len(race.survivors))
        for races in climbed.evidence.raced.values()
        for race in races
        if race.rung == "merge"
    ]
    assert rounds == [(15, 10, 5), (24, 5, 2), (24, 2, 1), (24, 5, 1)]
    assert climbed.evidence.nominee("merge").adapters() == (moved,)


def test_prompts_of_the_users_own_race_first_and_once():
    """Under the names of their files; one that operators make too keeps the user's name."""
    own = NamedPrompt(name="mine", prompt=Prompt(template="> {{ input }}"))
    same = NamedPrompt(name="same", prompt=operators.everything(A.parts))
    task = replace(A, prompts=(own, same))
    proposed = simulate(playbook.project(task), lambda _s, _i: 1.0).evidence.proposed
    racing = [entry for entry in proposed if entry.purpose == "race"]
    assert [entry.operator for entry in racing][:2] == ["file mine", "file same"]
    prompts = [entry.system.prompt for entry in racing]
    assert len(prompts) == len(set(prompts)) > 2
