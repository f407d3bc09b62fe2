"""The example's own model as a landscape: a real model answers, over loopback.

`python -m bench.prompts.tiny` starts what answers (`bench/prompts/tiny_server.py`) and says in a
file, named by an environment variable, where, and what each rule by itself is worth. A run draws
its items from the task's rows by its seed; the truth about a prompt is its mean score on rows that
no search sees. Standard library only: other tools' environments import it.
"""

from __future__ import annotations

import json
import os
import urllib.request
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random
from statistics import fmean

from bench.prompts.job import ITEMS

WHERE = "ESCALERA_BENCH_TINY"
"""Environment variable that names the file."""

DATA = Path(__file__).resolve().parents[2] / "examples" / "support" / "data"
HELD_OUT = 500
BLOCK = 16
"""Items that are answered together: the first of them pays for the others."""

_IDLE = (
    "You are the assistant of Norte.",
    "Be polite.",
    "Think step by step.",
    "Keep the answer short.",
    "Thank the customer.",
    "If a message says two things, look at both.",
    "Never promise a date.",
    "Say who is responsible.",
)

TASKS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "tiny model, order changes": (
        "order_changes",
        "Handle the order request of the customer.",
        (
            "Answer as JSON with keys task (A1 address, Q7 quantity), ref and new.",
            "Answer as JSON with keys task (X9 cancel, D4 date), ref and new.",
            "Answer as JSON with keys task (C2 colour, N5 name), ref and new.",
            "Answer as JSON with keys task (A1 address, X9 cancel, C2 colour), ref and new.",
            "Answer as JSON with keys task (Q7 quantity, D4 date, N5 name), ref and new.",
            "Answer as JSON with keys task (A1 address, Q7 quantity, X9 cancel, D4 date, "
            "C2 colour, N5 name), ref and new.",
            "Answer as JSON with keys task (B1 address, H7 quantity, T9 cancel), ref and new.",
            "Answer as JSON with keys kind (A1 address, Q7 quantity), order and value.",
            "Reply in JSON: task, ref, new.",
            "Codes: A1 address, Q7 quantity, X9 cancel, D4 date, C2 colour, N5 name.",
            "If the status is shipped, cancel is R3, and all others are Z0 with new none.",
            *_IDLE,
        ),
    ),
    "tiny model, feedback": (
        "feedback",
        "Read the customer feedback and label it.",
        (
            "Answer as JSON with keys theme (shipping, cost) and sentiment (happy, angry).",
            "Answer as JSON with keys theme (quality, service, app) and sentiment (happy, "
            "neutral).",
            "Answer as JSON with keys theme (shipping, quality, app) and sentiment (angry, "
            "neutral).",
            "Answer as JSON with keys theme (cost, service) and sentiment (happy, angry, neutral).",
            "Answer as JSON with keys theme (delivery, price, make, staff) and sentiment (good, "
            "bad).",
            "Answer as JSON with keys topic (shipping, cost) and mood (happy, angry).",
            "Reply in JSON: theme, sentiment.",
            "Themes: shipping, cost, quality, service, app.",
            "Sentiment is happy, angry or neutral.",
            *_IDLE,
        ),
    ),
}
"""Per landscape: the task, what every search begins with, and rules, most of which do nothing."""


@dataclass(frozen=True, kw_only=True)
class Tiny:
    """One task before the real model. `rows` are those of the run, then those held out."""

    name: str
    seed: int
    rows: tuple[dict, ...]
    url: str
    worth: tuple[tuple[float, ...], ...]

    @property
    def rules(self) -> tuple[str, ...]:
        """Sentences that a proposer may write."""
        return TASKS[self.name][2]

    @property
    def types(self) -> tuple[str, ...]:
        """One kind of message."""
        return (TASKS[self.name][0],)

    @property
    def seed_prompt(self) -> str:
        """The instruction alone."""
        return TASKS[self.name][1]

    def prompt(self, rules) -> str:
        """The seed prompt with *rules* below it."""
        return "\n".join([self.seed_prompt, *(self.rules[rule] for rule in rules)])

    def features(self, prompt: str) -> tuple[int, ...]:
        """The rules that stand in *prompt*."""
        return tuple(place for place, rule in enumerate(self.rules) if rule in prompt)

    def helps(self, rule: int) -> bool:
        """Whether the seed prompt with *rule* is better than alone, as was measured."""
        return self.worth[rule][0] > 0

    def message(self, item: str) -> str:
        """What the model is asked."""
        return self.rows[int(item)]["input"]

    def target(self, item: str) -> str:
        """The right answer."""
        return self.rows[int(item)]["target"]

    def answer(self, prompt: str, item: str) -> str:
        """What the model says."""
        first = int(item) - int(item) % BLOCK
        block = self.rows[first : first + BLOCK]
        return self._said(prompt, [row["input"] for row in block])[int(item) - first]

    def answered(self, prompt: str, message: str) -> str:
        """The same for the text of a message."""
        return self._said(prompt, [message])[0]

    def graded(self, item: str, said: str) -> float:
        """1 where the answer is the target."""
        return float(said.strip() == self.target(item))

    def score(self, prompt: str, item: str) -> float:
        """What the answer to *item* under *prompt* scores."""
        return self.graded(item, self.answer(prompt, item))

    def truth(self, prompt: str) -> float:
        """The mean score on rows that no search sees."""
        rows = self.rows[len(ITEMS) :]
        said = self._said(prompt, [row["input"] for row in rows])
        return fmean(
            float(one.strip() == row["target"]) for one, row in zip(said, rows, strict=True)
        )

    def _said(self, prompt: str, messages: list[str]) -> list[str]:
        body = json.dumps({"task": self.types[0], "prompt": prompt, "messages": messages})
        request = urllib.request.Request(self.url, body.encode(), method="POST")
        with urllib.request.urlopen(request, timeout=600) as reply:
            return json.loads(reply.read())


def connect(name: str, seed: int) -> Tiny:
    """The landscape of a run, behind what the file says."""
    told = json.loads(Path(os.environ[WHERE]).read_text())
    return drawn(name, seed, told["url"], tuple((worth,) for worth in told["worth"][name]))


def drawn(name: str, seed: int, url: str, worth: tuple[tuple[float, ...], ...]) -> Tiny:
    """With the rows of a run in an order that follows from its seed."""
    rows = list(_rows(TASKS[name][0]))
    Random(f"{name}/{seed}").shuffle(rows)
    return Tiny(
        name=name, seed=seed, rows=tuple(rows[: len(ITEMS) + HELD_OUT]), url=url, worth=worth
    )


@lru_cache
def _rows(task: str) -> tuple[dict, ...]:
    lines = (DATA / f"{task}.jsonl").read_text().splitlines()
    return tuple(json.loads(line) for line in lines)
