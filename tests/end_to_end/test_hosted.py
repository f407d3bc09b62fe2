"""A climb whose model is finetuned by its provider, against a stand-in that speaks the wire."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import openai
import pytest
from tests.end_to_end.example import escalera
from tests.end_to_end.hosted_provider import BASE, Provider, providing

from escalera import wiring
from escalera.core.evidence import Evidence, fold
from escalera.domain.event import Event, Observed
from escalera.domain.hosting import HostedJob
from escalera.domain.training import Trained

T = TypeVar("T")
pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]

PROJECT = """
[project]
name = "shop"

[models.remote]
base_url = "{url}"
model = "{base}"
price = {{ prompt = 1.0, completion = 2.0 }}

[models.remote.finetuning]
methods = ["supervised"]
price = 3.0
serving = {{ prompt = 2.0, completion = 4.0 }}
suffix = "codes"

[climb]
model = "remote"
rungs = ["prompt", "lora"]
operators = ["instruction"]

[training]
epochs = 2

[budget]
money = 5.0

[tasks.codes]
data = "codes.jsonl"
scorer = "exact"
bar = 0.8
max_tokens = 8

[tasks.codes.prompt]
instruction = "Give the code."
"""


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providing(Provider()) as found:
        yield found


def project(folder: Path, provider: Provider, **changes: str) -> Path:
    """A project with one task that the base cannot do; *changes* replace texts of its file."""
    folder.mkdir(exist_ok=True)
    rows = [
        {
            "id": f"{split}-{n}",
            "split": split,
            "input": f"w{split}{n}",
            "target": f"W{split}{n}".upper(),
        }
        for split, many in (("train", 12), ("search", 24), ("confirm", 60))
        for n in range(many)
    ]
    (folder / "codes.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    text = PROJECT.format(url=provider.url, base=BASE)
    for old, new in changes.items():
        key = old.replace("_", " ")
        assert key in text, key
        text = re.sub(rf"^{key}.*$", new, text, flags=re.MULTILINE)
    (folder / "escalera.toml").write_text(text)
    return folder


def recorded(folder: Path) -> list[Event]:
    installation = wiring.install(folder / "escalera.toml")
    if not installation.journal_file.exists():
        return []
    with closing(installation.journal()) as journal:
        return list(journal.events())


def kinds(events: list[Event], kind: type[T]) -> list[T]:
    return [event for event in events if isinstance(event, kind)]


def evidence(folder: Path) -> Evidence:
    return fold(recorded(folder))


def test_a_climb_ends_with_a_model_of_the_provider(provider: Provider, tmp_path: Path) -> None:
    """One job, its price and its model in the journal; the model is confirmed, and can be asked."""
    folder = project(tmp_path / "shop", provider)
    done = escalera("climb", "-p", str(folder))
    assert done.returncode == 0, done.stderr
    (begun,) = kinds(recorded(folder), HostedJob)
    (trained,) = kinds(recorded(folder), Trained)
    assert (begun.job, begun.state, begun.endpoint) == ("ftjob-0", "begun", provider.url)
    assert (trained.job, trained.tokens, trained.micro_dollars) == ("ftjob-0", 1000, 3000)
    found = evidence(folder)
    assert begun.micro_dollars is not None
    assert begun.micro_dollars > 3000
    answers = found.answers.measures()
    assert found.spent.known_micro_dollars == int(answers.micro_dollars.sum()) + 3000
    assert found.spent.reserved.micro_dollars == 0
    served = f"ft:{BASE}:org:codes:ftjob-0"
    assert set(provider.asked) == {BASE, served}
    report = escalera("report", "-p", str(folder), "--json")
    assert json.loads(report.stdout)["verdict"]["reason"] == "adequate"
    asked = len(provider.asked)
    assert escalera("climb", "-p", str(folder)).returncode == 0
    assert (len(provider.asked), len(provider.jobs)) == (asked, 1)


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Provider]]:
    """A project whose model was finetuned by its provider, which still answers."""
    with providing(Provider()) as provider:
        folder = project(tmp_path_factory.mktemp("climbed") / "shop", provider)
        assert escalera("climb", "-p", str(folder)).returncode == 0
        yield folder, provider


def test_the_gate_and_a_measurement_ask_the_finetuned_model(
    climbed: tuple[Path, Provider],
) -> None:
    """By the name of its rung, at the price of finetuned models."""
    folder, provider = climbed
    gate = escalera("gate", "lora", "prompt", "-p", str(folder), "--json")
    assert gate.returncode == 0, gate.stderr
    asked = len(provider.asked)
    train = escalera("eval", "lora", "-p", str(folder), "--split", "train", "--json")
    assert train.returncode == 0, train.stderr
    assert set(provider.asked[asked:]) == {f"ft:{BASE}:org:codes:ftjob-0"}
    bought = [e for e in kinds(recorded(folder), Observed) if e.split == "train"]
    assert {event.score for event in bought} == {1.0}
    assert {event.micro_dollars for event in bought} == {10 * 2 + 2 * 4}


def test_the_finetuned_model_is_served(climbed: tuple[Path, Provider]) -> None:
    """Through the gateway and OpenAI's own client, under the project's name."""
    folder, provider = climbed
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "escalera", "serve", "-p", str(folder), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/v1"
    try:
        with openai.OpenAI(base_url=url, api_key="unused", max_retries=30) as client:
            messages: Any = [{"role": "user", "content": "say word"}]
            made = client.chat.completions.create(model="shop", messages=messages)
            base = client.chat.completions.create(model="remote", messages=messages)
    finally:
        process.terminate()
        process.wait(20)
    assert made.choices[0].message.content == "WORD"
    assert base.choices[0].message.content == "unknown"
    assert provider.asked[-2:] == [f"ft:{BASE}:org:codes:ftjob-0", BASE]


def test_doctor_says_what_is_offered_and_what_it_costs(climbed: tuple[Path, Provider]) -> None:
    """The finding names methods, hyperparameters and price; the rung's price has the training."""
    folder, provider = climbed
    done = escalera("doctor", "-p", str(folder), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    (said,) = [f["words"] for f in told["findings"] if f["words"].startswith("finetuning")]
    assert f"the provider at {provider.url} offers supervised" in said
    assert "n_epochs 2, batch_size auto" in said
    assert "$3.00 per million training tokens" in said
    prompt, lora = told["estimates"]
    assert (prompt["rung"], lora["rung"], lora["training_minutes"]) == ("prompt", "lora", None)
    each = prompt["micro_dollars"] / prompt["calls"]
    assert lora["micro_dollars"] > lora["calls"] * each


def test_what_a_provider_told_is_shown(climbed: tuple[Path, Provider]) -> None:
    """The report names job, model and price; a diagnosis says where the provider's words lie."""
    folder, _ = climbed
    (training,) = json.loads(escalera("report", "-p", str(folder), "--json").stdout)["trainings"]
    assert training["hosted"] == {
        "job": "ftjob-0",
        "model": f"ft:{BASE}:org:codes:ftjob-0",
        "micro_dollars": 3000,
    }
    assert training["curve"] == [[1, 3.0], [2, 1.5]]
    page = folder / "report.html"
    assert escalera("report", "-p", str(folder), "-o", str(page)).returncode == 0
    assert f"<code>ft:{BASE}:org:codes:ftjob-0</code>, for $0.0030" in page.read_text()
    curves = escalera("curves", "-p", str(folder))
    assert "loss 1.5000, ended" in curves.stdout
    diagnosed = escalera("diagnose", "lora", "-p", str(folder))
    assert "was the job 'ftjob-0' at a provider" in diagnosed.stderr
    (trained,) = kinds(recorded(folder), Trained)
    log = folder / ".escalera" / "artifacts" / trained.log
    assert {file.name for file in log.iterdir()} == {
        "checkpoints.jsonl",
        "events.jsonl",
        "job.json",
    }


def killed(folder: Path, enough: Callable[[], bool], how: signal.Signals) -> int:
    """Climb in a process of its own and send it a signal once there is *enough*; its exit code."""
    climb = subprocess.Popen(
        [sys.executable, "-m", "escalera", "climb", "-p", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Tests that run in the background of a shell have SIGINT ignored, and so has a child.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    while climb.poll() is None and not enough():
        time.sleep(0.01)
    climb.send_signal(how)
    return climb.wait()


def test_killed_at_any_moment_it_stays_one_job(provider: Provider, tmp_path: Path) -> None:
    """Behind the upload, behind the creation, before and while it is waited for: one file, one job,
    and no price counted twice."""
    whole = project(tmp_path / "whole", provider)
    folder = project(tmp_path / "shop", provider, name='name = "shop"\nseed = 1')
    assert escalera("climb", "-p", str(whole)).returncode == 0
    provider.looks = 1000
    files, jobs, looks = len(provider.files), len(provider.jobs), len(provider.seen)
    moments: list[Callable[[], bool]] = [
        lambda: len(provider.files) > files,
        lambda: len(provider.jobs) > jobs,
        lambda: len(kinds(recorded(folder), HostedJob)) == 1,
        lambda: any("ftjob-1/events" in said for said in provider.seen[looks:]),
    ]
    for moment in moments:
        assert killed(folder, moment, signal.SIGKILL) == -signal.SIGKILL
    provider.looks = 1
    done = escalera("climb", "-p", str(folder))
    assert done.returncode == 0, done.stderr
    assert (len(provider.files), len(provider.jobs)) == (files + 1, jobs + 1)
    (trained,) = kinds(recorded(folder), Trained)
    (before,) = kinds(recorded(whole), Trained)
    assert trained.micro_dollars == before.micro_dollars
    spent = evidence(folder).spent
    assert spent.known_micro_dollars == evidence(whole).spent.known_micro_dollars


def test_an_interrupt_cancels_the_job(provider: Provider, tmp_path: Path) -> None:
    """It would go on costing money; the next climb begins another."""
    provider.looks = 1000
    folder = project(tmp_path / "shop", provider)
    killed(folder, lambda: any("/events" in said for said in provider.seen), signal.SIGINT)
    assert provider.jobs["ftjob-0"]["status"] == "cancelled"
    begun, ended = kinds(recorded(folder), HostedJob)
    assert (begun.state, ended.state) == ("begun", "cancelled")
    provider.looks = 2
    assert escalera("climb", "-p", str(folder)).returncode == 0
    (trained,) = kinds(recorded(folder), Trained)
    assert (trained.job, len(provider.files)) == ("ftjob-1", 1)


def test_a_job_that_fails_is_told_and_costs_nothing(provider: Provider, tmp_path: Path) -> None:
    """In the provider's words; then another can be begun."""
    provider.ends, provider.looks = "failed", 1
    folder = project(tmp_path / "shop", provider)
    done = escalera("climb", "-p", str(folder))
    assert done.returncode == 1
    assert "the job 'ftjob-0' at" in done.stderr
    assert "failed: line 3 is empty (file)" in done.stderr
    found = evidence(folder)
    assert "line 3 is empty" in found.failed[-1].cause
    assert found.spent.known_micro_dollars == int(found.answers.measures().micro_dollars.sum())
    provider.ends = "succeeded"
    assert escalera("climb", "-p", str(folder)).returncode == 0
    assert [job["status"] for job in provider.made()] == ["failed", "succeeded"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"epochs": 'epochs = 2\nobjective = "preference"'},
            "is 'preference', which is the method 'dpo'; the provider at {url} offers supervised",
        ),
        ({"methods": ""}, "methods: is missing, and what the provider at '{url}' offers is not"),
        ({"epochs": "learning_rate = 0.1"}, "training.learning_rate: is given, and a job of the"),
        ({"price_= 3": ""}, "finetuning.price: is unknown"),
        ({"serving": ""}, "finetuning.serving: is unknown"),
    ],
)
def test_what_a_provider_lacks_is_refused_before_anything_is_sent(
    provider: Provider, tmp_path: Path, changes: dict[str, str], said: str
) -> None:
    """With what it does offer; nothing was uploaded, and not a call was paid for."""
    done = escalera("climb", "-p", str(project(tmp_path / "shop", provider, **changes)))
    assert done.returncode == 2
    assert said.format(url=provider.url) in done.stderr
    assert provider.seen == []


def test_a_cap_that_the_job_could_break_ends_the_climb(provider: Provider, tmp_path: Path) -> None:
    """The worst case is set aside before anything is uploaded."""
    folder = project(tmp_path / "shop", provider, money="money = 0.004")
    done = escalera("climb", "-p", str(folder))
    assert "budget" in done.stdout.casefold() + done.stderr.casefold()
    assert provider.files == {}
    assert kinds(recorded(folder), HostedJob) == []
