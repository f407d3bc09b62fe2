"""Agreement figures as their authors published them, and the same figures computed here.

LLMBar: `statistics.json` of the evaluators in princeton-nlp/LLMBar ("our results (reported in our
paper)"): mean accuracy of both orders, share of equal verdicts and Cohen's kappa between the
orders. An unreadable verdict is wrong there, equals another unreadable one, and counts as a verdict
for the second answer in kappa. PandaLM: `data/compute_metrics.py` in WeOpenML/PandaLM, which counts
an unreadable verdict as a tie. The library leaves unreadable verdicts unscored; to reproduce a
figure, the authors' rule is applied before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from bench.judges.data import Pair

from escalera.core.stats import agreement, judging

LLMBAR: Mapping[tuple[str, str, str], tuple[float, float, float]] = {
    ("GPT-4", "Vanilla_NoRules", "llmbar-natural"): (0.935, 0.97, 0.9389747762408462),
    ("GPT-4", "Vanilla", "llmbar-natural"): (0.955, 0.95, 0.897708674304419),
    ("GPT-4", "Vanilla", "llmbar-adv-neighbor"): (
        0.7873134328358209,
        0.9328358208955224,
        0.8651308432118094,
    ),
    ("GPT-4", "Vanilla", "llmbar-adv-gptinst"): (
        0.8641304347826086,
        0.9456521739130434,
        0.8909952606635071,
    ),
    ("GPT-4", "Vanilla", "llmbar-adv-gptout"): (
        0.776595744680851,
        0.9361702127659575,
        0.8685927306616962,
    ),
    ("GPT-4", "Vanilla", "llmbar-adv-manual"): (
        0.8043478260869566,
        0.826086956521739,
        0.6521739130434783,
    ),
    ("ChatGPT", "Vanilla", "llmbar-natural"): (0.815, 0.71, 0.4286840031520883),
    ("ChatGPT", "Vanilla", "llmbar-adv-neighbor"): (
        0.19402985074626866,
        0.7164179104477612,
        0.4616197927680271,
    ),
    ("ChatGPT", "Vanilla", "llmbar-adv-manual"): (
        0.3478260869565217,
        0.5217391304347826,
        0.21671826625387003,
    ),
    ("Falcon", "Vanilla", "llmbar-natural"): (0.74, 0.52, 0.2133726647000983),
    ("Falcon", "Vanilla", "llmbar-adv-neighbor"): (
        0.503731343283582,
        0.4253731343283582,
        0.11189533482527125,
    ),
    ("Falcon", "CoT", "llmbar-adv-manual"): (
        0.4891304347826087,
        0.10869565217391305,
        0.006322444678609096,
    ),
    ("PaLM2", "Vanilla", "llmbar-natural"): (0.83, 0.80, 0.584026622296173),
    ("PaLM2", "Vanilla", "llmbar-adv-neighbor"): (
        0.6268656716417911,
        0.6716417910447761,
        0.3536505152378865,
    ),
    ("PaLM2", "CoT", "llmbar-adv-gptout"): (
        0.5851063829787234,
        0.38297872340425535,
        0.060647829083390836,
    ),
    ("LLaMA2", "Vanilla", "llmbar-natural"): (0.805, 0.79, 0.5731707317073171),
    ("LLaMA2", "Vanilla", "llmbar-adv-neighbor"): (
        0.2462686567164179,
        0.7761194029850746,
        0.5335344627523787,
    ),
    ("LLaMA2", "Swap", "llmbar-adv-gptinst"): (
        0.33695652173913043,
        0.5652173913043478,
        0.2695439739413682,
    ),
    ("ChatGPT-0301", "Vanilla", "llmbar-natural"): (0.84, 0.78, 0.5542949756888169),
    ("ChatGPT-0301", "Vanilla", "llmbar-adv-gptinst"): (
        0.375,
        0.4021739130434783,
        0.09578270192994986,
    ),
}
"""Accuracy, share of equal verdicts and kappa between the orders, by judge, strategy, subset."""

PANDALM: Mapping[str, tuple[float, float, float, float]] = {
    "gpt-3.5-turbo": (0.7107, 0.5879, 0.5736, 0.5755),
    "pandalm-7b": (0.6677, 0.5738, 0.5750, 0.5743),
}
"""Accuracy, and precision, recall and F1 averaged over win, tie and loss."""

UNREADABLE = -1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One published figure beside ours, and whether they agree to the digits that are given."""

    source: str
    case: str
    what: str
    published: float
    ours: float
    digits: int

    @property
    def same(self) -> bool:
        """Whether ours rounds to theirs."""
        return abs(self.ours - self.published) <= 0.5000001 * 10.0**-self.digits


def of_llmbar(pairs: Mapping[tuple[str, str], Sequence[Pair]]) -> list[Figure]:
    """Every published figure of a case that the data hold."""
    found = []
    for (judge, strategy, subset), wanted in LLMBAR.items():
        some = [p for p in pairs.get((judge, strategy), ()) if p.subset == subset]
        if not some:
            continue
        first, second = (
            [UNREADABLE if p.verdicts[k] is None else p.verdicts[k] for p in some] for k in (0, 1)
        )
        ours = (
            float(np.mean([v == p.human for p, v in zip(some, first, strict=True)]) / 2)
            + float(np.mean([v == p.human for p, v in zip(some, second, strict=True)]) / 2),
            _equal(first, second),
            agreement.cohen_kappa(_as_second(first), _as_second(second)).estimate,
        )
        names = ("accuracy", "same verdict in both orders", "kappa between the orders")
        case = f"{judge}, {strategy}, {subset.removeprefix('llmbar-')}"
        for name, theirs, mine in zip(names, wanted, ours, strict=True):
            found.append(
                Figure(
                    source="LLMBar", case=case, what=name, published=theirs, ours=mine, digits=12
                )
            )
    return found


def of_pandalm(pairs: Mapping[str, Sequence[Pair]]) -> list[Figure]:
    """Every published figure of a judge that the data hold."""
    found = []
    for judge, wanted in PANDALM.items():
        some = pairs.get(judge, ())
        if not some:
            continue
        said = [0.5 if p.verdicts[0] is None else p.verdicts[0] for p in some]
        ours = _macro([p.human for p in some], said)
        names = ("accuracy", "macro precision", "macro recall", "macro F1")
        for name, theirs, mine in zip(names, wanted, ours, strict=True):
            found.append(
                Figure(
                    source="PandaLM", case=judge, what=name, published=theirs, ours=mine, digits=4
                )
            )
    return found


# Private.


def _as_second(verdicts: Sequence[float]) -> list[float]:
    return [0.0 if verdict == UNREADABLE else verdict for verdict in verdicts]


def _equal(first: Sequence[float], second: Sequence[float]) -> float:
    """The library's flip rate, where both verdicts can be read; else the authors' share."""
    if UNREADABLE in (*first, *second):
        return float(np.mean([a == b for a, b in zip(first, second, strict=True)]))
    return 1.0 - judging.read(list(first), list(second)).flip_rate.estimate


def _macro(human: Sequence[float], said: Sequence[float]) -> tuple[float, float, float, float]:
    y, f = np.array(human), np.array(said)
    parts = []
    for label in (0.5, 1.0, 0.0):
        right = float(((y == label) & (f == label)).sum())
        precision = right / max(1.0, float((f == label).sum()))
        recall = right / max(1.0, float((y == label).sum()))
        both = precision + recall
        parts.append((precision, recall, 2 * precision * recall / both if both else 0.0))
    means = np.mean(parts, axis=0)
    return float((y == f).mean()), float(means[0]), float(means[1]), float(means[2])
