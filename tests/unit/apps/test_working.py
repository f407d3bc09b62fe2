"""Working off jobs in this process: one after the other, until none is left."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from tests.end_to_end import tuned

from escalera.apps import working
from escalera.domain.job import Hyperparameters, Job, JobWish
from escalera.domain.levers import Trainable
from escalera.domain.stored_file import Incoming
from escalera.edges.gateway_store.opening import Store
from escalera.edges.training import underway
from escalera.engine.tuning import Foreman
from escalera.errors import StoreUnavailable
from escalera.settings.jobs_table import JobsTable
from escalera.wiring import Installation, stores, tuning

pytestmark = [pytest.mark.local, pytest.mark.usefixtures("closed_stores")]


@pytest.fixture(autouse=True)
def _no_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """The handlers of this process stay as they are."""
    monkeypatch.setattr(working.signal, "signal", lambda *_: None)


def asked(folder: Path, id_: str, lines: bytes, model: str = "small", **more: Any) -> None:
    """Ask for a job over a file."""
    kept = stores.of(folder)
    file = folder / f"{id_}.jsonl"
    file.write_bytes(lines)
    about = Incoming(name=file.name, purpose="fine-tune", created=1.0)
    numbers = more.pop("hyperparameters", Hyperparameters(n_epochs=1, batch_size=6))
    wish = JobWish(
        model=model,
        training_file=kept.files().keep(file, about).id,
        hyperparameters=numbers,
        **more,
    )
    kept.jobs().add(Job(id=id_, wish=wish, created=1.0))


def test_every_job_is_worked_off(tmp_path: Path) -> None:
    """One that cannot be done does not keep the next one waiting; nothing stays behind."""
    file = tuned.project(tmp_path)
    asked(tmp_path, "ftjob-1", b"{}")
    asked(tmp_path, "ftjob-2", tuned.chats(12))
    asked(tmp_path, "ftjob-3", tuned.chats(12), model="gone")
    working.work(file, once=True)
    kept = stores.of(tmp_path)
    found = [kept.jobs().get(f"ftjob-{n}") for n in (1, 2, 3)]
    assert [job and job.status for job in found] == ["failed", "succeeded", "failed"]
    assert found[2] is not None
    assert found[2].error is not None
    assert "'gone' is none of the project" in found[2].error[1]
    assert [model.name for model in kept.shelf().all()][-1] == "ft:small::2"
    assert list((kept.folder / tuning.FOLDER).iterdir()) == []


def test_two_never_work_at_a_time(tmp_path: Path) -> None:
    """The second waits for the first to end, or for its own end."""
    file = tuned.project(tmp_path)
    kept = stores.of(tmp_path)
    done = threading.Thread(target=working.work, args=(file,), kwargs={"once": True}, daemon=True)
    with tuning.alone(kept, lambda: False) as mine:
        assert mine
        done.start()
        done.join(1.0)
        assert done.is_alive()
    done.join(60)
    assert not done.is_alive()


def test_a_job_that_kills_its_process_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the system kills one that takes too much memory; then the next job is worked on."""
    file, trainer = tuned.project(tmp_path), tuning._trainer

    def dying(made: Installation, job: Job, *rest: Any) -> Any:
        if job.id == "ftjob-1":
            os.kill(os.getpid(), signal.SIGKILL)
        return trainer(made, job, *rest)

    monkeypatch.setattr(tuning, "_trainer", dying)
    asked(tmp_path, "ftjob-1", tuned.chats(12))
    asked(tmp_path, "ftjob-2", tuned.chats(12))
    forked, most = multiprocessing.get_context("fork"), JobsTable().attempts
    codes = []
    for _ in range(most + 1):
        process = forked.Process(target=working.work, args=(file,), kwargs={"once": True})
        process.start()
        process.join(120)
        codes.append(process.exitcode)
    assert codes == [-signal.SIGKILL] * most + [0]
    found = [stores.of(tmp_path).jobs().get(f"ftjob-{n}") for n in (1, 2)]
    assert [job and job.status for job in found] == ["failed", "succeeded"]
    assert found[0] is not None
    assert found[0].error is not None
    assert found[0].error[0] == "worker_died"


@pytest.mark.parametrize("weights", ['method = "full"', 'method = "partial"\nshare = 0.3'])
def test_weights_of_the_model_itself_survive_a_kill(tmp_path: Path, weights: str) -> None:
    """What is published after a kill is what an undisturbed job leaves, byte for byte."""
    left = []
    numbers = Hyperparameters(n_epochs=3, batch_size=1, learning_rate_multiplier=0.1)
    for kills in (1, 0):
        file = tuned.project(tmp_path / str(kills), f"[training.weights]\n{weights}\n")
        asked(file.parent, "ftjob-1", tuned.chats(40), hyperparameters=numbers)
        kept = stores.of(file.parent)
        if kills:
            forked = multiprocessing.get_context("fork")
            process = forked.Process(target=working.work, args=(file,), kwargs={"once": True})
            process.start()
            state = kept.folder / tuning.FOLDER / "ftjob-1"
            tuned.wait(partial(_further, state, 1))
            process.kill()
            process.join()
            assert underway.steps(state) < 120
        working.work(file, once=True)
        job = kept.jobs().get("ftjob-1")
        assert job is not None
        assert (job.status, job.starts) == ("succeeded", 1 + kills)
        left.append([(model.name, model.adapter) for model in kept.shelf().all()])
    assert left[0] == left[1]
    assert len(left[0]) == 3


def _further(state: Path, steps: int) -> bool:
    """Whether more steps than those are kept."""
    return underway.steps(state) > steps


def test_what_vllm_cannot_load_is_not_trained_for_it(tmp_path: Path) -> None:
    """The job fails in words before anything is trained."""
    file = tuned.project(tmp_path)
    text = file.read_text().replace(
        'path = "model"\nthreads', 'path = "model"\nengine = "vllm"\nthreads'
    )
    file.write_text(text)
    asked(tmp_path, "ftjob-1", tuned.chats(12), trainable=Trainable(method="full"))
    working.work(file, once=True)
    job = stores.of(tmp_path).jobs().get("ftjob-1")
    assert job is not None
    assert job.error is not None
    assert job.error[0] == "cannot_be_trained"
    assert "'full' leaves what vLLM cannot load. Choose" in job.error[1]


def test_the_stores_of_a_configuration_before_are_closed(
    tmp_path: Path, closed_stores: list[Store]
) -> None:
    """Whoever works for months takes up many."""
    file = tuned.project(tmp_path)
    kept = stores.of(tmp_path)
    office = working._Office(file, kept, {}, lambda: False)
    first = len(closed_stores)
    kept.configurations().add(file.read_text())
    office.foreman()
    assert [_is_open(store) for store in closed_stores] == [False] * first + [True] * first
    kept.configurations().add("[x")
    office.foreman()
    assert [_is_open(store) for store in closed_stores[first:]] == [True] * first
    office.close()
    assert not any(_is_open(store) for store in closed_stores)


def _is_open(store: Store) -> bool:
    """Whether anything can be read from it."""
    try:
        store.vacuum()
    except StoreUnavailable:
        return False
    return True


def test_the_next_job_goes_by_the_configuration_in_use_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that cannot be used changes nothing, and is told of once."""
    file = tuned.project(tmp_path)
    kept = stores.of(tmp_path)
    before = file.read_text()
    kept.configurations().add(before)
    for number in (1, 2, 3):
        asked(tmp_path, f"ftjob-{number}", tuned.chats(12))
    fewer = before.replace("checkpoint_seconds", "examples = 4\ncheckpoint_seconds")
    texts, numbers = iter([fewer, "[x"]), iter((4, 5))
    round_ = Foreman.round

    def worked(foreman: Foreman) -> bool:
        found = round_(foreman)
        if (text := next(texts, None)) is not None:
            kept.configurations().add(text)
            asked(tmp_path, f"ftjob-{next(numbers)}", tuned.chats(12))
        return found

    monkeypatch.setattr(Foreman, "round", worked)
    working.work(file, once=True)
    jobs = kept.jobs().all(owner=None)
    status = {job.id: job.status for job in jobs}
    assert [status[f"ftjob-{n}"] for n in (1, 2, 3)] == ["succeeded"] * 3  # checked before
    late = [job for job in jobs if job.status == "failed"]
    assert [job.error and job.error[0] for job in late] == ["invalid_training_file"] * 2
    assert capsys.readouterr().err.count("go on by the configuration before") == 1
