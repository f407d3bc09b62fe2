"""How examples were told: a chat template that the model does not know, a mask that is off.

A mask says which tokens are taught. Those of the right answer and the token that ends it should be,
and none of the prompt.
"""

from __future__ import annotations

import numpy as np

from escalera.core.finetuning.finding import Finding, beyond, measured
from escalera.core.finetuning.record import RunRecord
from escalera.domain.training import Told

_SLACK = 2
"""Tokens by which an answer within a conversation may differ from the answer by itself."""

_SHARE = 0.05
"""Share of the examples whose mask is off from which it is no accident."""


def template(record: RunRecord) -> Finding | None:
    """Marks that the tokenizer does not know, or a template that serving does not have."""
    told = record.told
    unknown = told is not None and bool(told.known) and not told.used
    broken = told.broken if told is not None else ()
    if record.refused is None and not unknown and not broken:
        return None
    return Finding(
        cause="wrong template",
        strength=1.0 if record.refused is not None or unknown else 0.7,
        words=_template_words(record.refused, told, unknown=unknown),
        figures=measured(
            marks_of_the_tokenizer=len(told.known) if told else 0,
            of_them_used=len(told.used) if told else 0,
            marks_broken_into_ordinary_tokens=len(broken),
        ),
        remedy="Put the chat template that belongs to the model into its folder "
        "(chat_template.jinja), the same for training and serving, and train again.",
        command="escalera climb",
    )


def mask(record: RunRecord) -> Finding | None:
    """Answers of which other tokens were taught than their own and the one that ends them."""
    off = _masks(record)
    if not off:
        return None
    kind, share, figures = max(off, key=lambda one: one[1])
    return Finding(
        cause="wrong mask",
        strength=beyond(share, _SHARE, 0.5),
        words=f"in {share:.0%} of the examples {kind}",
        figures=measured(share_of_examples=share, **figures),
        remedy=_MASK_REMEDIES[kind],
        command="escalera climb",
    )


# Below: private.


def _template_words(refused: str | None, told: Told | None, *, unknown: bool) -> str:
    if refused is not None:
        return f"serving refused the adapter: {refused}"
    assert told is not None  # noqa: S101  both other reasons come from it
    if unknown:
        return (
            f"the tokenizer marks who speaks with {', '.join(told.known[:4])}, and the template "
            "uses none of these tokens"
        )
    return f"the tokenizer does not know the template's {', '.join(told.broken)} as single tokens"


_PROMPT, _MISSING, _ENDLESS = (
    "tokens of the prompt were taught",
    "tokens of the right answer were not taught",
    "the end of the answer was not taught",
)
_MASK_REMEDIES = {
    _PROMPT: "Leave the message out of `target`: it holds the answer and nothing else. Where the "
    "tokens were prepared by another program, let its labels begin with the answer.",
    _MISSING: "Let the labels begin with the answer's first token, and look whether the examples "
    "were cut to a length.",
    _ENDLESS: "Let the labels end with the token that ends a turn, or the model goes on for ever.",
}


def _masks(record: RunRecord) -> list[tuple[str, float, dict[str, float]]]:
    """Every fault of the mask with the share of the examples and its figures."""
    found: list[tuple[str, float, dict[str, float]]] = []
    held = [one.input.strip() for one in record.examples]
    answers = [one.target for one in record.examples]
    repeated = float(np.mean([text in said for text, said in zip(held, answers, strict=True)]))
    if repeated >= _SHARE:
        found.append((_PROMPT, repeated, {"targets_that_hold_their_message": repeated}))
    lessons = record.told.lessons if record.told is not None else ()
    if not lessons:
        return found
    learned = np.array([one.learned for one in lessons])
    target = np.array([one.target for one in lessons])
    endless = np.array([not one.stops for one in lessons])
    taught, asked = float(learned.mean()), float(target.mean())
    figures = {"tokens_taught": taught, "tokens_of_the_answers": asked}
    faults = (
        (_PROMPT, learned > target + 1 + _SLACK),
        (_MISSING, learned < np.minimum(target, np.maximum(2, target - _SLACK))),
        (_ENDLESS, endless),
    )
    found += [(kind, float(off.mean()), figures) for kind, off in faults if off.mean() >= _SHARE]
    return found
