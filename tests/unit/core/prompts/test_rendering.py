"""From a prompt and a query to what is sent, and from the reply to the answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalera.core.prompts import rendering
from escalera.domain.contract import OutputContract
from escalera.domain.message import Decoding, Message, Query
from escalera.domain.system import Prompt, Shot, System
from escalera.errors import TemplateError

SHOT = Shot(input="two more", target="+2")
PROMPT = Prompt(system="You change orders.", shots=(SHOT,), template="Message: {{ input }}")
SYSTEM = System(model="base", revision="r1", prompt=PROMPT, decoding=Decoding(seed=3), adapter="a")


def said(prompt, query):
    return [(turn.role, turn.content) for turn in rendering.conversation(prompt, query)]


def test_a_prompt_is_system_then_worked_examples_then_the_message():
    """Every message goes through the template, answers of examples do not."""
    assert said(PROMPT, Query(input="one less")) == [
        ("system", "You change orders."),
        ("user", "Message: two more"),
        ("assistant", "+2"),
        ("user", "Message: one less"),
    ]


def test_without_a_system_text_there_is_no_system_message():
    """An empty system message is not the same as none, also where a template makes it empty."""
    assert said(Prompt(), Query(input="hi")) == [("user", "hi")]
    assert said(Prompt(system="{% if false %}x{% endif %}"), Query(input="hi")) == [("user", "hi")]


@given(st.text())
def test_what_a_user_writes_is_not_a_template(text):
    """Braces in a message stay as they are."""
    assert said(Prompt(template="<{{ input }}>"), Query(input=text)) == [("user", f"<{text}>")]


def test_fixed_turns_stand_before_the_examples_and_history_before_the_message():
    """The whole order, with the fields of the item in every template."""
    prompt = replace(
        PROMPT,
        system="You work for {{ shop }}.",
        turns=(
            Message(role="user", content="Who are you?"),
            Message(role="assistant", content="The clerk of {{ shop }}."),
        ),
        shots=(replace(SHOT, fields=(("shop", '"Sur"'),)),),
        template="{{ shop }}: {{ input }}",
    )
    history = (Message(role="user", content="{{ hi }}"), Message(role="assistant", content="Yes?"))
    query = Query(input="one less", history=history, fields=(("shop", '"Norte"'),))
    assert said(prompt, query) == [
        ("system", "You work for Norte."),
        ("user", "Who are you?"),
        ("assistant", "The clerk of Norte."),
        ("user", "Sur: two more"),
        ("assistant", "+2"),
        ("user", "{{ hi }}"),
        ("assistant", "Yes?"),
        ("user", "Norte: one less"),
    ]


def test_fields_are_values_not_text():
    """A list can be walked through, a number compared."""
    prompt = Prompt(template="{% for p in products if p.price < 9 %}{{ p.name }};{% endfor %}")
    products = '[{"name":"mug","price":8},{"name":"lamp","price":20}]'
    assert said(prompt, Query(input="", fields=(("products", products),))) == [("user", "mug;")]


def test_a_field_that_is_missing_is_an_error():
    """An empty string in its place would be another prompt."""
    with pytest.raises(TemplateError, match="'shop' is undefined"):
        rendering.conversation(Prompt(template="{{ shop }}"), Query(input="x"))


def test_a_request_carries_conversation_decoding_and_adapter():
    """All that a provider needs; a repeat differs in its seed."""
    asked = rendering.request(SYSTEM, Query(input="hi"))
    assert asked.messages == rendering.conversation(PROMPT, Query(input="hi"))
    assert (asked.decoding, asked.adapter) == (Decoding(seed=3), "a")
    again = rendering.request(SYSTEM, Query(input="hi"), repeat=2)
    assert again == replace(asked, decoding=Decoding(seed=5))


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("Two and two.\nAnswer: 4", "4"),
        ("Answer: 3? No.\nAnswer:  4 \n", "4"),
        ("4", "4"),
        ("Answer:", ""),
    ],
)
def test_the_answer_is_what_follows_the_last_marker(reply, answer):
    """A model may try an answer before it gives one."""
    assert rendering.answer(Prompt(marker="Answer:"), reply) == answer


def test_without_a_marker_all_is_the_answer():
    """White space included: scorers say what they ignore."""
    assert rendering.answer(Prompt(), " Answer: 4 ") == " Answer: 4 "


def test_worked_examples_show_the_marker():
    """What is shown is what is asked for."""
    turns = said(replace(PROMPT, marker="Answer:"), Query(input="x"))
    assert turns[2] == ("assistant", "Answer: +2")


@pytest.mark.parametrize("system", ["", "Be kind."])
def test_a_schema_that_is_told_stands_in_the_system_message(system):
    """Braces of a schema are no template; a contract that tells nothing changes no message."""
    output = OutputContract(schema='{"a":{"{{x}}":{}}}', mode="prompt", told=True)
    told = System(
        model="m",
        revision="r",
        prompt=Prompt(system=system),
        decoding=Decoding(),
        output=output,
    )
    asked = rendering.request(told, Query(input="hi"))
    said = f"{system}\n{output.telling()}" if system else output.telling()
    assert asked.messages == (
        Message(role="system", content=said),
        Message(role="user", content="hi"),
    )
    assert asked.output == output
    silent = rendering.request(replace(told, output=replace(output, told=False)), Query(input="hi"))
    bare = rendering.request(replace(told, output=None), Query(input="hi"))
    assert silent.messages == bare.messages


@pytest.mark.parametrize(("placing", "place"), [("first", 0), ("last", 1)])
def test_examples_can_be_told_in_the_system_message(placing, place):
    """Before or behind what is told there, in the frame and with the marker that are asked for."""
    prompt = replace(PROMPT, placing=placing, marker="Answer:")
    (role, told), asked = said(prompt, Query(input="one less"))
    example = "Example 1\nuser: Message: two more\nassistant: Answer: +2"
    parts = [example, "You change orders."]
    assert (role, told) == ("system", "\n\n".join(parts if place == 0 else parts[::-1]))
    assert asked == ("user", "Message: one less")


def test_without_examples_their_place_is_nothing():
    """No heading without a text below it."""
    assert said(Prompt(placing="last"), Query(input="x")) == [("user", "x")]
