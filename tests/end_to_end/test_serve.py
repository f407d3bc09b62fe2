"""`escalera serve` and `escalera chat`: the decided system answers through official clients."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'escalera[local]'")

from tests.end_to_end.example import escalera, small_example

from escalera import load

pytestmark = [pytest.mark.local, pytest.mark.network, pytest.mark.timeout(300)]

BARS = {"bar": "0.05", "rungs": '["prompt"]'}


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose bars are so low that prompting is adequate."""
    folder = small_example(tmp_path_factory.mktemp("decided") / "support", **BARS)
    done = escalera("climb", "-p", str(folder))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def server(decided: Path) -> Iterator[str]:
    """The base URL of a running `escalera serve`."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "escalera", "serve", "-p", str(decided), "--port", str(port)]
    )
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(20)


MESSAGE = "The courier was so kind and the parcel arrived early."


def test_the_official_client_chats_with_the_decided_system(server: str, decided: Path) -> None:
    """JSON and stream give the same text, and say which system and which query type answered."""
    client = openai.OpenAI(base_url=server, api_key="unused")
    assert "support" in [model.id for model in client.models.list()]
    asked = {"model": "support", "messages": [{"role": "user", "content": MESSAGE}]}
    raw = client.chat.completions.with_raw_response.create(**asked)
    answer = raw.parse().choices[0].message.content
    assert raw.headers["x-escalera-task"] in {"feedback", "recommendations", "order_changes"}
    workspace = load(decided)
    route = workspace.evidence().route(workspace.decision.document["verdict"]["route"])
    served = {branch.system.digest for branch in route.branches}
    assert raw.headers["x-escalera-system"] in served
    chunks = client.chat.completions.create(**asked, stream=True)
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert streamed == answer
    client.close()


def test_a_local_model_keeps_to_a_callers_schema(server: str) -> None:
    """Whatever it would have liked to say, it is valid; a measured system refuses, in words."""
    schema = {
        "type": "object",
        "properties": {"mood": {"enum": ["good", "bad"]}},
        "required": ["mood"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "mood", "schema": schema}}
    messages = [{"role": "user", "content": MESSAGE}]
    with openai.OpenAI(base_url=server, api_key="unused") as client:
        found = client.chat.completions.create(
            model="base", messages=messages, response_format=wanted, max_tokens=64
        )
        assert json.loads(found.choices[0].message.content)["mood"] in {"good", "bad"}
        with pytest.raises(openai.BadRequestError, match="cannot be held to a schema"):
            client.chat.completions.create(
                model="support", messages=messages, response_format=wanted
            )


def test_chat_answers_one_message(decided: Path) -> None:
    """The terminal's answer is the system's own."""
    done = escalera("chat", "-p", str(decided), "-m", MESSAGE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
