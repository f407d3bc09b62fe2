"""How the examples of a training are told to the model: what a wrong template or mask shows in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from escalera.domain.message import Message
from escalera.domain.recipe import TrainingPair
from escalera.domain.training import Lesson as Facts
from escalera.domain.training import Told
from escalera.edges.training.lessons import Lesson, Teaching, prompt_tokens


def facts(teaching: Teaching, lessons: Sequence[Lesson], pairs: Sequence[TrainingPair]) -> Told:
    """Lengths of every lesson and of its answer by itself, and the marks of who speaks."""
    tokenizer = teaching.tokenizer
    targets = tokenizer([pair.target for pair in pairs], add_special_tokens=False)["input_ids"]
    marks = {text: token for text, token in _special(tokenizer).items() if _TURN.search(text)}
    seen = {token for lesson in lessons for token in lesson.tokens}
    return Told(
        lessons=tuple(
            Facts(
                place=lesson.place,
                prompt=lesson.answer,
                learned=len(lesson.tokens) - lesson.answer,
                target=len(targets[lesson.place]),
                stops=lesson.tokens[-1] in teaching.stops,
            )
            for lesson in lessons
        ),
        known=tuple(sorted(marks)),
        used=tuple(sorted(text for text, token in marks.items() if token in seen)),
        broken=_broken(tokenizer),
    )


# Below: private.

_TURN = re.compile(r"user|human|assistant|system|im_start|turn|header|INST|role", re.IGNORECASE)
"""What names of tokens that open a turn hold, in the model families that have such tokens."""

_MARK = re.compile(r"<\|[^|<>\s]+\|>|<[a-z_]+>")

_PROBE = (Message(role="user", content="0"),)


def _special(tokenizer: Any) -> dict[str, int]:
    """Tokens beside the ordinary vocabulary, but for the end and what fills rows."""
    ends = {tokenizer.eos_token, tokenizer.pad_token}
    added: dict[str, int] = tokenizer.get_added_vocab()
    return {text: token for text, token in added.items() if text not in ends}


def _broken(tokenizer: Any) -> tuple[str, ...]:
    """Marks of the template, as in `<|user|>`, that the tokenizer takes for ordinary text."""
    text = tokenizer.decode(prompt_tokens(tokenizer, _PROBE))
    marks = sorted(set(_MARK.findall(text)))
    return tuple(
        mark for mark in marks if len(tokenizer(mark, add_special_tokens=False)["input_ids"]) > 1
    )
