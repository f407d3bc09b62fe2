"""A server that we did not write, with the example's model: `transformers serve`.

The prompt rung over HTTP, killed in the middle and continued; and answers under a contract.
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
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'escalera[local]'")

from tests.end_to_end.example import EXAMPLE, escalera, small_example
from tests.end_to_end.transformers_server import Running, served

from escalera import wiring
from escalera.core.evidence import fold
from escalera.core.prompts import operators
from escalera.domain.contract import OutputContract, OutputMode
from escalera.domain.event import Observed
from escalera.domain.message import Decoding
from escalera.domain.screening import Screened
from escalera.domain.system import Branch, Prompt, Route, System
from escalera.engine import measuring
from escalera.engine.measuring import Wanted
from escalera.testing.memory import MemoryJournal

pytestmark = [pytest.mark.local, pytest.mark.network, pytest.mark.timeout(900)]

OPERATORS = '["instruction", "contract"]'
LABELS = {
    "theme": ["shipping", "cost", "quality", "service", "app"],
    "sentiment": ["happy", "angry", "neutral"],
}
SCHEMA = {
    "type": "object",
    "properties": {key: {"enum": labels} for key, labels in LABELS.items()},
    "required": [*LABELS],
    "additionalProperties": False,
}


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


def kept(reply: str) -> bool:
    """Whether a reply is what the schema says, without a validator."""
    try:
        found = json.loads(reply)
    except ValueError:
        return False
    if not isinstance(found, dict) or set(found) != set(LABELS):
        return False
    return all(found[key] in LABELS[key] for key in LABELS)


@pytest.fixture(scope="module")
def answers(
    server: Running, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Observed]]:
    """What five messages are answered: by the way of asking, and by item.

    The vague prompts do not say which labels there are, so that only a contract does.
    """
    folder = project(tmp_path_factory.mktemp("forms") / "support", server)
    file = folder / "escalera.toml"
    scorer = 'scorer = "json_fields"'
    text = file.read_text(encoding="utf-8").replace(scorer, f'{scorer}\nschema = "label.json"')
    file.write_text(text, encoding="utf-8")
    (folder / "label.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    installed = wiring.install(file)
    (task,) = installed.project.tasks
    clear = operators.everything(task.parts)
    vague = operators.everything(replace(task.parts, output=""))
    repairs = {"repairs": 2}
    ways: dict[str, tuple[Prompt, OutputMode | None, dict[str, int]]] = {
        "clear, repairs": (clear, "prompt", repairs),
        "vague": (vague, None, {}),
        "vague, repairs": (vague, "prompt", repairs),
        "vague, json_object": (vague, "json_object", {}),
        "vague, json_schema": (vague, "json_schema", {}),
        "vague, tools": (vague, "tools", {}),
    }
    routes = {}
    for name, (prompt, mode, how) in ways.items():
        assert mode is None or mode in installed.project.model.output
        output = None
        if mode is not None:
            output = OutputContract(schema=task.schema or "", mode=mode, **how)
        system = System(
            model=installed.project.model.name,
            revision=installed.project.model.revision,
            prompt=prompt,
            decoding=Decoding(max_tokens=task.max_tokens),
            output=output,
        )
        routes[name] = Route(branches=(Branch(task=task.name, system=system),))
    journal = MemoryJournal()
    means = installed.means(journal, fold(()), [*routes.values()], lambda *_: None)
    wanted = Wanted(tasks=(task,), split="search", limit=5)
    measuring.run(installed.project, [*routes.values()], wanted, means)
    names = {route.branches[0].system.digest: name for name, route in routes.items()}
    found: dict[str, dict[str, Observed]] = {name: {} for name in ways}
    for event in journal.events():
        if isinstance(event, Observed):
            found[names[event.system]][event.item] = event
    assert {len(events) for events in found.values()} == {5}
    return found


def test_answers_under_a_contract_are_checked_by_us(
    answers: dict[str, dict[str, Observed]],
) -> None:
    """Whoever should have seen to it; those of a prompt that says all are valid."""
    for events in answers.values():
        for event in events.values():
            assert event.finish == "stop"
            assert event.valid is kept(event.reply)
    assert any(event.valid for event in answers["clear, repairs"].values())
    assert not any(event.valid for event in answers["vague"].values())


def test_an_invalid_answer_is_sent_back_to_the_server(
    answers: dict[str, dict[str, Observed]],
) -> None:
    """Twice at most, in one conversation whose tokens are all counted; a valid one never is."""
    for name in ("clear, repairs", "vague, repairs"):
        for event in answers[name].values():
            assert event.repairs == 2 if not event.valid else event.repairs <= 2
    for item, event in answers["vague, repairs"].items():
        if event.repairs:
            once = answers["vague"][item].usage
            assert event.usage.prompt_tokens > (1 + event.repairs) * once.prompt_tokens
    assert any(event.repairs == 0 for event in answers["clear, repairs"].values())
    assert any(event.repairs == 2 for event in answers["vague, repairs"].values())


@pytest.mark.parametrize("mode", ["json_object", "json_schema", "tools"])
def test_a_mode_that_the_server_ignores_is_found_out_by_its_answers(
    answers: dict[str, dict[str, Observed]], mode: str
) -> None:
    """It takes the field and warns in its own log only: what comes back is what it says without."""
    for item, event in answers[f"vague, {mode}"].items():
        assert event.reply == answers["vague"][item].reply
        assert event.valid is False
