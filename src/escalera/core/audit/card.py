"""The card of a finetuned model: what it is made of, how, and what is known of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from escalera.core.audit import licences
from escalera.domain.job import JobOutcome
from escalera.domain.levers import Levers
from escalera.domain.recipe import TrainingRecipe

Form = Literal["peft", "merged", "gguf"]
"""An adapter beside its base, a whole model, or a whole model in llama.cpp's format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a card says. `licence` is what is declared of the base, `checked` how the export was.

    `made` says how it came about where there is no recipe: by a merge. `origin` is the finetuned
    model that it goes on from, by name, empty where it began with the base. `scores` are what the
    climb proved of it, in words, a query type each.
    """

    name: str
    form: Form
    artifact: str
    base: str
    revision: str
    licence: str
    recipe: TrainingRecipe | None
    made: str
    outcome: JobOutcome | None
    checked: str
    origin: str = ""
    scores: tuple[str, ...] = ()


def card(facts: Facts) -> str:
    """The card as Markdown, with the metadata that model hubs read at its head.

    What is not known is said to be unknown: nothing is left out because it is.
    """
    parts = [
        _metadata(facts),
        f"# {facts.name}",
        _made_of(facts),
        "## What was learned, and how",
        _table(_levers(facts)),
        "## What is known of it",
        _known(facts.outcome, facts.scores),
        "## What the licences say",
        (facts.outcome.licence if facts.outcome else "") or "Unknown: ask counsel.",
        "## This export",
        facts.checked,
        "`lineage.json` beside this card has the whole lineage, from the project's journal.",
    ]
    return "\n\n".join(parts) + "\n"


# Below: private.

_LIBRARIES: Mapping[Form, str] = {"peft": "peft", "merged": "transformers", "gguf": "gguf"}


def _metadata(facts: Facts) -> str:
    entries: dict[str, Any] = {
        "base_model": facts.base,
        "base_model_relation": "adapter" if facts.form == "peft" else "finetune",
        "library_name": _LIBRARIES[facts.form],
        "pipeline_tag": "text-generation",
        "license": _licence(facts),
        "tags": ["escalera"],
    }
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in entries.items()]
    return "\n".join(["---", *lines, "---"])


def _licence(facts: Facts) -> str:
    """The base's licence, where what the model was taught lets it stand; else it is unknown."""
    known = facts.outcome is not None and licences.lets_pass_on(facts.outcome.licence)
    return facts.licence if known and facts.licence else "unknown"


def _made_of(facts: Facts) -> str:
    before = facts.recipe.origin if facts.recipe is not None else ""
    further = f", further from `{facts.origin}`, the artifact `{before}`" if before else ""
    return (
        f"Finetuned from `{facts.base}`, weights `{facts.revision}`{further}. What was learned is "
        f"the artifact `{facts.artifact}`. The base's licence, as declared: "
        f"{facts.licence or 'unknown'}."
    )


def _levers(facts: Facts) -> Sequence[tuple[str, str]]:
    recipe = facts.recipe
    if recipe is None:
        return (("made by", facts.made),)
    levers = recipe.levers
    data = [
        f"{part.examples} examples{f' of {part.task}' if part.task else ''}, `{part.data}`"
        for part in recipe.ingredients
    ]
    return (
        ("recipe", f"`{recipe.digest}`"),
        ("objective", recipe.objective),
        ("method", recipe.trainable.method),
        ("rank", str(recipe.trainable.rank) if recipe.trainable.adapter else "none"),
        (
            "learning rate",
            "unknown" if levers.learning_rate is None else f"{levers.learning_rate:g}",
        ),
        ("epochs", str(levers.epochs)),
        ("batch", _batch(levers)),
        ("optimizer", levers.optimizer),
        ("precision", levers.precision),
        ("seed", str(levers.seed)),
        ("data, by digest", "; ".join(data) or "unknown"),
    )


def _batch(levers: Levers) -> str:
    if levers.batch_examples is not None:
        return f"{levers.batch_examples} examples"
    least = f", at least {levers.fewest_steps} steps" if levers.fewest_steps else ""
    return f"{levers.batch_tokens} tokens{least}"


def _known(outcome: JobOutcome | None, scores: Sequence[str]) -> str:
    if outcome is None and scores:
        return "\n".join(f"- {said}" for said in scores)
    if outcome is None:
        return (
            "Unknown: no outcome of a job is in the journal. What a climb of the project measured "
            "of it is told by `escalera report`, and is no part of this card."
        )
    took = [f"{outcome.minutes:.1f} minutes", f"{outcome.trained_tokens} tokens"]
    if outcome.micro_dollars is not None:
        took.append(f"${outcome.micro_dollars / 1e6:.4f}")
    energy = "energy unknown" if outcome.joules is None else f"{outcome.joules:.0f} J"
    lines = [f"- training took {', '.join((*took, energy))}", f"- gate: {outcome.gate}"]
    lines += [f"- {one.said}" for one in outcome.verdicts]
    lines += [f"- diagnosis: {words}" for words in outcome.diagnosis]
    lines += [f"- {said}" for said in scores]
    return "\n".join(lines)


def _table(rows: Sequence[tuple[str, str]]) -> str:
    lines = [f"| {name} | {value.replace('|', '&#124;')} |" for name, value in rows]
    return "\n".join(["| | |", "|---|---|", *lines])
