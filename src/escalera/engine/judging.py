"""Performing judgements: every answer that waits for its judges gets their grades, and its score.

To the engine a judge is a system like any other that is asked about an answer, so its calls are
bought as all calls are: from the same purse, in units, again when they fail. What differs is what
is recorded: a `Judged` per call, and the answer's score when the last grade is there. A dialogue
that was interrupted is replayed from the journal and goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from escalera.core.evaluation import judge as judges
from escalera.core.evaluation import orders
from escalera.core.evaluation.judge import Given, Grade, Heard, Matter
from escalera.core.evaluation.orders import Asked, Known
from escalera.core.evidence import Evidence
from escalera.core.ladder.steps import Call
from escalera.core.prompts import rendering
from escalera.domain.dataset import Example
from escalera.domain.event import Event, Judged, Observed, Rescored
from escalera.domain.judge import Judge, Order, Panel, answer_digest
from escalera.domain.message import Query
from escalera.domain.project import Project
from escalera.engine.evaluation import Evaluator
from escalera.engine.purse import Purse
from escalera.engine.together import all_or_first_error
from escalera.ports import Journal, Progress, Provider

AT_ONCE = 256
"""Answers that are judged together: their texts are held in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """An answer that is to be judged; `system` is empty where it comes from a file of labels."""

    system: str
    item: Example
    repeat: int
    answer: str


@dataclass(slots=True, kw_only=True)
class Judging:
    """Asks judges and records what they say.

    `record` appends to the journal and to `evidence`; `provider` gives the provider of a model by
    its name; `purse` is shared with whatever else buys calls for the project. `known` is what the
    evidence says of judges' position biases, as far as it was read.
    """

    project: Project
    evidence: Evidence
    journal: Journal
    provider: Callable[[str], Provider]
    purse: Purse
    record: Callable[[Sequence[Event]], None]
    progress: Progress
    known: dict[Panel, Known] = field(default_factory=dict)

    async def perform(self, calls: Iterable[Call]) -> None:
        """Grade every answer to *calls* that waits for its judges, until a cap is reached.

        Raises `ProviderError` where a judge is not there; what was said until then is recorded.
        """
        awaits = self.evidence.awaits
        waiting = (call for call in calls if awaits(call.system, call.item, call.repeat))
        while some := [*islice(waiting, AT_ONCE)]:
            by_panel: dict[Panel, list[Submitted]] = {}
            for answer in submitted(self.journal, some):
                panel = self.project.panel(self.project.task(answer.item.task).scorer)
                if panel is not None:
                    by_panel.setdefault(panel, []).append(answer)
            for panel, answers in by_panel.items():
                await self._grade(panel, answers)

    async def grades(
        self,
        panel: Panel,
        answers: Sequence[Submitted],
        *,
        anew: int = 0,
        asked: Sequence[Asked] | None = None,
    ) -> list[tuple[Given, ...] | None]:
        """What *panel* gave each answer; None where a cap was reached before all was said.

        In a round *anew* it is asked again, whatever it said before. Each answer is shown in the
        orders *asked* of it, or in all there are.
        """
        wanted = asked if asked is not None else [orders.both(panel)] * len(answers)
        talks = [
            [*_talks(panel, answer, places, anew)]
            for answer, places in zip(answers, wanted, strict=True)
        ]
        every = [talk for some in talks for talk in some]
        for _ in range(judges.TURNS):
            await self._hear([talk for talk in every if talk.query is not None])
        return [
            tuple(talk.given for talk in some) if all(t.ended for t in some) else None
            for some in talks
        ]

    async def _grade(self, panel: Panel, answers: Sequence[Submitted]) -> None:
        """Grade and score; where second orders may be left out, as many as are asked alike."""
        left = [*answers]
        while left:
            count = len(left)
            if panel.spares:
                concluded = len(self.evidence.judged.concluded.get(panel.scorer, ()))
                start, end = orders.epoch(concluded)
                self._follow(panel, start)
                count = end - concluded
            some, left = left[:count], left[count:]
            known, seed = self.known.get(panel, orders.NOTHING), self.project.policy.seed
            asked = [
                orders.asked(panel, known, a.item, a.repeat, seed=seed, heard=self._heard(panel, a))
                for a in some
            ]
            self._score(panel, some, asked, await self.grades(panel, some, asked=asked))

    def _heard(self, panel: Panel, answer: Submitted) -> frozenset[str]:
        return orders.heard(panel, self.evidence, answer.item, answer_digest(answer.answer))

    def _follow(self, panel: Panel, upto: int) -> None:
        before = self.known.get(panel, orders.NOTHING)
        if upto > before.answers:
            self.known[panel] = orders.follow(
                panel,
                self.evidence,
                before,
                upto=upto,
                plan=orders.limits(self.project, panel),
                cluster_of=orders.clusters(self.project, panel),
            )

    def _score(
        self,
        panel: Panel,
        answers: Sequence[Submitted],
        asked: Sequence[Asked],
        grades: Sequence[tuple[Given, ...] | None],
    ) -> None:
        events = []
        for answer, places, given in zip(answers, asked, grades, strict=True):
            if given is not None:
                found = judges.conclude(panel, given, places)
                events.append(
                    Rescored(
                        system=answer.system,
                        item_digest=answer.item.digest,
                        repeat=answer.repeat,
                        scorer=panel.scorer,
                        score=found.value,
                        reason=found.reason,
                    )
                )
        if events:
            self.record(events)

    async def _hear(self, talks: Sequence[_Talk]) -> None:
        """One turn of every dialogue: from the journal where it was asked before, else bought."""
        by_key: dict[str, list[_Talk]] = {}
        for talk in talks:
            by_key.setdefault(talk.call.request_key, []).append(talk)
        known = self.journal.judged([*by_key])
        for key, said in known.items():
            self._tell(by_key.pop(key), said)
        by_model: dict[str, list[Call]] = {}
        for some in by_key.values():
            by_model.setdefault(some[0].judge.model, []).append(some[0].call)
        await all_or_first_error([self._ask(m, calls, by_key) for m, calls in by_model.items()])

    async def _ask(
        self, model: str, calls: Sequence[Call], talks: Mapping[str, Sequence[_Talk]]
    ) -> None:
        def record(heard: Sequence[Observed]) -> None:
            # Of the dialogues that ask the same, the first pays.
            self.record(
                [
                    talk.event(seen, bought=number == 0)
                    for seen in heard
                    for number, talk in enumerate(talks[seen.request])
                ]
            )
            for seen in heard:
                for talk in talks[seen.request]:
                    talk.hear(_heard(seen))

        evaluator = Evaluator(
            project=self.project,
            evidence=Evidence(),  # what is asked of judges is known by request, not by item
            provider=self.provider(model),
            purse=self.purse,
            bought=lambda _: {},
            record=record,
            progress=self.progress,
        )
        await evaluator.perform(calls, purpose="judge")

    def _tell(self, talks: Sequence[_Talk], said: Judged) -> None:
        """Give dialogues what was said before to the same words, and record it where it is new."""
        copies = [talk.event(said, bought=False) for talk in talks]
        new = [event for event in copies if not self.evidence.judged.knows(event)]
        if new:
            self.record(new)
        for talk in talks:
            talk.hear(_heard(said))


def submitted(journal: Journal, calls: Sequence[Call]) -> Iterator[Submitted]:
    """The answers to *calls*, which are in the journal, with their texts."""
    known = journal.bought([call.request_key for call in calls])
    for call in calls:
        text = rendering.answer(call.system.prompt, known[call.request_key].reply)
        yield Submitted(system=call.system.digest, item=call.item, repeat=call.repeat, answer=text)


# Below: private.


@dataclass(slots=True, kw_only=True)
class _Talk:
    """A dialogue for one grade; `query` is what is to be asked next, None when it has ended."""

    answer: Submitted
    judge: Judge
    order: Order
    draw: int
    anew: int
    dialogue: Generator[Query, Heard, Grade]
    query: Query | None = None
    turn: int = 0
    grade: Grade | None = field(default=None)

    @property
    def ended(self) -> bool:
        return self.grade is not None

    @property
    def given(self) -> Given:
        grade = self.grade or Grade(value=None, reason="it was not asked")
        return Given(judge=self.judge.digest, order=self.order, draw=self.draw, grade=grade)

    @property
    def call(self) -> Call:
        """The next turn as a call to the judge: the item is what the judge is asked."""
        query, item = self.query or Query(input=""), self.answer.item
        asked = Example(
            id=item.id,
            task=item.task,
            split=item.split,
            input=query.input,
            target="",
            cluster=item.cluster,
            history=query.history,
        )
        system = judges.system(self.judge)
        return Call(system=system, item=asked, repeat=self.draw, anew=self.anew)

    def hear(self, heard: Heard) -> None:
        """Go on to the next turn, or to the end."""
        try:
            self.query = self.dialogue.send(heard)
            self.turn += 1
        except StopIteration as end:
            self.query, self.grade = None, end.value

    def event(self, said: Observed | Judged, *, bought: bool) -> Judged:
        """What was said to the next turn; where it is not *bought*, it was said before."""
        grade = judges.read(self.judge, self.order, _heard(said))
        return Judged(
            system=self.answer.system,
            item=self.answer.item.id,
            item_digest=self.answer.item.digest,
            repeat=self.answer.repeat,
            task=self.answer.item.task,
            answer=answer_digest(self.answer.answer),
            judge=self.judge.digest,
            order=self.order,
            draw=self.draw,
            turn=self.turn,
            grade=grade.value,
            reason=grade.reason,
            request=said.request,
            bought=bought,
            reply=said.reply,
            finish=said.finish,
            attempts=said.attempts,
            usage=said.usage,
            micro_dollars=said.micro_dollars,
            revision=said.revision,
            seconds=said.seconds,
            anew=self.anew,
        )


def _talks(panel: Panel, answer: Submitted, asked: Asked, anew: int) -> Iterator[_Talk]:
    """The dialogues that an answer needs, each at its first question."""
    matter = Matter.of(answer.item, answer.answer)
    for judge in panel.judges:
        for order in asked[judge.digest]:
            for draw in range(panel.repeats):
                dialogue = judges.grading(judge, matter, order=order)
                yield _Talk(
                    answer=answer,
                    judge=judge,
                    order=order,
                    draw=draw,
                    anew=anew,
                    dialogue=dialogue,
                    query=next(dialogue),
                )


def _heard(said: Observed | Judged) -> Heard:
    reason = (said.reason or "").removeprefix(judges.UNASKED)
    return Heard(text=said.reply, finish=said.finish, reason=reason)
