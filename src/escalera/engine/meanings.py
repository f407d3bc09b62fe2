"""Performing comparisons of meaning: every answer that waits for embeddings gets its score.

Replies and targets are read by the model of their scorer, each text once however many answers say
it, and their cosine is the score. A comparison that was interrupted goes on from the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from escalera.core.evaluation import meaning
from escalera.core.evidence import Evidence
from escalera.core.ladder.steps import Call
from escalera.domain.event import Event, Rescored
from escalera.domain.identity import digest_of
from escalera.domain.likeness import Likeness
from escalera.domain.project import Project
from escalera.domain.scoring import Score, unscored
from escalera.engine.judging import Submitted, submitted
from escalera.engine.reading import Kept, Read, Reader
from escalera.ports import Artifacts, Journal

AT_ONCE = 256
"""Answers that are compared together: their texts are held in memory."""


@dataclass(slots=True, kw_only=True)
class Meanings:
    """Compares answers with their targets and records the scores, with what `reader` buys.

    `record` appends to the journal and to `evidence`.
    """

    project: Project
    evidence: Evidence
    journal: Journal
    artifacts: Artifacts
    reader: Reader
    record: Callable[[Sequence[Event]], None]
    _kept: Kept = field(init=False)

    def __post_init__(self) -> None:
        """Nothing is read before an answer is compared."""
        self._kept = Kept(self.artifacts, self.evidence.embedded)

    async def perform(self, calls: Iterable[Call]) -> None:
        """Compare every answer to *calls* that waits for it, until a cap is reached.

        Raises `ProviderError` where a model is not there; what it read until then is recorded.
        """
        waiting = (call for call in calls if self._waits(call))
        while some := [*islice(waiting, AT_ONCE)]:
            by_task: dict[str, list[Submitted]] = {}
            for answer in submitted(self.journal, some):
                by_task.setdefault(answer.item.task, []).append(answer)
            for task, answers in by_task.items():
                likeness = self.project.likeness(self.project.task(task).scorer)
                if likeness is not None and not await self._compare(likeness, answers):
                    return

    def _waits(self, call: Call) -> bool:
        compared = self.project.likeness(self.project.task(call.item.task).scorer) is not None
        return compared and self.evidence.awaits(call.system, call.item, call.repeat)

    async def _compare(self, likeness: Likeness, answers: Sequence[Submitted]) -> bool:
        """Score what can be scored; whether no cap stood in the way."""
        texts = {digest_of(text): text for one in answers for text in (one.answer, one.item.target)}
        read = await self.reader.read(likeness.model, likeness.revision, texts)
        found = [(one, self._score(likeness, one, read)) for one in answers]
        events = [
            Rescored(
                system=one.system,
                item_digest=one.item.digest,
                repeat=one.repeat,
                scorer=likeness.scorer,
                score=score.value,
                reason=score.reason,
            )
            for one, score in found
            if score is not None
        ]
        if events:
            self.record(events)
        return not read.ended

    def _score(self, likeness: Likeness, answer: Submitted, read: Read) -> Score | None:
        """The score, or None while an embedding is still to be bought."""
        pair = [digest_of(text) for text in (answer.answer, answer.item.target)]
        for text in pair:
            if text in read.refused:
                return unscored(str(read.refused[text]))
        if any((likeness.revision, text) not in self.evidence.embedded for text in pair):
            return None
        reply, target = (self._kept.vector(likeness.revision, text) for text in pair)
        return meaning.score(reply, target)
