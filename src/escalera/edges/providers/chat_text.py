"""Chat text to tokens and back, as the engine of this package does it; weights are not needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from transformers import AutoTokenizer
from transformers.utils import logging

from escalera.core.prompts import chat_form
from escalera.core.prompts.chat_form import ChatForm
from escalera.domain.message import Message
from escalera.edges.model_loading import refused_as
from escalera.errors import InputError, RequestRejected


class ChatText:
    """The tokenizer and chat template of a model. Raises `InputError` for one that loses text."""

    def __init__(self, *, name: str, tokenizer: Any) -> None:
        self._name = name
        self._tokenizer = tokenizer
        self._form = self._examined()

    def prompt(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Tokens of the conversation, ending where the answer begins. Raises `RequestRejected`."""
        try:
            text = self._rendered(self._form.told(messages))
        except (jinja2.TemplateError, IndexError) as error:
            roles = [message.role for message in messages]
            raise RequestRejected(
                f"the chat template refuses the roles {roles!r}: {error}.",
                provider=self._name,
                hint="Use the roles and the order that the model was trained with.",
            ) from error
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def verbatim(self, text: str) -> tuple[int, ...]:
        """Tokens of *text* as it is, behind the mark that begins a text where the model has one.

        Raises `RequestRejected` where there are none.
        """
        tokens = tuple(self._tokenizer(text)["input_ids"])
        if not tokens:
            raise RequestRejected(
                "the prompt is empty, and this model has no mark with which a text begins.",
                provider=self._name,
                hint="Give it a beginning to go on with.",
            )
        return tokens

    def text(self, tokens: Sequence[int]) -> str:
        """What the tokens say; marks of turns are left out."""
        said: str = self._tokenizer.decode(
            tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return said

    def _rendered(self, messages: Sequence[Message]) -> str:
        turns = [{"role": message.role, "content": message.content} for message in messages]
        text: str = self._tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=True
        )
        return text

    def _examined(self) -> ChatForm:
        try:
            return chat_form.examine(self._rendered, (jinja2.TemplateError, IndexError))
        except ValueError as error:
            raise InputError(
                f"the chat template of the model {self._name!r} loses a part of a conversation: "
                f"{error}. Use the template that belongs to the model."
            ) from error


def asked(
    name: str, folder: Path, conversations: Sequence[Sequence[Message]]
) -> list[tuple[int, ...]]:
    """The tokens with which the model in *folder* is asked, read from its files alone.

    Raises `InputError` where they cannot be read.
    """
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with refused_as(_unusable, folder):
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    chat = ChatText(name=name, tokenizer=tokenizer)
    return [chat.prompt(messages) for messages in conversations]


# Below: private.


def _unusable(folder: Path, reason: str) -> InputError:
    return InputError(
        f"the tokenizer of the model folder {str(folder)!r} cannot be loaded: {reason}. "
        "Copy its files again."
    )
