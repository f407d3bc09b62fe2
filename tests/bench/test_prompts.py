"""The landscapes are what they say, one proposer serves all tools, and ours runs on them."""

from __future__ import annotations

import json
from dataclasses import replace
from statistics import fmean

import pytest
from bench.prompts import __main__ as command
from bench.prompts import landscapes, ours, tables, tiny, tiny_client
from bench.prompts.job import Job
from bench.prompts.landscapes import NULLS, ORDINARY, SEED_PROMPT, landscape
from bench.prompts.proposer import EDITS, Proposer


@pytest.mark.parametrize("name", [*ORDINARY, *NULLS])
def test_the_truth_is_what_many_answers_score(name):
    """Under the seed prompt and under all rules."""
    model = landscape(name, 3)
    for prompt in (SEED_PROMPT, model.prompt(range(len(model.rules)))):
        scores = [model.score(prompt, f"held out {n}") for n in range(landscapes.HELD_OUT)]
        assert fmean(scores) == pytest.approx(model.truth(prompt), abs=0.03)


def test_a_landscape_follows_from_its_seed():
    """And another seed draws another one."""
    assert landscape("few strong", 1) == landscape("few strong", 1)
    assert landscape("few strong", 1).worth != landscape("few strong", 2).worth


@pytest.mark.parametrize("name", ORDINARY)
def test_there_is_something_to_find(name):
    """The rules that help by themselves are better than none, and the truth sees no order."""
    model = landscape(name, 0)
    good = [rule for rule in range(len(model.rules)) if model.helps(rule)]
    assert model.truth(model.prompt(good)) > model.truth(SEED_PROMPT) + 0.05
    said = "\n".join([*(model.rules[rule] for rule in reversed(good)), SEED_PROMPT])
    assert model.truth(said) == model.truth(model.prompt(good))


@pytest.mark.parametrize("name", NULLS)
def test_where_nothing_helps_no_prompt_is_better(name):
    """Whatever it says."""
    model = landscape(name, 0)
    before = model.truth(SEED_PROMPT)
    assert all(model.truth(model.prompt([rule])) <= before for rule in range(len(model.rules)))


def test_every_tool_is_answered_in_its_form_and_at_the_stated_quality():
    """About a quarter of what is written helps, whoever asks."""
    model = landscape("few strong", 0)
    model = replace(model, worth=((0.5,) * 4,) * 8 + ((0.0,) * 4,) * 12)
    writer = Proposer(landscape=model, seed=1)
    lists = [json.loads(writer.edits("")) for _ in range(300)]
    assert {len(rules) for rules in lists} == {EDITS}
    helped = fmean(model.helps(model.rules.index(rule)) for rules in lists for rule in rules)
    assert helped == pytest.approx(0.25, abs=0.05)

    old = model.prompt([2])
    fenced = writer.fenced(f"Given:\n```\n{old}\n```\nmistakes")
    assert fenced.count("```") == 2
    assert len(model.features(fenced)) >= 1

    asked = "[[ ## basic_instruction ## ]]\nx\n\nRespond with `[[ ## proposed_instruction ## ]]`"
    said = writer.fields(f"{asked} and `[[ ## completed ## ]]`.")
    assert said.startswith(f"[[ ## proposed_instruction ## ]]\n{SEED_PROMPT}\n")
    assert said.endswith("[[ ## completed ## ]]")
    assert writer.calls == 302


def test_nothing_that_stands_in_the_message_is_written_again():
    """As a model that reads what was tried."""
    model = landscape("few strong", 0)
    writer = Proposer(landscape=model, seed=1)
    rules = json.loads(writer.edits(model.prompt(range(15))))
    assert sorted(model.rules.index(rule) for rule in rules) == [15, 16, 17, 18, 19]


def test_ours_ships_what_it_finds_and_the_seed_prompt_where_there_is_nothing():
    """The planner itself; calls of both models are counted."""
    found = command._ours(Job(landscape="few strong", seed=1))
    assert found.shipped
    assert not found.false
    assert found.truth > found.before + 0.2
    assert 500 < found.calls < 2_000
    nothing = command._ours(Job(landscape="nothing helps", seed=1))
    assert (nothing.shipped, nothing.truth, nothing.rules) == (False, nothing.before, 0)
    assert ours.run(Job(landscape="few strong", seed=1)).calls == found.calls


def test_the_tables_tell_targets_scores_and_false_shipments():
    """A tool that ships junk is seen to."""

    def runs(truth, reported, *, shipped=True):
        return [
            tables.Run(
                landscape=name, seed=seed, shipped=shipped, truth=truth, before=0.5,
                reported=reported, calls=100, rules=3,
            )
            for name in (*ORDINARY, *NULLS)
            for seed in range(10)
        ]  # fmt: skip

    text, met = tables.page({tables.OURS: runs(0.7, 0.7), "Other": runs(0.5, 0.6)}, "how")
    assert met
    assert f"{len(ORDINARY)} of {len(ORDINARY)} landscapes" in text
    assert "| nothing helps | Other | 10 | +0.1000 | 100.0 % | 100.0 %" in text
    text, met = tables.page({tables.OURS: runs(0.5, 0.5), "Other": runs(0.5, 0.6)}, "how")
    assert not met


@pytest.mark.network
def test_the_real_model_answers_every_tool_the_same():
    """A contract makes the difference, and the items of a run are not those of the truth."""
    name = "tiny model, order changes"
    task, seed_prompt, rules = tiny_client.TASKS[name]
    full = max(rules, key=len)
    with tiny.served() as url:
        model = tiny_client.drawn(name, 1, url, ((1.0,),) * len(rules))
        prompt = model.prompt([rules.index(full)])
        assert fmean(model.score(prompt, str(n)) for n in range(16)) > 0.3
        assert fmean(model.score(seed_prompt, str(n)) for n in range(16)) < 0.1
        assert model.answered(prompt, model.message("3")) == model.answer(prompt, "3")
    assert model.features(prompt) == (rules.index(full),)
    assert (task, len({row["id"] for row in model.rows})) == ("order_changes", 900)


def test_the_table_of_the_real_model_pairs_runs():
    """And a tool that is better on one task makes ours miss."""

    def runs(truth):
        return [
            tables.Run(
                landscape=place, seed=seed, shipped=True, truth=truth, before=0.1,
                reported=truth, calls=10, rules=1,
            )
            for place in tiny_client.TASKS
            for seed in range(3)
        ]  # fmt: skip

    found = {tables.OURS: runs(0.6), "Other": runs(0.5)}
    assert "| Other | 3 | 0.100 | 0.500 | +0.1000 ± 0.000 |" in tiny.page(found, "how")
    assert all(tiny.worst(found, task) == pytest.approx(0.1) for task in tiny_client.TASKS)
    found["Better"] = runs(0.7)
    assert all(tiny.worst(found, task) < 0 for task in tiny_client.TASKS)
