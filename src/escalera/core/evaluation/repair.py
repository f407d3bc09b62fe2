"""The dialogue that sends an invalid answer back: a generator that yields requests, takes replies.

Only the last answer is sent back, so that a repair costs a bounded number of tokens. What an answer
is worth is not asked here: a repair makes the form right, not the content.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

from escalera.domain.message import Message, Reply, Request, Usage

BYTES_PER_TOKEN = 8
"""Bytes of an answer that are sent back, per token that it may have: its price must be bounded."""
MAX_COMPLAINT = 400
"""Bytes of what is said about an invalid answer."""
COMPLAINT = "That is not valid: {problem}. Answer again with valid JSON, and with nothing else."

Problem = Callable[[str], str | None]
"""What is wrong with a text, or None when it keeps to the contract."""


def dialogue(request: Request, problem: Problem) -> Generator[Request, Reply, Reply]:
    """Ask *request*, and again while the answer is invalid and a repair is left.

    Returns the last reply with what all of them took. One that was filtered is not sent back.
    """
    left = 0 if request.output is None else request.output.repairs
    asked, replies = request, []
    while True:
        reply = yield asked
        replies.append(reply)
        wrong = problem(reply.text)
        if wrong is None or len(replies) > left or reply.finish_reason == "filtered":
            return whole(replies)
        asked = again(request, reply.text, wrong)


def again(request: Request, text: str, wrong: str) -> Request:
    """*request* with the invalid answer and what is wrong with it."""
    sent = _cut(text, BYTES_PER_TOKEN * request.decoding.max_tokens) or "(nothing)"
    complaint = COMPLAINT.format(problem=_cut(wrong, MAX_COMPLAINT - len(COMPLAINT)))
    turns = (Message(role="assistant", content=sent), Message(role="user", content=complaint))
    return replace(request, messages=(*request.messages, *turns))


def longest(request: Request) -> int:
    """Bytes that a repair adds to the prompt, at most."""
    return BYTES_PER_TOKEN * request.decoding.max_tokens + MAX_COMPLAINT


def whole(replies: Sequence[Reply]) -> Reply:
    """The last reply with tokens, price, seconds and failed tries of all of them."""
    last = replies[-1]
    if len(replies) == 1:
        return last
    costs = [reply.micro_dollars for reply in replies]
    known = [cost for cost in costs if cost is not None]
    return replace(
        last,
        usage=Usage(
            prompt_tokens=sum(reply.usage.prompt_tokens for reply in replies),
            completion_tokens=sum(reply.usage.completion_tokens for reply in replies),
            cached_tokens=sum(reply.usage.cached_tokens for reply in replies),
        ),
        micro_dollars=sum(known) if len(known) == len(costs) else None,
        seconds=sum(reply.seconds for reply in replies),
        attempts=1 + sum(reply.attempts - 1 for reply in replies),
        repairs=len(replies) - 1,
    )


# Below: private.


def _cut(text: str, size: int) -> str:
    """The first *size* bytes of *text*, without half a character at the end."""
    return text.encode()[:size].decode(errors="ignore")
