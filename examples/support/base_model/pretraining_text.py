"""What the base model reads: conversations of many shops, and exercises in copying.

The exercises are not decoration. Without them a model of this size had not learned to copy an
order number after five million tokens; with them it copies before the first million is over.
"""

import random
from collections.abc import Callable, Mapping

from base_model import conventions, feedback, messages, order_changes, recommendations, values
from base_model.conventions import Convention, Detail, Kind
from base_model.messages import Author, Message

Turn = dict[str, str]

WRITERS: Mapping[Kind, Callable[[random.Random, Author], Message]] = {
    "feedback": feedback.write,
    "recommendations": recommendations.write,
    "order_changes": order_changes.write,
}
KINDS: tuple[Kind, ...] = ("feedback", "recommendations", "order_changes")
KIND_WEIGHTS = (0.28, 0.4, 0.32)
DETAILS: tuple[Detail, ...] = ("role", "instruction", "keys", "labels")
DETAIL_WEIGHTS = (0.1, 0.13, 0.25, 0.52)
EXAMPLE_COUNTS = (0, 1, 2, 3, 4, 6, 8)
EXAMPLE_WEIGHTS = (0.5, 0.14, 0.13, 0.08, 0.08, 0.04, 0.03)
WRAPPINGS = (
    "Message:\n{m}\n",
    '"""\n{m}\n"""',
    "<message>\n{m}\n</message>",
    "Customer message: {m}",
)
REPEAT_INSTRUCTIONS = ("Repeat the text.", "Copy the message.", "Say it again.", "Echo.")
LOOK_UP_INSTRUCTIONS = ("Look it up.", "Answer from the list.", "Use the table.")


def conversation(rng: random.Random, exercise_share: float) -> list[Turn]:
    """Return one pretraining sample: an exercise, or a shop's conversation."""
    if rng.random() < exercise_share:
        return _copying(rng) if rng.random() < 0.5 else _looking_up(rng)
    return shop_conversation(rng)


def shop_conversation(rng: random.Random) -> list[Turn]:
    """Return system text, worked examples, a message and its answer, as one shop wants them."""
    kind = rng.choices(KINDS, KIND_WEIGHTS)[0]
    convention = conventions.draw(rng, kind)
    count = rng.choices(EXAMPLE_COUNTS, EXAMPLE_WEIGHTS)[0]
    if kind == "recommendations":
        count = min(count, rng.choice((1, 2, 4)))
    # A code cannot be guessed: the system text or the examples have to give it away.
    needs_labels = bool(convention.codes) and count < 6
    detail = "labels" if needs_labels else rng.choices(DETAILS, DETAIL_WEIGHTS)[0]
    parts = conventions.system_parts(rng, convention, detail)
    if count >= 2 and not needs_labels and rng.random() < 0.12:
        parts = []
    system = ("\n" if rng.random() < 0.25 else " ").join(parts)
    dress = _dressing(rng, convention, detail)
    author = messages.author_from(rng, values.KNOWN, 0.0)
    turns = [{"role": "system", "content": system}] if system else []
    for _ in range(count + 1):
        message = WRITERS[kind](rng, author)
        turns.append({"role": "user", "content": dress(message.text)})
        turns.append({"role": "assistant", "content": convention.answer(message.facts)})
    return turns


def _dressing(rng: random.Random, convention: Convention, detail: Detail) -> Callable[[str], str]:
    """Return how messages are presented: mostly as they are, sometimes wrapped or followed up."""
    drawn = rng.random()
    if drawn < 0.06 and detail in ("keys", "labels"):
        contract = convention.contract(rng, with_labels=detail == "labels")
        return lambda text: f"{text}\n{contract}"
    if drawn < 0.12:
        wrapping = rng.choice(WRAPPINGS)
        return lambda text: wrapping.replace("{m}", text)
    return lambda text: text


def _copying(rng: random.Random) -> list[Turn]:
    text = " ".join(_word(rng) for _ in range(rng.randint(3, 14)))
    return [
        {"role": "system", "content": rng.choice(REPEAT_INSTRUCTIONS)},
        {"role": "user", "content": text},
        {"role": "assistant", "content": text},
    ]


def _looking_up(rng: random.Random) -> list[Turn]:
    size = rng.randint(2, 6)
    table: dict[str, str] = {}
    while len(table) < size:
        table[_word(rng)] = _word(rng)
    shown = "\n".join(f"{key}: {value}" for key, value in table.items()) + "\n"
    turns = [{"role": "system", "content": rng.choice(LOOK_UP_INSTRUCTIONS)}]
    for key in rng.sample(sorted(table), rng.randint(1, size)):
        turns.append({"role": "user", "content": f"{shown}{key}?"})
        turns.append({"role": "assistant", "content": table[key]})
        shown = ""
    return turns


def _word(rng: random.Random) -> str:
    drawn = rng.random()
    if drawn < 0.35:
        return "".join(rng.choice("0123456789") for _ in range(rng.randint(1, 5)))
    if drawn < 0.5:
        return values.product_code(rng)
    if drawn < 0.7:
        return rng.choice((*values.KNOWN.cities, *values.KNOWN.people, *values.BRANDS))
    return rng.choice(
        (
            *values.KNOWN.articles,
            *values.COLOURS,
            *values.MATERIALS,
            *values.WEEKDAYS,
            *conventions.KEYS,
            *feedback.TOPICS,
            *order_changes.INTENTS,
        )
    )
