"""From a request to the row that a local model decodes, and from the row to the reply."""

from __future__ import annotations

from escalera.domain.contract import OutputContract
from escalera.domain.message import Reply, Request, Usage
from escalera.domain.project import BaseModel, ModelPrice
from escalera.edges.providers.decoding import Row
from escalera.edges.providers.grammar import Guide
from escalera.edges.providers.local_model import LocalModel
from escalera.errors import RequestRejected


def row(model: LocalModel, base: BaseModel, request: Request) -> Row:
    """The row of *request*. Raises `RequestRejected` where the model cannot decode it."""
    prompt = model.prompt(request.messages)
    longest = len(prompt) + request.decoding.max_tokens
    if model.context is not None and longest > model.context:
        raise RequestRejected(
            f"{len(prompt)} prompt tokens and max_tokens {request.decoding.max_tokens} "
            f"are {longest} tokens; the model's context holds {model.context}.",
            provider=base.name,
            hint="Shorten the message, use fewer examples, or lower max_tokens.",
        )
    guide = None if request.output is None else _guide(model, base, request.output)
    return Row(prompt=prompt, decoding=request.decoding, guide=guide)


def reply(base: BaseModel, decoded: Row, text: str, *, seconds: float) -> Reply:
    """The reply of a finished row that says *text*."""
    usage = Usage(prompt_tokens=len(decoded.prompt), completion_tokens=len(decoded.tokens))
    return Reply(
        text=text,
        finish_reason="length" if decoded.cut else "stop",
        usage=usage,
        micro_dollars=_charge(usage, base.price),
        seconds=seconds,
        revision=base.revision,
    )


# Below: private.


def _guide(model: LocalModel, base: BaseModel, output: OutputContract) -> Guide | None:
    if output.mode == "constrained":
        return model.guide(output.schema)
    if output.mode == "prompt":
        return None
    raise RequestRejected(
        f"a local model has no output mode {output.mode!r}.",
        provider=base.name,
        hint="Use 'constrained', which leaves it no other answer, or 'prompt'.",
    )


def _charge(usage: Usage, price: ModelPrice | None) -> int | None:
    """Micro-dollars, rounded half up; None where there is no price."""
    if price is None:
        return None
    millionths = usage.prompt_tokens * price.prompt + usage.completion_tokens * price.completion
    return (millionths + 500_000) // 1_000_000
