"""Everything that OpenAI's description allows, and what it does not, asked of a real gateway."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.end_to_end.described import document
from tests.end_to_end.served import gateway

ROOT = Path(__file__).resolve().parents[2]
SCHEMATHESIS = ROOT / "build" / "fuzz" / "bin" / "schemathesis"
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance"
)

pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.timeout(1800)]


@pytest.mark.skipif(not SCHEMATHESIS.exists(), reason="needs schemathesis: make fuzz")
def test_no_request_makes_the_gateway_fail(tmp_path: Path) -> None:
    """Each gets what the description says, or an error of the caller's in OpenAI's shape."""
    description = tmp_path / "openapi.json"
    description.write_text(json.dumps(document(["a"])), encoding="utf-8")
    with gateway(tmp_path / "shop") as served:
        command = [str(SCHEMATHESIS), "run", str(description), "--url", served.url]
        command += ["--checks", CHECKS, "--phases", "examples,coverage,fuzzing"]
        command += ["--max-examples", "100", "--seed", "1", "--request-timeout", "30"]
        command += ["--suppress-health-check", "all", "--no-color", "--continue-on-failure"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert served.process.poll() is None
        answer = served.client().chat.completions.create(
            model="a", messages=[{"role": "user", "content": "still there?"}]
        )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    assert answer.choices[0].message.content
