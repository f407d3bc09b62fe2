"""The decision report as data."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from escalera.apps.report import document, page
from escalera.core.evidence import fold
from escalera.domain.event import Observed, Priced
from escalera.domain.project import PROMPTING, ModelPrice, Policy
from escalera.domain.training import Trained
from escalera.errors import EvidenceMissing
from escalera.testing import playbook
from escalera.testing.playbook import luck, simulate

PROJECT = playbook.project(
    playbook.task("a"),
    playbook.task("b"),
    policy=Policy(looks=(0.5, 1.0)),
    price=ModelPrice(prompt=10**6, completion=10**6),
)


def answers(system, item):
    """Prompting is poor at a; its adapter mends that and breaks b; merges are good at both."""
    if system.adapter is None:
        rate = {"a": 0.3, "b": 0.97}[item.task]
    elif system.adapter.startswith("merge"):
        rate = 0.97
    else:
        rate = {"a": 0.97, "b": 0.3}[item.task]
    return float(luck(item) < rate)


@pytest.fixture(scope="module")
def climbed():
    """A climb through every rung, with a router."""
    return simulate(PROJECT, answers)


@pytest.fixture(scope="module")
def built(climbed):
    """Its report."""
    return document.build(PROJECT, climbed.evidence, version="1.2", head="f00")


def keys(value):
    if isinstance(value, dict):
        return set(value) | {key for entry in value.values() for key in keys(entry)}
    return {key for entry in value for key in keys(entry)} if isinstance(value, list) else set()


def numbers(value):
    if isinstance(value, dict):
        return [n for entry in value.values() for n in numbers(entry)]
    if isinstance(value, list):
        return [n for entry in value for n in numbers(entry)]
    return [value] if isinstance(value, float) else []


def test_there_is_no_report_before_the_end(climbed):
    """Nor on another project than the one that was climbed."""
    with pytest.raises(EvidenceMissing, match="escalera climb"):
        document.build(PROJECT, fold(climbed.events[:-1]), version="1", head="")
    other = replace(PROJECT, name="other")
    with pytest.raises(EvidenceMissing, match="'other'"):
        document.build(other, climbed.evidence, version="1", head="")


def test_the_report_is_plain_data(built):
    """JSON and back without loss; finite numbers only."""
    assert json.loads(json.dumps(built, allow_nan=False)) == built


def test_the_verdict_is_that_of_the_climb(built, climbed):
    """Reason, sentence, route and what is served."""
    (stopped,) = climbed.evidence.stopped
    verdict = built["verdict"]
    assert (verdict["reason"], verdict["served"]) == ("adequate", "merge")
    assert verdict["route"] == stopped.route
    assert verdict["sentence"] == stopped.words
    assert verdict["exit_code"] == 0
    (served,) = [entry for entry in built["candidates"] if entry["served"]]
    assert (served["rung"], served["route"]) == ("merge", stopped.route)


def test_without_clocks_nothing_of_a_clock_is_left(built, climbed):
    """No key `clocks` anywhere, and other clocks make no other report."""
    assert "clocks" in keys(built)
    plain = document.without_clocks(built)
    assert "clocks" not in keys(plain)
    slower = [
        replace(event, seconds=event.seconds * 3 + 1)
        if isinstance(event, (Observed, Trained))
        else replace(event, minutes=99.0)
        if isinstance(event, Priced)
        else event
        for event in climbed.events
    ]
    again = document.build(PROJECT, fold(slower), version="1.2", head="bad")
    assert again != built
    assert document.without_clocks(again) == plain


def test_numbers_are_rounded_so_that_machines_agree(built):
    """Six places at most where nothing was read from a clock."""
    found = numbers(document.without_clocks(built))
    assert len(found) > 50
    assert all(round(number, 6) == number for number in found)


def test_every_candidate_has_a_cell_per_task(built, climbed):
    """With the figures of its last look, and the comparison where there is an incumbent."""
    assert [entry["rung"] for entry in built["candidates"]] == [
        "prompt",
        "search",
        "examples",
        "lora",
        "mixture",
        "merge",
        "route",
    ]
    for entry in built["candidates"]:
        assert [cell["task"] for cell in entry["cells"]] == ["a", "b"]
        for cell in entry["cells"]:
            assert cell["score"]["lower"] <= cell["score"]["value"] <= cell["score"]["upper"]
            incumbent = entry["rung"] not in PROMPTING
            assert (cell["difference"] is not None) == (incumbent and not cell["identical"])
            assert cell["micro_dollars_per_call"] == cell["tokens_per_call"] > 0
    route = built["candidates"][-1]
    assert [cell["identical"] for cell in route["cells"]] == [False, True]
    assert [cell["gate"] for cell in route["cells"]] == [True, True]
    assert route["needs_router"] is True


def test_races_name_their_operators_and_who_survived(built):
    """Every entrant has a name; the winner of the last round is alone."""
    assert {(race["rung"], race["task"]) for race in built["races"]} == {
        ("prompt", "a"),
        ("prompt", "b"),
        ("examples", "a"),
    }
    for race in built["races"]:
        for entry in race["rounds"]:
            assert all(re.fullmatch(r"[a-z0-9 +,-]+", e["operator"]) for e in entry["entrants"])
        assert sum(e["survived"] for e in race["rounds"][-1]["entrants"]) == 1


def test_prompts_trainings_and_merges_are_accounted_for(built, climbed):
    """What is served is shown in full; what was made is listed."""
    assert [prompt["task"] for prompt in built["prompts"]] == ["a", "b"]
    assert all(prompt["operator"] for prompt in built["prompts"])
    assert {prompt["adapter"] for prompt in built["prompts"]} == {
        climbed.evidence.nominee("merge").system("a").adapter
    }
    assert [entry["label"] for entry in built["trainings"]] == ["12 a", "12 a + 3 b", "12 b"]
    assert len(built["merges"]) == len(climbed.evidence.merged) > 10


def test_the_account_is_that_of_the_evidence(built, climbed):
    """Calls, tokens and money; where it was opened and by which version."""
    spent = climbed.evidence.spent
    assert built["spent"]["calls"] == spent.calls
    assert built["spent"]["micro_dollars"] == spent.micro_dollars
    assert built["journal"]["openings"] == 1
    assert built["journal"]["clocks"] == {"events": len(climbed.events), "head": "f00"}
    assert (built["version"], built["project"]) == ("1.2", "playbook")


def test_a_merge_of_the_race_is_no_prompt_race(built):
    """Headrooms may be negative; they are not shown as means of scores."""
    assert "merge" not in {race["rung"] for race in built["races"]}


@pytest.mark.parametrize(("reason", "code"), document.EXIT_CODES.items())
def test_exit_codes(reason, code):
    """0 decided, 3 not enough evidence, 4 a regression was shown."""
    wanted = {"adequate": 0, "inadequate": 0, "undecided": 3, "budget": 3, "regressed": 4}
    assert wanted[reason] == code


def test_the_page_can_show_it(built):
    """The document of a real climb has everything that the page asks for."""
    assert built["verdict"]["sentence"].split("[")[0] in page.render(built)


def test_a_climb_that_ran_out_of_money_has_a_report():
    """With nothing served, and the rungs that were not reached."""
    project = replace(PROJECT, budget=replace(PROJECT.budget, calls=300))
    found = document.build(project, simulate(project, answers).evidence, version="1", head="")
    assert (found["verdict"]["reason"], found["verdict"]["served"]) == ("budget", None)
    assert found["verdict"]["exit_code"] == 3
    assert {rung["state"] for rung in found["ladder"]} == {"not reached"}
    assert page.render(found)


def test_where_nothing_was_scored_there_is_no_score_of_zero():
    """A scorer that always failed: the cell says how many items lack one, and so does the page."""
    found = document.build(
        PROJECT, simulate(PROJECT, lambda _, __: None).evidence, version="1", head=""
    )
    cells = [cell for candidate in found["candidates"] for cell in candidate["cells"]]
    assert cells
    assert all(cell["score"] is None and cell["unscored"] for cell in cells)
    assert f"{cells[0]['unscored']} unscored" in page.render(found)
