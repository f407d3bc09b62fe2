"""Everything that OpenAI's description allows, and what it does not, asked of a real gateway."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import openai
import pytest
from tests.end_to_end.described import document
from tests.end_to_end.raw_upstream import Upstream, before, whole
from tests.unit.apps.gateway.sockets import asked, post

ROOT = Path(__file__).resolve().parents[2]
SCHEMATHESIS = ROOT / "build" / "fuzz" / "bin" / "schemathesis"
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance"
)
USED = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
ABOUT = {"id": "1", "created": 1, "model": "m"}
TEXT = {"index": 0, "finish_reason": "stop", "logprobs": None, "text": "hi"}
CHAT = {
    "index": 0,
    "finish_reason": "stop",
    "logprobs": None,
    "message": {"role": "assistant", "content": "hi", "refusal": None},
}
RESPONSE = {
    "id": "1",
    "object": "response",
    "created_at": 1,
    "model": "gpt-4o",
    "status": "completed",
    "output": [],
    "tools": [],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "error": None,
}
ANSWERS = {
    "chat/completions": {**ABOUT, "object": "chat.completion", "choices": [CHAT], "usage": USED},
    "completions": {**ABOUT, "object": "text_completion", "choices": [TEXT], "usage": USED},
    "embeddings": {
        "object": "list",
        "model": "m",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    },
    "responses": RESPONSE,
}

pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.timeout(1800)]


@pytest.mark.skipif(not SCHEMATHESIS.exists(), reason="needs schemathesis: make slow")
@pytest.mark.parametrize(("phase", "examples"), [("fuzzing", 40), ("coverage", 1)])
def test_no_request_makes_the_gateway_fail(tmp_path: Path, phase: str, examples: int) -> None:
    """Each gets what the description says, or an error of the caller's in OpenAI's shape."""
    description = tmp_path / "openapi.json"
    upstream = Upstream()
    upstream.by_path = {
        f"/v1/{path}".encode(): [whole(json.dumps(answer).encode())]
        for path, answer in ANSWERS.items()
    }
    with before(upstream, state=tmp_path / "state") as port:
        files, batches, jobs = _left(f"http://127.0.0.1:{port}/v1")
        described = document(["m"], files=files, batches=batches, jobs=jobs)
        description.write_text(json.dumps(described), encoding="utf-8")
        command = [str(SCHEMATHESIS), "run", str(description)]
        command += ["--url", f"http://127.0.0.1:{port}/v1", "--phases", phase, "--checks", CHECKS]
        command += ["--max-examples", str(examples), "--seed", "1", "--request-timeout", "30"]
        command += ["--suppress-health-check", "all", "--no-color", "--warnings", "off"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        (still,) = asked(port, post(b'{"model":"m","messages":[]}'))
    upstream.close()
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    assert still.status == 200


def _left(url: str) -> tuple[list[str], list[str], list[str]]:
    """The ids of files that can be read, deleted and made something of, of batches and of jobs."""
    line = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions"}
    data = json.dumps({**line, "body": {"model": "m", "messages": []}}).encode()
    with openai.OpenAI(base_url=url, api_key="k") as client:
        files = [client.files.create(file=data, purpose="batch").id for _ in range(8)]
        batches = [
            client.batches.create(
                input_file_id=file, endpoint="/v1/chat/completions", completion_window="24h"
            ).id
            for file in files
        ]
        lines = json.dumps({"messages": []}).encode()
        tuned = [client.files.create(file=lines, purpose="fine-tune").id for _ in range(4)]
        jobs = [
            client.fine_tuning.jobs.create(model="m", training_file=file).id
            for file in tuned
            for _ in range(2)
        ]
    return [*files, *tuned], batches, jobs
