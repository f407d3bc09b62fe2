"""The stand-in for `vllm serve`: the statuses of its API, and what its command line takes.

That processes are started, asked, crashed and ended with it is in `edges/vllm/test_kept` and
`edges/providers/test_vllm_process`.
"""

from __future__ import annotations

import json

import httpx2
import pytest
from click.testing import CliRunner

from escalera.testing.loopback import serving
from escalera.testing.upstream.lookalike import Lookalike, command

pytestmark = pytest.mark.network


@pytest.fixture
def client():
    made = Lookalike(name="base", adapters=2, rank=8, key="k", updating=True)
    headers = {"Authorization": "Bearer k"}
    with (
        serving(made.app()) as url,
        httpx2.Client(base_url=url, headers=headers, trust_env=False) as found,
    ):
        yield found


def adapter(folder, rank=8):
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank}))
    return str(folder)


def test_adapters_come_and_go_with_the_statuses_of_vllm(client, tmp_path):
    """200, 400 for one that is there, 404 for one that is not, 500 for one that does not fit."""
    load, unload = "/v1/load_lora_adapter", "/v1/unload_lora_adapter"
    one = {"lora_name": "one", "lora_path": adapter(tmp_path / "one")}
    assert client.post(load, json=one).status_code == 200
    again = client.post(load, json=one)
    assert again.status_code == 400
    assert "already been loaded" in again.json()["error"]["message"]
    gone = {"lora_name": "two", "lora_path": str(tmp_path / "two")}
    assert client.post(load, json=gone).status_code == 404
    wide = {"lora_name": "wide", "lora_path": adapter(tmp_path / "wide", rank=64)}
    assert client.post(load, json=wide).status_code == 500
    assert [model["id"] for model in client.get("/v1/models").json()["data"]] == ["base", "one"]
    assert client.post(unload, json={"lora_name": "one"}).status_code == 200
    assert client.post(unload, json={"lora_name": "one"}).status_code == 404


def test_a_chat_says_who_answers_and_what_was_said(client):
    """Cut at the limit, and 404 for a model that is not there."""
    chat = {"model": "base", "messages": [{"role": "user", "content": "one two three"}]}
    found = client.post("/v1/chat/completions", json=chat).json()
    assert found["choices"][0]["message"]["content"] == "base: one two three"
    cut = client.post("/v1/chat/completions", json={**chat, "max_tokens": 2}).json()
    assert cut["choices"][0]["finish_reason"] == "length"
    told = client.post("/v1/chat/completions", json={**chat, "stream": True}).text
    assert told.count("data: ") == 4 + 1 + 1
    assert client.post("/v1/chat/completions", json={**chat, "model": "x"}).status_code == 404


def test_nobody_is_answered_without_the_key(client):
    """But for `/health`, which needs none."""
    bare = {"Authorization": "Bearer other"}
    assert client.get("/v1/models", headers=bare).status_code == 401
    assert client.post("/v1/chat/completions", headers=bare, json={}).status_code == 401
    assert client.get("/health", headers=bare).status_code == 200


def test_without_the_switch_there_are_no_endpoints_for_adapters(tmp_path):
    """As in vLLM without VLLM_ALLOW_RUNTIME_LORA_UPDATING."""
    made = Lookalike(name="base", adapters=2, rank=8, key="k", updating=False)
    with serving(made.app()) as url:
        asked = {"lora_name": "one", "lora_path": adapter(tmp_path / "one")}
        headers = {"Authorization": "Bearer k"}
        load = f"{url}/v1/load_lora_adapter"
        found = httpx2.post(load, json=asked, headers=headers, trust_env=False)
        assert found.status_code == 404


def test_what_its_parser_does_not_know_it_refuses(tmp_path):
    """So that a misspelt argument is found."""
    found = CliRunner().invoke(command, ["serve", str(tmp_path), "--prot", "1"])
    assert found.exit_code == 2
    assert "No such option" in found.output
