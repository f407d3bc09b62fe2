"""One project finetunes at another's gateway: Escalera is client and provider at once."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import openai
import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'escalera[local]'")

from tests.end_to_end.example import escalera, small_example

from escalera import wiring
from escalera.domain.hosting import HostedJob
from escalera.domain.training import Trained

pytestmark = [pytest.mark.local, pytest.mark.network, pytest.mark.timeout(900)]

FINETUNING = """base_url = "{url}"
model = "base"

[models.base.finetuning]
methods = ["supervised", "dpo"]
price = 0.5
suffix = "orders"
"""


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a gateway whose base model callers may finetune."""
    folder = small_example(tmp_path_factory.mktemp("provider") / "support")
    file = folder / "escalera.toml"
    file.write_text(file.read_text(encoding="utf-8") + "\n[gateway.jobs]\n", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "escalera", "serve", "-p", str(folder), "--models-only"]
    process = subprocess.Popen([*command, "--port", str(port)])
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(30)


def client_of(folder: Path, url: str) -> Path:
    """The same project, whose model another machine has: one task, and the levers of a job."""
    small_example(folder, rungs='["prompt", "lora"]', epochs="3")
    text = (folder / "escalera.toml").read_text(encoding="utf-8")
    text = text.replace('path = "model"\n', FINETUNING.format(url=url))
    text = text.replace("[climb]\n", '[climb]\noperators = ["instruction", "contract"]\n')
    text = re.sub(
        r"^(learning_rate|batch_tokens|weights|share) = .*\n", "", text, flags=re.MULTILINE
    )
    for task in ("feedback", "recommendations"):
        text = re.sub(rf"\[tasks\.{task}\].*?(?=\n\[tasks|\Z)", "", text, flags=re.DOTALL)
        text = re.sub(rf"\[tasks\.{task}\.prompt\].*?(?=\n\[tasks|\Z)", "", text, flags=re.DOTALL)
    (folder / "escalera.toml").write_text(text, encoding="utf-8")
    return folder


def test_a_project_is_finetuned_by_another_ones_gateway(provider: str, tmp_path: Path) -> None:
    """From the first call to the verdict over HTTP: what was finetuned is shown to be better than
    prompting. OpenAI's own client sees the job, and the model that came of it."""
    folder = client_of(tmp_path / "client", provider)
    done = escalera("climb", "-p", str(folder))
    assert "=> Finetuning by the provider on the failing types" in done.stderr, done.stderr
    with closing(wiring.install(folder / "escalera.toml").journal()) as journal:
        events = list(journal.events())
    (begun,) = [event for event in events if isinstance(event, HostedJob)]
    (trained,) = [event for event in events if isinstance(event, Trained)]
    assert (begun.job, begun.endpoint) == (trained.job, provider)
    assert trained.tokens > 0
    assert trained.curve[-1].loss < trained.curve[0].loss
    with openai.OpenAI(base_url=provider, api_key="unused") as client:
        job = client.fine_tuning.jobs.retrieve(trained.job)
        messages = client.fine_tuning.jobs.list_events(trained.job).data
        names = [model.id for model in client.models.list()]
        file = client.files.retrieve(job.training_file)
    assert (job.status, job.fine_tuned_model) == ("succeeded", trained.made)
    assert job.metadata == {"escalera_recipe": trained.recipe.digest}
    assert job.hyperparameters.n_epochs == 3
    assert trained.made in names
    assert file.filename == f"escalera-{trained.recipe.digest}.jsonl"
    assert messages
    report = json.loads(escalera("report", "-p", str(folder), "--json").stdout)
    (lora,) = [found for found in report["candidates"] if found["rung"] == "lora"]
    (cell,) = lora["cells"]
    assert cell["difference"]["lower"] > 0
