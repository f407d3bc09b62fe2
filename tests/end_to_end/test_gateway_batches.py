"""Batches through `escalera serve` and OpenAI's own Python client."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types import Batch
from tests.end_to_end import served
from tests.end_to_end.test_gateway_keys import COST, PRICED, Keys

from escalera.apps import issued
from escalera.apps.issued import Wish
from escalera.domain.access import Account, Allowance, Limits
from escalera.wiring import stores

pytestmark = [pytest.mark.network, pytest.mark.timeout(240)]

CHAT = "/v1/chat/completions"


def line(number: int, *, url: str = CHAT, model: str = "a", **body: Any) -> dict[str, Any]:
    """A request whose message is its number."""
    asked = {"model": model, "messages": [{"role": "user", "content": f"item {number}"}]}
    return {"custom_id": f"r{number}", "method": "POST", "url": url, "body": {**asked, **body}}


def uploaded(client: openai.OpenAI, *lines: Mapping[str, Any]) -> str:
    data = "\n".join(json.dumps(one) for one in lines).encode()
    return client.files.create(file=("in.jsonl", data), purpose="batch").id


def created(client: openai.OpenAI, *lines: Mapping[str, Any], url: Any = CHAT) -> Batch:
    return client.batches.create(
        input_file_id=uploaded(client, *lines), endpoint=url, completion_window="24h"
    )


def until(
    client: openai.OpenAI, id_: str, good: Callable[[Batch], Any], seconds: float = 60
) -> Batch:
    """The batch once it is as it is to be."""
    deadline = time.monotonic() + seconds
    while not good(found := client.batches.retrieve(id_)):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def is_over(batch: Batch) -> bool:
    return batch.status in {"completed", "failed", "expired", "cancelled"}


def results(client: openai.OpenAI, id_: str | None) -> dict[str, Any]:
    """The lines of a file by their ids; each is there once."""
    assert id_ is not None
    lines = [json.loads(one) for one in client.files.content(id_).content.splitlines()]
    found = {one["custom_id"]: one for one in lines}
    assert len(found) == len(lines)
    return found


def adds_up(usage: Any, said: dict[str, Any]) -> None:
    """The tokens of a batch are those of its answers."""
    told = [one["response"]["body"]["usage"] for one in said.values()]
    assert usage.input_tokens == sum(one["prompt_tokens"] for one in told) > 0
    assert usage.output_tokens == sum(one["completion_tokens"] for one in told) > 0
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    assert usage.output_tokens_details.reasoning_tokens == 0


def test_a_batch_from_file_to_results(tmp_path: Path) -> None:
    """Every field that the client knows, answers in the official form, and errors by themselves."""
    with served.gateway(tmp_path) as gateway, gateway.client() as client:
        lines = [line(number) for number in range(30)]
        made = client.batches.create(
            input_file_id=uploaded(client, *lines, line(30, max_tokens="many")),
            endpoint=CHAT,
            completion_window="24h",
            metadata={"night": "1"},
            output_expires_after={"anchor": "created_at", "seconds": 7200},
        )
        assert made.status == "validating"
        found = until(client, made.id, is_over)
        assert found.status == "failed"
        assert found.errors is not None
        (error,) = found.errors.data or ()
        assert (error.line, error.param, error.code) == (31, "body.max_tokens", "invalid_request")
        assert gateway.a.counts["chat"] == 0

        made = created(client, *lines, line(30, n=9, model="b"))
        gateway.b.fault = "status-400"
        found = until(client, made.id, is_over)
        assert found.status == "completed"
        counts = found.request_counts
        assert counts is not None
        assert (counts.total, counts.completed, counts.failed) == (31, 30, 1)
        for at in (found.in_progress_at, found.finalizing_at, found.completed_at):
            assert at is not None
            assert made.created_at <= at <= time.time() + 1
        said = results(client, found.output_file_id)
        adds_up(found.usage, said)
        assert set(said) == {f"r{number}" for number in range(30)}
        one = said["r3"]
        assert set(one) == {"id", "custom_id", "response", "error"}
        assert one["error"] is None
        assert one["response"]["status_code"] == 200
        assert one["response"]["request_id"].startswith("req_")
        assert one["response"]["body"]["choices"][0]["message"]["content"].startswith("a")
        wrong = results(client, found.error_file_id)["r30"]
        assert wrong["response"]["status_code"] == 400
        assert wrong["response"]["body"]["error"]["message"]
        output = client.files.retrieve(found.output_file_id or "")
        assert (output.purpose, output.filename) == ("batch_output", f"{made.id}_output.jsonl")
        assert next(iter(client.batches.list(limit=1))).id == made.id
        assert gateway.a.counts["chat"] == 30


@pytest.mark.parametrize(
    ("url", "body", "read"),
    [
        ("/v1/completions", {"prompt": "x"}, lambda b: b["choices"][0]["text"]),
        ("/v1/embeddings", {"input": "x"}, lambda b: b["data"][0]["embedding"]),
        ("/v1/responses", {"input": "x"}, lambda b: b["output"][0]["content"][0]["text"]),
    ],
)
def test_every_endpoint(tmp_path: Path, url: str, body: Any, read: Any) -> None:
    """Each by its own path."""
    with served.gateway(tmp_path) as gateway, gateway.client() as client:
        lines = [
            {"custom_id": str(n), "method": "POST", "url": url, "body": {"model": "a", **body}}
            for n in range(3)
        ]
        found = until(client, created(client, *lines, url=url).id, is_over)
        assert found.status == "completed"
        for one in results(client, found.output_file_id).values():
            assert read(one["response"]["body"])


def test_what_is_wrong_is_said_line_by_line(tmp_path: Path) -> None:
    """Before anything is asked."""
    bad = [
        b"not json",
        json.dumps(line(1)).encode(),
        json.dumps(line(1)).encode(),
        json.dumps({**line(3), "method": "GET"}).encode(),
        json.dumps({**line(4), "url": "/v1/embeddings"}).encode(),
        json.dumps(line(5, model="nobody")).encode(),
        json.dumps({"method": "POST", "url": CHAT, "body": {}}).encode(),
        json.dumps(line(7, stream=True)).encode(),
    ]
    with served.gateway(tmp_path) as gateway, gateway.client() as client:
        data = b'{"custom_id": 1}\n\n' + b"\n".join(bad)
        file = client.files.create(file=data, purpose="batch").id
        made = client.batches.create(input_file_id=file, endpoint=CHAT, completion_window="24h")
        found = until(client, made.id, is_over)
        assert found.status == "failed"
        assert found.errors is not None
        assert [(one.line, one.code, one.param) for one in found.errors.data or ()] == [
            (1, "invalid_type", "custom_id"),
            (3, "invalid_json_line", None),
            (5, "duplicate_custom_id", "custom_id"),
            (6, "invalid_method", "method"),
            (7, "mismatched_url", "url"),
            (8, "model_not_found", "body.model"),
            (9, "missing_required_parameter", "custom_id"),
            (10, "unsupported_parameter", "body.stream"),
        ]
        assert gateway.a.counts["chat"] == 0
        tuned = client.files.create(file=b"{}", purpose="fine-tune").id
        for file_id, endpoint, said in (
            ("file-unknown", CHAT, "no file 'file-unknown'"),
            (tuned, CHAT, "uploaded for 'fine-tune'"),
            (file, "/v1/moderations", "taken for '/v1/chat/completions'"),
        ):
            with pytest.raises(openai.BadRequestError, match=said):
                client.batches.create(
                    input_file_id=file_id,
                    endpoint=endpoint,  # type: ignore[arg-type]
                    completion_window="24h",
                )


def test_a_cancelled_batch_keeps_what_was_answered(tmp_path: Path) -> None:
    """And says of every other line that it was not asked."""
    pace = served.Pace(tokens=2, first=0.1)
    with served.gateway(tmp_path, pace=pace) as gateway, gateway.client() as client:
        made = created(client, *(line(number) for number in range(200)))
        until(client, made.id, lambda one: one.request_counts.completed >= 10)
        assert client.batches.cancel(made.id).status == "cancelling"
        found = until(client, made.id, is_over)
        assert found.status == "cancelled"
        assert found.request_counts is not None
        answered = found.request_counts.completed
        assert 10 <= answered < 200
        assert len(results(client, found.output_file_id)) == answered == gateway.a.counts["chat"]
        left = results(client, found.error_file_id)
        assert len(left) == 200 - answered
        assert {one["error"]["code"] for one in left.values()} == {"batch_cancelled"}
        with pytest.raises(openai.ConflictError):
            client.batches.cancel(made.id)


def test_somebody_elses_batch_is_not_there(tmp_path: Path) -> None:
    """For no act, and neither is a file of theirs to make one of."""
    keys = Keys(anna=None, bert=None)
    with served.gateway(tmp_path, prepare=keys) as gateway:
        anna, bert = (
            openai.OpenAI(base_url=gateway.url, api_key=keys.secrets[name], max_retries=0)
            for name in ("anna", "bert")
        )
        file = uploaded(anna, line(0))
        with pytest.raises(openai.BadRequestError):
            bert.batches.create(input_file_id=file, endpoint=CHAT, completion_window="24h")
        made = anna.batches.create(input_file_id=file, endpoint=CHAT, completion_window="24h")
        for act in (bert.batches.retrieve, bert.batches.cancel):
            with pytest.raises(openai.NotFoundError):
                act(made.id)
        assert [*bert.batches.list()] == []
        found = until(anna, made.id, is_over)
        with pytest.raises(openai.NotFoundError):
            bert.files.content(found.output_file_id or "")


def test_the_key_pays_and_what_it_lacks_is_waited_for(tmp_path: Path) -> None:
    """Money for 5 of 8 lines: 5 are answered and the rest waits. A key that is revoked ends it."""
    secrets = {}

    def keys(folder: Path) -> None:
        issuing = issued.of(folder)
        issuing.account(Account(name="team"))
        money = Allowance(micro_dollars=5 * COST)
        for name, allowance in (("poor", money), ("reader", None)):
            wish = Wish(name=name, account="team", allowance=allowance)
            secrets[name] = issuing.create(wish)[1]

    pace = served.Pace(tokens=5)
    with served.gateway(tmp_path, extra=PRICED, prepare=keys, pace=pace) as gateway:
        poor, reader = (
            openai.OpenAI(base_url=gateway.url, api_key=secrets[name], max_retries=0)
            for name in ("poor", "reader")
        )
        made = created(poor, *(line(number, max_tokens=5) for number in range(8)))
        found = until(reader, made.id, lambda one: "left of $0.005" in one.escalera["waits"])
        assert found.status == "in_progress"
        assert found.request_counts is not None
        assert (found.request_counts.completed, found.request_counts.failed) == (5, 0)
        issued.of(tmp_path).revoke("poor")
        found = until(reader, made.id, is_over)
        assert found.status == "failed"
        assert found.errors is not None
        assert [one.code for one in found.errors.data or ()] == ["invalid_api_key"]
        assert len(results(reader, found.output_file_id)) == 5 == gateway.a.counts["chat"]
        assert len(results(reader, found.error_file_id)) == 3


def test_limits_per_minute_are_waited_for(tmp_path: Path) -> None:
    """And nothing fails for them."""
    secrets = []

    def keys(folder: Path) -> None:
        wish = Wish(name="slow", limits=Limits(requests=60))
        secrets.append(issued.of(folder).create(wish)[1])

    with served.gateway(tmp_path, prepare=keys) as gateway:
        client = openai.OpenAI(base_url=gateway.url, api_key=secrets[0], max_retries=0)
        began = time.monotonic()
        found = until(client, created(client, *(line(n) for n in range(64))).id, is_over)
        assert found.status == "completed"
        assert found.request_counts is not None
        assert (found.request_counts.completed, found.request_counts.failed) == (64, 0)
        assert time.monotonic() - began > 2


def test_a_killed_server_loses_nothing_and_asks_nothing_twice(tmp_path: Path) -> None:
    """Killed again and again: every line has one answer in the end, and was asked once more at most
    for each kill that met it in flight."""
    chance = random.Random(8)
    kills, concurrency, total = 2, 8, 300
    pace = served.Pace(tokens=2, first=0.05)
    with served.gateway(tmp_path, pace=pace) as gateway, gateway.client() as client:
        made = created(client, *(line(number) for number in range(total)))
        asked: Counter[str] = Counter()
        for _ in range(kills):
            time.sleep(chance.uniform(0.4, 0.9))
            os.kill(gateway.process.pid, signal.SIGKILL)
            gateway.process.wait(20)
            gateway.restart()
        found = until(client, made.id, is_over, 120)
        assert found.status == "completed"
        said = results(client, found.output_file_id)
        assert set(said) == {f"r{number}" for number in range(total)}
        assert found.escalera["starts"] >= 2
        asked.update(messages(gateway))
        assert set(asked) == {f"item {number}" for number in range(total)}
        assert sum(asked.values()) <= total + kills * concurrency
        names = [file.filename for file in client.files.list(purpose="batch_output")]
        assert names == [f"{made.id}_output.jsonl"]


def test_a_server_that_ends_in_good_order_asks_nothing_twice(tmp_path: Path) -> None:
    """What is in flight is answered first, and the next one goes on at once."""
    pace = served.Pace(tokens=2, first=0.05)
    with served.gateway(tmp_path, pace=pace) as gateway, gateway.client() as client:
        made = created(client, *(line(number) for number in range(200)))
        until(client, made.id, lambda one: one.request_counts.completed > 20)
        gateway.end()
        gateway.restart()
        found = until(client, made.id, is_over)
        assert found.status == "completed"
        assert len(results(client, found.output_file_id)) == 200
        assert sorted(messages(gateway)) == sorted(f"item {number}" for number in range(200))
        assert found.escalera["starts"] == 2


def messages(gateway: served.Gateway) -> list[str]:
    """What the upstream was asked, in its order."""
    return [json.loads(body)["messages"][0]["content"] for _, body in gateway.a.requests]


def test_of_several_workers_one_works_on_a_batch(tmp_path: Path) -> None:
    """Nothing is asked twice, and where one is killed another goes on."""
    pace = served.Pace(tokens=2, first=0.05)
    options = ("--workers", "2")
    with served.gateway(tmp_path, pace=pace, options=options) as gateway:
        with gateway.client() as client:
            lines = [line(number) for number in range(300)]
            made = [created(client, *lines[at : at + 100]) for at in (0, 100, 200)]
            until(client, made[0].id, lambda one: one.request_counts.completed > 5)
            victim = json.loads(stores.of(tmp_path).standings().read_all()[0])["pid"]
            os.kill(victim, signal.SIGKILL)
        with gateway.client().with_options(max_retries=3) as client:
            for one in made:
                found = until(client, one.id, is_over, 120)
                assert found.status == "completed"
                assert len(results(client, found.output_file_id)) == 100
        assert set(messages(gateway)) == {f"item {number}" for number in range(300)}
        assert len(gateway.a.requests) <= 300 + 8
