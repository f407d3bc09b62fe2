"""Regular expressions over a reply, matched in a process that is killed when it takes too long.

Some patterns take time that doubles with every further letter, and Python's engine cannot be
interrupted: the process can.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from escalera.domain.scoring import Score, Submission
from escalera.edges.processes import Lines
from escalera.edges.scoring.binding import Kind, Means
from escalera.errors import BadOption

SECONDS = 2.0
"""The most that one match may take."""
LONGEST_REPLY = 200_000
"""Characters of a reply that are looked at."""
TARGET = "{target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Regex:
    """`pattern`: what must be found somewhere in the reply; `{target}` in it is the target's text.

    With a group, the group of the last match must be the target, but for white space around it.
    Without a pattern the target is the pattern. `case`: letters must have the same case; `.`
    stands for line breaks too, and `^` and `$` for the ends of lines.
    """

    pattern: str = ""
    case: bool = False

    def __post_init__(self) -> None:
        if problem := _problem(self.pattern.replace(TARGET, "x")):
            raise BadOption("pattern", f"{self.pattern!r} {problem}", "See Python's `re`")


class RegexScorer:
    """One process for all answers."""

    def __init__(self, options: Regex, means: Means) -> None:
        self._options = options
        worker = Path(__file__).with_name("pattern_worker.py")
        self._lines = Lines(
            [sys.executable, "-s", "-S", "-P", str(worker)],
            name="the match",
            seconds=SECONDS,
            folder=means.folder,
            environment={"LANG": "C.UTF-8"},
        )

    async def score(self, answer: Submission) -> Score:
        """1 when the pattern is found, and what its group holds is the target."""
        found = await self._lines.ask(
            {
                "pattern": self._pattern(answer.target),
                "reply": answer.reply[:LONGEST_REPLY],
                "case": self._options.case,
            }
        )
        if found is None or isinstance(found, bool):
            return Score(value=float(bool(found)))
        return Score(value=float(self._folded(found) == self._folded(answer.target)))

    async def close(self) -> None:
        """End the process."""
        await self._lines.close()

    def _pattern(self, target: str) -> str:
        if not self._options.pattern:
            return target
        return self._options.pattern.replace(TARGET, f"(?:{re.escape(target.strip())})")

    def _folded(self, text: str) -> str:
        return text.strip() if self._options.case else text.strip().casefold()


# Below: private.


def _problem(pattern: str) -> str | None:
    try:
        groups = re.compile(pattern).groups
    except (re.error, RecursionError, OverflowError) as error:
        return f"is no pattern: {error}"
    return f"has {groups} groups, and one at most is read" if groups > 1 else None


def _refuses(target: str, options: Regex) -> str | None:
    return None if options.pattern else _problem(target)


KIND = Kind(options=Regex, open=RegexScorer, refuses=_refuses)
