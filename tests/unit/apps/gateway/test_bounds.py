"""What a request can take at the most, from its bytes."""

from __future__ import annotations

import json

import pytest

from escalera.apps.gateway import bounds, fields
from escalera.apps.gateway.asked import Asked


def asked(body: dict, operation: str = "chat") -> Asked:
    data = json.dumps(body).encode()
    return Asked(
        id="r",
        operation=operation,
        fields=fields.read(operation, data),
        body=data,
        began=0.0,
        started=0.0,
        deadline=1.0,
    )


IMAGE = {"type": "image_url", "image_url": {"url": "https://e/i.png"}}


@pytest.mark.parametrize(
    ("parts", "count"),
    [
        ([{"type": "text", "text": 'not an "image_url" nor "input_file"'}], 0),
        ([IMAGE], 1),
        ([IMAGE] * 3, 3),
        ([{"type": "input_image", "file_id": "f"}] * 3, 3),
        ([{"type": "input_image", "image_url": "https://e"}] * 2, 2),
        ([{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}], 1),
        ([{"type": "file", "file": {"file_id": "f"}}, IMAGE], 2),
        ([{"type": "input_file", "file_url": "https://e"}] * 3, 3),
    ],
)
def test_parts_that_are_not_text_are_counted(parts, count):
    """In chats and responses, and never in what somebody wrote."""
    one = asked({"messages": [{"role": "user", "content": parts}]})
    assert bounds.media(one.body) == count
    assert bounds.prompt_tokens(one, frame=7) == len(one.body) + 512 + count * 50_000 + 7


@pytest.mark.parametrize(
    ("body", "operation", "answers"),
    [
        ({"messages": []}, "chat", 100),
        ({"messages": [], "n": 3}, "chat", 300),
        ({"prompt": "a"}, "completions", 100),
        ({"prompt": [1, 2, 3]}, "completions", 100),
        ({"prompt": ["a", "b"], "n": 2, "best_of": 5}, "completions", 1000),
        ({"prompt": [[1], [2], [3]]}, "completions", 300),
        ({"prompt": "a", "best_of": "many"}, "completions", 100),
        ({"input": "a"}, "responses", 100),
        ({"input": "a"}, "embeddings", 0),
    ],
)
def test_every_answer_that_is_billed_is_counted(body, operation, answers):
    """Several prompts, several choices, and those of which only the best is shown."""
    assert bounds.answer_tokens(asked(body, operation), 100) == answers


def test_a_body_that_was_changed_is_counted_anew(monkeypatch):
    """A guard may take out what was counted; a body that stays is read once."""
    read = []
    count = bounds.media
    monkeypatch.setattr(bounds, "media", lambda body: read.append(body) or count(body))
    one = asked({"model": "m", "messages": [{"content": [{"type": "image_url"}]}]})
    first = bounds.prompt_tokens(one, frame=0)
    assert bounds.prompt_tokens(one, frame=5) == first + 5
    assert len(read) == 1
    one.body = b'{"model":"m","messages":[]}'
    assert bounds.prompt_tokens(one, frame=0) < first - 10
    assert len(read) == 2


def test_what_is_not_taken_of_a_prediction_is_counted():
    """It is billed like an answer, and no longer than the request."""
    request = asked({"messages": [], "prediction": {"type": "content", "content": "x" * 50}})
    assert bounds.answer_tokens(request, 100) == 100 + len(request.body)


def test_a_prompt_that_the_provider_keeps_has_no_bound():
    """A conversation that is continued by its id."""
    assert bounds.is_bounded(asked({"input": "previous_response_id"}, "responses"))
    kept = {"input": "a", "previous_response_id": "resp_1"}
    assert not bounds.is_bounded(asked(kept, "responses"))


@pytest.mark.parametrize(
    ("body", "bounded"),
    [
        ({"prompt": {"id": "pmpt_1"}}, False),
        ({"input": "a", "prompt": None}, True),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, False),
        ({"input": [{"id": "msg_1"}]}, False),
        ({"input": [{"id": "msg_1", "role": "user", "content": "item_reference"}]}, True),
        ({"input": [{"type": "function_call_output", "id": "a", "output": "b"}, "c"]}, True),
    ],
)
def test_what_a_provider_keeps_is_no_part_of_the_bound(
    body: dict[str, object], *, bounded: bool
) -> None:
    """A prompt or an item that only its id is sent of costs what nobody here can tell."""
    assert bounds.is_bounded(asked(body, "responses")) is bounded


@pytest.mark.parametrize(
    ("body", "least"),
    [
        (rb'{"type":"image\u005furl","image\u005furl":{}}', 1),
        (rb'{"typ\u0065":"input_image"}', 1),
        (rb'{"\u0074ype":"\u0069nput_image"}', 1),
        (rb'{"type":"text","text":"caf\u00e9 \u003c \u0026 \n"}', 0),
        (b'{"type":"video_url","video_url":{}}', 1),
    ],
)
def test_no_part_hides_behind_escapes(body: bytes, least: int) -> None:
    """Every reader reads a name alike, however it is written."""
    found = bounds.media(body)
    assert found >= least
    assert (found > 0) == (least > 0)
