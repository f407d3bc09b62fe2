"""Lines of batches: read, checked before anything is asked, and answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from escalera.apps.gateway import batch_lines
from escalera.apps.gateway.batch_lines import Checked, Line, Rules, Unusable
from escalera.apps.gateway.inside import Said
from escalera.domain.batch import BatchError, BatchUsage

CHAT = "/v1/chat/completions"
BODY = {"model": "m", "messages": []}


def wrong(model: str) -> BatchError | str:
    """There are `m`, which is meant where none is named, and `n`."""
    if model in {"m", "", "n"}:
        return model or "m"
    return BatchError(code="model_not_found", message=f"no {model!r}.", param="body.model")


RULES = Rules(endpoint=CHAT, lines=5, body=1000, wrong=wrong)


def line(custom_id: object = "1", **changes: object) -> dict[str, object]:
    found = {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": BODY, **changes}
    return {name: value for name, value in found.items() if value is not None}


def checked(folder: Path, *lines: object, rules: Rules = RULES) -> Checked:
    path = folder / "in.jsonl"
    texts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines]
    path.write_bytes(b"\n".join(texts))
    return batch_lines.checked(path, rules)


def errors(found: Checked) -> list[tuple[int | None, str, str]]:
    return [(one.line, one.code, one.param) for one in found.errors]


def test_a_good_file(tmp_path):
    """Says how many there are, and whom they ask if it is one."""
    assert checked(tmp_path, line("1"), b"", b"  \r", line("2", body={})) == Checked(
        total=2, model="m"
    )
    assert checked(tmp_path, line("1"), line("2", body={"model": "n"})) == Checked(total=2)


@pytest.mark.parametrize(
    ("text", "code", "param"),
    [
        (b"x", "invalid_json_line", ""),
        (b"[]", "invalid_json_line", ""),
        (b"\xff", "invalid_json_line", ""),
        (b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}", "invalid_json_line", ""),
        (line(None), "missing_required_parameter", "custom_id"),
        (line(7), "invalid_type", "custom_id"),
        (line(""), "invalid_custom_id", "custom_id"),
        (line("x" * 513), "invalid_custom_id", "custom_id"),
        (line(method="GET"), "invalid_method", "method"),
        (line(method=None), "missing_required_parameter", "method"),
        (line(url="/v1/embeddings"), "mismatched_url", "url"),
        (line(url=None), "missing_required_parameter", "url"),
        (line(body=None), "missing_required_parameter", "body"),
        (line(body="text"), "invalid_request", "body"),
        (line(body={"model": 7}), "invalid_request", "body.model"),
        (line(body={"model": "m", "stream": True}), "unsupported_parameter", "body.stream"),
        (line(body={"model": "x"}), "model_not_found", "body.model"),
        (line(body={"model": "m", "x": "y" * 1000}), "request_too_large", "body"),
        (b" " * 100_000 + b"{}", "request_too_large", "body"),
    ],
)
def test_a_line_that_cannot_be_asked_is_told_by_its_number(tmp_path, text, code, param):
    """With what is wrong with it; the lines around it are read all the same."""
    found = checked(tmp_path, line("a"), b"", text, line("b"), line("b"))
    assert errors(found) == [(3, code, param), (5, "duplicate_custom_id", "custom_id")]
    assert found.errors[0].message.startswith("Line 3: ")
    assert "\n" not in found.errors[0].message


def test_a_file_is_bounded(tmp_path):
    """In lines, and in the errors that are told of it."""
    many = [line(str(number)) for number in range(6)]
    assert errors(checked(tmp_path, *many)) == [(None, "too_many_tasks", "")]
    assert errors(checked(tmp_path, *many[:5])) == []
    assert errors(checked(tmp_path, b"", b" ")) == [(None, "empty_file", "")]
    rules = Rules(endpoint=CHAT, lines=1000, body=1000, wrong=wrong)
    found = errors(checked(tmp_path, *[b"x"] * 500, rules=rules))
    assert len(found) == batch_lines.MOST_ERRORS + 1
    assert found[-1] == (None, "too_many_errors", "")


def test_a_line_without_end_is_not_kept_in_memory(tmp_path):
    """It is passed over in pieces, and the next one is read."""
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"x" * 5_000_000 + b"\n" + b'{"a":1}\n' + b"y" * 21)
    found = [*batch_lines.numbered(path, 20)]
    assert found == [(1, None), (2, b'{"a":1}'), (3, None)]
    assert [*batch_lines.numbered(path, 21)][2] == (3, b"y" * 21)


def test_what_came_of_a_line_is_one_line_of_the_official_form():
    """However the upstream wrote its JSON, and whatever else it says."""
    asked = Line(number=3, custom_id='é"\n', body=b"")
    headers = {b"x-escalera-request": b"req_1"}
    said = Said(status=200, headers=headers, body=b'{\n "a" : 1.50,\n "b": "\xc3\xa9"\n}')
    found = batch_lines.record("batch_abc", asked, said)
    assert b"\n" not in found
    assert b'"a":1.50' in found
    assert json.loads(found) == {
        "id": "batch_req_abc_3",
        "custom_id": 'é"\n',
        "response": {"status_code": 200, "request_id": "req_1", "body": {"a": 1.5, "b": "é"}},
        "error": None,
    }
    broken = Said(status=500, headers={}, body=b"<html>\xff")
    body = json.loads(batch_lines.record("batch_abc", asked, broken))["response"]["body"]
    assert body == "<html>\ufffd"


def test_a_line_without_an_answer_says_why():
    """In the same form."""
    found = json.loads(batch_lines.unasked("batch_abc", Line(1, "x", b""), "code", "why"))
    assert found["response"] is None
    assert found["error"] == {"code": "code", "message": "why"}


def test_a_wrong_line_says_what_it_says_in_a_file():
    """As an error of the batch."""
    told = Unusable("code", "it is wrong", "custom_id").of(7)
    assert told == BatchError(
        code="code", message="Line 7: it is wrong.", param="custom_id", line=7
    )


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 4,
                "total_tokens": 13,
                "prompt_tokens_details": {"cached_tokens": 5},
                "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 0},
            },
            BatchUsage(input=9, cached=5, output=4, reasoning=2),
        ),
        ({"prompt_tokens": 3, "total_tokens": 3}, BatchUsage(input=3)),
        (
            {
                "input_tokens": 7,
                "input_tokens_details": {"cached_tokens": 1},
                "output_tokens": 2,
                "output_tokens_details": {"reasoning_tokens": 1},
            },
            BatchUsage(input=7, cached=1, output=2, reasoning=1),
        ),
        ({"prompt_tokens": 3, "prompt_tokens_details": None}, BatchUsage(input=3)),
        (None, BatchUsage(untold=1)),
        ({"prompt_tokens": "many"}, BatchUsage(untold=1)),
    ],
)
def test_tokens_are_read_whatever_an_endpoint_calls_them(body, usage):
    """Chat, embeddings, responses; what says nothing is counted as that, and not as nothing."""
    said = Said(status=200, headers={}, body=json.dumps({"usage": body}).encode())
    assert batch_lines.usage(said) == usage


def test_a_line_that_failed_has_no_tokens():
    """And no answer without JSON is taken for one that told."""
    assert batch_lines.usage(Said(status=500, headers={}, body=b"{}")) == BatchUsage()
    assert batch_lines.usage(Said(status=200, headers={}, body=b"x")) == BatchUsage(untold=1)
