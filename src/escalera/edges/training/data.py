"""Conversations as token ids with the answer marked, and the order in which they are learned.

What is taught is exactly what serving will ask for: the prompt is tokenised as the serving side
tokenises it, and the lesson ends with the token at which the serving side stops.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
import numpy as np

from escalera.core.prompts import chat_form
from escalera.core.prompts.chat_form import ChatForm
from escalera.domain.message import Message
from escalera.domain.recipe import TrainingPair
from escalera.errors import TrainingError


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """Token ids of a conversation; the answer, with its end token, begins at `answer`."""

    tokens: tuple[int, ...]
    answer: int


def lessons(
    pairs: Sequence[TrainingPair], tokenizer: Any, *, stops: frozenset[int], context: int | None
) -> tuple[Lesson, ...]:
    """Every pair as a lesson, in order. Raises `TrainingError` before anything is computed."""
    if not pairs:
        raise TrainingError("there is no training example. Give the task `train` items.")
    form = _form(tokenizer)
    told = (TrainingPair(messages=form.told(p.messages), target=p.target) for p in pairs)
    found = tuple(_lesson(pair, tokenizer, stops) for pair in told)
    for number, lesson in enumerate(found, start=1):
        if context is not None and len(lesson.tokens) > context:
            raise TrainingError(
                f"training example {number} of {len(found)} has {len(lesson.tokens)} tokens; "
                f"the model's context holds {context}. "
                "Shorten the message or the prompt, or leave the example out."
            )
    return found


def batches(
    found: Sequence[Lesson], *, batch_tokens: int, seed: int, epoch: int
) -> Iterator[list[Lesson]]:
    """Lessons of like length together, at most `batch_tokens` with padding, in shuffled order.

    A longer lesson makes a batch of its own. The order is a function of (seed, epoch).
    """
    generator = np.random.default_rng([seed, epoch])
    shuffled = [found[place] for place in generator.permutation(len(found))]
    shuffled.sort(key=lambda lesson: len(lesson.tokens))
    made: list[list[Lesson]] = [[]]
    for lesson in shuffled:  # the longest of a batch is its last
        if made[-1] and (len(made[-1]) + 1) * len(lesson.tokens) > batch_tokens:
            made.append([])
        made[-1].append(lesson)
    for place in generator.permutation(len(made)):
        yield made[place]


def stop_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end an answer: those of the generation configuration and of the tokenizer.

    `escalera.edges.providers.local_model` stops at the same tokens; a contract test holds them
    together.
    """
    declared = model.generation_config.eos_token_id
    stops = {declared} if isinstance(declared, int) else set(declared or ())
    return frozenset(stops | ({tokenizer.eos_token_id} - {None}))


def _form(tokenizer: Any) -> ChatForm:
    """How the serving side tells a conversation to this template: so it is taught."""

    def render(messages: Sequence[Message]) -> str:
        turns = [{"role": message.role, "content": message.content} for message in messages]
        text: str = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        return text

    try:
        return chat_form.examine(render, (jinja2.TemplateError, IndexError))
    except ValueError as error:
        raise TrainingError(
            f"the chat template loses a part of a conversation: {error}. "
            "Use the template that belongs to the model."
        ) from error


# One conversation


def _lesson(pair: TrainingPair, tokenizer: Any, stops: frozenset[int]) -> Lesson:
    turns = [{"role": message.role, "content": message.content} for message in pair.messages]
    answer = {"role": "assistant", "content": pair.target}
    try:
        before = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        whole = tokenizer.apply_chat_template([*turns, answer], tokenize=False)
    except (jinja2.TemplateError, IndexError) as error:
        raise TrainingError(
            f"the chat template refuses the roles {[turn['role'] for turn in turns]!r}: {error}. "
            "Use the roles and the order that the model was trained with."
        ) from error
    if not whole.startswith(before):
        raise TrainingError(
            f"the chat template renders an answered conversation as {whole[-80:]!r}, which does "
            f"not continue the question {before[-80:]!r}: where the answer begins is unknown. "
            "Use a template whose generation prompt is what precedes an answer."
        )
    prompt = tokenizer(before, add_special_tokens=False)["input_ids"]
    tokens = tokenizer(whole, add_special_tokens=False)["input_ids"]
    if tokens[: len(prompt)] != prompt:
        # A token spans the boundary; serving will see the prompt's own tokens, so teach those.
        rest = tokenizer(whole[len(before) :], add_special_tokens=False)["input_ids"]
        tokens = [*prompt, *rest]
    return Lesson(tokens=tuple(_until_stop(tokens, len(prompt), stops)), answer=len(prompt))


def _until_stop(tokens: list[int], answer: int, stops: frozenset[int]) -> list[int]:
    """Cut after the token at which serving stops; what templates add behind it is never said."""
    for place in range(len(tokens) - 1, answer - 1, -1):
        if tokens[place] in stops:
            return tokens[: place + 1]
    raise TrainingError(
        f"the chat template ends an answer with the tokens {tokens[-3:]!r}, none of which stops "
        f"the model ({sorted(stops)!r}): it would never learn to stop. "
        "Add the template's end-of-turn token to eos_token_id in generation_config.json."
    )
