"""The request path without HTTP."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from escalera.core.prompts import rendering
from escalera.core.routing.router import Choice
from escalera.domain.message import Decoding, Message, Query
from escalera.domain.project import ModelPrice
from escalera.domain.system import Branch, Prompt, Route, Shot, System
from escalera.engine.serve import Desk, Overrides, Served
from escalera.errors import InputError
from escalera.testing.scripted import ScriptedProvider

NONE = Overrides()
SMALL = Served(revision="r1", provider=ScriptedProvider(lambda _: "small"))
LARGE = Served(revision="r2", provider=ScriptedProvider(lambda _: "large"))

ORDERS = System(
    model="small",
    revision="r1",
    prompt=Prompt(
        system="You change orders.",
        shots=(Shot(input="two more", target="+2"),),
        template="Message: {{ input }}",
    ),
    decoding=Decoding(max_tokens=32),
    adapter="a" * 64,
)
FEEDBACK = System(model="large", revision="r2", prompt=Prompt(), decoding=Decoding())
BOTH = Route(
    branches=(Branch(task="orders", system=ORDERS), Branch(task="feedback", system=FEEDBACK)),
    router="b" * 64,
)


def infer(text: str) -> Choice:
    return Choice(
        type="orders" if "order" in text else "feedback",
        probability=0.9,
        familiarity=2.0,
        refusal="stranger" if "moon" in text else "",
    )


def desk(route: Route | None = BOTH, *, infers: bool = True) -> Desk:
    return Desk(
        label="support",
        route=route,
        models={"small": SMALL, "large": LARGE},
        infer=infer if infers else None,
    )


def resolved(found: Desk, *asked):
    return asyncio.run(found.resolve(*asked))


def user(text: str) -> Message:
    return Message(role="user", content=text)


def assistant(text: str) -> Message:
    return Message(role="assistant", content=text)


def system(text: str) -> Message:
    return Message(role="system", content=text)


def test_the_route_infers_the_type_from_the_last_message() -> None:
    """The router sees what is to be answered, not the history, and its branch answers."""
    talk = (user("nice shop"), assistant("thanks"), user("change my order"))
    found = resolved(desk(), "support", talk, NONE)
    assert found.task == "orders"
    assert found.system == ORDERS.digest
    assert found.provider is SMALL.provider
    assert resolved(desk(), "support", (user("change my order"), user("nice")), NONE).task == (
        "feedback"
    )


def test_where_the_router_abstains_the_named_system_answers() -> None:
    """The best guess stays the task, and the refusal is told; without such a system as ever."""
    plain = replace(ORDERS, adapter=None)
    route = replace(BOTH, unsure=(Branch(task="orders", system=plain),))
    found = resolved(desk(route), "support", (user("order the moon"),), NONE)
    assert (found.task, found.refusal, found.system) == ("orders", "stranger", plain.digest)
    sure = resolved(desk(route), "support", (user("order a lamp"),), NONE)
    assert (sure.refusal, sure.system) == ("", ORDERS.digest)
    other = resolved(desk(route), "support", (user("nice moon"),), NONE)
    assert (other.refusal, other.system) == ("stranger", FEEDBACK.digest)
    named = resolved(desk(route), "support/orders", (user("order the moon"),), NONE)
    assert (named.refusal, named.system) == ("", ORDERS.digest)


def test_a_lone_message_gets_exactly_the_measured_request() -> None:
    """One user message makes the very call that the evidence is about."""
    found = resolved(desk(), "support/orders", (user("one less"),), NONE)
    assert found.request == rendering.request(ORDERS, Query(input="one less"))


def test_a_declared_task_is_not_inferred() -> None:
    """`label/task` takes the task at its word, even where the router would say another."""
    assert resolved(desk(), "support/feedback", (user("my order"),), NONE).task == "feedback"


def test_earlier_turns_stay_between_shots_and_last_message() -> None:
    """The conversation so far follows the prompt's examples and precedes the message."""
    talk = (user("hello"), assistant("hi"), user("one less"))
    found = resolved(desk(), "support/orders", talk, NONE)
    assert [turn.content for turn in found.request.messages] == [
        "You change orders.",
        "Message: two more",
        "+2",
        "hello",
        "hi",
        "Message: one less",
    ]


def test_a_base_model_takes_messages_untouched() -> None:
    """By its own name a model answers raw: a system message is the caller's business."""
    talk = (system("Be brief."), user("hello"))
    found = resolved(desk(), "small", talk, NONE)
    assert found.request.messages == talk
    assert found.request.adapter is None
    assert found.task is None
    bare = System(model="small", revision="r1", prompt=Prompt(), decoding=Decoding())
    assert found.system == bare.digest


def test_overrides_change_the_decoding_and_the_digest() -> None:
    """A system with another decoding is another system, and its digest says so."""
    talk = (user("one less"),)
    found = resolved(desk(), "support/orders", talk, Overrides(temperature=0.5, seed=3))
    assert found.request.decoding == Decoding(max_tokens=32, temperature=0.5, top_p=1.0, seed=3)
    assert found.system != ORDERS.digest
    same = resolved(desk(), "support/orders", talk, Overrides(max_tokens=32))
    assert same.system == ORDERS.digest


def test_a_schema_holds_a_base_model_and_no_measured_system() -> None:
    """A local model can write nothing else; what was measured is not changed by a caller."""
    talk, wanted = (user("one less"),), Overrides(schema='{"type":"object"}')
    found = resolved(desk(), "small", talk, wanted)
    assert found.request.output is not None
    assert (found.request.output.mode, found.request.output.schema) == (
        "constrained",
        '{"type":"object"}',
    )
    assert found.system != resolved(desk(), "small", talk, NONE).system
    with pytest.raises(InputError, match=r"cannot be held to a schema.*'small', 'large'"):
        resolved(desk(), "support", talk, wanted)


def test_log_probabilities_are_asked_for_and_change_no_system() -> None:
    """Of a base model and of a measured system, unless it thinks aloud: then it says so."""
    told = Overrides(logprobs=5)
    for name in ("small", "support/orders"):
        found = resolved(desk(), name, (user("one less"),), told)
        plain = resolved(desk(), name, (user("one less"),), NONE)
        assert found.request.logprobs == 5
        assert replace(found.request, logprobs=None) == plain.request
        assert found.system == plain.system
    thinking = replace(ORDERS, prompt=replace(ORDERS.prompt, marker="Answer:"))
    loud = desk(Route(branches=(Branch(task="orders", system=thinking),)))
    with pytest.raises(InputError, match="leave logprobs out"):
        resolved(loud, "support", (user("one less"),), told)


def test_choices_differ_in_their_number_alone() -> None:
    """The first is the call itself."""
    found = resolved(desk(), "small", (user("hi"),), Overrides(verbatim=True))
    assert found.request.verbatim
    assert found.nth(0) is found
    assert replace(found.nth(3).request, choice=0) == found.request


def test_a_callers_system_message_is_refused_with_the_remedy() -> None:
    """The measured prompt cannot be extended; the error says who takes system messages."""
    with pytest.raises(InputError, match=r"measured would not be what answers.*'small', 'large'"):
        resolved(desk(), "support", (system("Be rude."), user("order")), NONE)


@pytest.mark.parametrize("talk", [(), (user("hi"), assistant("hello"))])
def test_a_conversation_must_end_with_the_user(talk: tuple[Message, ...]) -> None:
    """There must be a message to answer."""
    with pytest.raises(InputError, match="must be the user's"):
        resolved(desk(), "support", talk, NONE)


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    """A wrong name tells the right ones."""
    with pytest.raises(InputError, match=r"'gpt'.*'support', 'support/orders'.*'small'"):
        resolved(desk(), "gpt", (user("hi"),), NONE)


def test_a_declared_route_has_no_name_without_task() -> None:
    """Without a router a route of two tasks can only be asked task by task."""
    declared = desk(infers=False)
    assert declared.names() == ("support/orders", "support/feedback", "small", "large")
    with pytest.raises(InputError, match=r"does not infer the query type.*'support/orders'"):
        resolved(declared, "support", (user("order"),), NONE)


def test_a_route_of_one_task_needs_no_router() -> None:
    """With one branch there is nothing to infer."""
    alone = desk(Route(branches=(Branch(task="orders", system=ORDERS),)), infers=False)
    assert resolved(alone, "support", (user("one less"),), NONE).task == "orders"


def test_what_a_provider_finetuned_has_its_own_price() -> None:
    """An adapter on this machine costs what its base does; an unknown price stays unknown."""
    base, tuned = ModelPrice(prompt=1, completion=2), ModelPrice(prompt=3, completion=4)
    here = replace(SMALL, price=base)
    there = replace(SMALL, price=base, local=False, tuned_price=tuned)
    route = Route(branches=(Branch(task="orders", system=ORDERS),))
    prices = [
        resolved(
            Desk(label="support", route=route, models={"small": one}, infer=None), *asked, NONE
        ).price
        for one in (here, there, replace(there, tuned_price=None))
        for asked in (("support", (user("x"),)), ("small", (user("x"),)))
    ]
    assert prices == [base, base, tuned, base, None, base]


def test_without_a_route_only_base_models_answer() -> None:
    """Before a climb has found a route, the models can be tried raw."""
    assert desk(None).names() == ("small", "large")


def test_a_route_needs_its_models() -> None:
    """A branch whose model is not there is refused before anything is served."""
    with pytest.raises(InputError, match=r"'feedback' needs the model 'large'"):
        Desk(label="support", route=BOTH, models={"small": SMALL}, infer=infer)


def test_names_must_not_clash() -> None:
    """A model called like the route would make a name mean two things."""
    with pytest.raises(InputError, match="Rename one"):
        Desk(label="small", route=BOTH, models={"small": SMALL, "large": LARGE}, infer=infer)


def test_a_type_that_has_to_be_read_first_is_waited_for() -> None:
    """And what reads is closed with the desk."""

    class Readers:
        closed = 0

        async def close(self) -> None:
            self.closed += 1

    async def later(text: str) -> Choice:
        await asyncio.sleep(0)
        return infer(text)

    found = Desk(label="support", route=BOTH, models={"small": SMALL, "large": LARGE}, infer=later)
    found.readers = Readers()
    for text, model in (("my order", "small"), ("thank you", "large")):
        assert resolved(found, "support", [user(text)], NONE).model == model
    asyncio.run(found.close())
    assert found.readers.closed == 1
