"""What a model's chat template does to a conversation, and how a prompt is told so that all of it
arrives.

Templates differ: some refuse a system message, some drop it silently, some lose turns. A prompt
that does not arrive as it was written would be measured as if it did; so this is found out with
marked texts when a model is loaded, and not from bad answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from escalera.domain.message import Message

Render = Callable[[Sequence[Message]], str]
"""A chat template: from a conversation to the text that the model reads. May raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatForm:
    """Whether system messages arrive. Where not, they are told at the head of the first message."""

    system: bool

    def told(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """*messages* in a form in which all of their texts reach the model."""
        if self.system or not messages or messages[0].role != "system":
            return tuple(messages)
        head, *rest = messages
        if not rest or rest[0].role != "user":
            return (Message(role="user", content=head.content), *rest)
        first = Message(role="user", content=f"{head.content}\n\n{rest[0].content}")
        return (first, *rest[1:])


def examine(render: Render, refused: tuple[type[Exception], ...]) -> ChatForm:
    """The form that a template takes. Raises ValueError, in words, where no form reaches the model.

    *refused* are the errors by which *render* refuses a conversation.
    """
    if _lost(render, _WITH_SYSTEM, refused) is None:
        return ChatForm(system=True)
    form = ChatForm(system=False)
    lost = _lost(render, form.told(_WITH_SYSTEM), refused)
    if lost is not None:
        raise ValueError(lost)
    return form


PROBES: tuple[tuple[Message, ...], ...] = (
    (
        Message(role="system", content="Short, please: two  spaces."),
        Message(role="user", content="Größe 42?\nПривет, 你好 🙂"),
    ),
    (
        Message(role="user", content=" leading, trailing "),
        Message(role="assistant", content='{"a": [1, 2.5]}'),
        Message(role="user", content="don't </s> <|im_end|> [INST]"),
    ),
)
"""Conversations on which templates and tokenizers differ: two that make the same tokens of these
tell a conversation alike."""


# Below: private.

_WITH_SYSTEM = (
    Message(role="system", content="alpha 1831"),
    Message(role="user", content="beta 2742"),
    Message(role="assistant", content="gamma 3653"),
    Message(role="user", content="delta 4564"),
)


def _lost(
    render: Render, messages: Sequence[Message], refused: tuple[type[Exception], ...]
) -> str | None:
    """Which text does not arrive, once and in its place, in words; None where all do."""
    try:
        text = render(messages)
    except refused as error:
        return f"it refuses the roles {[message.role for message in messages]!r}: {error}"
    place = -1
    for message in messages:
        for said in message.content.split("\n\n"):
            found = text.find(said)
            if found < 0:
                return f"it leaves out what the {message.role} says"
            if found <= place or text.count(said) > 1:
                return f"it repeats or moves what the {message.role} says"
            place = found
    return None
