"""What was spent, counted call by call and training by training."""

from __future__ import annotations

from dataclasses import dataclass

from escalera.domain.event import Drafted, Judged, Observed, Reserved
from escalera.domain.generation import Generated
from escalera.domain.optimiser import Written
from escalera.domain.selection import Embedded

NONE_RESERVED = Reserved(calls=0, tokens=0, micro_dollars=0)


@dataclass(slots=True, kw_only=True)
class Spent:
    """What the climb has used.

    `known_micro_dollars` is the price of the calls, and of the trainings at a provider, whose price
    was known when they were made; of the others calls, tokens and trainings are counted. `reserved`
    is what calls without an answer may have cost besides: those in flight, and those that a crash
    cut off.
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    training_tokens: int = 0
    known_micro_dollars: int = 0
    unpriced_calls: int = 0
    unpriced_prompt_tokens: int = 0
    unpriced_completion_tokens: int = 0
    unpriced_trainings: int = 0
    seconds: float = 0.0
    reserved: Reserved = NONE_RESERVED

    def call(self, event: Observed | Judged | Drafted | Written | Generated) -> None:
        """Count a call that was bought."""
        usage, money = event.usage, event.micro_dollars
        prompt, completion = usage.prompt_tokens, usage.completion_tokens
        calls = 1 + event.repairs if isinstance(event, Observed) else 1
        self.calls += calls
        self.prompt_tokens += prompt
        self.completion_tokens += completion
        self.seconds += event.seconds
        if money is not None:
            self.known_micro_dollars += money
        else:
            self.unpriced_calls += calls
            self.unpriced_prompt_tokens += prompt
            self.unpriced_completion_tokens += completion

    def embed(self, event: Embedded) -> None:
        """Count a call for embeddings, which has no answer."""
        prompt = event.usage.prompt_tokens
        self.calls += 1
        self.prompt_tokens += prompt
        self.seconds += event.seconds
        if event.micro_dollars is not None:
            self.known_micro_dollars += event.micro_dollars
        else:
            self.unpriced_calls += 1
            self.unpriced_prompt_tokens += prompt

    def train(self, micro_dollars: int | None, *, sign: int = 1) -> None:
        """Count a training at a provider; with the *sign* -1 take it back."""
        if micro_dollars is None:
            self.unpriced_trainings += sign
        else:
            self.known_micro_dollars += sign * micro_dollars

    @property
    def micro_dollars(self) -> int | None:
        """The price of all that was paid for, None where one price is unknown."""
        unknown = self.unpriced_calls or self.unpriced_trainings
        return None if unknown else self.known_micro_dollars
