"""Events as rows."""

from __future__ import annotations

from dataclasses import fields
from typing import get_args

import pytest
from tests.unit.core.evaluation.test_reliance import KEPT, MOVED

from escalera.domain.distillation import Distilled
from escalera.domain.event import Duelled, Event, Failed, Judged, Rescored, Reserved
from escalera.domain.finetuned import Finetuned
from escalera.domain.generation import Generated
from escalera.domain.hosting import HostedJob
from escalera.domain.job import JobOutcome, TypeVerdict
from escalera.domain.levers import Levers, Trainable
from escalera.domain.message import Usage
from escalera.domain.optimiser import Rewritten, Written
from escalera.domain.project import Policy
from escalera.domain.promotion import Gated, Promoted
from escalera.domain.quality import Bound, QualityRoute, QualityTested
from escalera.domain.recipe import TrainingRecipe
from escalera.domain.selection import Embedded
from escalera.domain.sweep import Suggested
from escalera.domain.system import Route
from escalera.domain.training import RateTried
from escalera.domain.trial import Paired, PairJudged, Switched, Taken
from escalera.domain.verdict import Figure
from escalera.edges.journal import rows
from escalera.errors import JournalCorrupt
from escalera.testing import playbook
from escalera.testing.playbook import luck, simulate

JUDGED = Judged(
    system="s",
    item="a/1",
    item_digest="i",
    repeat=0,
    task="a",
    answer="x",
    judge="j",
    order="first",
    draw=1,
    turn=0,
    grade=0.5,
    reason=None,
    request="q",
    bought=True,
    reply="Equal.\nVERDICT: TIE",
    finish="stop",
    attempts=1,
    usage=Usage(prompt_tokens=3, completion_tokens=2),
    micro_dollars=None,
    revision="r",
    seconds=0.5,
)
RESCORED = Rescored(
    system="s", item_digest="i", repeat=0, scorer="numeric", score=None, reason="no number"
)
HOSTED = HostedJob(recipe="r", endpoint="u", job="j", state="begun", micro_dollars=5)
RESERVED = Reserved(**{field.name: 7 for field in fields(Reserved)})
WRITTEN = Written(
    task="a",
    model="writer",
    request="0" * 32,
    reply="Answer in one word.",
    usage=Usage(prompt_tokens=90, completion_tokens=5),
    micro_dollars=3,
    revision="w1",
    seconds=0.5,
)
GENERATED = Generated(
    task="a",
    model="writer",
    style="rows",
    request="0" * 32,
    shown=("a/1", "a/2"),
    reply='{"input": "i", "target": "t"}',
    finish="stop",
    attempts=1,
    usage=Usage(prompt_tokens=90, completion_tokens=9),
    micro_dollars=None,
    revision="w1",
    seconds=0.5,
)
SUGGESTED = Suggested(question="ab" * 32, number=2, values=(0.003, "cosine", 16))
DISTILLED = Distilled(
    question="0" * 64,
    task="a",
    model="big",
    system="1" * 64,
    least=1.0,
    asked=9,
    kept=("a/1", "a/2"),
    score=None,
    answers="2" * 64,
)
TRIED = RateTried(question="0" * 64, rate=1e-3, share=0.03, loss=None, tokens=90, seconds=1.5)
REWRITTEN = Rewritten(
    task="a", parent="0" * 64, optimiser="gepa", rewrites=("Answer in one word.",)
)
DUELLED = Duelled(
    task="a",
    round=2,
    candidate="c",
    incumbent="i",
    figure=Figure(value=0.1, lower=-0.1, upper=0.3, n=80, clusters=70),
    accepted=False,
)
EMBEDDED = Embedded(
    model="e",
    revision="r",
    texts=("t",),
    vectors="v",
    usage=Usage(prompt_tokens=3, completion_tokens=0),
    micro_dollars=None,
    seconds=0.5,
)
PROMOTED = Promoted(
    name="lora",
    route=Route(branches=()),
    incumbent="ab" * 32,
    gate="regressed",
    tasks=(
        Gated(
            task="a",
            word="regressed",
            margin=0.05,
            difference=Figure(value=-0.1, lower=-0.2, upper=-0.06, n=9, clusters=8),
            lost=Figure(value=0.1, lower=0.05, upper=0.2, n=9, clusters=8),
        ),
    ),
    override="asked for",
)
FIGURE = Figure(value=0.1, lower=0.05, upper=0.2, n=9, clusters=8)
TESTED = QualityTested(
    name="r",
    route=QualityRoute(
        weak=PROMOTED.route,
        strong=PROMOTED.route,
        asking="after",
        signal="5e",
        threshold=None,
        bound=Bound(most_lost=0.05, risk=0.05, lost=0.0, strong=1.0, n=9),
    ),
    weak="small",
    strong="large",
    learned=9,
    single="strong",
    gain=FIGURE,
    saved=FIGURE,
    blind=FIGURE,
    share=1.0,
    expense="seconds",
    margin=0.05,
    worth="no gain",
    unscored=1,
    at=1_800_000_000.25,
)
TAKEN = Taken(failed=0.0, refused=0.0, seconds=0.5, micro_dollars=None)
PAIRED = Paired(trial="t", kind="shadow", request="r", live=TAKEN, candidate=TAKEN, agreement=1.0)
PAIR_JUDGED = PairJudged(trial="t", request="r", judge="j", live_score=1.0, candidate_score=None)
SWITCHED = Switched(name="a", to="b", trial="t", word="fit", reason=None, at=1_800_000_000.5)
FINETUNED = Finetuned(
    job="ftjob-1",
    name="ft:small:polite:1",
    recipe=TrainingRecipe(
        model="small",
        revision="r",
        ingredients=(),
        trainable=Trainable(),
        levers=Levers(),
    ),
    adapter="a" * 64,
    tasks=("a",),
    files=("file-1",),
    steps=3,
    examples=9,
    candidate="c" * 64,
    incumbent="d" * 64,
    outcome=JobOutcome(
        minutes=1.5,
        joules=None,
        gate="failed",
        verdicts=(TypeVerdict(task="a", word="regressed", said="a: …", figures={"items": 9.0}),),
        diagnosis=("healthy: …",),
    ),
    at=1_800_000_000.5,
)
FAILED = Failed(step="s", cause="the endpoint »x« is away: \N{SNOWMAN}\n", retryable=True)


def answers(system, item):
    """Prompting is poor at a; its adapter mends that and breaks b."""
    good = (item.task == "a") is (system.adapter is not None)
    return float(luck(item) < (0.95 if good else 0.3))


def every_event():
    """One climb through all rungs, with a router; and what no such climb appends."""
    project = playbook.project(
        playbook.task("a"), playbook.task("b"), policy=Policy(looks=(0.5, 1.0))
    )
    return [
        *simulate(project, answers).events,
        JUDGED,
        RESCORED,
        RESERVED,
        WRITTEN,
        GENERATED,
        DISTILLED,
        SUGGESTED,
        HOSTED,
        REWRITTEN,
        TRIED,
        DUELLED,
        EMBEDDED,
        FAILED,
        PROMOTED,
        KEPT,
        MOVED,
        TESTED,
        PAIRED,
        PAIR_JUDGED,
        SWITCHED,
        FINETUNED,
    ]


def test_every_kind_of_event_survives_being_written():
    """A climb through all rungs appends every kind; each is read back as it was."""
    events = every_event()
    assert {type(event) for event in events} == set(get_args(Event))
    for event in events:
        kind, body = rows.encode(event)
        assert rows.decode(kind, rows.VERSION, body, at=1) == event


def test_equal_events_are_equal_bytes():
    """The bytes are canonical, so two climbs can be compared row by row."""
    first, second = every_event(), every_event()
    assert [rows.encode(event) for event in first] == [rows.encode(event) for event in second]


@pytest.mark.parametrize(
    ("kind", "version", "body", "said"),
    [
        ("party", 1, b"{}", "an event 'party' of version 1"),
        ("failed", 2, b"{}", "an event 'failed' of version 2"),
        ("failed", 1, b"{}", "row 7 (failed) cannot be read"),
        ("failed", 1, b"\xff", "row 7 (failed) cannot be read"),
    ],
)
def test_a_row_that_is_no_event_is_named(kind, version, body, said):
    """The position and what is wrong with it."""
    with pytest.raises(JournalCorrupt) as caught:
        rows.decode(kind, version, body, at=7)
    assert said in str(caught.value)
    assert "row 7" in str(caught.value)


def test_the_link_covers_every_part_and_the_borders_between_them():
    """No byte can move from one column to the next unseen."""
    links = {
        rows.link("h", "kind", 1, b"body"),
        rows.link("g", "kind", 1, b"body"),
        rows.link("h", "kin", 1, b"dbody"),
        rows.link("h", "kind", 2, b"body"),
        rows.link("h", "kind", 1, b"bodz"),
        rows.link("hk", "ind", 1, b"body"),
    }
    assert len(links) == 6
