"""Answers that have to keep to a schema: sent back once, then refused."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.unit.apps.gateway.upstreams import Exchange, Upstream, asked, asking, line, plan

from escalera.apps.gateway import insisting
from escalera.apps.gateway.asked import Opened, Problem

FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "n", "schema": {"type": "object", "required": ["a"]}},
}


def invalid(schema: str, text: str) -> str | None:
    assert json.loads(schema)["required"] == ["a"]
    try:
        return None if "a" in json.loads(text) else "'a' is missing"
    except ValueError:
        return "it is no JSON"


def said(text: str) -> Exchange:
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    return Exchange(json.dumps({"choices": [{"message": message}], "usage": usage}).encode())


def insist(*answers: str, extend: Any = None, **more: Any) -> tuple[Any, Any, Upstream]:
    """What comes of a request whose answers are these, one after the other."""
    upstream = Upstream(*(said(text) for text in answers))
    found, route = (
        asked(extend=extend, **{"response_format": FORMAT, **more}),
        plan(line("a", upstream)),
    )

    async def run() -> Any:
        first = await asking().ask(found, route)
        assert isinstance(first, Opened)
        return await insisting.insist(asking(), found, route, first, invalid)

    return asyncio.run(run()), found, upstream


def test_a_valid_answer_goes_on() -> None:
    """Asked once, nothing counted twice."""
    found, request, upstream = insist('{"a": 1}')
    assert isinstance(found, Opened)
    assert len(upstream.asked) == 1
    assert request.attempts == []


def test_an_invalid_answer_is_sent_back_once_and_its_repair_goes_on() -> None:
    """The repair has the answer and the complaint in it; the first answer's cost is kept."""
    found, request, upstream = insist("oops", '{"a": 1}')
    assert isinstance(found, Opened)
    assert json.loads(found.body)["choices"][0]["message"]["content"] == '{"a": 1}'
    *_, answer, complaint = json.loads(upstream.asked[1][1])["messages"]
    assert answer == {"role": "assistant", "content": "oops"}
    assert "no JSON" in complaint["content"]
    assert [(one.fault, one.completion_tokens, one.cost) for one in request.attempts] == [
        ("", 4, 11)
    ]
    assert [one.closed for one in upstream.given] == [1, 0]


def test_an_answer_that_stays_invalid_is_no_answer() -> None:
    """A problem in words, and both answers are counted and closed."""
    found, request, upstream = insist("oops", "{}")
    assert isinstance(found, Problem)
    assert found.code == "schema_unsatisfied"
    assert "'a' is missing" in found.message
    assert len(request.attempts) == 2
    assert [one.closed for one in upstream.given] == [1, 1]


def test_without_money_for_a_repair_there_is_none() -> None:
    """Nothing is spent that the key does not have."""
    found, _, upstream = insist("oops", '{"a": 1}', extend=lambda: False)
    assert isinstance(found, Problem)
    assert "allowance" in found.message
    assert len(upstream.asked) == 1


def test_without_a_schema_any_text_will_do() -> None:
    """As it came."""
    found, _, upstream = insist("oops", response_format={"type": "text"})
    assert isinstance(found, Opened)
    assert len(upstream.asked) == 1
