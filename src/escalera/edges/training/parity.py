"""Whether a conversation is taught with the tokens that it will be asked with, before it costs
anything: an adapter that was taught other tokens learned another task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from escalera.core.prompts import chat_form
from escalera.domain.message import Message
from escalera.domain.recipe import TrainingPair
from escalera.edges.training.lessons import prompt_tokens
from escalera.errors import TrainingError

Conversation = Sequence[Message]
Asked = Callable[[Sequence[Conversation]], Sequence[Sequence[int]]]
"""From conversations to the tokens with which the serving engine asks them, in order."""

SAMPLE = 64
"""Conversations of the training that are compared, spread over all, beside the fixed ones."""


def require(tokenizer: Any, pairs: Sequence[TrainingPair], asked: Asked) -> None:
    """Compare the tokens of trainer and serving engine. Raises `TrainingError` where they differ,
    with the place."""
    stride = max(1, len(pairs) // SAMPLE)
    sample = [pair.messages for pair in pairs[::stride]][:SAMPLE]
    conversations: list[Conversation] = [*chat_form.PROBES, *sample]
    told = [prompt_tokens(tokenizer, messages) for messages in conversations]
    for messages, ours, theirs in zip(conversations, told, asked(conversations), strict=True):
        if tuple(ours) != tuple(theirs):
            raise TrainingError(_difference(tokenizer, messages, ours, tuple(theirs)))


# Below: private.


def _difference(
    tokenizer: Any, messages: Conversation, ours: tuple[int, ...], theirs: tuple[int, ...]
) -> str:
    shared = min(len(ours), len(theirs))
    place = next((n for n in range(shared) if ours[n] != theirs[n]), shared)
    said = messages[-1].content[:60]
    return (
        f"the training would teach the conversation that ends with {said!r} in {len(ours)} tokens, "
        f"and the serving engine asks it in {len(theirs)}: they differ at token {place + 1}, "
        f"{tokenizer.decode(ours[place : place + 8])!r} against "
        f"{tokenizer.decode(theirs[place : place + 8])!r}. "
        "Give both the same tokenizer and chat template; nothing was trained."
    )
