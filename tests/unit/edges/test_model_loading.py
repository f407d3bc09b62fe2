"""Models of Transformers are loaded one after another, whoever loads them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from escalera.domain.levers import Levers, Trainable  # noqa: E402
from escalera.domain.message import Message  # noqa: E402
from escalera.domain.project import BaseModel  # noqa: E402
from escalera.edges.clock import SystemClock  # noqa: E402
from escalera.edges.exporting import folding  # noqa: E402
from escalera.edges.model_loading import LOADING, refused_as  # noqa: E402
from escalera.edges.providers import chat_text  # noqa: E402
from escalera.edges.providers.local_embeddings import LocalEmbeddings  # noqa: E402
from escalera.edges.providers.local_model import LocalModel  # noqa: E402
from escalera.edges.training import loading, weights  # noqa: E402
from escalera.errors import EscaleraError  # noqa: E402
from escalera.testing.tiny import tiny_architecture, tiny_model  # noqa: E402

pytestmark = pytest.mark.local


def _answering(folder: Path) -> Any:
    return LocalModel(
        name="tiny", folder=folder, adapters=Path, max_context=None, device="cpu"
    ).network


def _embedding(folder: Path) -> Any:
    base = BaseModel(name="tiny", revision="r", trainable=True, price=None)
    embedder = LocalEmbeddings(model=base, folder=folder, clock=SystemClock(), threads=1)
    return embedder._loaded[0]


def _learning(folder: Path) -> Any:
    return loading.load(folder, Trainable(), Levers(), device="cpu")[0]


def _asking(folder: Path) -> Any:
    return chat_text.asked("tiny", folder, [[Message(role="user", content="Hi")]])


def _never(folder: Path, reason: str) -> EscaleraError:
    raise AssertionError((folder, reason))


@pytest.mark.parametrize("load", [_answering, _embedding, _learning, folding._load])
def test_a_load_waits_for_the_one_before(load: Callable[[Path], Any], tmp_path: Path) -> None:
    """Two at once would leave a model without weights: what Transformers replaces is shared."""
    folder = tiny_model(tmp_path / "model")
    with ThreadPoolExecutor(1) as pool:
        with LOADING:
            second = pool.submit(load, folder)
            with pytest.raises(TimeoutError):
                second.result(0.5)
        network = second.result(60)
    assert all(weight.device.type == "cpu" for weight in network.parameters())


@pytest.mark.parametrize("load", [_answering, _embedding, _learning])
@pytest.mark.parametrize("left", [0, 40, 5000])
def test_half_a_file_is_told_with_the_folder(load, left: int, tmp_path: Path) -> None:
    """As a copy that broke off leaves it: its head is cut, or what it names is not all there."""
    folder = tiny_model(tmp_path / "model")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:left])
    with pytest.raises(EscaleraError, match=str(folder)):
        load(folder)


@pytest.mark.parametrize(
    "load", [_answering, _embedding, _learning, loading.light_teaching, _asking]
)
@pytest.mark.parametrize("held", ["", "[]", "null", "{}", '{"added_tokens": []}', None])
def test_a_damaged_tokenizer_is_told_with_its_file(load, held: str | None, tmp_path: Path) -> None:
    """Half of it, something else, or an object that is none: the library has no error for that."""
    folder = tiny_model(tmp_path / "model")
    file = folder / "tokenizer.json"
    said = file.read_text(encoding="utf-8")
    file.write_text(said[: len(said) // 2] if held is None else held, encoding="utf-8")
    with pytest.raises(EscaleraError, match=f"{folder}.*(tokenizer|added_tokens)"):
        load(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "generation_config.json"])
@pytest.mark.parametrize("held", ["[]", "null"])
def test_a_file_that_holds_no_object_is_named(name: str, held: str, tmp_path: Path) -> None:
    """Such as one that another program left."""
    folder = tiny_model(tmp_path / "model")
    (folder / name).write_text(held, encoding="utf-8")
    with pytest.raises(EscaleraError, match=f"{name}.*does not hold an object"):
        _learning(folder)


def test_a_fault_of_another_kind_is_no_damaged_file(tmp_path: Path) -> None:
    """What nobody foresaw stays what it is."""
    with pytest.raises(ZeroDivisionError), refused_as(_never, tmp_path):
        raise ZeroDivisionError


def test_loads_of_many_threads_at_once_are_whole(tmp_path: Path) -> None:
    """Models that answer, embed and learn, all loaded in the same moment, twenty-four times."""
    folder = tiny_model(tmp_path / "model")
    with ThreadPoolExecutor(6) as pool:
        found = [
            pool.submit(load, folder)
            for _ in range(8)
            for load in (_answering, _embedding, _learning)
        ]
        networks = [one.result(60) for one in found]
    for network in networks:
        assert all(weight.device.type == "cpu" for weight in network.parameters())


@pytest.mark.parametrize(
    ("kind", "changes"), [("gpt2", {"n_head": 4, "n_layer": 2}), ("olmoe", {"num_experts": 4})]
)
def test_false_alarms_of_peft_are_not_passed_on(kind: str, changes: dict[str, Any]) -> None:
    """Of transposed layers, and of experts: what it warns of is right as it is."""
    model = tiny_architecture(kind, **changes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        weights.prepare(model, None, Trainable(targets=()))
