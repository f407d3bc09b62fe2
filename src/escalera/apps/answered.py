"""Every answer of a journal as a table of scores."""

from __future__ import annotations

from escalera.core.evidence import Evidence, fold
from escalera.domain.event import Observed
from escalera.domain.identity import short
from escalera.domain.scores import ScoreRow, ScoreTable
from escalera.ports import Journal


def table(journal: Journal, *, source: str) -> ScoreTable:
    """A row per answer in the journal, with its latest score; systems by the first of their digest.

    *source* says where they come from, for people.
    """
    evidence = fold(journal.events())
    answers = (event for event in journal.events() if isinstance(event, Observed))
    return ScoreTable(rows=tuple(_row(answer, evidence) for answer in answers), source=source)


# Below: private.


def _row(bought: Observed, evidence: Evidence) -> ScoreRow:
    """An answer with its latest score."""
    latest = evidence.answers.get(bought.system, bought.item_digest, bought.repeat)
    return ScoreRow(
        system=short(bought.system),
        item=bought.item,
        task=bought.task,
        cluster=bought.cluster,
        repeat=bought.repeat,
        score=bought.score if latest is None else latest.score,
        reason=bought.reason if latest is None else latest.reason,
        prompt_tokens=bought.usage.prompt_tokens,
        completion_tokens=bought.usage.completion_tokens,
        micro_dollars=bought.micro_dollars,
        seconds=bought.seconds,
    )
