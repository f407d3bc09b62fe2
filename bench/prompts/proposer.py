"""The model that writes prompts, the same behind every tool: it draws rules from the landscape.

Each rule that it writes helps with the chance `hits`, as far as there are any left that help; it
prefers what helps the query types that it is shown, and repeats nothing that stands in the message.
Asked for edits it writes a list; asked for a whole instruction it keeps most of what is there and
adds some rules. It forgets everything between two messages.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from hashlib import blake2b
from random import Random

from bench.prompts.models import Model

HITS = 0.25
EDITS = 7
"""Rules in a list of edits."""

KEPT = 0.95
"""Chance that a rule of the instruction before stands in the new one."""


@dataclass(kw_only=True)
class Proposer:
    """Replies to messages, and counts them. `added` bounds the new rules of a whole instruction."""

    landscape: Model
    seed: int
    hits: float = HITS
    added: int = EDITS
    calls: int = 0

    def edits(self, message: str) -> str:
        """A JSON list of new rules."""
        draw = self._heard(message)
        return json.dumps([self.landscape.rules[n] for n in self._new(draw, message, EDITS)])

    def instruction(self, message: str, before: str) -> str:
        """A whole instruction, made of the one *before*."""
        draw = self._heard(message)
        kept = [rule for rule in self.landscape.features(before) if draw.random() < KEPT]
        new = self._new(draw, message, draw.randint(1, self.added))
        return "\n".join(
            [self.landscape.seed_prompt, *(self.landscape.rules[rule] for rule in (*kept, *new))]
        )

    def fenced(self, message: str) -> str:
        """What GEPA asks for: the new instruction in a code fence; the old one is in the first."""
        before = message.split("```", 2)[1] if message.count("```") > 1 else ""
        return f"Here it is.\n```\n{self.instruction(message, before)}\n```"

    def fields(self, message: str) -> str:
        """What DSPy asks for: each field that is named behind the word "Respond"."""
        wanted = re.findall(r"\[\[ ## (\w+) ## \]\]", message.rpartition("Respond")[2])
        before = _field(message, "basic_instruction")
        parts = []
        for name in wanted:
            if name == "completed":
                continue
            said = f"Messages of customers about {', '.join(self.landscape.types)}."
            if name == "proposed_instruction":
                said = self.instruction(message, before)
            else:
                self._heard(message)
            parts.append(f"[[ ## {name} ## ]]\n{said}")
        return "\n\n".join([*parts, "[[ ## completed ## ]]"])

    def _heard(self, message: str) -> Random:
        self.calls += 1
        digest = blake2b(message.encode(), digest_size=8).hexdigest()
        return Random(
            f"{self.landscape.name}/{self.landscape.seed}/{self.seed}/{self.calls}/{digest}"
        )

    def _new(self, draw: Random, message: str, count: int) -> list[int]:
        known = set(self.landscape.features(message))
        left = [rule for rule in range(len(self.landscape.rules)) if rule not in known]
        shown = [1 + message.count(f"[{kind}]") for kind in self.landscape.types]
        found: list[int] = []
        while left and len(found) < count:
            good = [rule for rule in left if self.landscape.helps(rule)]
            other = [rule for rule in left if not self.landscape.helps(rule)]
            some = good if good and (not other or draw.random() < self.hits) else other or good
            weights = [self._heeded(rule, shown) for rule in some]
            (rule,) = draw.choices(some, weights)
            left.remove(rule)
            found.append(rule)
        return found

    def _heeded(self, rule: int, shown: list[int]) -> float:
        """How much of what is shown the rule is about."""
        about = sum(
            n for n, worth in zip(shown, self.landscape.worth[rule], strict=True) if worth > 0
        )
        return 0.5 + about / sum(shown)


def _field(message: str, name: str) -> str:
    found = re.findall(rf"\[\[ ## {name} ## \]\]\n(.*?)(?=\n\[\[ ##|\Z)", message, flags=re.DOTALL)
    return found[-1] if found else ""
