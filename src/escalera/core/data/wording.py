"""When two texts say the same: equal but for case and spacing, or nearly equal.

Near texts are found by their shingles, and are near when seven tenths of their shingles are common
(Jaccard; Broder 1997, "On the resemblance and containment of documents"). The longer a text, the
longer its shingles: runs of characters serve messages of a few words, where runs of words would
find one in ten of those in which two letters are mistyped; but long texts of one language have most
short runs in common. Numbers must agree: messages of one template about different orders are
neighbours, and teach.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

NEAR = 0.7
"""Share of common shingles among all of two texts from which they are near."""
ALIKE = 0.8
"""Share of common trigrams among all of two texts from which they are one (Lee et al. 2022, arXiv
2107.06499)."""
WITHIN = 0.9
"""Share of a text's trigrams that stand in another from which it is held by it."""
LONG = 13
"""Words from which holding a text is no coincidence (Brown et al. 2020, arXiv 2005.14165)."""
KINDS = 3
"""Kinds of shingles: runs of 3 characters, of 5 characters, of 3 words."""
BOUNDS = (150, 1000)
"""Characters up to which texts have shingles of the first and of the second kind."""
SLACK = 0.65
"""How much shorter than another text a near one may be, as a share."""
TOLD = 20
"""Words from which two answers may differ a little and still say the same."""


def words(text: str) -> list[str]:
    """The words of *text* without case, width and punctuation.

    Signs of scripts that put no space between words (Chinese, Japanese, Thai) are words.
    """
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def key(text: str) -> bytes:
    """Sixteen bytes that are the same for texts that differ in case, width and spacing only."""
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Shingled:
    """A text cut into shingles: of the kind for its length, and of those for texts near to it.

    Texts with other numbers have nothing in common: each shingle is marked with the numbers.
    """

    said: str
    mark: str

    @property
    def kind(self) -> int:
        """The kind of shingles that the text is compared by."""
        return _kind(len(self.said))

    @property
    def kinds(self) -> range:
        """The kinds of shingles by which it is found: texts near to it may have another length."""
        first, last = len(self.said) * SLACK, len(self.said) / SLACK
        return range(_kind(first), _kind(last) + 1)

    def cut(self, kind: int) -> frozenset[str]:
        """The shingles of a kind; none of a text without a word."""
        if not self.said:
            return frozenset()
        if kind == KINDS - 1:
            runs = self.said.split()
            last = max(len(runs) - 3, 0)
            return frozenset(" ".join(runs[n : n + 3]) + self.mark for n in range(last + 1))
        size = (3, 5)[kind]
        last = max(len(self.said) - size, 0)
        return frozenset(self.said[n : n + size] + self.mark for n in range(last + 1))


def shingled(text: str) -> Shingled:
    """A text, ready to be cut into shingles."""
    said = words(text)
    own = numbers(said)
    return Shingled(" ".join(said), "" if not own else "|" + " ".join(sorted(own)))


def near(left: str, right: str, *, least: float = NEAR) -> bool:
    """Whether two texts are near, by the shingles of the longer one."""
    one, two = shingled(left), shingled(right)
    kind = max(one.kind, two.kind)
    return jaccard(one.cut(kind), two.cut(kind)) >= least


def jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    """What two sets have in common, as a share of all that is in either; 0 where both are empty."""
    common = len(left & right)
    union = len(left) + len(right) - common
    return common / union if union else 0.0


def trigrams(said: Sequence[str]) -> frozenset[str]:
    """Runs of three words."""
    return frozenset(" ".join(said[start : start + 3]) for start in range(len(said) - 2))


def numbers(said: Sequence[str]) -> frozenset[str]:
    """The words that hold a digit."""
    if not _DIGIT.search(" ".join(said)):
        return frozenset()
    return frozenset(word for word in said if _DIGIT.search(word))


def same_answer(left: str, right: str, *, least: float = NEAR) -> bool:
    """Whether two answers say the same.

    Short ones and JSON must be equal but for case and spacing (a label, a number, slots with their
    values); long texts may be near.
    """
    if left == right or key(left) == key(right):
        return True
    if left.lstrip()[:1] in _JSON or min(len(words(left)), len(words(right))) < TOLD:
        return False
    return near(left, right, least=least)


# Below: private.

_APART = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff"
_JSON = ("{", "[")
_DIGIT = re.compile(r"\d")
_WORD = re.compile(f"[{_APART}]|[^\\W_{_APART}]+")


def _kind(length: float) -> int:
    return sum(length > bound for bound in BOUNDS)
