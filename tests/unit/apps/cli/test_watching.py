"""A climb in the terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.apps.cli.watching import watching
from escalera.core.ladder import steps
from escalera.core.ladder.caps import Left
from escalera.domain.event import Decided, Priced, Raced, RouterFitted
from escalera.domain.hosting import HostedJob
from escalera.domain.levers import Trainable
from escalera.domain.optimiser import Rewritten
from escalera.domain.project import Policy
from escalera.domain.reading import EmbeddingsWeighed
from escalera.domain.recipe import Ingredient
from escalera.domain.sweep import Suggested
from escalera.domain.system import Prompt
from escalera.domain.verdict import Figure
from escalera.testing import playbook, records, training
from escalera.testing.playbook import luck, simulate

PROJECT = playbook.project(playbook.task("a"), playbook.task("b"), policy=Policy(looks=(0.5, 1.0)))


def answers(system, item):
    good = (item.task == "a") is (system.adapter is not None)
    return float(luck(item) < (0.97 if good else 0.3))


def watch(*, quiet, project=PROJECT):
    climbed = simulate(project, answers)
    with watching(quiet=quiet) as watcher:
        for step in climbed.steps:
            watcher.began(step)
            watcher.progressed("race", 1, 2)
        for event in climbed.events:
            watcher.appended(event)
    return climbed


def test_every_conclusion_is_a_line(capsys):
    """Prices, trainings, merges and decisions, in words; nothing on stdout."""
    climbed = watch(quiet=False)
    shown = capsys.readouterr()
    assert shown.out == ""
    for event in climbed.events:
        if isinstance(event, Decided):
            assert event.words in shown.err
        if isinstance(event, Priced):
            assert f"up to {event.calls} calls" in shown.err
    assert "next rung LoRA on the failing types: up to" in shown.err
    assert len(climbed.evidence.trained) == 3
    assert shown.err.count(" trained in 2 s") == sum(
        len(parts) for parts in climbed.evidence.trained.values()
    )
    assert "trained in 2 s, 20 of 60" in shown.err
    assert len(climbed.evidence.merged) > 10
    races = [
        event for event in climbed.events if isinstance(event, Raced) and event.rung == "merge"
    ]
    assert shown.err.count(" merges raced on ") == len(races) > 1
    assert f"10 merges raced on {races[0].items} items of each type, 5 go on" in shown.err
    assert "router learned: right on 1.000" in shown.err


def test_weights_are_not_called_an_adapter(capsys):
    """Where some of the model's own learn, titles and trainings say so."""
    policy = Policy(looks=(0.5, 1.0), rungs=("prompt", "lora", "route"), checkpoints=1)
    project = replace(PROJECT, policy=policy, trainable=Trainable(method="partial"))
    watch(quiet=False, project=project)
    shown = capsys.readouterr().err
    assert "next rung Partial finetuning on the failing types: up to" in shown
    assert "   weights adapter(a" in shown
    assert "LoRA" not in shown


def test_how_merge_weights_are_found_is_told(capsys):
    """Where CMA-ES is not installed; a suggestion by itself is no conclusion."""
    with watching(quiet=False) as watcher:
        watcher.appended(Suggested(question="q", number=1, values=(0.5,)))
        watcher.appended(Suggested(question="q", number=1, values=()))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.strip().startswith("merge: weights moved by steps: CMA-ES is not installed")


def test_a_terminal_of_usual_width_shows_all_of_a_training(capsys, monkeypatch):
    """Steps and time in one line, loss, speed, scores and caps below: none is cut off."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "80")
    recipe = records.record(lambda *_: 1.0).recipe
    part = Ingredient(task="order_changes", prompt=Prompt(), examples=1500, data="d")
    with watching(quiet=False) as watcher:
        watcher.began(
            steps.Train(rung="lora", recipe=replace(recipe, ingredients=(part,)), until=1.0)
        )
        watcher.progressed("training, loss 0.992, 2,579 tokens/s", 23, 84)
        watcher.afforded(Left(calls=28003, seconds=1710.0))
    shown = capsys.readouterr().err
    assert "lora: training on 1500 order changes" in shown
    for said in ("23/84", "-:--:--", "loss 0.992, 2,579 tokens/s", "28,003 calls, 28.5 min left"):
        assert said in shown


def test_a_quiet_watcher_says_nothing(capsys):
    """For scripts that read JSON."""
    watch(quiet=True)
    assert capsys.readouterr() == ("", "")


def test_what_another_tool_brings_is_told(capsys):
    """A search that was stopped before it had a prompt is no silence."""
    with watching(quiet=False) as watcher:
        for rewrites in ((), ("Be brief.",), ("Be brief.", "Be kind.")):
            watcher.appended(Rewritten(task="a_b", parent="p", optimiser="gepa", rewrites=rewrites))
    assert capsys.readouterr().err.splitlines() == [
        "   a b: gepa proposes nothing better",
        "   a b: gepa proposes 1 prompt",
        "   a b: gepa proposes 2 prompts",
    ]


def test_what_a_router_refuses_is_told_where_it_is_promised(capsys):
    """Too few `search` items promise nothing, and then nothing is said."""
    figure = Figure(value=0.9, lower=0.8, upper=0.95, n=200, clusters=200)
    fitted = RouterFitted(router="r", items=(), choices=(), accuracy=figure)
    with watching(quiet=False) as watcher:
        watcher.appended(fitted)
        watcher.appended(replace(fitted, coverage=0.99, assured=0.978))
    first, second = capsys.readouterr().err.strip().splitlines()
    assert first.endswith("of the messages")
    assert second.endswith("of the messages, refuses at most 0.022")


@pytest.mark.parametrize(
    ("share", "gain", "words"),
    [
        (0.5, (0.1, 0.05, 0.15), "; embeddings of e5 add +0.100 [+0.050, +0.150]: reads them"),
        (0.0, (0.01, -0.02, 0.03), "; embeddings of e5 add +0.010 [-0.020, +0.030]: reads none"),
        (0.0, None, "; too few to weigh embeddings of e5: reads none"),
    ],
)
def test_what_embeddings_add_to_a_router_is_told(capsys, share, gain, words):
    """And whether it reads them, which is not assumed."""
    figure = Figure(value=0.9, lower=0.8, upper=0.95, n=200, clusters=200)
    added = None
    if gain is not None:
        added = replace(figure, value=gain[0], lower=gain[1], upper=gain[2])
    weighed = EmbeddingsWeighed(model="e5", revision="r5", share=share, gain=added, unread=0)
    fitted = RouterFitted(router="r", items=(), choices=(), accuracy=figure, embeddings=weighed)
    with watching(quiet=False) as watcher:
        watcher.appended(fitted)
    assert capsys.readouterr().err.strip().endswith("of the messages" + words)


def test_a_job_at_a_provider_is_told(capsys):
    """Where it runs, what it can cost at the most, and what came of it at which price."""
    job = HostedJob(
        recipe="r", endpoint="https://p/v1", job="j1", state="begun", micro_dollars=900_000
    )
    trained = replace(
        training.trained(records.record(lambda *_: 1.0).recipe, 0.0, 1.0),
        job="j1",
        made="ft:m:1",
        micro_dollars=250_000,
    )
    with watching(quiet=False) as watcher:
        watcher.appended(job)
        watcher.appended(replace(job, state="cancelled", micro_dollars=None))
        watcher.appended(trained)
    assert capsys.readouterr().err.splitlines() == [
        "   job j1 begun at https://p/v1, at most $0.9000",
        "   job j1 cancelled at https://p/v1, price unknown",
        "   job j1 made ft:m:1, $0.2500",
    ]
