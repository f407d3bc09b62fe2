"""What reads messages for routers: by the model that they were learned on, and by no other."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.core.routing.messages import TEXTS, learned, sensing
from tests.unit.wiring.echo_project import installed

from escalera import wiring
from escalera.core.routing.router import Router
from escalera.errors import ProjectError
from escalera.wiring import models
from escalera.wiring.senses import Readers


def project(folder: Path, *, called: str = "embedder", timeout: str = "") -> wiring.Installation:
    """A project before an endpoint for embeddings where nobody listens."""
    tables = [
        f'[models.{name}]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "{model}"'
        for name, model in (("base", "m"), ("e5", called))
    ]
    climb = 'rungs = ["prompt"]\nrouter_embedding = "e5"'
    return installed(folder, "\n".join(tables), climb=climb, more=timeout)


def of(made: wiring.Installation) -> Router:
    """A router that was learned on what this project names."""
    router, model = sensing(), made.project.router_embedder
    assert router.sense is not None
    assert model is not None
    return replace(router, sense=replace(router.sense, model=model.name, revision=model.revision))


def test_the_model_of_the_project_file_reads_and_is_closed_once(tmp_path: Path) -> None:
    """One reader for all routers that ask the same model, within the time of the project file."""
    made = project(tmp_path, timeout="[gateway.timeouts]\nembedding = 0.5")
    readers, router = Readers(made), of(made)
    assert router.sense is not None
    found = readers.of(router.sense)
    assert readers.of(router.sense) is found
    assert found._seconds == 0.5
    asyncio.run(readers.close())
    assert readers.of(router.sense) is not found
    asyncio.run(readers.close())


def test_a_router_is_refused_where_the_model_behind_it_changed(tmp_path: Path) -> None:
    """It would choose by numbers that mean something else: the remedy is told."""
    router = of(project(tmp_path))
    changed = project(tmp_path, called="another")
    with pytest.raises(ProjectError, match=r"models\.e5.*not the model whose.*climb again"):
        Readers(changed).infer(router)
    assert router.sense is not None
    gone = replace(router, sense=replace(router.sense, model="gone"))
    with pytest.raises(ProjectError, match=r"models\.gone"):
        Readers(changed).infer(gone)


def test_a_changed_model_is_another_project(tmp_path: Path) -> None:
    """So that climbing again learns the router anew."""
    before, after = (project(tmp_path, called=name).project for name in ("embedder", "another"))
    assert before.router_embedder != after.router_embedder
    assert replace(before, router_embedder=after.router_embedder) == after


def test_a_router_of_ngrams_is_asked_as_it_always_was(tmp_path: Path) -> None:
    """No reader is made, and nothing is waited for."""
    readers, router = Readers(project(tmp_path)), learned()
    found = readers.infer(router)
    assert found(TEXTS[0]) == router.choose(TEXTS[0])
    assert not readers._open


@pytest.mark.network
def test_an_endpoint_that_is_not_there_makes_the_router_abstain(tmp_path: Path) -> None:
    """The caller gets the incumbent's answer, and the metrics are told."""
    told: list[tuple[str, bool]] = []
    made = project(tmp_path, timeout="[gateway.timeouts]\nembedding = 0.05")
    readers = Readers(made, tell=lambda model, seconds, read: told.append((model, read)))

    async def ask() -> str:
        try:
            choice = readers.infer(of(made))("a message")
            assert not hasattr(choice, "refusal")
            return (await choice).refusal  # type: ignore[misc]
        finally:
            await readers.close()

    assert asyncio.run(ask()) == "unread"
    assert told == [("e5", False)]


def test_it_may_be_another_model_than_the_one_that_examples_are_chosen_by(tmp_path: Path) -> None:
    """Both are opened by their names."""
    made = project(tmp_path)
    assert made.project.embedder is None
    embedder = made.retrieval().embedder("e5")
    assert type(embedder) is type(
        models.embedder(made.file, made.base_model("e5"), made.tables.models["e5"])
    )
    asyncio.run(embedder.close())
