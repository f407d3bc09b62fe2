"""How many tokens of prompts one step runs beside the answers.

A step that runs many ends more prompts at once, for less processor time a token; but everybody's
next token waits for it. So a step may run as many as it is thought to need `pause` seconds for, by
what tokens took lately, and never fewer than `least`.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST = 8192
"""However fast: the memory for a step grows with its tokens."""
_NEWEST = 0.3
"""Share of the latest step in what a token is thought to take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """`least` tokens at a time, more while a step takes less than `pause` seconds.

    Without a `pause` it is `least` always. `each` is what a token took lately, in seconds, None
    before anything was measured.
    """

    least: int = 128
    pause: float | None = None
    each: float | None = None

    @property
    def tokens(self) -> int:
        """How many tokens of prompts the next step may run."""
        if self.pause is None or not self.each:
            return self.least
        return max(self.least, min(MOST, int(self.pause / self.each)))

    def after(self, tokens: int, seconds: float) -> Stretch:
        """What is known after a step with *tokens* of prompts that took *seconds* in all.

        A step of less than half of `least` says little of what a token takes, and changes nothing.
        """
        if self.pause is None or 2 * tokens < self.least:
            return self
        latest = seconds / tokens
        each = latest if self.each is None else self.each + _NEWEST * (latest - self.each)
        return Stretch(least=self.least, pause=self.pause, each=each)
