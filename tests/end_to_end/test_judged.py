"""A judged task against real servers: climbed, killed, labelled, calibrated and corrected."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.end_to_end.example import escalera

from escalera.apps.gateway.app import application
from escalera.domain.message import Request
from escalera.engine.serve import Desk, Served
from escalera.testing.loopback import serving
from escalera.testing.scripted import ScriptedProvider

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]

PROJECT = """
[project]
name = "shop"
query_type = "declared"

[models.small]
base_url = "{url}/v1"
model = "small"
price = {{ prompt = 1.0, completion = 2.0 }}
concurrency = 4

[models.large]
base_url = "{url}/v1"
model = "large"
price = {{ prompt = 1.0, completion = 2.0 }}
concurrency = 4

[climb]
model = "small"
rungs = ["prompt"]
looks = [1.0]

[budget]
money = 50.0

[judges.kind]
model = "large"
rubric = "The answer is kind, and says what the reference says."

[tasks.echo]
data = "echo.jsonl"
scorer = "judge:kind"
bar = 0.4
max_tokens = 8
{labels}

[tasks.echo.prompt]
role = "You are an echo."
instruction = "Repeat the message."
output = "One word."
"""


def drawn(text: str) -> float:
    """A number in [0, 1) that is the text's own."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") / 2**32


def worth(word: str) -> int:
    """What people think of an answer, on the scale."""
    return int(drawn(word) * 5)


def small(request: Request) -> str:
    """Repeats the message, whatever stands around it."""
    return re.findall(r"w(?:search|confirm|golden)\d+", request.messages[-1].content)[-1]


def large(request: Request) -> str:
    """A judge that is one grade too kind for two answers in three; shy at times."""
    text = request.messages[1].content
    if "Compare two answers" in text:
        first, second = re.findall(r"<<ANSWER [AB] \w+>>\n(.*)\n", text)
        return f"I weighed both.\nVERDICT: {'A' if drawn(first) > drawn(second) else 'B'}"
    word = text.partition("<<ANSWER ")[2].partition("\n")[2].partition("\n")[0]
    if drawn(f"shy {word}") < 0.1 and len(request.messages) < 3:
        return "It is a nice answer."
    kinder = drawn(f"kind {word}") < 2 / 3
    return f"I weighed it.\nVERDICT: {min(4, worth(word) + kinder)}"


@dataclass(frozen=True)
class Shop:
    """The project's folder, and the models behind its endpoint."""

    folder: Path
    small: ScriptedProvider
    large: ScriptedProvider
    url: str
    mood: dict[str, int] = field(default_factory=dict)

    def write(self, labels: str = "") -> None:
        text = PROJECT.format(url=self.url, labels=labels)
        (self.folder / "escalera.toml").write_text(text)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return escalera(*arguments, "-p", str(self.folder))

    def document(self) -> dict[str, Any]:
        """The report as plain data."""
        found: dict[str, Any] = json.loads(self.run("report", "--json").stdout)
        return found


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Two models on the loopback address, and a project that asks one and judges by the other."""
    mood = {"grades lower": 0}

    def moody(request: Request) -> str:
        text, _, grade = large(request).partition("VERDICT: ")
        if not (grade and mood["grades lower"]):
            return large(request)
        return f"{text}VERDICT: {max(0, int(grade) - mood['grades lower'])}"

    models = {"small": ScriptedProvider(small), "large": ScriptedProvider(moody)}
    served = {name: Served(revision="r", provider=one) for name, one in models.items()}
    desk = Desk(label="none", route=None, models=served, infer=None)
    rows = [
        {"id": f"{split}-{n}", "split": split, "input": f"w{split}{n}", "target": f"t{split}{n}"}
        for split, many in (("search", 40), ("confirm", 120), ("golden", 40))
        for n in range(many)
    ]
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "echo.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with serving(application(desk, api_key=None, now=lambda: 0.0)) as url:
        shop = Shop(folder, models["small"], models["large"], url, mood)
        shop.write()
        yield shop


def labelled(form: str, persons: int = 1) -> str:
    """The form as people fill it in."""
    rows = [json.loads(line) for line in form.splitlines()]
    for row in rows:
        assert row["labels"] == []
        row["labels"] = [worth(row["reply"])] * persons
    return "\n".join(map(json.dumps, rows))


def test_a_judged_climb_says_what_it_rests_on_until_people_have_spoken(shop: Shop) -> None:
    """First by the judge alone; then drawn, labelled, calibrated, and corrected at no price."""
    done = shop.run("climb")
    assert done.returncode in (0, 3), done.stderr
    assert "by the judge alone: 0 labels" in shop.run("explain").stdout
    report = json.loads(shop.run("report", "--json").stdout)
    (cell,) = report["candidates"][0]["cells"]
    assert (cell["basis"], cell["judge"]) == ("judge", None)
    alone = cell["score"]["value"]

    form = shop.run("judge", "kind", "--draw", "60", "--system", "prompt").stdout
    assert len(form.splitlines()) == 60
    assert "prompt" not in form
    (shop.folder / "labels.jsonl").write_text(labelled(form))
    shop.write('labels = "labels.jsonl"')
    asked = len(shop.small.requests), len(shop.large.requests)

    found = shop.run("judge", "kind", "--json")
    assert found.returncode == 0, found.stderr
    calibrated = json.loads(found.stdout)
    assert calibrated["trust"] == "trusted"
    assert calibrated["overall"]["answers"] == 60
    assert calibrated["overall"]["bias"]["lower"] > 0
    said = shop.run("judge", "kind").stdout
    assert "the judge grades 0.1" in said
    assert "higher than people" in said

    assert shop.run("climb").returncode in (0, 3)
    report = json.loads(shop.run("report", "--json").stdout)
    (cell,) = report["candidates"][0]["cells"]
    assert (cell["basis"], cell["labels"]) == ("corrected", 60)
    assert cell["judge"]["value"] == alone
    assert cell["score"]["value"] < alone - 0.05
    truth = sum(worth(f"wconfirm{n}") / 4 for n in range(120)) / 120
    assert cell["score"]["lower"] < truth < cell["score"]["upper"]
    assert "corrected by 60 labels" in shop.run("explain").stdout
    assert shop.run("report").returncode == report["verdict"]["exit_code"]
    assert "corrected by 60 labels" in (shop.folder / "report.html").read_text()
    assert (len(shop.small.requests), len(shop.large.requests)) == asked

    evaluated = json.loads(shop.run("eval", "prompt", "--json").stdout)
    (system,) = evaluated["systems"]
    assert system["corrected"]["value"] == pytest.approx(cell["score"]["value"], abs=1e-6)
    assert "corrected by 60 labels" in shop.run("eval", "prompt").stdout


def test_a_judge_that_changes_is_found_out_and_said_beside_every_verdict(shop: Shop) -> None:
    """By the same answers once more; then accepted as it is now, and all is quiet again."""
    assert shop.run("climb").returncode in (0, 3)
    form = shop.run("judge", "kind", "--draw", "110", "--system", "prompt").stdout
    (shop.folder / "labels.jsonl").write_text(labelled(form))
    shop.write('labels = "labels.jsonl"')
    kept = shop.run("judge", "kind").stdout
    assert "calibration 1 (110 answers) is kept" in kept
    asked = len(shop.large.requests)
    same = json.loads(shop.run("judge", "kind", "--again", "80", "--json").stdout)["drift"]
    assert (same["word"], same["again"]["answers"]) == ("no drift", 80)
    assert 80 <= len(shop.large.requests) - asked < 110

    shop.mood["grades lower"] = 2
    found = shop.run("judge", "kind", "--again", "80")
    assert found.returncode == 3
    assert "drift since calibration 1 (110 answers), margin 0.10: drifted" in found.stdout
    warning = "judge kind: it has drifted since calibration 1"
    assert shop.run("eval", "prompt", "small").stdout.count(warning) == 1
    assert warning in shop.run("compare", "small", "prompt").stdout
    assert warning in shop.run("gate", "small", "prompt").stdout
    assert shop.run("climb").returncode in (0, 3)
    assert warning in shop.run("explain").stdout
    assert shop.run("report").returncode in (0, 3)
    assert warning in (shop.folder / "report.html").read_text()
    (judge,) = json.loads(shop.run("report", "--json").stdout)["judges"]
    assert (judge["judge"], judge["tasks"], judge["word"]) == ("kind", ["echo"], "drifted")

    renewed = json.loads(shop.run("judge", "kind", "--renew", "--json").stdout)["drift"]
    assert (renewed["calibration"], renewed["answers"], renewed["word"]) == (2, 80, "not read")
    assert warning not in shop.run("compare", "small", "prompt").stdout
    refused = shop.run("judge", "kind", "--draw", "9", "--renew")
    assert refused.returncode == 2
    assert "--draw judges nothing" in refused.stderr


def test_a_judge_that_drifted_keeps_systems_out_of_service_where_it_is_to(shop: Shop) -> None:
    """Past it only with a reason, which the report shows; where it is to warn, it warns."""
    assert shop.run("climb").returncode in (0, 3)
    form = shop.run("judge", "kind", "--draw", "110", "--system", "prompt").stdout
    (shop.folder / "labels.jsonl").write_text(labelled(form))
    shop.write('labels = "labels.jsonl"')
    assert shop.run("judge", "kind").returncode == 0
    shop.mood["grades lower"] = 2
    assert shop.run("judge", "kind", "--again", "80").returncode == 3
    assert shop.run("climb").returncode in (0, 3)
    file, promote = shop.folder / "escalera.toml", ("gate", "small", "prompt", "--promote")
    text = file.read_text()
    assert shop.run(*promote).returncode == 0
    file.write_text(text.replace("\nrubric", '\non_drift = "block"\nrubric'))
    blocked = shop.run(*promote)
    assert blocked.returncode == 3, blocked.stderr
    assert "its gate is passed, but judged by kind, which has drifted" in blocked.stdout
    forced = shop.run(*promote, "--override", "people agree")
    assert forced.returncode == 0
    assert "small is in service, past the drift of kind: people agree" in forced.stdout
    assert shop.run("report").returncode in (0, 3)
    told = (shop.folder / "report.html").read_text()
    assert "passed, by a judge that has drifted, and overridden: <b>people agree</b>" in told


def test_a_judge_that_compares_is_spared_second_orders(shop: Shop) -> None:
    """Once its position bias is small; doctor says so before, explain and report after."""
    file = shop.folder / "escalera.toml"
    file.write_text(file.read_text().replace("\nrubric", '\nkind = "pairwise"\nrubric'))
    assert "45% fewer of its calls from there on" in shop.run("doctor").stdout
    for calls in (150, 330):
        killed_after(shop, calls)
    assert shop.run("climb").returncode in (0, 3)
    ((row,),) = [judge["orders"] for judge in shop.document()["judges"]]
    assert (row["word"], row["one_order"]) == ("small", True)
    assert row["calls_left_out"] == row["single"] > 80
    said = f"{row['calls_left_out']} calls left out, on {row['single']} of {row['answers']} answers"
    assert said in shop.run("explain").stdout
    assert shop.run("report").returncode in (0, 3)
    assert said in (shop.folder / "report.html").read_text()
    file.write_text(file.read_text().replace("\nrubric", "\nsecond_order = 1.0\nrubric"))
    fresh = Shop(shop.folder.parent / "fresh", shop.small, shop.large, shop.url)
    fresh.folder.mkdir()
    (fresh.folder / "echo.jsonl").write_text((shop.folder / "echo.jsonl").read_text())
    (fresh.folder / "escalera.toml").write_text(file.read_text())
    asked = len(shop.large.requests)
    assert fresh.run("climb").returncode in (0, 3)
    assert fresh.document()["judges"][0]["orders"] == []
    both = len(shop.large.requests) - asked
    assert both - row["calls_left_out"] <= asked <= both - row["calls_left_out"] + 2 * 8


def test_two_systems_are_compared_by_people_where_both_have_labels(shop: Shop) -> None:
    """The same items are drawn for both; equal answers once, and it is not said whose they are."""
    assert shop.run("climb").returncode in (0, 3)
    assert shop.run("eval", "small", "prompt").returncode == 0
    assert "rests on the judge alone" in shop.run("compare", "small", "prompt").stdout
    systems = ("--system", "small", "--system", "prompt")
    form = shop.run("judge", "kind", "--draw", "40", *systems).stdout
    items = [json.loads(line)["item"] for line in form.splitlines()]
    assert len(set(items)) == 40
    (shop.folder / "labels.jsonl").write_text(labelled(form))
    shop.write('labels = "labels.jsonl"')
    compared = json.loads(shop.run("compare", "small", "prompt", "--json").stdout)
    (row,) = compared["tasks"]
    assert (row["basis"], row["labels"]) == ("corrected", 40)
    assert row["judge"] is not None


def test_at_any_time_a_judge_counts_by_itself_and_that_is_said(shop: Shop) -> None:
    """Labels enough for the default mode move nothing in the others, whose note names both."""
    assert shop.run("climb").returncode in (0, 3)
    assert shop.run("eval", "small", "prompt").returncode == 0
    systems = ("--system", "small", "--system", "prompt")
    form = shop.run("judge", "kind", "--draw", "40", *systems).stdout
    (shop.folder / "labels.jsonl").write_text(labelled(form))
    shop.write('labels = "labels.jsonl"')
    asked = len(shop.small.requests), len(shop.large.requests)
    for mode in ("anytime", "finite"):
        compared = json.loads(
            shop.run("compare", "small", "prompt", "--json", "--mode", mode).stdout
        )
        (row,) = compared["tasks"]
        assert (row["basis"], row["labels"], row["judge"]) == ("judge", 40, None)
        assert f"in the mode {mode} labels correct nothing (40 items" in compared["notes"][0]
        bought = shop.run("compare", "small", "prompt", "--buy", "--mode", mode)
        assert "the difference rests on the judge alone" in bought.stdout
    assert (len(shop.small.requests), len(shop.large.requests)) == asked


def test_golden_items_correct_a_verdict_and_are_no_part_of_it(shop: Shop) -> None:
    """Their labels count, their scores do not."""
    assert shop.run("climb").returncode in (0, 3)
    assert shop.run("eval", "prompt", "--split", "golden").returncode == 0
    form = shop.run("judge", "kind", "--draw", "40", "-s", "prompt", "--split", "golden").stdout
    (shop.folder / "labels.jsonl").write_text(labelled(form, persons=2))
    shop.write('labels = "labels.jsonl"')
    evaluated = json.loads(shop.run("eval", "prompt", "--json").stdout)
    (system,) = evaluated["systems"]
    assert (system["basis"], system["labels"]) == ("corrected", 40)
    assert system["corrected"]["n"] == system["figure"]["n"] == 120
    assert system["corrected"]["value"] < system["figure"]["value"]
    assert "people agree with each other" in shop.run("judge", "kind").stdout


def test_killed_climbs_ask_only_what_was_in_flight_again(shop: Shop) -> None:
    """Kills while models and judges are asked; the report is that of a climb without any."""
    for calls in (30, 90, 170, 260):
        killed_after(shop, calls)
    assert shop.run("climb").returncode in (0, 3)
    report = shop.run("report", "--json", "--no-clocks").stdout
    asked = len(shop.small.requests) + len(shop.large.requests)
    spent = json.loads(report)["spent"]["calls"]
    assert asked <= spent + 4 * 8
    fresh = Shop(shop.folder.parent / "fresh", shop.small, shop.large, shop.url)
    fresh.folder.mkdir()
    (fresh.folder / "echo.jsonl").write_text((shop.folder / "echo.jsonl").read_text())
    fresh.write()
    assert fresh.run("climb").returncode in (0, 3)
    again = json.loads(fresh.run("report", "--json", "--no-clocks").stdout)
    assert again["candidates"] == json.loads(report)["candidates"]
    assert again["spent"]["calls"] == spent


def killed_after(shop: Shop, calls: int) -> None:
    """Start a climb and kill it -9 when both models together were asked so often."""
    command = [sys.executable, "-m", "escalera", "climb", "-p", str(shop.folder)]
    reached = threading.Event()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not reached.wait(0.002):
            if len(shop.small.requests) + len(shop.large.requests) >= calls:
                reached.set()
            elif process.poll() is not None:
                break
        process.kill()
        process.communicate()


def test_what_no_judge_may_do_is_refused_or_told(shop: Shop) -> None:
    """A judge of its own answers only when that is said, and doctor says what is doubtful."""
    file = shop.folder / "escalera.toml"
    text = file.read_text().replace('model = "large"\nrubric', 'model = "small"\nrubric')
    file.write_text(text)
    refused = shop.run("doctor")
    assert refused.returncode == 2
    assert "allow_self = true" in refused.stderr
    file.write_text(text.replace("\nrubric", "\nallow_self = true\nrubric"))
    told = shop.run("doctor").stdout
    assert "'small' grades its own answers and may prefer them" in told
    assert "below 30 its figures rest on the judge alone" in told
    assert shop.run("judge", "kind").returncode == 2
    assert "there is no judge 'nobody'" in shop.run("judge", "nobody").stderr
