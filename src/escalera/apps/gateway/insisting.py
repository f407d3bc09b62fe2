"""Answers that a request wants in a schema: one that is not is sent back once, then refused."""

from __future__ import annotations

from escalera.apps.gateway import asked as asking_of
from escalera.apps.gateway import enforcing
from escalera.apps.gateway.asked import Asked, Opened, Problem
from escalera.apps.gateway.asking import Found
from escalera.apps.gateway.board import Plan
from escalera.apps.gateway.remembering import Asks
from escalera.domain.traffic import Attempt
from escalera.ports import Invalid


async def insist(asking: Asks, asked: Asked, plan: Plan, found: Opened, invalid: Invalid) -> Found:
    """*found*, or the answer to its repair; a problem where neither keeps to the schema.

    Streams pass as they are: what is wrong with one shows only when the caller has it.
    """
    wanted = enforcing.schema(asked.operation, asked.body)
    if wanted is None or found.passage is not None:
        return found
    talk = enforcing.dialogue(asked.operation, asked.body, wanted, invalid)
    next(talk)
    try:
        again = talk.send(found.body)
        while True:
            answered = await _again(asking, asked, plan, found, again)
            if not isinstance(answered, Opened):
                return answered
            found = answered
            again = talk.send(found.body)
    except StopIteration as end:
        ended: enforcing.Enforced = end.value
    if not ended.problem:
        return found
    let_go(asked, found)
    return Problem(
        deployment=found.provenance.deployment,
        blame="nobody",
        fault="",
        code="schema_unsatisfied",
        message="The answer does not keep to the schema of the request, nor did it when it was "
        f"sent back: {ended.problem}",
    )


def let_go(asked: Asked, found: Opened) -> None:
    """Count an answer that the caller does not get."""
    found.exchange.close()
    asked.waited += found.first_byte
    usage, price = found.usage, found.provenance.price
    asked.attempts.append(
        Attempt(
            deployment=found.provenance.deployment,
            purpose=found.purpose,
            started=found.started,
            seconds=found.first_byte,
            first_byte=found.first_byte,
            status=found.exchange.status,
            fault="cancelled" if usage is None else "",
            prompt_tokens=0 if usage is None else usage.prompt,
            completion_tokens=0 if usage is None else usage.completion,
            cost=asking_of.cost(price, usage),
        )
    )


# Below: private.


async def _again(asking: Asks, asked: Asked, plan: Plan, found: Opened, body: bytes) -> Found:
    """Ask once more, with what is wrong with the last answer."""
    let_go(asked, found)
    if not await asked.extend():
        return Problem(
            deployment=found.provenance.deployment,
            blame="nobody",
            fault="",
            code="schema_unsatisfied",
            message="The answer does not keep to the schema of the request, and too little is left "
            "of the key's allowance to send it back.",
        )
    asked.body = body
    return await asking.ask(asked, plan)
