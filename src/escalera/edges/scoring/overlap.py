"""BLEU and chrF of single replies, by sacreBLEU. Needs the extra `scorers`.

Papineni et al. (2002); Popović (2015); Post (2018), "A Call for Clarity in Reporting BLEU Scores".
Both were made for corpora: of a single sentence they rank well, but the mean over items is not the
corpus score of a paper.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any, Literal

from escalera.domain.scoring import Score, Submission
from escalera.edges.scoring.binding import Kind, Means
from escalera.errors import MissingExtra


@dataclass(frozen=True, slots=True, kw_only=True)
class Bleu:
    """`tokenize`: how text is cut: `13a` as in published figures, `intl`, `char`, `zh`, `none`.

    `lowercase`: letters need not have the same case.
    """

    tokenize: Literal["13a", "intl", "char", "zh", "none"] = "13a"
    lowercase: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChrF:
    """`word_order`: 0 is chrF, of characters alone; 2 is chrF++, with words and pairs of words.

    `lowercase`: letters need not have the same case.
    """

    word_order: Literal[0, 1, 2] = 0
    lowercase: bool = False


class OverlapScorer:
    """A metric of sacreBLEU with one reference, its percentage as a share."""

    def __init__(self, metric: Any) -> None:
        self._metric = metric

    async def score(self, answer: Submission) -> Score:
        """The sentence's score."""
        percent = self._metric.sentence_score(answer.reply, [answer.target]).score
        return Score(value=min(1.0, max(0.0, percent / 100)))

    async def close(self) -> None:
        """Nothing is held."""


# Below: private.


def _bleu(options: Bleu, _means: Means) -> OverlapScorer:
    # Short texts have no sequences of four words: the longest that there are count instead.
    bleu = _metrics().BLEU(
        tokenize=options.tokenize, lowercase=options.lowercase, effective_order=True
    )
    return OverlapScorer(bleu)


def _chrf(options: ChrF, _means: Means) -> OverlapScorer:
    return OverlapScorer(
        _metrics().CHRF(word_order=options.word_order, lowercase=options.lowercase)
    )


def _metrics() -> Any:
    return importlib.import_module("sacrebleu.metrics")


def _prepare(_options: Bleu | ChrF, _means: Means) -> str:
    """The version of the library: its authors ask that scores name it."""
    if importlib.util.find_spec("sacrebleu") is None:
        raise MissingExtra(feature="BLEU and chrF", package="sacrebleu", extra="scorers")
    version: str = importlib.import_module("importlib.metadata").version("sacrebleu")
    return version


BLEU = Kind(options=Bleu, open=_bleu, prepare=_prepare)
CHRF = Kind(options=ChrF, open=_chrf, prepare=_prepare)
