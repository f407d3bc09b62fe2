"""Prompt variants: the good practice of the field, composed from a task's own parts.

A variant is an operator that says which parts are told, in which order and where. The table is
literal: one row is one variant, so that adding one is adding a row.

Sources: instruction, format and label descriptions in the prompt (Mishra et al. 2022, arXiv
2109.07830); role prompts (Kong et al. 2024, arXiv 2308.07702); the place of the instruction and
delimiters around the message (OpenAI and Anthropic prompting guides); order of the parts (Lu et
al. 2022, arXiv 2104.08786, and Sclar et al. 2024, arXiv 2310.11324).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from escalera.core.prompts import templates
from escalera.domain.system import Prompt
from escalera.domain.task import PromptParts

Part = Literal["role", "instruction", "output", "rules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Which parts stand in the system message, how they are joined, and what frames the message.

    `after` are parts repeated behind the message, where a model has read them last; `wrap` sets
    the message apart from instructions with a heading.
    """

    name: str
    parts: tuple[Part, ...]
    joint: str = " "
    after: tuple[Part, ...] = ()
    wrap: bool = False


VARIANTS: tuple[Variant, ...] = (
    Variant(name="role only", parts=("role",)),
    Variant(name="instruction", parts=("instruction",)),
    Variant(name="contract", parts=("instruction", "output")),
    Variant(name="contract and rules", parts=("instruction", "output", "rules")),
    Variant(name="role and contract", parts=("role", "instruction", "output")),
    Variant(name="everything", parts=("role", "instruction", "output", "rules")),
    Variant(
        name="everything in lines", parts=("role", "instruction", "output", "rules"), joint="\n"
    ),
    Variant(name="rules first", parts=("rules", "instruction", "output")),
    Variant(name="contract last", parts=("role", "instruction"), after=("output",)),
    Variant(name="contract twice", parts=("instruction", "output"), after=("output",)),
    Variant(name="wrapped message", parts=("instruction", "output"), wrap=True),
)


def compose(variant: Variant, parts: PromptParts) -> Prompt:
    """The prompt that *variant* makes from the parts of a task; empty parts are left out."""
    told = [templates.literal(getattr(parts, name)) for name in variant.parts]
    behind = [templates.literal(getattr(parts, name)) for name in variant.after]
    template = "Message:\n{{ input }}\n" if variant.wrap else "{{ input }}"
    template = "\n".join([template, *(text for text in behind if text)])
    return Prompt(system=variant.joint.join(text for text in told if text), template=template)


def propose(parts: PromptParts) -> tuple[tuple[str, Prompt], ...]:
    """Each distinct prompt once, with the name of the variant that made it, in table order.

    A task without rules, say, gets fewer variants: equal prompts are one prompt.
    """
    made: dict[Prompt, str] = {}
    for variant in VARIANTS:
        made.setdefault(compose(variant, parts), variant.name)
    return tuple((name, prompt) for prompt, name in made.items())
