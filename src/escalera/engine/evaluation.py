"""Performing an evaluation: calls in units, as many at a time as the provider and the caps allow.

Units are cut from the whole list of calls, before those already answered are left out. So
a batch has the same composition whether or not the climb was interrupted, and a model whose
arithmetic depends on the batch gives the same answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, islice

from escalera.core.evidence import Evidence
from escalera.core.ladder import rescoring
from escalera.core.ladder.steps import Call
from escalera.core.prompts import rendering
from escalera.domain.event import Observed
from escalera.domain.message import FinishReason, Reply, Usage
from escalera.domain.project import Project
from escalera.domain.scoring import Score, Submission, unscored
from escalera.engine.purse import Purse
from escalera.engine.recorder import Record, Recorder
from escalera.engine.scoring import scores
from escalera.engine.together import all_or_first_error
from escalera.errors import BadReply, CallFailed, ProviderError, RequestRejected
from escalera.ports import Invalid, Progress, Provider, Scoring

Bought = Callable[[Sequence[str]], Mapping[str, Observed]]


@dataclass(slots=True, kw_only=True)
class Evaluator:
    """Asks what is wanted and records the answers.

    `record` appends to the journal and to `evidence`; `bought` finds answers in the journal by the
    keys of their requests; `purse` is shared with whatever else buys calls for the project;
    `invalid` checks answers of tasks with a schema (None: nothing is checked). Without `scoring`,
    every answer must be one that waits for its judge.
    """

    project: Project
    evidence: Evidence
    provider: Provider
    purse: Purse
    bought: Bought
    record: Record
    progress: Progress
    invalid: Invalid | None = None
    scoring: Scoring | None = None

    async def perform(self, calls: Iterable[Call], *, purpose: str) -> None:
        """Ask each of *calls* that was not asked before, until a cap of the budget is reached.

        *calls* are walked more than once, and may be made on the way: no list of them is kept.
        A call that the endpoint refuses is recorded without a score, and so is one that it fails at
        twice while it answers others. Where it is not there, or fails at everything, its
        `ProviderError` is raised; what was answered until then is recorded.
        """
        left, twins = await self._reuse(calls), self._twins(calls)
        run = _Run(
            purpose=purpose,
            units=_units(calls, self.provider.unit),
            recorder=Recorder(self.record),
            total=left - len(twins),
            twins=twins,
        )
        try:
            await self._all(run)
            if run.failed and not run.ended:
                await self._all(run.again())
        except ProviderError:  # after it nothing is in flight; of other errors that is not known
            self.purse.settle()
            raise
        self.purse.settle()
        if twins:
            await self._reuse(calls)

    async def _all(self, run: _Run) -> None:
        await all_or_first_error([self._work(run) for _ in range(self.provider.concurrency)])

    async def _reuse(self, calls: Iterable[Call]) -> int:
        """Record answers to requests that were bought for another system or another target.

        How many calls are left to buy.
        """
        left, known = 0, bool(len(self.evidence.answers))
        new = (call for call in calls if self._is_new(call))
        while some := [*islice(new, _AT_ONCE)]:
            left += len(some)
            if known:
                left -= await self._copy(some)
        return left

    async def _copy(self, calls: Sequence[Call]) -> int:
        asked: dict[str, list[Call]] = {}
        for call in calls:
            asked.setdefault(call.request_key, []).append(call)
        known = self.bought([*asked])
        pairs = [(c, _reused(c, same)) for key, same in known.items() for c in asked[key]]
        found = await self._scores([(c, rescoring.submission(s, c.item)) for c, s in pairs])
        if pairs:
            copies = [self._copied(*pair, score) for pair, score in zip(pairs, found, strict=True)]
            self.record(copies)
        return len(pairs)

    def _twins(self, calls: Iterable[Call]) -> frozenset[_Place]:
        """Calls whose request one before them in the list makes as well; it is bought once.

        Two systems that choose what they show may choose the same for an item.
        """
        if not any(call.system.prompt.selections for call in calls):
            return frozenset()
        seen: set[str] = set()
        twins: set[_Place] = set()
        for call in calls:
            if self._is_new(call):
                key = call.request_key
                if key in seen:
                    twins.add(_place(call))
                seen.add(key)
        return frozenset(twins)

    async def _scores(self, asked: Sequence[tuple[Call, Submission | Score]]) -> list[Score]:
        task = self.project.task
        return await scores(
            self.scoring, [(task(call.item.task).scorer, answer) for call, answer in asked]
        )

    async def _work(self, run: _Run) -> None:
        """Ask unit after unit; an error or the end of the budget ends every worker."""
        for unit in run.units:
            new = [call for call in unit if self._is_new(call) and _place(call) not in run.twins]
            if not new:
                continue
            allowed = await self.purse.affordable(new)
            if run.ended or not allowed:
                run.ended = True
                return
            try:
                with self.purse.held(allowed):
                    await self.purse.secured()
                    await self._ask(allowed, run)
            except BaseException:
                run.ended = True
                raise
            run.done += len(allowed)
            self.progress(run.purpose, run.done, run.total)

    async def _ask(self, new: Sequence[Call], run: _Run) -> None:
        answers = await self.provider.answer([call.request for call in new])
        settled: list[tuple[Call, Reply | ProviderError]] = []
        failed: list[tuple[Call, ProviderError]] = []
        for call, answer in zip(new, answers, strict=True):
            if isinstance(answer, ProviderError) and not isinstance(answer, RequestRejected):
                failed.append((call, answer))
            else:
                settled.append((call, answer))
        if settled:
            run.answered, run.silent = True, 0
        given_up = [pair for pair in failed if self._gives_up(run, *pair)]
        ended = [*settled, *given_up]
        found = await self._scores([(c, _submission(c, a, len(new))) for c, a in ended])
        await run.recorder.add(
            [
                self._observed(call, answer, score, len(new))
                for (call, answer), score in zip(ended, found, strict=True)
            ]
        )

    def _gives_up(self, run: _Run, call: Call, error: ProviderError) -> bool:
        """Whether a call that failed is to go without a score; it is set aside at first.

        Raises the error where it is no property of the call: where the endpoint is not there, or
        fails at so many calls in a row that it may fail at all.
        """
        run.silent += 1
        patience = max(_IN_A_ROW, self.provider.concurrency)
        healthy = run.answered if run.last else run.silent < patience
        if not (healthy and isinstance(error, (CallFailed, BadReply))):
            raise error
        if not run.last:
            run.failed.append(call)
        return run.last

    def _observed(
        self, call: Call, answer: Reply | ProviderError, score: Score, together: int
    ) -> Observed:
        found = _observed(self.project, call, answer, score, together)
        if isinstance(answer, ProviderError):
            return found
        return replace(found, valid=self._valid(call, found.said), repairs=answer.repairs)

    def _copied(self, call: Call, same: Observed, score: Score) -> Observed:
        found = _copied(self.project, call, same, score)
        return replace(found, valid=None if same.finish is None else self._valid(call, found.said))

    def _valid(self, call: Call, text: str) -> bool | None:
        """Whether an answer is valid against its task's schema, None where there is none."""
        schema = self.project.task(call.item.task).schema
        if schema is None or self.invalid is None:
            return None
        return self.invalid(schema, text) is None

    def _is_new(self, call: Call) -> bool:
        return not self.evidence.asked(call.system, call.item, call.repeat)


# Below: private.

_Place = tuple[str, str, int]
"""What tells calls apart: system, item and repeat."""


def _place(call: Call) -> _Place:
    return call.system.digest, call.item.digest, call.repeat


@dataclass(slots=True, kw_only=True)
class _Run:
    """One list of calls under way: workers take the next unit when they have ended one."""

    purpose: str
    units: Iterator[Sequence[Call]]
    recorder: Recorder[Observed]
    total: int
    twins: frozenset[_Place] = frozenset()
    done: int = 0
    ended: bool = False
    last: bool = False
    answered: bool = False
    silent: int = 0
    failed: list[Call] = field(default_factory=list)

    def again(self) -> _Run:
        """The calls that failed, one by one, for the last time."""
        return _Run(
            purpose=self.purpose,
            units=iter([(call,) for call in self.failed]),
            recorder=self.recorder,
            total=len(self.failed),
            last=True,
            answered=self.answered,
        )


_AT_ONCE = 1000
"""Calls that are looked up in the journal together."""

_IN_A_ROW = 3
"""Failures in a row, at least, after which an endpoint is taken to fail at everything."""


def _units(calls: Iterable[Call], size: int) -> Iterator[Sequence[Call]]:
    """Runs of calls to one system, cut into units."""
    for _, run in groupby(calls, key=lambda call: call.system.digest):
        while unit := tuple(islice(run, size)):
            yield unit


def _submission(call: Call, answer: Reply | ProviderError, together: int) -> Submission | Score:
    if isinstance(answer, ProviderError):
        return unscored(str(answer))
    return Submission(
        reply=rendering.answer(call.system.prompt, answer.text),
        item=call.item,
        finish=answer.finish_reason,
        seconds=answer.seconds / together,
        micro_dollars=answer.micro_dollars,
    )


def _observed(
    project: Project, call: Call, answer: Reply | ProviderError, found: Score, together: int
) -> Observed:
    item = call.item
    finish: FinishReason | None = None
    said: str | None = None
    if isinstance(answer, ProviderError):
        reply = _REFUSED
    else:
        reply, finish = answer, answer.finish_reason
        part = rendering.answer(call.system.prompt, reply.text)
        said = None if part == reply.text else part
    return Observed(
        system=call.system.digest,
        item=item.id,
        item_digest=item.digest,
        repeat=call.repeat,
        task=item.task,
        split=item.split,
        cluster=item.cluster,
        scorer=project.task(item.task).scorer,
        score=found.value,
        reason=found.reason,
        request=call.request_key,
        bought=True,
        reply=reply.text,
        finish=finish,
        attempts=reply.attempts,
        usage=reply.usage,
        micro_dollars=reply.micro_dollars,
        revision=reply.revision,
        seconds=reply.seconds / together,
        answer=said,
    )


def _reused(call: Call, same: Observed) -> Observed:
    """*same* with the part of its reply that is the answer to *call*: prompts mark it."""
    part = rendering.answer(call.system.prompt, same.reply)
    return replace(same, answer=None if part == same.reply else part)


def _copied(project: Project, call: Call, same: Observed, found: Score) -> Observed:
    """The answer of *same*, with its score for the item of *call*; nothing is paid."""
    item = call.item
    return replace(
        same,
        system=call.system.digest,
        item=item.id,
        item_digest=item.digest,
        task=item.task,
        split=item.split,
        cluster=item.cluster,
        scorer=project.task(item.task).scorer,
        score=found.value,
        reason=found.reason,
        bought=False,
    )


_REFUSED = Reply(
    text="",
    finish_reason="filtered",
    usage=Usage(prompt_tokens=0, completion_tokens=0),
    micro_dollars=0,
    seconds=0.0,
    revision="",
)
"""Stands for the answer to a call that the endpoint refused: nothing was billed."""
