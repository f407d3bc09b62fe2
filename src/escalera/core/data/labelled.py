"""Answers that several people gave to one question: the one that most of them gave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from escalera.core.data.flaws import Flaw


def agreed(answers: Sequence[str]) -> str | Flaw:
    """The answer that more people gave than any other, as the first of them wrote it; who disagree
    as many to as many decide nothing. Answers are the same but for the space around them."""
    said: dict[str, str] = {}
    for answer in answers:
        said.setdefault(answer.strip(), answer)
    ranked = Counter(answer.strip() for answer in answers).most_common(2)
    if not ranked:
        return Flaw("nobody has answered", "Label it, or leave it out")
    if len(ranked) == 2 and ranked[0][1] == ranked[1][1]:
        first, second = (repr(answer[:40]) for answer, _ in ranked)
        rule = f"as many people answered {first} as {second}"
        return Flaw(rule, "Let one more decide, or mark one as the truth")
    return said[ranked[0][0]]
