"""The scorer of a task as it is written."""

from __future__ import annotations

import pytest

from escalera.core.evaluation.labels import SetF1
from escalera.core.evaluation.limits import Latency
from escalera.core.evaluation.scorers import NoOptions
from escalera.edges.scoring.command import Command
from escalera.edges.scoring.desk import OPTIONS
from escalera.errors import BadOption
from escalera.settings import scorer_table


def read(written):
    return scorer_table.read(written, OPTIONS)


def test_a_name_is_a_scorer_with_its_defaults():
    """And so is a table with nothing but the kind."""
    assert read("exact") == ("exact", NoOptions())
    assert read("set_f1") == read({"kind": "set_f1"}) == ("set_f1", SetF1())


def test_options_are_converted():
    """Whole numbers are numbers, lists are tuples."""
    assert read({"kind": "latency", "seconds": 2}) == ("latency", Latency(seconds=2.0))
    found = read({"kind": "command", "command": ["python", "score.py"]})
    assert found == ("command", Command(command=("python", "score.py")))


@pytest.mark.parametrize(
    ("written", "key", "problem", "remedy"),
    [
        ("exakt", "", "'exakt' is not a scorer", "exact, normalised"),
        ({"kind": "exakt"}, "kind", "'exakt' is not a scorer", "exact, normalised"),
        ({"pattern": "x"}, "kind", "is missing", "exact, normalised"),
        ({"kind": 3}, "kind", "3 is not a scorer", "exact"),
        ({"kind": ["a"]}, "kind", "['a'] is not a scorer", "exact"),
        ({"kind": "exact", "case": True}, "case", "is no option", "It has none"),
        ({"kind": "set_f1", "seperator": ";"}, "seperator", "is no option", "'separator'"),
        ({"kind": "set_f1", "zzz": 1}, "zzz", "is no option", "It has separator, case"),
        ({"kind": "set_f1", "separator": 3}, "separator", "has the value 3", "expects"),
        ({"kind": "rouge", "variant": "rouge3"}, "variant", "'rouge3'", "expects"),
        ({"kind": "latency"}, "seconds", "is missing, and 'latency' needs it", "seconds = …"),
        ("latency", "seconds", "is missing", 'kind = "latency"'),
        ({"kind": "latency", "seconds": -1}, "seconds", "-1.0 is out of range", "above 0"),
        ({"kind": "command", "command": ["a", 3]}, "command[1]", "has the value ['a', 3]", ""),
    ],
)
def test_what_is_wrong_is_told_with_key_and_remedy(written, key, problem, remedy):
    """Value, rule and what to do."""
    with pytest.raises(BadOption) as caught:
        read(written)
    error = caught.value
    assert error.key == key
    assert problem in error.problem
    assert remedy in error.remedy


def test_the_full_key():
    """Within the task's table."""
    assert scorer_table.key("a", BadOption("", "x", "y")) == "tasks.a.scorer"
    assert scorer_table.key("a", BadOption("pattern", "x", "y")) == "tasks.a.scorer.pattern"
