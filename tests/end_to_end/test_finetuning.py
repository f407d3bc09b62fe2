"""Finetuning jobs through the official client, over real processes."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import openai
import pytest

pytest.importorskip("torch")

from tests.end_to_end import tuned
from tests.end_to_end.tuned import Server

from escalera.apps import issued
from escalera.apps.gateway.running import Running
from escalera.domain.access import Account, Allowance

pytestmark = [pytest.mark.local, pytest.mark.network, pytest.mark.timeout(600)]

LONG = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 50, "batch_size": 1}}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One gateway for all that does not end it."""
    with tuned.server(tmp_path_factory.mktemp("tuned")) as made:
        yield made


def test_a_job_from_upload_to_answer(server: Server) -> None:
    """Upload, create, follow, checkpoints, result file; then the model is asked by its name."""
    client = server.client()
    job = client.fine_tuning.jobs.create(
        model="small",
        training_file=tuned.upload(client, tuned.chats(24)),
        validation_file=tuned.upload(client, tuned.chats(6, word="x")),
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3}}},
        suffix="shop",
        seed=3,
        metadata={"team": "a"},
    )
    assert job.status == "validating_files"
    with httpx2.stream(
        "GET", f"{server.url}/fine_tuning/jobs/{job.id}/events?stream=true", timeout=240
    ) as reply:
        told = [line.removeprefix("data: ") for line in reply.iter_lines() if line]
    assert told[-1] == "[DONE]"
    followed = [json.loads(one)["message"] for one in told[:-1]]
    done = tuned.ended(client, job.id)
    assert done.status == "succeeded", (done.error, followed)
    assert done.fine_tuned_model == f"ft:small:shop:{job.id.removeprefix('ftjob-')}"
    assert done.trained_tokens > 0
    assert done.escalera["dollars"] == pytest.approx(done.escalera["minutes"] * 0.06, abs=1e-5)
    assert [one for one in followed if one.startswith("n_epochs")] == []
    for part in ("Created", "Files validated: 24 examples", "Step 1/", "Epoch 3 of 3", "New fine-"):
        assert any(part in one for one in followed), part
    assert tuned.messages(client, job.id)[-5:] == followed[-5:]
    made = client.fine_tuning.jobs.checkpoints.list(job.id).data
    assert [one.step_number for one in made] == sorted((o.step_number for o in made), reverse=True)
    assert len(made) == 3
    assert made[0].metrics.full_valid_loss < made[-1].metrics.full_valid_loss
    assert made[0].fine_tuned_model_checkpoint == done.fine_tuned_model
    (result,) = done.result_files
    rows = client.files.content(result).text.splitlines()
    assert rows[0] == "step,train_loss,valid_loss,valid_mean_token_accuracy"
    assert len(rows) == made[0].step_number + 1
    for name in (done.fine_tuned_model, made[-1].fine_tuned_model_checkpoint, "small"):
        answer = client.chat.completions.create(
            model=name, messages=[{"role": "user", "content": "3"}], max_tokens=4
        )
        assert answer.choices[0].finish_reason in ("stop", "length")
    assert job.id in [one.id for one in client.fine_tuning.jobs.list(metadata={"team": "a"})]
    goes_on_without_its_parent(server, made[-1].fine_tuned_model_checkpoint)


def goes_on_without_its_parent(server: Server, parent: str) -> None:
    """A finetuned model is finetuned further; what comes of that does not need it any more."""
    client = server.client()
    job = client.fine_tuning.jobs.create(
        model=parent,
        training_file=tuned.upload(client, tuned.chats(12)),
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 1}}},
    )
    assert client.models.delete(parent).deleted
    done = tuned.ended(client, job.id)
    assert (done.status, done.model) == ("succeeded", parent), done.error
    assert any(f"goes on from {parent}" in one for one in tuned.messages(client, job.id))
    answer = client.chat.completions.create(
        model=done.fine_tuned_model, messages=[{"role": "user", "content": "3"}], max_tokens=4
    )
    assert answer.choices[0].finish_reason in ("stop", "length")


def test_preferences_are_taught(server: Server) -> None:
    """With the strength that is asked for, to weights of the model itself."""
    client = server.client()
    rows = [
        {
            "input": {"messages": [{"role": "user", "content": f"{n}"}]},
            "preferred_output": [{"role": "assistant", "content": "yes"}],
            "non_preferred_output": [{"role": "assistant", "content": "no"}],
        }
        for n in range(12)
    ]
    job = client.fine_tuning.jobs.create(
        model="small",
        training_file=tuned.upload(client, "\n".join(map(json.dumps, rows)).encode()),
        method={"type": "dpo", "dpo": {"hyperparameters": {"n_epochs": 1, "beta": 0.3}}},
        extra_body={"escalera": {"trainable": {"method": "full"}}},
    )
    done = tuned.ended(client, job.id)
    assert done.status == "succeeded", done.error
    assert done.method.dpo.hyperparameters.beta == 0.3
    assert done.escalera["trainable"] == "full"
    asked = client.chat.completions.create(
        model=done.fine_tuned_model, messages=[{"role": "user", "content": "3"}], max_tokens=4
    )
    assert asked.choices[0].finish_reason in ("stop", "length")


def test_bad_lines_are_told_before_anything_is_trained(server: Server) -> None:
    """By their numbers: in the error, in events and in a result file."""
    client = server.client()
    lines = tuned.chats(12).split(b"\n")
    lines[4] = b'{"messages": [{"role": "user", "content": "x"}]}'
    lines[7] = b"nothing"
    job = client.fine_tuning.jobs.create(
        model="small", training_file=tuned.upload(client, b"\n".join(lines))
    )
    done = tuned.ended(client, job.id)
    assert (done.status, done.error.code) == ("failed", "invalid_training_file")
    assert done.error.param == "training_file"
    assert "line 5" in done.error.message
    assert "line 8" in done.error.message
    (result,) = done.result_files
    found = [json.loads(line) for line in client.files.content(result).text.splitlines()]
    assert [(one["line"], one["code"]) for one in found] == [(5, "no_answer"), (8, "not_json")]
    said = tuned.messages(client, job.id)
    assert sum("training_file, line" in one for one in said) == 2
    assert not any("Step" in one for one in said)


def test_a_running_job_is_paused_resumed_and_cancelled(server: Server) -> None:
    """While it is paused nothing of it runs, and then it goes on from where it was."""
    client = server.client()
    file = tuned.upload(client, tuned.chats(60))
    job = client.fine_tuning.jobs.create(model="small", training_file=file, method=LONG)

    def steps() -> list[int]:
        page = client.fine_tuning.jobs.list_events(job.id, limit=100).data
        return [one.data["step"] for one in page if one.type == "metrics"]

    tuned.wait(lambda: len(steps()) > 2)
    assert client.fine_tuning.jobs.pause(job.id).status == "paused"
    tuned.wait(lambda: any("was paused" in one for one in tuned.messages(client, job.id)))
    before = max(steps())
    time.sleep(1)
    assert max(steps()) == before
    assert client.fine_tuning.jobs.resume(job.id).status in ("queued", "running")
    tuned.wait(lambda: max(steps()) > before)
    assert client.fine_tuning.jobs.cancel(job.id).status == "cancelled"
    tuned.wait(lambda: any("was cancelled" in one for one in tuned.messages(client, job.id)))
    assert tuned.wait(lambda: client.fine_tuning.jobs.retrieve(job.id).escalera["minutes"] > 0)
    with pytest.raises(openai.BadRequestError):
        client.fine_tuning.jobs.resume(job.id)
    assert len(server.trainers()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_job_survives_the_end_of_the_server(tmp_path: Path, number: int) -> None:
    """Asked to end or killed, with its trainer: the next one goes on from the last checkpoint."""
    with tuned.server(tmp_path / "p") as server:
        client = server.client()
        file = tuned.upload(client, tuned.chats(40))
        job = client.fine_tuning.jobs.create(
            model="small",
            training_file=file,
            method={
                "type": "supervised",
                "supervised": {"hyperparameters": {"n_epochs": 4, "batch_size": 1}},
            },
        )
        tuned.wait(lambda: any("Step 2" in one for one in tuned.messages(client, job.id)))
        server.stop(number)
        tuned.wait(lambda: not server.trainers())
        server.start()
        client = server.client()  # the connections of the one before are gone
        done = tuned.ended(client, job.id)
        assert done.status == "succeeded", done.error
        assert done.escalera["starts"] == 2
        said = tuned.messages(client, job.id)
    assert len([one for one in said if one.startswith("Step 1/")]) <= 1


def ends_and_begins_with_the_project_file(server: Server, client: openai.OpenAI) -> None:
    """A configuration without jobs offers none and ends their process, another one has it again."""
    file = server.folder / "escalera.toml"
    running, whole = Running(file), file.read_text()
    tuned.wait(server.trainers)
    file.write_text(whole.partition("[gateway.jobs]")[0])
    assert running.reload().whole
    with pytest.raises(openai.NotFoundError, match="not offered here"):
        client.fine_tuning.jobs.list()
    tuned.wait(lambda: not server.trainers())
    file.write_text(whole)
    assert running.reload().whole
    assert list(client.fine_tuning.jobs.list()) == []
    tuned.wait(lambda: 'escalera_jobs_open{status="running"} 0' in running.metrics())


def test_a_job_waits_for_money_and_is_its_owners_alone(tmp_path: Path) -> None:
    """It is paused in words before anything is spent, and goes on when there is more."""
    keys = issued.of(tuned.project(tmp_path / "p"))
    keys.account(Account(name="team", allowance=Allowance(micro_dollars=2_000)))
    _, mine = keys.create(issued.Wish(name="mine", account="team"))
    _, colleague = keys.create(issued.Wish(name="colleague", account="team"))
    _, stranger = keys.create(issued.Wish(name="stranger"))
    with tuned.server(tmp_path / "p") as server:
        client = server.client(mine)
        ends_and_begins_with_the_project_file(server, client)
        job = client.fine_tuning.jobs.create(
            model="small", training_file=tuned.upload(client, tuned.chats(12))
        )
        tuned.wait(lambda: any("is paused" in one for one in tuned.messages(client, job.id)))
        said = tuned.messages(client, job.id)[-1]
        assert "the account 'team' has $0.0020 of $0.0020 left, and the job needs $0.01" in said
        assert not any(one.startswith("Step") for one in tuned.messages(client, job.id))
        with pytest.raises(openai.NotFoundError):
            server.client(stranger).fine_tuning.jobs.retrieve(job.id)
        keys.account(Account(name="team", allowance=Allowance(micro_dollars=10_000_000)))
        tuned.wait(lambda: client.fine_tuning.jobs.retrieve(job.id).status == "paused")
        server.client(colleague).fine_tuning.jobs.resume(job.id)
        done = tuned.ended(client, job.id)
        assert done.status == "succeeded", done.error
        (_, account) = keys.one("mine")[2]
        cost = round(done.escalera["dollars"] * 1_000_000)
        assert account.taken == account.spent == pytest.approx(cost, rel=0.5)
        told = 'escalera_jobs_total{outcome="succeeded"} 1'
        tuned.wait(lambda: told in Running(server.folder).metrics())
