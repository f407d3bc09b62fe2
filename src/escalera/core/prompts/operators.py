"""Prompt operators: the good practice of the field, each by itself, to be put together freely.

An operator turns one thing on: it tells a part of the task, moves it, frames the message, or asks
for a way of working. The table is literal, and adding an operator is adding a row. Which of them
help is for the evidence to say: `core.ladder.screening` turns them on and off together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from escalera.core.prompts import templates
from escalera.domain.system import Prompt
from escalera.domain.task import PromptParts

MARKER = "Answer:"
"""What comes before the answer where a model is asked to think first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A prompt in the making, as plain text: operators add to it, `finish` makes it a prompt.

    `system` is told in the system message and `behind` below the user's message, entry by entry;
    `opening` and `closing` stand right around the message, `marker` before the answer.
    """

    system: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    joint: str = " "
    opening: str = ""
    closing: str = ""
    marker: str = ""


Change = Callable[[Draft, PromptParts], Draft]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One thing that a prompt can do, by itself.

    `helps` says when it is worth trying and `source` who found so. `needs` names the part of the
    task that it tells; without the part, the operator does nothing and is not tried.
    """

    name: str
    change: Change
    helps: str
    source: str
    needs: str | None = None


def available(parts: PromptParts, names: Collection[str] | None = None) -> tuple[Operator, ...]:
    """The operators that can do something for a task with *parts*, in the order of the table.

    *names* limits them to those; None allows all.
    """
    return tuple(
        operator
        for operator in OPERATORS
        if (names is None or operator.name in names)
        and (operator.needs is None or getattr(parts, operator.needs))
    )


def compose(operators: Sequence[Operator], parts: PromptParts) -> Prompt:
    """The prompt that *operators* make of *parts*, applied in the order given."""
    draft = Draft()
    for operator in operators:
        draft = operator.change(draft, parts)
    return finish(draft)


def everything(parts: PromptParts) -> Prompt:
    """The prompt that tells every part and does nothing else."""
    told = [operator for operator in available(parts) if operator.name in PARTS]
    return compose(told, parts)


def finish(draft: Draft) -> Prompt:
    """The prompt of a draft; its texts are no templates, whatever marks they hold."""
    framed = f"{templates.literal(draft.opening)}{{{{ input }}}}{templates.literal(draft.closing)}"
    lines = [framed, *(templates.literal(text) for text in draft.behind)]
    return Prompt(
        system=templates.literal(draft.joint.join(draft.system)),
        template="\n".join(lines),
        marker=draft.marker,
    )


def named(operators: Sequence[Operator]) -> str:
    """What people call a prompt that is made of *operators*."""
    return " + ".join(operator.name for operator in operators) or "bare message"


# Below: private, then the table.


def _tells(part: str) -> Change:
    def change(draft: Draft, parts: PromptParts) -> Draft:
        return replace(draft, system=(*draft.system, getattr(parts, part)))

    return change


def _asks(text: str) -> Change:
    return lambda draft, _: replace(draft, system=(*draft.system, text))


def _repeats_output(draft: Draft, parts: PromptParts) -> Draft:
    return replace(draft, behind=(*draft.behind, parts.output))


def _in_lines(draft: Draft, _: PromptParts) -> Draft:
    return replace(draft, joint="\n")


def _delimits(draft: Draft, _: PromptParts) -> Draft:
    return replace(draft, opening="Message:\n", closing="\n")


def _tags(draft: Draft, _: PromptParts) -> Draft:
    opening, closing = f"{draft.opening}<message>\n", f"\n</message>{draft.closing}"
    return replace(draft, opening=opening, closing=closing)


def _thinks(text: str) -> Change:
    asked = f"{text} Then write '{MARKER}' and the answer, with nothing behind it."

    def change(draft: Draft, _: PromptParts) -> Draft:
        return replace(draft, system=(*draft.system, asked), marker=MARKER)

    return change


OPERATORS: tuple[Operator, ...] = (
    Operator(
        name="role",
        change=_tells("role"),
        needs="role",
        helps="the tone or the field of knowledge matters; seldom for plain classification",
        source="Kong et al. 2024, arXiv 2308.07702; not for facts: Zheng et al. 2024, 2311.10054",
    ),
    Operator(
        name="instruction",
        change=_tells("instruction"),
        needs="instruction",
        helps="nearly always: the task is said, not guessed",
        source="Mishra et al. 2022, arXiv 2109.07830",
    ),
    Operator(
        name="contract",
        change=_tells("output"),
        needs="output",
        helps="the answer is read by a program, or labels have names of their own",
        source="Mishra et al. 2022, arXiv 2109.07830",
    ),
    Operator(
        name="rules",
        change=_tells("rules"),
        needs="rules",
        helps="edge cases are decided by rules that no example shows",
        source="Mishra et al. 2022, arXiv 2109.07830 (things to avoid)",
    ),
    Operator(
        name="decomposition",
        change=_asks("First work out what exactly is asked, part by part; then answer each part."),
        helps="one message asks for several things",
        source="Zhou et al. 2023, arXiv 2205.10625",
    ),
    Operator(
        name="self-check",
        change=_asks("Before you answer, check that the answer keeps to everything said above."),
        helps="rules are many and easily forgotten",
        source="Weng et al. 2023, arXiv 2212.09561; may harm: Huang et al. 2024, 2310.01798",
    ),
    Operator(
        name="terse",
        change=_asks("Give the answer alone, without any other word."),
        helps="the scorer compares the whole reply, or tokens are dear",
        source="OpenAI and Anthropic prompting guides",
    ),
    Operator(
        name="same language",
        change=_asks("Answer in the language of the message."),
        helps="users write in several languages and the answer is free text",
        source="Shi et al. 2023, arXiv 2210.03057 (what to keep in English, and what not)",
    ),
    Operator(
        name="reasoning",
        change=_thinks("Think step by step first."),
        helps="the answer takes several steps, such as arithmetic; costs tokens",
        source="Wei et al. 2022, arXiv 2201.11903; Kojima et al. 2022, 2205.11916",
    ),
    Operator(
        name="contract last",
        change=_repeats_output,
        needs="output",
        helps="messages are long: what was read last is kept to",
        source="Liu et al. 2024, arXiv 2307.03172",
    ),
    Operator(
        name="lines",
        change=_in_lines,
        helps="several parts are told: one per line",
        source="Sclar et al. 2024, arXiv 2310.11324 (form alone moves scores)",
    ),
    Operator(
        name="heading",
        change=_delimits,
        helps="messages could be taken for instructions",
        source="OpenAI and Anthropic prompting guides (delimiters)",
    ),
    Operator(
        name="tags",
        change=_tags,
        helps="messages hold headings or lines of their own",
        source="Anthropic prompting guide (XML tags)",
    ),
)
"""Every operator, in the order in which they are applied."""

PARTS = ("role", "instruction", "contract", "rules")
"""The operators that tell what the project file says of the task."""
