"""A finetuning job with a gate, over real processes: its verdict, its way into service and out."""

from __future__ import annotations

import json
from pathlib import Path

import openai
import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'escalera[local]'")

from tests.end_to_end import tuned
from tests.end_to_end.example import escalera

pytestmark = [pytest.mark.local, pytest.mark.network, pytest.mark.timeout(600)]

CODES = {"passed": 0, "inconclusive": 3, "failed": 4}


def test_a_job_is_gated_promoted_past_its_gate_and_exported(tmp_path: Path) -> None:
    """The gate of the job is that of the command, which asks no item twice. All weights learn: what
    came of them is exported whole."""
    folder = tmp_path / "shop"
    with tuned.server(folder) as server, server.client() as client:
        job = client.fine_tuning.jobs.create(
            model="small",
            training_file=tuned.upload(client, tuned.chats(24)),
            method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}},
            metadata={"licence": "own"},
            extra_body={"escalera": {"gate": ["echo"], "trainable": {"method": "full"}}},
        )
        done = tuned.ended(client, job.id)
        said = tuned.messages(client, job.id)
        assert done.status == "succeeded", (done.error, said)
        outcome, name = done.escalera, done.fine_tuned_model
        assert outcome["gate"] in CODES
        (verdict,) = outcome["verdicts"]
        assert verdict["task"] == "echo"
        assert verdict["said"] in said
        assert outcome["diagnosis"]
        assert any(words.startswith("it took") for words in said)
        assert "the licence of the base 'small' is not declared" in outcome["licence"]
        assert client.models.retrieve(name).gate == outcome["gate"]

        found = escalera("gate", name, "small", "--json", "-p", str(folder))
        assert found.returncode == CODES[outcome["gate"]], found.stderr
        assert json.loads(found.stdout)["tasks"][0]["word"] == verdict["word"]
        forced = escalera(
            *("gate", name, "small", "--promote", "--override", "a trial"), "-p", str(folder)
        )
        assert forced.returncode == 0, forced.stderr
        passed = outcome["gate"] == "passed"
        told = tuned.wait(lambda: client.models.retrieve(name).gate)
        assert told == ("passed" if passed else "overridden")

        into = tmp_path / "out"
        where = ("--into", str(into), "-p", str(folder))
        refused = escalera("model", "export", name, *where)
        assert refused.returncode == 2, refused.stderr
        assert "merged" in refused.stderr
        assert not into.exists()
        written = escalera("model", "export", name, "--as", "merged", *where)
        assert written.returncode == 0, written.stderr
        lineage = json.loads((into / "lineage.json").read_text())
        assert lineage["job"]["outcome"]["gate"] == outcome["gate"]
        assert [one["name"] for one in lineage["promoted"]] == [name]
        assert (into / "model.safetensors").is_file()

        assert escalera("model", "withdraw", name, "-p", str(folder)).returncode == 0
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve(name)
