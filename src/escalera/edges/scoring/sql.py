"""Functional correctness of SQL: the reply's query finds what the target's query finds."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from escalera.domain.scoring import Score, Submission
from escalera.edges.scoring import sandbox
from escalera.edges.scoring.binding import Kind, Means
from escalera.edges.scoring.python_tests import check_limits
from escalera.edges.scoring.sandbox import Isolation, Job, Limits
from escalera.errors import BadOption, ScorerFailed

MOST_ROWS = 10_000
"""Of a target's result: a larger one is a mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sql:
    """`script`: a file of SQLite statements that make the tables and their rows.

    `seconds` of processor time and `memory_mb` megabytes for the script and both queries.
    `isolation`: see `sandbox`.
    """

    script: str
    seconds: int = 5
    memory_mb: int = 512
    isolation: Isolation = "full"

    def __post_init__(self) -> None:
        check_limits(self.seconds, self.memory_mb)


class SqlScorer:
    """A process and a database per answer: no query finds what another left behind."""

    def __init__(self, options: Sql, means: Means) -> None:
        self._options = options
        self._script = (means.folder / options.script).read_text(encoding="utf-8")
        self._runner = Path(__file__).with_name("sql_runner.py")

    async def score(self, answer: Submission) -> Score:
        """Run both queries and compare what they find."""
        data = {
            "script": self._script,
            "target": answer.target,
            "reply": query(answer.reply),
            "most": MOST_ROWS,
        }
        options = self._options
        found = await sandbox.run(
            Job(
                runner=self._runner,
                data=data,
                limits=Limits(seconds=options.seconds, memory_mb=options.memory_mb),
                isolation=options.isolation,
            )
        )
        if found is None:  # stopped: the query took too long, or too much
            return Score(value=0.0)
        for name in ("script", "target"):
            if name in found:
                raise ScorerFailed(f"the {name} cannot be run: {found[name]}")
        right = same_rows(found["found"], found["wanted"], ordered=is_ordered(answer.target))
        return Score(value=float(right))

    async def close(self) -> None:
        """Nothing is held between answers."""


def query(reply: str) -> str:
    """The SQL in a reply: its last fenced block, or all of it without any."""
    blocks = _FENCED.findall(reply)
    return (blocks[-1] if blocks else reply).strip()


def is_ordered(sql: str) -> bool:
    """Whether a query says in which order it finds: an ORDER BY outside of all parentheses."""
    depth = 0
    for word in _TOKEN.findall(sql):
        depth += (word == "(") - (word == ")")
        if depth == 0 and _ORDER.fullmatch(word):
            return True
    return False


def same_rows(found: object, wanted: Sequence[Sequence[Any]], *, ordered: bool) -> bool:
    """Whether two results are equal: as lists where the order was asked for, else as bags.

    Names of columns do not matter, their order does. Numbers are equal to nine digits, whether
    they are whole or not. What is no list of rows is an error of the query.
    """
    if not isinstance(found, list):
        return False
    left, right = ([tuple(map(_value, row)) for row in rows] for rows in (found, wanted))
    return left == right if ordered else Counter(left) == Counter(right)


# Below: private.

_FENCED = re.compile(r"```[ \t]*\w*[^\n]*\n(.*?)(?:```|\Z)", re.DOTALL)
_TOKEN = re.compile(
    r"""
      '(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*` | \[[^]]*\]   # texts and quoted names
    | --[^\n]* | /\*.*?\*/                                     # comments
    | ORDER\s+BY\b | [()] | \w+
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_ORDER = re.compile(r"ORDER\s+BY", re.IGNORECASE)


def _value(value: Any) -> object:
    if isinstance(value, (int, float)):
        return f"{value:.9g}"
    if isinstance(value, dict):
        return ("blob", value["blob"])
    return value if value is None else ("text", value)


def _prepare(options: Sql, means: Means) -> str:
    """The digest of the script, which is run once so that a mistake in it costs nothing."""
    sandbox.check(options.isolation)
    file = means.folder / options.script
    try:
        source = file.read_bytes()
        with closing(sqlite3.connect(":memory:")) as database:
            database.executescript(source.decode())
    except OSError as error:
        problem = f"names the file {str(file)!r}, which cannot be read ({error.strerror})"
        remedy = "Put the script there; paths are relative to the project file"
        raise BadOption("script", problem, remedy) from error
    except (sqlite3.Error, ValueError) as error:
        raise BadOption("script", f"{str(file)!r} does not run: {error}", "Correct it") from error
    return hashlib.sha256(source).hexdigest()[:16]


KIND = Kind(options=Sql, open=SqlScorer, prepare=_prepare)
