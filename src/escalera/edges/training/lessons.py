"""Conversations as token ids with the answer marked.

What is taught is exactly what serving will ask for: the prompt is tokenised as the serving side
tokenises it, and the lesson ends with the token at which the serving side stops.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jinja2

from escalera.core.prompts import chat_form
from escalera.core.prompts.chat_form import ChatForm
from escalera.domain.message import Message
from escalera.domain.recipe import TrainingPair
from escalera.errors import TrainingError

_ANSWER = "yes"
"""What answers a conversation that only shows whether one can be taught."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """Token ids of a conversation; the answer, with its end token, begins at `answer`.

    `place` is the place of its pair, and lessons of one `family` are likely to begin alike.
    """

    tokens: tuple[int, ...]
    answer: int
    place: int = 0
    family: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Teaching:
    """What conversations are told with: tokenizer, end tokens, and the model's context.

    `width` is how many tokens the model knows, None where that does not matter.
    """

    tokenizer: Any
    stops: frozenset[int]
    context: int | None
    width: int | None = None

    def require(self) -> None:
        """Raise `TrainingError` where no conversation can be taught to this model."""
        form = _form(self.tokenizer)
        for probe in chat_form.PROBES:
            told = form.told(probe)
            tokens, _ = _lesson(told, _ANSWER, self.tokenizer, self.stops)
            if unknown := self._unknown(tokens):
                raise TrainingError(unknown)

    def lessons(self, pairs: Sequence[TrainingPair]) -> tuple[Lesson, ...]:
        """The right answer of every pair as a lesson, in order.

        Raises `TrainingError` before anything is computed.
        """
        if not pairs:
            raise TrainingError("there is no training example. Give the task `train` items.")
        return self._told(pairs, [pair.target for pair in pairs])

    def rejected(self, pairs: Sequence[TrainingPair]) -> tuple[Lesson, ...]:
        """The rejected answer of every pair as a lesson. Raises `TrainingError` without one."""
        answers = []
        for number, pair in enumerate(pairs, start=1):
            if pair.rejected is None or pair.rejected == pair.target:
                raise TrainingError(
                    f"training example {number} of {len(pairs)} ({pair.item or 'unnamed'}) has no "
                    "rejected answer that differs from the right one. Add `rejected` to its row, "
                    "or train with the objective 'supervised'."
                )
            answers.append(pair.rejected)
        return self._told(pairs, answers)

    def sizes(self, pairs: Sequence[TrainingPair]) -> list[int | str]:
        """The tokens of every pair, of both answers where there are two, or why it cannot be told.

        Raises `TrainingError` where the template can tell none.
        """
        form = _form(self.tokenizer)
        return [self._size(form, pair) for pair in pairs]

    def _size(self, form: ChatForm, pair: TrainingPair) -> int | str:
        answers = [pair.target] if pair.rejected is None else [pair.target, pair.rejected]
        told, total = form.told(pair.messages), 0
        for answer in answers:
            try:
                tokens, _ = _lesson(told, answer, self.tokenizer, self.stops)
            except TrainingError as error:
                return str(error)
            if self.context is not None and len(tokens) > self.context:
                return f"has {len(tokens)} tokens, and the model's context holds {self.context}"
            if unknown := self._unknown(tokens):
                return unknown
            total += len(tokens)
        return total

    def longest(self, pairs: Sequence[TrainingPair]) -> tuple[int, int]:
        """The most tokens of a conversation with its answer, and of an answer without its end.

        Raises `TrainingError` for a conversation that cannot be told.
        """
        form = _form(self.tokenizer)
        told = [
            _lesson(form.told(pair.messages), pair.target, self.tokenizer, self.stops)
            for pair in pairs
        ]
        return (
            max(len(tokens) for tokens, _ in told),
            max(len(tokens) - answer - 1 for tokens, answer in told),
        )

    def _unknown(self, tokens: Sequence[int]) -> str:
        """What is to be said where the model does not know one of the tokens; empty where not."""
        if self.width is None or max(tokens) < self.width:
            return ""
        mark = self.tokenizer.convert_ids_to_tokens(max(tokens))
        return (
            f"the tokenizer's token {max(tokens)} ({mark!r}) is none of the model's, which knows "
            f"{self.width}. Give the tokenizer that belongs to the model, or enlarge the model: "
            "`model.resize_token_embeddings(len(tokenizer))` of Transformers."
        )

    def _told(self, pairs: Sequence[TrainingPair], answers: Sequence[str]) -> tuple[Lesson, ...]:
        form = _form(self.tokenizer)
        found = []
        for place, (pair, answer) in enumerate(zip(pairs, answers, strict=True)):
            tokens, start = _lesson(form.told(pair.messages), answer, self.tokenizer, self.stops)
            if self.context is not None and len(tokens) > self.context:
                raise TrainingError(
                    f"training example {place + 1} of {len(pairs)}{_named(pair)} has "
                    f"{len(tokens)} tokens; the model's context holds {self.context}. "
                    "Shorten the message or the prompt, or leave the example out"
                    f"{_how_left_out(pair)}."
                )
            if unknown := self._unknown(tokens):
                raise TrainingError(
                    f"training example {place + 1} of {len(pairs)}{_named(pair)}: {unknown}"
                )
            found.append(Lesson(tokens=tokens, answer=start, place=place, family=pair.task))
        return tuple(found)


def prompt_tokens(tokenizer: Any, messages: Sequence[Message]) -> tuple[int, ...]:
    """Tokens of a conversation up to where the answer begins, as it is taught."""
    turns = _turns(_form(tokenizer).told(messages))
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    return tuple(tokenizer(text, add_special_tokens=False)["input_ids"])


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
        text: str = tokenizer.apply_chat_template(
            _turns(messages), tokenize=False, add_generation_prompt=True
        )
        return text

    try:
        return chat_form.examine(render, (jinja2.TemplateError, IndexError))
    except ValueError as error:
        raise TrainingError(
            f"the chat template loses a part of a conversation: {error}. "
            "Use the template that belongs to the model."
        ) from error


def _named(pair: TrainingPair) -> str:
    return f" ({pair.item})" if pair.item else ""


def _how_left_out(pair: TrainingPair) -> str:
    return f": training.without = [{json.dumps(pair.item)}]" if pair.item else ""


# One conversation


def _turns(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in messages]


def _lesson(
    messages: Sequence[Message], target: str, tokenizer: Any, stops: frozenset[int]
) -> tuple[tuple[int, ...], int]:
    turns, answer = _turns(messages), {"role": "assistant", "content": target}
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
    return tuple(_until_stop(tokens, len(prompt), stops)), len(prompt)


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
