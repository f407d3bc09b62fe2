"""The fictitious shops of pretraining: each wants its answers in a way of its own.

A shop's convention is which facts to report, under which keys, with which label words or codes
and in which format. Its system text describes that convention in more or less detail, so that
instructions and worked examples both carry information and the model learns to use either.
Norte's own convention (``norte.py``) is made of the same stuff but is none of these.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from base_model import values
from base_model.values import split_words

Kind = Literal["feedback", "recommendations", "order_changes"]
Format = Literal["json", "lines", "bare"]
Detail = Literal["role", "instruction", "keys", "labels"]

FIELDS: Mapping[Kind, tuple[str, ...]] = {
    "feedback": ("topic", "mood"),
    "recommendations": ("code", "article", "colour", "material"),
    "order_changes": ("intent", "order", "value", "status"),
}
KEYS = {
    "topic": split_words("topic subject theme area about"),
    "mood": split_words("mood tone feeling sentiment rating"),
    "code": split_words("sku code product pick id"),
    "article": split_words("item article thing"),
    "colour": split_words("colour shade hue"),
    "material": split_words("material made_of fabric"),
    "intent": split_words("intent request action task wish"),
    "order": split_words("order ref order_id number case"),
    "value": split_words("value new target to detail"),
    "status": split_words("status state stage"),
}
LABELS = {
    "topic": {
        "delivery": split_words("delivery shipping parcel"),
        "price": split_words("price cost money"),
        "quality": split_words("quality product goods"),
        "staff": split_words("staff service people"),
        "website": split_words("website app online"),
    },
    "mood": {
        "good": split_words("good positive happy plus"),
        "bad": split_words("bad negative angry minus"),
        "mixed": split_words("mixed neutral both so-so"),
    },
    "intent": {
        "address": split_words("address place move"),
        "quantity": split_words("quantity amount count"),
        "cancel": split_words("cancel stop drop"),
        "date": split_words("date day when"),
        "colour": split_words("colour paint look"),
        "name": split_words("name person receiver"),
    },
    "status": {
        "open": split_words("open new"),
        "packed": split_words("packed ready"),
        "shipped": split_words("shipped sent"),
    },
}
CODE_SHARE = {"intent": 0.4, "topic": 0.12, "mood": 0.12, "status": 0.08}

INSTRUCTIONS: Mapping[Kind, tuple[str, ...]] = {
    "feedback": (
        "Classify the customer feedback.",
        "Read the feedback and label it.",
        "Sort the review.",
        "Tag the comment.",
        "You label customer comments.",
        "Judge the message.",
    ),
    "recommendations": (
        "Recommend a product from the catalogue.",
        "Pick the product that fits.",
        "Choose an article for the customer.",
        "Find the right product.",
        "You help customers choose.",
        "Select from the list.",
    ),
    "order_changes": (
        "Process the change of the order.",
        "Read the order request.",
        "Extract the order change.",
        "Turn the request into a record.",
        "You handle order changes.",
        "Handle the request.",
    ),
}
OUTPUTS: Mapping[Format, tuple[str, ...]] = {
    "json": (
        "Answer as JSON with keys {k}.",
        "Reply in JSON: {k}.",
        "Output a JSON object with {k}.",
        "Return JSON, fields {k}.",
    ),
    "lines": (
        "Answer as lines with {k}.",
        "Reply with key: value lines for {k}.",
        "Write one line for each of {k}.",
    ),
    "bare": (
        "Answer only {k}, split by a bar.",
        "Reply with {k} and a bar between.",
        "Give just {k}.",
    ),
}
ROLES = (
    "You help the customers of {s}.",
    "You are the assistant of {s}.",
    "Support desk of {s}.",
    "This is {s}. Be short.",
)
# House rules of pretraining change no answer: a policy that does is left for Norte to teach.
HOUSE_RULES = (
    "Do not add any other text.",
    "Never invent an order number.",
    "Do not explain your answer.",
    "Use only the labels of the list.",
    "Pick only from the catalogue.",
    "Be exact and be short.",
    "If a message says two things, look at both.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Convention:
    """How one shop wants the answers to one kind of message."""

    kind: Kind
    format: Format
    keys: Mapping[str, str]
    words: Mapping[str, Mapping[str, str]]
    codes: Mapping[str, Mapping[str, str]]

    def answer(self, facts: Mapping[str, str]) -> str:
        """Return the right answer about these facts."""
        pairs = [(key, self._label(field, facts[field])) for field, key in self.keys.items()]
        return render(self.format, pairs)

    def _label(self, field: str, fact: str) -> str:
        labels = self.codes.get(field) or self.words.get(field)
        return labels[fact] if labels else fact

    def contract(self, rng: random.Random, *, with_labels: bool) -> str:
        """Return the sentence that says what to answer, with or without the label lists."""
        described = [self._described(rng, field, with_labels=with_labels) for field in self.keys]
        return rng.choice(OUTPUTS[self.format]).format(k=enumerate_words(described))

    def _described(self, rng: random.Random, field: str, *, with_labels: bool) -> str:
        if not with_labels or field not in self.words:
            return self.keys[field]
        labels = list(self.words[field].values())
        if field in self.codes:
            labels = [
                f"{self.codes[field][fact]} {word}" for fact, word in self.words[field].items()
            ]
        if rng.random() < 0.3:
            rng.shuffle(labels)
        return f"{self.keys[field]} ({', '.join(labels)})"


def draw(rng: random.Random, kind: Kind) -> Convention:
    """Return the convention of a shop that nobody has heard of yet."""
    fields = _draw_fields(rng, kind)
    words = {
        field: {fact: rng.choice(synonyms) for fact, synonyms in LABELS[field].items()}
        for field in fields
        if field in LABELS
    }
    coded = [field for field in words if rng.random() < CODE_SHARE[field]]
    formats: tuple[Format, ...] = ("json", "lines", "bare")
    return Convention(
        kind=kind,
        format=rng.choices(formats, [0.6, 0.18, 0.22])[0],
        keys={field: rng.choice(KEYS[field]) for field in fields},
        words=words,
        codes={field: _draw_codes(rng, list(words[field])) for field in coded},
    )


def render(style: Format, pairs: Sequence[tuple[str, str]]) -> str:
    """Return keys and values in one of the three formats."""
    match style:
        case "json":
            return json.dumps(dict(pairs), separators=(",", ":"))
        case "lines":
            return "\n".join(f"{key}: {value}" for key, value in pairs)
        case "bare":
            return " | ".join(value for _, value in pairs)


def system_parts(rng: random.Random, convention: Convention, detail: Detail) -> list[str]:
    """Return the parts of a system text, as a careful author would put them in order.

    Parts of lower detail are sometimes left out and the order sometimes shuffled, because the
    prompts that are tried later are composed in all these ways.
    """
    role = rng.choice(ROLES).format(s=rng.choice(values.SHOPS))
    if detail == "role":
        return [role]
    parts = [role] if rng.random() < 0.5 else []
    if detail == "instruction" or rng.random() < 0.88:
        parts.append(rng.choice(INSTRUCTIONS[convention.kind]))
    if detail in ("keys", "labels"):
        parts.append(convention.contract(rng, with_labels=detail == "labels"))
    if rng.random() < 0.2:
        parts.append(rng.choice(HOUSE_RULES))
    if rng.random() < 0.15:
        rng.shuffle(parts)
    return parts


def enumerate_words(words: Sequence[str]) -> str:
    """Return ``a, b and c``."""
    if len(words) == 1:
        return words[0]
    return f"{', '.join(words[:-1])} and {words[-1]}"


def _draw_fields(rng: random.Random, kind: Kind) -> list[str]:
    fields = list(FIELDS[kind])
    match kind:
        case "feedback":
            chosen = rng.sample(fields, rng.choice([1, 2, 2]))
        case "recommendations":
            chosen = ["code", *rng.sample(fields[1:], rng.choice([0, 0, 1]))]
        case "order_changes":
            chosen = rng.sample(fields, rng.choice([1, 2, 3, 3]))
    if rng.random() < 0.3:
        rng.shuffle(chosen)
    return chosen


def _draw_codes(rng: random.Random, facts: Sequence[str]) -> dict[str, str]:
    codes: list[str] = []
    while len(codes) < len(facts):
        code = rng.choice("ABCDEFGHKLMNPQRSTVXZ") + rng.choice("0123456789")
        if code not in codes:
            codes.append(code)
    return dict(zip(facts, codes, strict=True))
