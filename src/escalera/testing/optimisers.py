"""A model whose right rule is known, for what searches for prompts: ask it without an engine."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence

from escalera.domain.dataset import Example
from escalera.ports import Asking, Graded


class Ended(Exception):
    """Stands for whatever an engine raises when a search is to end."""


class Landscape:
    """Right on odd items, if `odd`; with the rule that `helps` in the prompt, right on all.

    The proposer writes a rule that does nothing, then the good one, in turns, in the form that it
    is asked for; or always `reply`, as it is. `questions` keeps what was asked, `messages` what
    the proposer was told, `asked` how many distinct calls that were. Every so many items
    (`unscored`) has no score.
    """

    def __init__(
        self,
        *,
        helps: str = "Good rule.",
        odd: bool = True,
        unscored: int | None = None,
        reply: str | None = None,
    ) -> None:
        self.items = tuple(_item(number) for number in range(120))
        self.questions: list[tuple[str, str]] = []
        self.messages: list[str] = []
        self._helps, self._odd = helps, odd
        self._unscored = unscored
        self._reply = reply
        self._distinct: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    @property
    def asked(self) -> int:
        """Distinct calls so far."""
        return len(self._distinct) + len(self.messages)

    def asking(self, *, calls: int, ends: int | None = None) -> Asking:
        """What an optimiser is given; after `ends` calls every question raises `Ended`."""

        def answers(text: str, items: Sequence[Example]) -> list[Graded]:
            self._require(ends)
            return [self._answer(text, item) for item in items]

        def write(message: str) -> str:
            self._require(ends)
            return self._write(message)

        return Asking(answers=answers, write=write, left=lambda: calls - self.asked)

    def _require(self, ends: int | None) -> None:
        if ends is not None and self.asked >= ends:
            raise Ended

    def _answer(self, text: str, item: Example) -> Graded:
        number = int(item.id)
        with self._lock:
            self.questions.append((text, item.id))
            self._distinct.add((text, item.id))
        if self._unscored is not None and number % self._unscored == 0:
            return Graded(said="", score=None)
        right = self._helps in text or (self._odd and number % 2 == 1)
        return Graded(said=item.target if right else "no idea", score=float(right))

    def _write(self, message: str) -> str:
        with self._lock:
            self.messages.append(message)
            rule = "Good rule." if len(self.messages) % 2 == 0 else "Vain rule."
        if self._reply is not None:
            return self._reply
        wanted = re.findall(r"\[\[ ## (\w+) ## \]\]", message.rpartition("Respond")[2])
        if not wanted:
            return f"```\nAnswer. {rule}\n```"
        parts = [f"[[ ## {name} ## ]]\nAnswer. {rule}" for name in wanted if name != "completed"]
        return "\n\n".join([*parts, "[[ ## completed ## ]]"])


# Below: private.


def _item(number: int) -> Example:
    return Example(
        id=str(number),
        task="a",
        split="search",
        input=f"message {number}",
        target=f"answer {number}",
        cluster=str(number),
    )
