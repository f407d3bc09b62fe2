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
    if request.verbatim:
        prompt = model.verbatim(request.messages[-1].content)
    else:
        prompt = model.prompt(request.messages)
    longest = len(prompt) + request.decoding.max_tokens
    if model.context is not None and longest > model.context:
        raise RequestRejected(
            f"{len(prompt)} prompt tokens and max_tokens {request.decoding.max_tokens} "
            f"are {longest} tokens; the model's context holds {model.context}.",
            provider=base.name,
            hint="Shorten the message, use fewer examples, or lower max_tokens.",
        )
    for token, _ in request.decoding.logit_bias:
        if token >= model.width:
            raise RequestRejected(
                f"logit_bias names the token {token}; the model's last is {model.width - 1}.",
                provider=base.name,
                hint="Use the numbers of this model's tokenizer.",
            )
    if request.logprobs is not None:
        model.vocabulary()
    guide = None if request.output is None else _guide(model, base, request.output)
    return Row(
        prompt=prompt,
        decoding=request.decoding,
        guide=guide,
        choice=request.choice,
        logprobs=request.logprobs,
    )


def require_plain(base: BaseModel, request: Request) -> None:
    """Raise `RequestRejected` for what only continuous batching does."""
    asked = [
        name
        for name in ("stop", "presence_penalty", "frequency_penalty", "logit_bias")
        if getattr(request.decoding, name)
    ]
    if request.logprobs is not None:
        asked.append("logprobs")
    if asked:
        raise RequestRejected(
            f"{asked[0]} is not offered for this model, which answers in static batches.",
            provider=base.name,
            hint="Leave it out: it would change the answer, so it is not ignored.",
        )


def reply(
    base: BaseModel, decoded: Row, text: str, *, seconds: float, ended: int | None = None
) -> Reply:
    """The reply of a row that says *text*: it is finished, or a stop text has *ended* it.

    *ended* is how many tokens it had said by then.
    """
    said = len(decoded.tokens) if ended is None else ended
    usage = Usage(prompt_tokens=len(decoded.prompt), completion_tokens=said)
    return Reply(
        text=text,
        finish_reason="length" if ended is None and decoded.cut else "stop",
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
