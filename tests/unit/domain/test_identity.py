"""Content hashes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.domain.contract import OutputContract
from escalera.domain.identity import canonical, digest_of, short
from escalera.domain.message import Decoding, Message, Reply, Request, Usage
from escalera.domain.system import Prompt, Shot, System

PROMPT = Prompt(system="Be kind.", shots=(Shot(input="two", target="2"),), template="> {{ input }}")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_the_digest_of_a_value_is_written_in_stone():
    """A journal of today must be found by tomorrow's version: the hex is part of the format."""
    assert digest_of(PROMPT) == "f1513296cb1b977da04b1d3a7ab1b746d25a765a5dcc1bd0f3dbb88a281b8982"
    assert (
        digest_of(["a", 1, None])
        == "0ae764bffd3a17b6454c8d9ebf712311d9b92efce67a4e4ea4f095fc05ed0122"
    )


def test_what_was_asked_and_said_before_is_found_again():
    """Choices, log probabilities and prompts as they are came later, and tell requests apart."""
    asked = Request(
        messages=(Message(role="user", content="x"),), decoding=Decoding(stop=("a",)), adapter="b"
    )
    said = Reply(
        text="a",
        finish_reason="stop",
        usage=Usage(prompt_tokens=1, completion_tokens=2),
        micro_dollars=1,
        seconds=0.5,
        revision="r",
    )
    assert digest_of(asked) == "0b70ed07cce0feef1458b9ad9093c4695ac72881fec30cbc8aa8b4f0c8a76234"
    assert digest_of(said) == "d8700bd36922ec4c18661c56eaf1d9c622b5850f174f751515fed7c37f2ea17f"
    others = [replace(asked, **how) for how in ({"choice": 1}, {"logprobs": 0}, {"verbatim": True})]
    assert len({digest_of(one) for one in (asked, *others)}) == 4


def test_canonical_json_has_one_spelling():
    """Keys are sorted, no space is spent, text stays text."""
    assert canonical({"b": [1, 2], "a": "é"}) == '{"a":"é","b":[1,2]}'.encode()
    assert canonical(Usage(prompt_tokens=1, completion_tokens=2)) == (
        b'{"cached_tokens":0,"completion_tokens":2,"prompt_tokens":1}'
    )


@settings(derandomize=True, max_examples=60, deadline=None)
@given(JSON, JSON)
def test_two_plain_values_have_one_digest_exactly_when_they_are_written_alike(left, right):
    """The digest neither loses nor invents a difference."""
    assert (digest_of(left) == digest_of(right)) == (canonical(left) == canonical(right))


def test_key_order_does_not_matter_and_list_order_does():
    """Mappings are sets of keys, sequences are not."""
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    assert digest_of([1, 2]) != digest_of([2, 1])


def test_a_field_that_came_later_is_written_only_where_it_says_something():
    """What was measured before there were contracts keeps its digest, and its row its bytes."""
    plain = System(model="m", revision="r", prompt=PROMPT, decoding=Decoding())
    held = replace(plain, output=OutputContract(schema="{}", mode="prompt"))
    assert b"output" not in canonical(plain)
    assert b'"output":{"mode":"prompt"' in canonical(held)
    assert plain.digest != held.digest


def test_the_digest_does_not_depend_on_what_was_hashed_before():
    """Equal values that are written differently (0 and 0.0) must not answer for one another."""
    first = "d(Decoding(temperature=0)); print(d(Decoding(temperature=0.0)))"
    later = "print(d(Decoding(temperature=0.0)))"
    found = set()
    for program in (first, later):
        head = "from escalera.domain.identity import digest_of as d\n"
        head += "from escalera.domain.message import Decoding\n"
        done = subprocess.run(
            [sys.executable, "-c", head + program], capture_output=True, text=True, check=True
        )
        found.add(done.stdout)
    assert len(found) == 1


@pytest.mark.parametrize("seed", ["0", "1"])
def test_it_is_the_same_whatever_the_hash_seed(seed):
    """Python's own hashes differ from process to process; these do not."""
    program = (
        "from escalera.domain.identity import digest_of as d\n"
        "from escalera.domain.message import Decoding\n"
        "print(d(Decoding(max_tokens=7)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == digest_of(Decoding(max_tokens=7))


def test_short_is_the_beginning():
    """Twelve characters for eyes."""
    assert short(digest_of(PROMPT)) == digest_of(PROMPT)[:12]
