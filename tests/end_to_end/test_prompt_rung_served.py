"""The prompt rung on a server that we did not write: `transformers serve` with the example's model.

Screening, race and confirmation over HTTP, killed in the middle and continued.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'escalera[local]'")

from tests.end_to_end.example import EXAMPLE, escalera, small_example
from tests.end_to_end.transformers_server import Running, served

from escalera import wiring
from escalera.domain.event import Observed, Screened

pytestmark = [pytest.mark.local, pytest.mark.network, pytest.mark.timeout(900)]

OPERATORS = '["instruction", "contract"]'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The server on the example's base model."""
    home = tmp_path_factory.mktemp("serve")
    folder = Path(shutil.copytree(EXAMPLE / "model", home / "model"))
    with served(folder, home) as running:
        yield running


def project(folder: Path, server: Running) -> Path:
    """The example's feedback alone, answered by the server."""
    small_example(folder)
    text = (folder / "escalera.toml").read_text(encoding="utf-8")
    endpoint = f'base_url = "{server.url}"\nmodel = "{server.folder}"\nconcurrency = 2'
    text = text.replace('path = "model"', endpoint)
    text = text.replace("[climb]\n", f"[climb]\noperators = {OPERATORS}\n")
    for task in ("recommendations", "order_changes"):
        text = re.sub(rf"\[tasks\.{task}\].*?(?=\n\[tasks|\Z)", "", text, flags=re.DOTALL)
        text = re.sub(rf"\[tasks\.{task}\.prompt\].*?(?=\n\[tasks|\Z)", "", text, flags=re.DOTALL)
    text = re.sub(r"^(share|minutes) = .*\n", "", text, flags=re.MULTILINE)
    (folder / "escalera.toml").write_text(text, encoding="utf-8")
    return folder


def recorded(folder: Path) -> list[object]:
    """Everything that is durable so far."""
    installation = wiring.install(folder / "escalera.toml")
    if not installation.journal_file.exists():
        return []
    with closing(installation.journal()) as journal:
        return list(journal.events())


def test_the_prompt_rung_climbs_on_a_third_party_server(server: Running, tmp_path: Path) -> None:
    """Killed with SIGKILL, continued to the rung's decision; no call was paid for twice."""
    folder = project(tmp_path / "support", server)
    command = [sys.executable, "-m", "escalera", "climb", "-p", str(folder), "--until", "prompt"]
    climb = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while climb.poll() is None and len(recorded(folder)) < 40:
        time.sleep(0.2)
    killed = climb.poll() is None
    climb.kill()
    climb.wait()
    assert killed
    done = escalera("climb", "-p", str(folder), "--until", "prompt", "--json")
    assert done.returncode == 0, done.stderr
    reached = json.loads(done.stdout)
    assert (reached["rung"], reached["outcome"]) == ("prompt", "adequate")
    events = recorded(folder)
    asked = Counter((e.system, e.item) for e in events if isinstance(e, Observed))
    assert set(asked.values()) == {1}
    stages = {event.stage: event for event in events if isinstance(event, Screened)}
    effects = dict(zip(stages["factorial"].factors, stages["factorial"].effects, strict=True))
    assert effects["contract"].lower > 0.5
