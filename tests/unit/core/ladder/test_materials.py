"""What selections chose, in calls; and what is chosen before a step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.evidence import Evidence, fold
from escalera.core.ladder import materials, steps
from escalera.core.ladder.case import Case
from escalera.core.ladder.planner import next_step, project_digest
from escalera.core.prompts import context, selections
from escalera.domain.dataset import Examples
from escalera.domain.identity import digest_of
from escalera.domain.project import BaseModel, Budget, ModelPrice
from escalera.domain.selection import Context, Passage, Selected
from escalera.domain.system import Prompt, Shot
from escalera.domain.task import NamedPrompt
from escalera.errors import EvidenceMissing
from escalera.testing import playbook
from escalera.testing.playbook import DECLARED, Playbook, luck, perform, simulate

DOCUMENT = "a search message 3 . a confirm message 7 . It takes two days."
READING = Context(
    passages=context.cut(DOCUMENT, source="d.md", words=20, overlap=0),
    top=2,
    tokens=100,
    methods=("bm25",),
)
TASK = replace(playbook.task("a"), context=READING)
PROJECT = playbook.project(TASK)
E5 = BaseModel(name="e5", revision="r5", trainable=False, price=ModelPrice(prompt=1, completion=0))
(NEAREST,) = selections.examples(TASK, model=PROJECT.model, embedder=None, tokens=4000)
SYSTEM = Case(project=PROJECT, evidence=Evidence()).system(TASK, Prompt(selections=(NEAREST,)))
ITEM = TASK.items("search")[0]


def chosen(*names, selection=NEAREST, item=ITEM):
    return Selected(
        selection=selection.digest, item=item.id, item_digest=item.digest, chosen=names,
        leaks=(), dropped=0, tokens=1,
    )  # fmt: skip


def test_a_call_waits_for_its_material():
    """Nothing is sent before it was chosen; then it shows what was chosen."""
    waiting = materials.call(PROJECT, Evidence(), SYSTEM, ITEM)
    assert not waiting.ready
    with pytest.raises(AssertionError, match="before its material"):
        _ = waiting.request
    first, second = TASK.items("train")[:2]
    evidence = fold([chosen(second.id, first.id)])
    call = materials.call(PROJECT, evidence, SYSTEM, ITEM)
    assert call.material.shots == tuple(
        Shot(input=item.input, target=item.target) for item in (second, first)
    )
    assert [turn.content for turn in call.request.messages] == [
        second.input, second.target, first.input, first.target, ITEM.input,
    ]  # fmt: skip
    assert [*materials.completed(PROJECT, evidence, [waiting])] == [call]


def test_other_material_is_another_request():
    """So an answer is never taken for one that was shown something else."""
    keys = {
        materials.call(PROJECT, fold([chosen(name)]), SYSTEM, ITEM).request_key
        for name in ("a/train/0", "a/train/1")
    }
    assert len(keys) == 2


def test_a_selection_is_due_for_all_items_that_wait():
    """One step per selection; what was chosen or asked is not chosen again."""
    items = TASK.items("search")[:3]
    evidence = fold([chosen("a/train/0")])
    calls = [materials.call(PROJECT, evidence, SYSTEM, item) for item in items]
    assert materials.due(evidence, calls) == steps.Select(selection=NEAREST, items=tuple(items[1:]))
    done = fold([chosen("a/train/0", item=item) for item in items])
    assert materials.due(done, [materials.call(PROJECT, done, SYSTEM, i) for i in items]) is None


def test_a_pool_that_is_gone_is_missed():
    """Other train items or documents are another pool."""
    bare = replace(PROJECT, tasks=(playbook.task("b"),))
    with pytest.raises(EvidenceMissing, match="restore the data"):
        materials.of(bare, fold([chosen("a/train/0")]), SYSTEM.prompt, ITEM)


def test_in_a_climb_material_is_chosen_before_it_is_asked_with():
    """And the same from any evidence: a step is a function of it."""
    climbed = simulate(PROJECT, lambda _, item: float(luck(item) < 0.3))
    assert any(isinstance(step, steps.Select) for step in climbed.steps)
    for step in climbed.steps:
        if isinstance(step, steps.Evaluate):
            assert all(call.ready for call in step.calls)
    rungs = {p.operator for p in climbed.evidence.proposed if p.rung == "examples"}
    assert any(name.endswith("+ passages") for name in rungs)
    assert any(name.endswith("+ passages + 4 nearest examples") for name in rungs)


def test_what_is_the_item_in_disguise_is_kept_out_of_its_prompt():
    """A planted copy of a tested item: a leak for that item, an example for its neighbour."""
    tested, neighbour = TASK.items("search")[:2]
    planted = TASK.items("train")[0]
    text = "my parcel 4711 is late by three days now and I want my money back at once please"
    texts = {
        tested.id: text,
        neighbour.id: text.replace("4711", "5822"),
        planted.id: f"Hello! {text} Thank you.",
    }
    examples = Examples(replace(i, input=texts.get(i.id, i.input)) for i in TASK.examples)
    project = replace(PROJECT, tasks=(replace(TASK, examples=examples),))
    climbed = simulate(project, lambda _, item: float(luck(item) < 0.3))
    seen = [event for event in climbed.events if isinstance(event, Selected)]
    own = [event for event in seen if event.item == tested.id and event.leaks]
    assert own
    assert all(event.leaks == (planted.id,) for event in own)
    assert not any(planted.id in event.chosen for event in seen if event.item == tested.id)
    beside = [event for event in seen if event.item == neighbour.id]
    assert any(planted.id in event.chosen for event in beside)
    assert all(event.leaks == () for event in beside)
    fixed = {shot.target for p in climbed.evidence.proposed for shot in p.system.prompt.shots}
    assert fixed
    assert planted.target not in fixed


def test_passages_that_train_items_are_taught_with_are_chosen_first():
    """A prompt of the user's own that reads: the adapter sees what it will see."""
    (reading,) = selections.passages(TASK, model=PROJECT.model, embedder=None)
    own = Prompt(template="{{ passages | length }} {{ input }}", selections=(reading,))
    task = replace(TASK, prompts=(NamedPrompt(name="own", prompt=own),))
    project = playbook.project(task, policy=replace(DECLARED, rungs=("prompt", "lora")))
    climbed = simulate(
        project,
        lambda system, item: float(luck(item) < (0.4 if system.prompt.selections else 0.2)),
    )
    kinds = [type(step).__name__ for step in climbed.steps]
    place = kinds.index("Train")
    assert kinds[place - 1] == "Select"
    assert climbed.steps[place - 1].items == tuple(task.items("train"))
    assert all(climbed.evidence.chosen(reading, item) is not None for item in task.items("train"))


def test_embeddings_are_needed_of_the_pool_and_of_the_items():
    """Known by the digests of the texts; by words nothing is read."""
    project = replace(PROJECT, embedder=E5)
    selection = replace(NEAREST, method="embedding", embedder="e5", revision="r5")
    step = steps.Select(selection=selection, items=(ITEM,))
    unread = materials.unread(project, Evidence(), step)
    assert len(unread) == len(TASK.items("train")) + 1
    assert set(unread) == {digest_of(text) for text in unread.values()}
    assert materials.unread(project, Evidence(), replace(step, selection=NEAREST)) == {}


def test_the_planner_stops_where_a_selection_cannot_be_paid():
    """It asks for no selection whose first text breaks a cap."""
    project = replace(PROJECT, embedder=E5)
    book, kinds = Playbook(project), []
    while not isinstance(step := book.next(), steps.Select) or step.selection.method == "bm25":
        kinds.append(step)
        book.feed(*perform(
            step, project=project, evidence=book.evidence,
            answers=lambda _, item: float(luck(item) < 0.3),
        ))  # fmt: skip
    assert step.selection.embedder == "e5"
    spent = book.evidence.spent.calls
    poor = replace(project, budget=Budget(calls=spent))
    book.evidence.opened.append(replace(book.evidence.opened[-1], project=project_digest(poor)))
    stopped = next_step(poor, book.evidence, version="playbook")
    assert isinstance(stopped, steps.Stop)
    assert stopped.event.reason == "budget"


def test_a_passage_has_the_id_of_its_document():
    """By which it is cited."""
    assert [p.id for p in READING.passages] == ["d.md#1"]
    assert isinstance(READING.passages[0], Passage)
