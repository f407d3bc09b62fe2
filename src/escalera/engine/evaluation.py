"""Performing an evaluation: calls in units, each unit recorded as a whole.

Units are cut from the step's whole list of calls, before those already answered are left out. So
a batch has the same composition whether or not the climb was interrupted, and a model whose
arithmetic depends on the batch gives the same answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from itertools import groupby

from escalera.core.evaluation import scorers
from escalera.core.evidence import Evidence
from escalera.core.ladder.steps import Call, Evaluate
from escalera.domain.event import Observed
from escalera.domain.message import FinishReason, Reply, Usage
from escalera.domain.project import Project
from escalera.errors import ProviderError, RequestRejected
from escalera.ports import Progress, Provider

Record = Callable[[Sequence[Observed]], None]


async def perform(
    step: Evaluate,
    *,
    project: Project,
    evidence: Evidence,
    provider: Provider,
    record: Record,
    progress: Progress,
) -> None:
    """Ask every call of *step* that was not asked before.

    Raises the `ProviderError` of a call that failed for want of the endpoint; what was answered
    until then is recorded. A call that the endpoint refuses is recorded without a score.
    """
    units = [unit for unit in _units(step.calls, provider.unit) if _new(unit, evidence)]
    total = sum(len(_new(unit, evidence)) for unit in units)
    done = 0
    ended = False
    gate = asyncio.Semaphore(provider.concurrency)

    async def run(unit: Sequence[Call]) -> None:
        nonlocal done, ended
        async with gate:
            if ended:
                return
            try:
                new = _new(unit, evidence)
                await ask(new)
            except BaseException:
                ended = True
                raise
            done += len(new)
            progress(step.purpose, done, total)

    async def ask(new: Sequence[Call]) -> None:
        answers = await provider.answer([c.system.request(c.item.input) for c in new])
        pairs = list(zip(new, answers, strict=True))
        record([_observed(project, c, a, len(new)) for c, a in pairs if not _is_outage(a)])
        for _, answer in pairs:
            if isinstance(answer, ProviderError) and _is_outage(answer):
                raise answer

    await _all_or_first_error([run(unit) for unit in units])


# Below: private.


async def _all_or_first_error(work: Sequence[Coroutine[None, None, None]]) -> None:
    """Run all and raise the first error.

    When the endpoint is away, units under way end and are recorded: they are paid for. Whatever
    else goes wrong ends them.
    """
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        for finished in asyncio.as_completed(tasks):
            await finished
    except ProviderError:
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _units(calls: Sequence[Call], size: int) -> list[Sequence[Call]]:
    """Runs of calls to one system, cut into units."""
    found: list[Sequence[Call]] = []
    for _, run in groupby(calls, key=lambda call: call.system.digest):
        same = list(run)
        found.extend(same[i : i + size] for i in range(0, len(same), size))
    return found


def _new(unit: Sequence[Call], evidence: Evidence) -> list[Call]:
    return [call for call in unit if not evidence.has(call.system, call.item)]


def _is_outage(answer: Reply | ProviderError) -> bool:
    return isinstance(answer, ProviderError) and not isinstance(answer, RequestRejected)


def _observed(
    project: Project, call: Call, answer: Reply | ProviderError, together: int
) -> Observed:
    item, scorer = call.item, project.task(call.item.task).scorer
    finish: FinishReason | None = None
    if isinstance(answer, ProviderError):
        reply, found = _REFUSED, scorers.Score(value=None, reason=str(answer))
    else:
        reply, finish = answer, answer.finish_reason
        found = scorers.score(
            scorer, reply=reply.text, target=item.target, finish=reply.finish_reason
        )
    return Observed(
        system=call.system.digest,
        item=item.id,
        item_digest=item.digest,
        task=item.task,
        split=item.split,
        cluster=item.cluster,
        scorer=scorer,
        score=found.value,
        reason=found.reason,
        reply=reply.text,
        finish=finish,
        usage=reply.usage,
        micro_dollars=reply.micro_dollars,
        revision=reply.revision,
        seconds=reply.seconds / together,
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
