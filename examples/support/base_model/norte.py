"""Norte, the demo shop: its labels, its house policy, and the texts its prompts are made of.

No shop of pretraining has Norte's operation codes or a policy that depends on the status of an
order. This is the part of the job that the base model cannot have learned beforehand.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from base_model.conventions import Kind

THEMES = {
    "delivery": "shipping",
    "price": "cost",
    "quality": "quality",
    "staff": "service",
    "website": "app",
}
SENTIMENTS = {"good": "happy", "bad": "angry", "mixed": "neutral"}
OPERATIONS = {
    "address": "A1",
    "quantity": "Q7",
    "cancel": "X9",
    "date": "D4",
    "colour": "C2",
    "name": "N5",
}
RETURN, REFUSE = "R3", "Z0"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptParts:
    """The texts of one query type from which every prompt variant is composed."""

    role: str
    instruction: str
    output: str
    rules: str


PARTS: Mapping[Kind, PromptParts] = {
    "feedback": PromptParts(
        role="You are the assistant of Norte.",
        instruction="Read the customer feedback and label it.",
        output=(
            "Answer as JSON with keys theme (shipping, cost, quality, service, app) "
            "and sentiment (happy, angry, neutral)."
        ),
        rules="If a message says two things, look at both.",
    ),
    "recommendations": PromptParts(
        role="You are the assistant of Norte.",
        instruction="Find the product that fits the customer.",
        output="Reply in JSON: pick.",
        rules="Pick only from the catalogue.",
    ),
    "order_changes": PromptParts(
        role="You are the assistant of Norte.",
        instruction="Handle the order request of the customer.",
        output=(
            "Answer as JSON with keys task (A1 address, Q7 quantity, X9 cancel, D4 date, "
            "C2 colour, N5 name), ref and new."
        ),
        rules=(
            "If the status is shipped, cancel is R3, and all others but address are Z0 "
            "with new none."
        ),
    ),
}


def answer(kind: Kind, facts: Mapping[str, str]) -> str:
    """Return the right answer in Norte's own format."""
    match kind:
        case "feedback":
            fields = {"theme": THEMES[facts["topic"]], "sentiment": SENTIMENTS[facts["mood"]]}
        case "recommendations":
            fields = {"pick": facts["code"]}
        case "order_changes":
            fields = _order_change(facts)
    return json.dumps(fields, separators=(",", ":"))


def _order_change(facts: Mapping[str, str]) -> dict[str, str]:
    operation, value = OPERATIONS[facts["intent"]], facts["value"]
    if facts["status"] == "shipped":
        if facts["intent"] == "cancel":
            operation = RETURN
        elif facts["intent"] != "address":
            operation, value = REFUSE, "none"
    return {"task": operation, "ref": facts["order"], "new": value}
