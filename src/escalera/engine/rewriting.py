"""Performing a rewrite: a model is shown a prompt and its mistakes, and says what to add.

To the engine the proposer is a system like any other that is asked once, from the same caps.
"""

from __future__ import annotations

from collections.abc import Mapping

from escalera.core.ladder.steps import Call, Rewrite
from escalera.core.prompts import rendering, rewriting, templates
from escalera.core.prompts.rewriting import Mistake
from escalera.domain.dataset import Example
from escalera.domain.event import Drafted, Observed
from escalera.domain.message import Decoding, Reply
from escalera.domain.project import BaseModel
from escalera.domain.system import Prompt, System
from escalera.engine.purse import Purse
from escalera.errors import ProviderError
from escalera.ports import Journal, Provider


async def draft(
    step: Rewrite, proposer: BaseModel, *, provider: Provider, purse: Purse, journal: Journal
) -> Drafted:
    """Ask *proposer* for the edits of *step*. Raises `ProviderError` where it is not there.

    What was answered wrong is read from *journal*; the worst case is held in *purse*, which is to
    be settled when the draft is recorded.
    """
    known = journal.bought([call.request_key for call in step.mistakes])
    message = rewriting.brief(
        step.parent.prompt, [_mistake(call, known) for call in step.mistakes], step.tried
    )
    call = _call(step, proposer, message)
    try:
        with purse.held([call]):
            await purse.secured()
            (reply,) = await provider.answer([call.request])
        if isinstance(reply, ProviderError):
            raise reply
    except ProviderError:  # after it nothing is in flight; of other errors that is not known
        purse.settle()
        raise
    return _drafted(step, proposer, reply)


# Below: private.


def _mistake(call: Call, known: Mapping[str, Observed]) -> Mistake:
    seen = known.get(call.request_key)
    said = "" if seen is None else rendering.answer(call.system.prompt, seen.reply)
    return Mistake(input=call.item.input, expected=call.item.target, said=said)


def _call(step: Rewrite, proposer: BaseModel, message: str) -> Call:
    system = System(
        model=proposer.name,
        revision=proposer.revision,
        prompt=Prompt(system=templates.literal(rewriting.SYSTEM)),
        decoding=Decoding(max_tokens=rewriting.MOST_TOKENS),
    )
    name = f"{step.task}/search/{step.round}"
    item = Example(id=name, task=step.task, split="search", input=message, target="", cluster=name)
    return Call(system=system, item=item)


def _drafted(step: Rewrite, proposer: BaseModel, reply: Reply) -> Drafted:
    return Drafted(
        task=step.task,
        round=step.round,
        parent=step.parent.digest,
        model=proposer.name,
        edits=rewriting.edits(reply.text),
        reply=reply.text,
        usage=reply.usage,
        micro_dollars=reply.micro_dollars,
        revision=reply.revision,
        seconds=reply.seconds,
    )
