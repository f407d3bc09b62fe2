"""The bound of what a measured system adds to a request."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from escalera.core.prompts import rendering
from escalera.core.serving import weight
from escalera.domain.contract import OutputContract
from escalera.domain.message import Decoding, Query
from escalera.domain.system import Prompt, Shot, System

TEXT = st.text(st.characters(exclude_characters="{}%#", codec="utf-8"), max_size=80)
SHOTS = st.lists(st.builds(Shot, input=TEXT, target=TEXT), max_size=4).map(tuple)


def system(prompt: Prompt, output: OutputContract | None = None) -> System:
    return System(model="m", revision="r", prompt=prompt, decoding=Decoding(), output=output)


@given(TEXT, SHOTS, TEXT, TEXT)
def test_no_request_is_longer_than_the_bound(
    said: str, shots: tuple[Shot, ...], frame: str, message: str
) -> None:
    """Whatever the prompt is, what is rendered has no more bytes than the bound and the message."""
    prompt = Prompt(system=said, shots=shots, template=frame + "{{ input }}")
    one = system(prompt)
    request = rendering.request(one, Query(input=message), material=rendering.NO_MATERIAL)
    rendered = sum(len(turn.content.encode()) for turn in request.messages)
    assert rendered <= weight.prompt_bytes(one) + len(message.encode())


def test_repairs_are_further_calls() -> None:
    """The most of any system counts; without a contract there is one call."""
    contract = OutputContract(schema="{}", mode="prompt", repairs=2)
    assert weight.calls([system(Prompt()), system(Prompt(), contract)]) == 3
    assert weight.calls([system(Prompt())]) == 1
    assert weight.calls([]) == 1
