"""A climb that learns from a stronger system on a real server: killed, resumed, and told."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.end_to_end.example import escalera, small_example

from escalera import wiring
from escalera.apps.gateway.app import application
from escalera.core.evidence import fold
from escalera.domain.message import Request
from escalera.engine.serve import Desk, Served
from escalera.testing.loopback import serving
from escalera.testing.scripted import ScriptedProvider

pytestmark = [pytest.mark.network, pytest.mark.local, pytest.mark.timeout(600)]

CONCURRENCY, WRONG = 4, 7
TEACHER = """
[models.large]
base_url = "{url}/v1"
model = "large"
concurrency = 4

[training.teacher]
system = "large"
"""


def known(folder: Path) -> dict[str, str]:
    """The target of every message of order changes."""
    lines = (folder / "data" / "order_changes.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["input"]: row["target"] for row in map(json.loads, lines)}


def knowing(targets: dict[str, str]) -> Callable[[Request], str]:
    """Answers all but every seventh message of the data right."""
    places = {text: place for place, text in enumerate(targets)}

    def answer(request: Request) -> str:
        asked = request.messages[-1].content
        if asked not in places:
            return "none"
        return "no idea" if places[asked] % WRONG == 0 else targets[asked]

    return answer


@pytest.fixture
def teacher(tmp_path: Path) -> Iterator[tuple[Path, ScriptedProvider]]:
    """A small cut of the example, with a teacher behind an endpoint that counts."""
    folder = small_example(tmp_path / "shop", epochs="1")
    provider = ScriptedProvider(knowing(known(folder)))
    models = {"large": Served(revision="r", provider=provider)}
    desk = Desk(label="none", route=None, models=models, infer=None)
    with serving(application(desk, api_key=None, now=lambda: 0.0)) as url:
        file = folder / "escalera.toml"
        head, mark, rest = file.read_text(encoding="utf-8").partition("[climb]")
        file.write_text(head + TEACHER.format(url=url) + mark + rest, encoding="utf-8")
        yield folder, provider


def test_a_kill_costs_only_the_calls_in_flight(teacher: tuple[Path, ScriptedProvider]) -> None:
    """The wrong answers are left out, the others taught, and it is told how many."""
    folder, provider = teacher
    rows = folder / "rows.jsonl"
    rows.write_text('{"input": "Status: open\\nPlease stop 0001.", "target": "none"}\n')
    asked = ["data", "effect", "order_changes", str(rows), "-p", str(folder), "--seeds", "2"]
    for calls in (40, 120):
        kill_after(asked, provider, calls)
    done = escalera(*asked, "--json")
    assert done.returncode == 0, done.stderr
    train = 240
    # Both arms are asked; an answer of one is that of the other, but for the row that is new.
    assert train + 1 <= len(provider.requests) <= train + 1 + 2 * CONCURRENCY
    with closing(wiring.install(folder / "escalera.toml").journal()) as journal:
        first = next(iter(fold(journal.events()).trained))
    told = escalera("diagnose", first, "-p", str(folder), "--json")
    assert told.returncode in (0, 4), told.stderr
    (found,) = json.loads(told.stdout)["trainings"]
    kept = sum(place % WRONG != 0 for place in range(train))
    assert found["distilled"] == [
        f"order changes: {kept} of {train} answers of large are taught, those that score 1 or "
        f"more; its answers score {kept / train:.3f}"
    ]


def kill_after(arguments: list[str], provider: ScriptedProvider, calls: int) -> None:
    """Start a command and kill it once the server has seen so many calls in all."""
    command = [sys.executable, "-m", "escalera", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    waiting = threading.Event()
    while process.poll() is None and len(provider.requests) < calls:
        waiting.wait(0.002)
    process.kill()
    process.wait()
