"""A finetuned model is published while `escalera serve` answers: OpenAI's own client asks it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import openai
import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'escalera[local]'")

from safetensors.torch import load_file, save_file
from tests.end_to_end import served
from tests.end_to_end.example import escalera

from escalera.domain.job import Published
from escalera.edges.artifacts import FolderArtifacts
from escalera.testing.tiny import tiny_adapter, tiny_model
from escalera.wiring import stores

pytestmark = [pytest.mark.local, pytest.mark.network, pytest.mark.timeout(300)]

MODELS = """
[models.base]
path = "model"
"""
HELLO = [{"role": "user", "content": "Where is my parcel?"}]


def prepare(folder: Path) -> None:
    """A tiny model beside the project file, an adapter, and weights in place of some of its own."""
    tiny_model(folder / "model")
    tiny_adapter(folder / "adapter", folder / "model", seed=3)
    weights = load_file(tiny_model(folder / "other", seed=5) / "model.safetensors")
    (folder / "tuned").mkdir()
    layers = {name: weight for name, weight in weights.items() if ".mlp." in name}
    save_file(layers, folder / "tuned" / "tuned_weights.safetensors")


def published(folder: Path, kind: str = "adapter") -> Published:
    adapter = FolderArtifacts(folder / ".escalera" / "artifacts").put(folder / kind)
    return Published(
        name=f"ft:base:{kind}:a1", base="base", adapter=adapter, job="ftjob-1", created=5.0
    )


class Chatting:
    """Callers who chat with the base, one request after the other."""

    def __init__(self, url: str, callers: int = 3) -> None:
        self.seen: Counter[str] = Counter()
        self._url, self._ends = url, threading.Event()
        self._threads = [threading.Thread(target=self._chat) for _ in range(callers)]

    def __enter__(self) -> Chatting:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join()

    def _chat(self) -> None:
        with openai.OpenAI(base_url=self._url, api_key="unused", max_retries=0) as client:
            while not self._ends.is_set():
                try:
                    self.seen[say(client, "base")] += 1
                except openai.OpenAIError as error:
                    self.seen[f"error: {error}"] += 1


def say(client: openai.OpenAI, model: str) -> str:
    found = client.chat.completions.create(
        model=model, messages=HELLO, max_tokens=12, temperature=0
    )
    return found.choices[0].message.content or ""


def test_a_model_is_published_and_withdrawn_under_traffic(tmp_path: Path) -> None:
    """It is listed, retrieved, asked and deleted in every worker, and nobody's request is lost."""
    folder = tmp_path / "shop"
    with (
        served.gateway(
            folder, extra=MODELS, options=("--workers", "2"), prepare=prepare
        ) as gateway,
        gateway.client() as client,
        closing(stores.of(folder).shelf()) as shelf,
    ):
        model = published(folder)
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve(model.name)
        with Chatting(gateway.url) as chatting:
            while chatting.seen.total() < 10:
                time.sleep(0.05)
            before = chatting.seen.total()
            began = time.monotonic()
            shelf.publish(model)
            said = say(client, model.name)
            print(f"from publication to the first answer: {time.monotonic() - began:.3f} s")
            assert model.name in [one.id for one in client.models.list()]
            assert client.models.retrieve(model.name).created == 5
            for _ in range(8):  # on connections of their own: in either worker
                with gateway.client() as other:
                    assert say(other, model.name) == said
            assert client.models.delete(model.name).deleted
            time.sleep(1.0)  # four looks of the other worker
            for _ in range(8):
                with gateway.client() as other, pytest.raises(openai.NotFoundError):
                    say(other, model.name)
            while chatting.seen.total() < before + 10:
                time.sleep(0.05)
        assert len(chatting.seen) == 1, chatting.seen
        assert said not in chatting.seen
        assert model.name not in [one.id for one in client.models.list()]


def test_a_model_is_there_after_a_start_and_after_another_configuration(tmp_path: Path) -> None:
    """What is on the shelf does not depend on who looked when, nor on what was learned how."""
    folder = tmp_path / "shop"

    def shelved(folder: Path) -> None:
        prepare(folder)
        with closing(stores.of(folder).shelf()) as shelf:
            shelf.publish(published(folder))

    with (
        served.gateway(folder, extra=MODELS, prepare=shelved) as gateway,
        gateway.client() as client,
    ):
        name, base = "ft:base:adapter:a1", say(client, "base")
        said = say(client, name)
        file = folder / "escalera.toml"
        file.write_text(file.read_text().replace('a = ["b"]', 'b = ["a"]'))
        done = escalera("gateway", "reload", "-p", str(folder))
        assert done.returncode == 0, done.stderr
        assert say(client, name) == said
        assert name in [one.id for one in client.models.list()]
        with closing(stores.of(folder).shelf()) as shelf:
            shelf.publish(published(folder, "tuned"))
        assert len({base, said, say(client, "ft:base:tuned:a1")}) == 3
        assert (say(client, "base"), say(client, name)) == (base, said)
