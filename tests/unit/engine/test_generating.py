"""Buying drafts, answers and grades: journalled first, from the caps, never twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from escalera.core.data import generating as drafts
from escalera.core.data.generating import Draft
from escalera.core.evidence import fold
from escalera.core.ladder.caps import Caps
from escalera.domain.event import Observed
from escalera.domain.generation import Generated
from escalera.domain.judge import Judge, Panel, Scale
from escalera.domain.message import Decoding
from escalera.domain.project import BaseModel, Budget, ModelPrice
from escalera.domain.system import Prompt, System
from escalera.edges.artifacts import FolderArtifacts
from escalera.engine import generating
from escalera.engine.generating import Generator, Writer
from escalera.engine.measuring import Means
from escalera.errors import ProviderError
from escalera.testing import playbook
from escalera.testing.memory import MemoryJournal
from escalera.testing.retrieval import retrieval
from escalera.testing.scoring import PureScoring
from escalera.testing.scripted import Faults, ScriptedProvider

TASK = playbook.task("a", items={"train": 20, "search": 4, "confirm": 4})
PRICE = ModelPrice(prompt=10**6, completion=10**6)
SYSTEM = System(
    model="big", revision="r", prompt=Prompt(system="unused"), decoding=Decoding(max_tokens=9)
)
WRITER = Writer(task=TASK, system=SYSTEM, rows=2)
JUDGE = Judge(
    kind="rubric",
    model="big",
    revision="r",
    rubric="Is it right?",
    scale=Scale(lowest=1, highest=5),
    reference=True,
    decoding=Decoding(max_tokens=64),
    wording="w",
)
PANEL = Panel(name="kind", judges=(JUDGE,))


def written(request):
    """A row that names the seed."""
    seed = request.decoding.seed
    return f'{{"input": "new {seed}", "target": "t"}}'


class World:
    """One model, one journal."""

    def __init__(self, answer=written, *, faults=None, journal=None, **caps):
        self.journal = journal or MemoryJournal()
        self.model = ScriptedProvider(answer, price=PRICE, faults=faults)
        grader = BaseModel(name="big", revision="r", trainable=False, price=PRICE)
        project = replace(playbook.project(TASK), judges=(PANEL,), graders=(grader,))
        means = Means(
            journal=self.journal,
            evidence=fold(self.journal.events()),
            scoring=PureScoring,
            provider=lambda _: self.model,
            caps=Caps(budget=Budget(**caps), prices={"big": PRICE}),
            progress=lambda *_: None,
            artifacts=FolderArtifacts(Path("unused")),
            retrieval=retrieval(),
        )
        self.evidence = means.evidence
        self.generator = Generator(project, means)

    def events(self, kind):
        return [event for event in self.journal.events() if isinstance(event, kind)]


def test_every_call_shows_train_items_and_draws_anew():
    """The prompt of the task is not used; what was shown is in the journal."""
    world = World()
    replies = world.generator.replies(WRITER, 5)
    assert [one.reply for one in replies] == [written(r) for r in world.model.requests]
    assert len({request.decoding.seed for request in world.model.requests}) == 5
    train = {item.id for item in TASK.items("train")}
    assert all(set(one.shown) <= train and len(one.shown) == 6 for one in replies)
    tested = [item.input for item in (*TASK.items("search"), *TASK.items("confirm"))]
    for request in world.model.requests:
        said = " ".join(message.content for message in request.messages)
        assert "unused" not in said
        assert not any(text in said for text in tested)
    assert world.events(Observed) == []
    assert world.evidence.spent.calls == 5


def test_what_was_written_is_never_bought_again():
    """More calls go on from those that there are, in a new process as well."""
    world = World()
    first = world.generator.replies(WRITER, 3)
    later = World(journal=world.journal)
    assert later.generator.replies(WRITER, 5)[:3] == first
    assert len(later.model.requests) == 2
    assert later.generator.replies(WRITER, 5) == later.events(Generated)
    assert len(later.model.requests) == 2


def test_an_endpoint_that_goes_away_loses_nothing():
    """What came before is in the journal; the rest is asked for when it is back."""
    world = World(faults=Faults(when=lambda request: request.decoding.seed == 3))
    with pytest.raises(ProviderError):
        world.generator.replies(WRITER, 6)
    kept = len(world.events(Generated))
    assert kept == 3
    later = World(journal=world.journal)
    assert len(later.generator.replies(WRITER, 6)) == 6
    assert len(later.model.requests) == 6 - kept


def test_a_cap_ends_it_without_an_error():
    """With the replies that it allowed."""
    world = World(calls=4)
    assert len(world.generator.replies(WRITER, 9)) == 4
    assert world.evidence.spent.calls == 4


def test_another_system_answers_and_is_not_scored():
    """There is no target to score by; the answer is one all the same, and bought once."""
    world = World(lambda request: f"re {request.messages[-1].content}")
    asked = [Draft(input="one"), Draft(input="two")]
    assert world.generator.answers(SYSTEM, asked, TASK) == ["re one", "re two"]
    assert [event.reason for event in world.events(Observed)] == [generating.NO_TARGET] * 2
    again = World(journal=world.journal, calls=2)
    more = [*asked, Draft(input="three")]
    assert again.generator.answers(SYSTEM, more, TASK) == ["re one", "re two", None]


def test_a_judge_grades_a_target_by_itself():
    """It is shown no reference: that would be the same text."""
    world = World(lambda _: "Reasons.\nVerdict: 4")
    found = [Draft(input="one", target="an answer"), Draft(input="two", target="an answer")]
    grades = world.generator.grades(PANEL, found, TASK)
    assert [None if one is None else one.value for one in grades] == [0.75, 0.75]
    assert all(
        request.messages[-1].content.count("an answer") == 1 for request in world.model.requests
    )
    capped = World(lambda _: "Reasons.\nVerdict: 4", journal=world.journal, calls=2)
    more = [*found, Draft(input="three", target="an answer")]
    assert capped.generator.grades(PANEL, more, TASK)[2] is None


def test_names_are_made_of_what_is_asked():
    """So a row keeps its name whatever else is written."""
    one, other = Draft(input="a", target="x"), Draft(input="a", target="y")
    assert generating.name_of(one) == generating.name_of(other)
    assert generating.question(one, TASK).target == ""
    assert (
        drafts.NEXT in WRITER.__class__(task=TASK, system=SYSTEM, style="inputs").call(0).item.input
    )
