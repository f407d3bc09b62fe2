"""The tables of guards."""

from __future__ import annotations

import re

import msgspec
import pytest

from escalera.core.serving.guarding import kinds
from escalera.core.serving.guarding.limits import Limits
from escalera.settings import guard_table
from escalera.settings.guard_table import GuardTable, LimitsTable


def table(**given) -> GuardTable:
    return msgspec.convert({"action": "redact", **given}, GuardTable)


def problems(**given) -> list[str]:
    return [" ".join(one) for one in guard_table.problems({"mine": table(**given)})]


@pytest.mark.parametrize(
    "given",
    [
        {"kinds": ["personal", "jwt"]},
        {"words": ["project zebra"]},
        {"patterns": ["[0-9]{4}-zebra"]},
        {"languages": ["en", "es"], "side": "input", "action": "block"},
        {"function": "own.py:find"},
        {"function": "package.module:find", "side": "output"},
        {"topic": "a.txt", "others": "b.txt", "side": "input", "action": "flag"},
        {"presidio": []},
        {"presidio": ["US_SSN"]},
        {"kinds": ["smuggled"], "side": "input", "roles": ["tool"], "action": "block"},
    ],
)
def test_what_is_right(given):
    """Each thing that can be looked for."""
    assert problems(**given) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "gateway.guards.mine says not what it looks for"),
        ({"kinds": ["email"], "words": ["zebra"]}, "has kinds and words"),
        ({"kinds": ["emial"]}, "gateway.guards.mine.kinds 'emial' .* Did you mean 'email'"),
        ({"kinds": ["zzz"]}, "There are personal, secrets"),
        ({"words": ["x"]}, "'x' has 1 characters Give words and phrases of 2 to 40"),
        ({"words": ["x" * 41]}, "has 41 characters"),
        ({"words": ["word"] * 2001}, "there are 2001 Give at most 2000"),
        ({"patterns": [""]}, "empty expression"),
        ({"languages": ["english"], "side": "input", "action": "block"}, "'english' is no code"),
        ({"languages": ["en"], "action": "block"}, "whole texts that come in only"),
        ({"languages": ["en"], "side": "input"}, "whole texts that come in only"),
        ({"topic": "a.txt", "side": "input", "action": "flag"}, "go together"),
        ({"kinds": ["email"], "others": "b.txt"}, "go together"),
        ({"topic": "a.txt", "others": "b.txt", "action": "block"}, "topic can be told of whole"),
        ({"function": "find"}, "'find' names no function"),
        ({"kinds": ["email"], "roles": ["boss"], "side": "input"}, "'boss' is no role"),
        ({"kinds": ["email"], "roles": ["tool"]}, 'Set side = "input"'),
    ],
)
def test_what_is_wrong(given, said):
    """Is told with its key and the remedy."""
    found = problems(**given)
    assert len(found) == 1
    assert re.search(said, found[0])


def test_guards_of_a_side():
    """With their patterns; what asks the outside is not among them."""
    tables = {
        "data": table(kinds=["email"]),
        "topic": table(words=["zebra"], side="input", action="block", roles=["user"]),
        "own": table(patterns=["z+"], side="output"),
        "outside": table(function="own.py:find"),
    }
    got = guard_table.guards(tables, "input")
    assert [one.name for one in got] == ["data", "topic"]
    assert got[0].patterns == kinds.patterns(["email"])
    assert (got[1].action, got[1].roles) == ("block", ("user",))
    assert [one.name for one in guard_table.guards(tables, "output")] == ["data", "own"]
    assert [name for name, one in tables.items() if one.filters] == ["outside"]


def test_limits():
    """As a value of the core; 0 is no limit."""
    assert msgspec.convert({"bytes": 9}, LimitsTable).limits() == Limits(bytes=9)
    assert not LimitsTable().limits().active
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"messages": 0}, LimitsTable)
