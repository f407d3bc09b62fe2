"""Journals of before rungs were renamed: they load, replay, and report what they decided.

The rung of examples was called "Worked examples", every training of adapters "LoRA", whatever was
trained. What a journal has recorded stays as it was said then; titles beside it are those of today.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from escalera import wiring
from escalera.apps import workspace
from escalera.apps.decision import reached
from escalera.apps.gateway.app import application
from escalera.apps.report import document
from escalera.core.evidence import Evidence, fold
from escalera.domain.event import Decided, Event, Stopped
from escalera.domain.levers import Trainable
from escalera.domain.message import Request
from escalera.edges.journal.sqlite import SQLiteJournal
from escalera.engine.serve import Desk, Served
from escalera.testing import playbook
from escalera.testing.loopback import serving
from escalera.testing.playbook import DECLARED, luck, simulate
from escalera.testing.scripted import ScriptedProvider

FORMERLY = {
    "Examples and context": "Worked examples",
    "DoRA on": "LoRA on",
    "trained models or adapters alive": "adapters alive",
    "would make the training unnecessary": "would make the adapter unnecessary",
}
"""What was said of a rung, by what is said today."""

TRAINED = replace(
    playbook.project(
        playbook.task("a"),
        playbook.task("b"),
        policy=replace(DECLARED, rungs=("prompt", "examples", "lora", "mixture", "merge", "route")),
    ),
    trainable=Trainable(method="dora"),
)

SHOP = """
[project]
name = "shop"
query_type = "declared"

[models.remote]
base_url = "{url}/v1"
model = "scripted"

[climb]
model = "remote"
rungs = ["prompt", "examples"]

[tasks.echo]
data = "echo.jsonl"
scorer = "exact"
bar = 0.8
max_tokens = 8

[tasks.echo.prompt]
instruction = "Repeat the message."
"""


def aged(event: Event) -> Event:
    """The event as it was recorded before, in the words of then."""
    match event:
        case Decided():
            return replace(event, words=_said(event.words), reasons=_all(event.reasons))
        case Stopped():
            return replace(
                event,
                words=_said(event.words),
                reasons=_all(event.reasons),
                reversal=_all(event.reversal),
            )
        case _:
            return event


def answers(system, item):
    """Prompting is poor at a; an adapter mends that and breaks b, a merge is good at both."""
    if system.adapter is None:
        rate = {"a": 0.3, "b": 0.97}[item.task]
    elif system.adapter.startswith("merge"):
        rate = 0.97
    else:
        rate = {"a": 0.97, "b": 0.3}[item.task]
    return float(luck(item) < rate)


def stored(events: Sequence[Event], file: Path) -> Evidence:
    """Written to a journal's file, and read by another process."""
    with closing(SQLiteJournal(file)) as journal:
        journal.append(events)
    with closing(SQLiteJournal(file)) as journal:
        return fold(journal.events())


def decision(evidence: Evidence) -> tuple[object, ...]:
    """What was decided, apart from words."""
    ended = evidence.stopped[-1]
    return (
        [(one.rung, one.task, one.outcome, one.candidate) for one in evidence.decided],
        (ended.reason, ended.rung, ended.route),
    )


def said(built: dict) -> str:
    """Everything that a report says."""
    return json.dumps(built)


def test_a_climb_with_old_titles_is_over_and_reports_what_it_decided(tmp_path: Path) -> None:
    """Nothing is asked anew; recorded words are shown as they are, under today's titles."""
    climbed = simulate(TRAINED, answers)
    old = [aged(event) for event in climbed.events]
    assert "DoRA on" not in str([one for one in old if isinstance(one, Decided | Stopped)])
    evidence = stored(old, tmp_path / "journal.sqlite")

    assert simulate(TRAINED, answers, events=old).steps == ()
    assert decision(evidence) == decision(climbed.evidence)
    new, built = (
        document.build(TRAINED, one, version="1.2", head="f00")
        for one in (climbed.evidence, evidence)
    )
    assert "Worked examples: " in said(built)
    assert "LoRA on the failing types: " in said(built)
    assert "LoRA on" not in said(new)
    assert _said(said(new)) == _said(said(built))
    row = reached("lora", TRAINED, evidence)
    assert row.title == "DoRA on the failing types"
    assert all("DoRA" not in words for words in row.words)


def test_a_climb_that_was_cut_under_old_titles_ends_as_it_would_have() -> None:
    """After whatever rung was decided: no decision rests on what a rung is called."""
    whole = simulate(TRAINED, answers)
    cuts = [n for n, event in enumerate(whole.events) if isinstance(event, Decided)]
    assert len({event.rung for event in whole.events if isinstance(event, Decided)}) > 3
    for cut in cuts:
        old = [aged(event) for event in whole.events[: cut + 1]]
        resumed = simulate(TRAINED, answers, events=old)
        assert [aged(event) for event in resumed.events] == [aged(one) for one in whole.events]


@pytest.mark.network
def test_a_project_with_an_old_journal_is_shown_and_asks_nothing(tmp_path: Path) -> None:
    """`escalera climb` on it adds no event, and its decision is the one that it recorded."""
    provider = ScriptedProvider(_second_time)
    served = Served(revision="r", provider=provider)
    desk = Desk(label="none", route=None, models={"scripted": served}, infer=None)
    with serving(application(desk, api_key=None, now=lambda: 0.0)) as url:
        file = _shop(tmp_path, url)
        new = workspace.load(file).climb()
        journal = wiring.install(file).journal_file
        with closing(SQLiteJournal(journal)) as opened:
            events = list(opened.events())
        for part in journal.parent.glob(f"{journal.name}*"):
            part.unlink()
        stored([aged(event) for event in events], journal)
        asked = len(provider.requests)

        again = workspace.load(file)
        assert again.decision.sentence == new.sentence.replace(
            "Examples and context", "Worked examples"
        )
        assert again.decision.sentence.startswith("Worked examples meets every bar")
        assert (again.climb().reason, again.climb().served) == (new.reason, new.served)
        assert "\n  Examples and context: adequate\n" in again.decision.explain()
        assert again.evidence().events == len(events)
        assert len(provider.requests) == asked


# Private.


def _said(words: str) -> str:
    for today, then in FORMERLY.items():
        words = words.replace(today, then)
    return words


def _all(many: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(_said, many))


def _second_time(request: Request) -> str:
    """Right where examples show what is wanted."""
    said = request.messages[-1].content.split()[-1]
    return said if len(request.messages) > 2 else "wrong"


def _shop(folder: Path, url: str) -> Path:
    rows = [
        {"id": f"{split}-{n}", "split": split, "input": f"say {split}{n}", "target": f"{split}{n}"}
        for split, many in (("train", 20), ("search", 30), ("confirm", 60))
        for n in range(many)
    ]
    (folder / "echo.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (folder / "escalera.toml").write_text(SHOP.format(url=url), encoding="utf-8")
    return folder / "escalera.toml"
