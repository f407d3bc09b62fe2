"""Keys of calls."""

from __future__ import annotations

from dataclasses import replace

from escalera.core.ladder.steps import Call
from escalera.domain.dataset import Example
from escalera.domain.message import Decoding
from escalera.domain.system import Prompt, Shot, System

PROMPT = Prompt(system="Be kind.", shots=(Shot(input="one", target="1"),))
DECODING = Decoding(temperature=0.5, seed=3)
SYSTEM = System(model="m", revision="r", prompt=PROMPT, decoding=DECODING, adapter="a")
ITEM = Example(id="i", task="t", split="confirm", input="two", target="2", cluster="c")
CALL = Call(system=SYSTEM, item=ITEM, repeat=2)


def test_the_key_of_a_request_is_written_in_stone():
    """What was bought by yesterday's version is found by this one."""
    assert CALL.request_key == "b06a979b36276953cc0b6bf74e659abd"


def test_whatever_changes_the_answer_changes_the_key_and_nothing_else_does():
    """Model, revision, text, decoding and sample count; target, cluster and split do not."""
    other = [
        replace(CALL, repeat=1),
        replace(CALL, anew=1),
        replace(CALL, anew=2),
        replace(CALL, item=replace(ITEM, input="three")),
        replace(CALL, system=replace(SYSTEM, model="n")),
        replace(CALL, system=replace(SYSTEM, revision="s")),
        replace(CALL, system=replace(SYSTEM, adapter=None)),
        replace(CALL, system=replace(SYSTEM, decoding=replace(DECODING, top_p=0.5))),
    ]
    assert len({CALL.request_key, *(call.request_key for call in other)}) == 1 + len(other)
    same = replace(ITEM, target="4", cluster="d", split="search")
    assert replace(CALL, item=same).request_key == CALL.request_key
