"""Are planted near duplicates found in real messages, are neighbours left alone, and how fast?

    python -m bench.near_duplicates --data ../shared/data --output bench/results/near_duplicates.md

Real messages, of which none is like another, get twins (edits that leave a message what it is) and,
where values are marked in the data, decoys (another value of the same slot, and so another answer).
Found is what is left out. Two readings of decoys: with the answers of the data, and with no answers
at all, where wording alone decides. Times are of the processor.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from escalera.core.data import likeness, wording
from escalera.core.data.likeness import Pile
from escalera.core.data.rows import Row
from escalera.edges.data.sketches import MinHashes

PLANTED = 1000
"""Twins of each kind, in each data set."""
SMALL = {"the", "a", "an", "my", "to", "of", "for", "el", "la", "de", "mi", "un", "una"}
SETS = {
    "snips": "snips_slots/train.jsonl.gz",
    "clinc150": "clinc150_oos/train.jsonl.gz",
    "mtod_es": "mtod_es/train.jsonl.gz",
}


@dataclass(frozen=True)
class Message:
    """A message with its answer and the marked values in it."""

    text: str
    answer: str
    spans: tuple[dict[str, Any], ...]


def read(path: Path) -> list[Message]:
    """The messages of a data set, each wording once."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        found = [json.loads(line) for line in stream]
    messages: dict[bytes, Message] = {}
    for row in found:
        answer = json.dumps(row.get("target") or row.get("label"), sort_keys=True)
        message = Message(row["text"], answer, tuple(row.get("spans", ())))
        messages.setdefault(wording.key(row["text"]), message)
    return [*messages.values()]


def typo(text: str, chance: random.Random) -> str:
    """A letter is lost, doubled, or put in."""
    at = chance.randrange(1, max(2, len(text) - 1))
    return chance.choice(
        (
            text[:at] + text[at + 1 :],
            text[:at] + text[at - 1 : at] + text[at:],
            text[:at] + chance.choice("aeinorst") + text[at:],
        )
    )


def exchanged(text: str, chance: random.Random) -> str:
    """Two words that stand side by side change places."""
    said = text.split()
    if len(said) > 1:
        at = chance.randrange(len(said) - 1)
        said[at], said[at + 1] = said[at + 1], said[at]
    return " ".join(said)


def without_a_small_word(text: str, chance: random.Random) -> str:
    """An article or a preposition is left out; a full stop where there is none."""
    said = text.split()
    small = [place for place, word in enumerate(said) if word.lower() in SMALL]
    if not small:
        return f"{text}."
    del said[chance.choice(small)]
    return " ".join(said)


EDITS: dict[str, Callable[[str, random.Random], str]] = {
    "capitals and a sign": lambda text, _: f"{text.upper()}!",
    "a typo": typo,
    "two typos": lambda text, chance: typo(typo(text, chance), chance),
    "a word in front": lambda text, chance: f"{chance.choice(('please', 'could you'))} {text}",
    "a word behind": lambda text, chance: f"{text} {chance.choice(('please', 'thanks', 'now'))}",
    "two words exchanged": exchanged,
    "a small word less": without_a_small_word,
}


def decoys(messages: Sequence[Message], chance: random.Random) -> Iterator[tuple[str, str]]:
    """Messages with another value in one slot, and their answers, which differ."""
    values: dict[str, list[str]] = {}
    for message in messages:
        for span in message.spans:
            value = message.text[span["start"] : span["end"]]
            values.setdefault(span["slot"], []).append(value)
    marked = [message for message in messages if message.spans]
    for message in chance.sample(marked, min(PLANTED, len(marked))):
        span = chance.choice(message.spans)
        old = message.text[span["start"] : span["end"]]
        new = chance.choice(values[span["slot"]])
        if wording.key(old) != wording.key(new):
            text = message.text[: span["start"]] + new + message.text[span["end"] :]
            yield text, f"{message.answer} but {new}"


def left_out(
    messages: Sequence[Message], planted: Sequence[tuple[str, str]] = (), *, answers: bool = True
) -> set[int]:
    """The places of what is left out, of messages and what is planted behind them."""
    pile = Pile()
    for text, answer in [*((m.text, m.answer) for m in messages), *planted]:
        target = answer if answers else ""
        pile.append(Row(name="", split="train", input=text, target=target))
    return {one.place for one in likeness.find(pile, sketches=sketches()).alike}


def found(
    messages: Sequence[Message], planted: Sequence[tuple[str, str]], *, answers: bool
) -> float:
    """The share of what is planted that is left out."""
    places = left_out(messages, planted, answers=answers)
    return sum(place >= len(messages) for place in places) / len(planted)


def alone(messages: Sequence[Message]) -> list[Message]:
    """Those that stay of the data as they are."""
    gone = left_out(messages)
    return [message for place, message in enumerate(messages) if place not in gone]


def sketches() -> list[MinHashes]:
    """Empty ones."""
    return [MinHashes(wording.NEAR) for _ in range(wording.KINDS)]


def recall_table(data: Path) -> Iterator[str]:
    """The share of planted messages that is left out, per edit and data set."""
    yield "| planted | " + " | ".join(SETS) + " |"
    yield "|---|" + "---|" * len(SETS)
    all_ = {name: read(data / path) for name, path in SETS.items()}
    sets = {name: alone(messages) for name, messages in all_.items()}
    for kind, edit in EDITS.items():
        cells = []
        for messages in sets.values():
            chance = random.Random(kind)
            chosen = chance.sample(messages, PLANTED)
            planted = [(edit(m.text, chance), m.answer) for m in chosen]
            cells.append(f"{found(messages, planted, answers=True):.3f}")
        yield f"| {kind} | " + " | ".join(cells) + " |"
    for answers in (True, False):
        cells = []
        for messages in sets.values():
            planted = [*decoys(messages, random.Random(0))]
            share = found(messages, planted, answers=answers) if planted else None
            cells.append("no slots" if share is None else f"{share:.3f}")
        how = "with answers" if answers else "by wording alone"
        yield f"| decoy: another value, {how} | " + " | ".join(cells) + " |"
    cells = [f"{len(all_[name]) - len(sets[name])} of {len(all_[name])}" for name in SETS]
    yield "| nothing: left out of the data as they are | " + " | ".join(cells) + " |"


def time_table(data: Path, rows: int) -> Iterator[str]:
    """Seconds and memory for many rows of several lengths."""
    pieces = [m.text for name in ("snips", "clinc150") for m in read(data / SETS[name])]
    yield "| rows | characters | seconds | characters per second | MB in all |"
    yield "|---|---|---|---|---|"
    chance = random.Random(0)
    for parts in (2, 5, 20):
        pile, length = Pile(), 0
        for number in range(rows):
            text = ". ".join(chance.choices(pieces, k=parts))
            length += len(text)
            split = "confirm" if number % 10 == 0 else "train"
            pile.append(Row(name="", split=split, input=text, target="x"))
        start = time.process_time()
        likeness.find(pile, sketches=sketches())
        taken = time.process_time() - start
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        said = f"| {rows:,} | {length / rows:.0f} | {taken:.0f} | {length / taken:,.0f}"
        yield f"{said} | {memory:.0f} |"


def main() -> None:
    """Measure, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args()
    lines = [
        "# Near duplicates in real messages",
        "",
        f"Threshold {wording.NEAR}; {PLANTED} planted messages per cell; `python -m "
        "bench.near_duplicates`. The share that is left out: of twins it should be 1, of decoys 0.",
        "",
        *recall_table(given.data),
        "",
        "Time of the processor and memory, one process:",
        "",
        *time_table(given.data, given.rows),
        "",
    ]
    given.output.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
