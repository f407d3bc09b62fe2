"""What the bar of a climb says beside its length: losses, scores of checkpoints, what is left."""

from __future__ import annotations

from escalera.core.ladder import steps
from escalera.core.ladder.caps import Left
from escalera.domain.event import Event, Observed


class Gauges:
    """Follows a climb, and says in words how far it is.

    While a training goes on these are its loss and speed, and the scores of the latest checkpoint
    on the types that are looked at; while a checkpoint is asked, its score so far.
    """

    def __init__(self) -> None:
        self._step: steps.Step | None = None
        self._detail = ""
        self._scores: dict[str, tuple[str, list[float]]] = {}

    def began(self, step: steps.Step) -> None:
        """Another step is performed."""
        self._step, self._detail = step, ""
        if not (_trains(step) or _looks(step)):
            self._scores = {}

    def progressed(self, what: str) -> None:
        """What a training says of its last step."""
        if _trains(self._step):
            self._detail = what.removeprefix("training, ")

    def appended(self, event: Event) -> None:
        """Count the score of an answer."""
        if not isinstance(event, Observed) or event.score is None or not _looks(self._step):
            return
        system, scores = self._scores.get(event.task, ("", []))
        if system != event.system:
            scores = []
        self._scores[event.task] = event.system, [*scores, event.score]

    def words(self) -> str:
        """All of it in a line; empty where there is nothing to say."""
        scores = [
            f"{task.replace('_', ' ')} {sum(found) / len(found):.2f}"
            for task, (_, found) in self._scores.items()
        ]
        last = ", ".join(scores)
        if _trains(self._step) and last:
            last = f"last: {last}"
        return "; ".join(part for part in (self._detail, last) if part)


def left(found: Left) -> str:
    """What caps leave, in words; empty where there are none."""
    parts = []
    if found.micro_dollars is not None:
        parts.append(f"${found.micro_dollars / 1e6:,.4f}")
    if found.calls is not None:
        parts.append(f"{found.calls:,} calls")
    if found.tokens is not None:
        parts.append(f"{found.tokens:,} tokens")
    if found.seconds is not None:
        parts.append(f"{found.seconds / 60:,.1f} min")
    return f"{', '.join(parts)} left" if parts else ""


# Below: private.


def _trains(step: steps.Step | None) -> bool:
    return isinstance(step, steps.Train)


def _looks(step: steps.Step | None) -> bool:
    """Whether a checkpoint is asked."""
    return isinstance(step, steps.Evaluate) and step.purpose == "checkpoint"
