"""Adapters that come and go while others are used."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from peft import LoraConfig, get_peft_model  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from escalera.edges.providers.local_model import LocalModel  # noqa: E402
from escalera.edges.providers.served_adapters import BASE, ServedAdapters  # noqa: E402
from escalera.errors import AdapterUnusable  # noqa: E402
from escalera.testing.tiny import tiny_adapter, tiny_model  # noqa: E402

pytestmark = [pytest.mark.local, pytest.mark.filterwarnings("ignore::FutureWarning")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with three adapters, one with decomposed weights, and one of whole weights."""
    root = tmp_path_factory.mktemp("tiny")
    model = tiny_model(root / "model")
    for number in range(3):
        tiny_adapter(root / f"a{number}", model, seed=number)
    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    dora = LoraConfig(r=4, target_modules=["q_proj"], use_dora=True, task_type="CAUSAL_LM")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        adapted = get_peft_model(base, dora)
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.2)
    adapted.save_pretrained(str(root / "dora"))
    (root / "tuned").mkdir()
    weights = {"model.norm.weight": torch.full((32,), 2.0)}
    save_file(weights, root / "tuned" / "tuned_weights.safetensors")
    return root


def adapters(folder: Path, most: int) -> ServedAdapters:
    """The adapters of a loaded model."""
    model = LocalModel(
        name="tiny",
        folder=folder / "model",
        adapters=lambda name: folder / name,
        max_context=None,
        device="cpu",
    )
    return ServedAdapters(
        model, name="tiny", base=folder / "model", folder=lambda name: folder / name, most=most
    )


def test_the_base_is_no_adapter(folder: Path) -> None:
    """It is always there."""
    held = adapters(folder, 1)
    assert held.lend(None) is BASE
    held.give_back(BASE)


def test_an_adapter_is_loaded_once_and_lent_to_many(folder: Path) -> None:
    """Plain LoRA has a number in the batch, and holds what its matrices hold."""
    held = adapters(folder, 10**9)
    assert held.lend("a0") is None
    lane = held.load("a0")
    assert held.load("a0") is held.lend("a0") is lane
    assert (lane.number, lane.users, lane.weights) == (0, 3, None)
    assert held.held == lane.bytes == 4 * (4 * (32 + 32) + 4 * (32 + 16) + 4 * (64 + 32)) * 2


def test_what_is_more_than_lora_is_held_as_the_weights_that_differ(folder: Path) -> None:
    """Decomposed weights are merged by PEFT; whole weights are what was written."""
    held = adapters(folder, 10**9)
    merged = held.load("dora").weights
    assert merged is not None
    assert merged.keys() == {f"model.layers.{n}.self_attn.q_proj.weight" for n in (0, 1)}
    assert (held.load("tuned").weights or {}).keys() == {"model.norm.weight"}


def test_the_longest_unused_is_dropped_and_what_is_used_never(folder: Path) -> None:
    """Beyond the bound; its number is given to the next."""
    held = adapters(folder, 1)
    first = held.load("a0")
    second = held.load("a1")
    assert held.lend("a0") is first
    held.give_back(second)
    third = held.load("a2")
    assert held.lend("a1") is None
    assert held.lend("a0") is first
    assert [lane.number for lane in (first, second, third, held.load("a1"))] == [0, 1, 2, 1]


def test_an_adapter_that_cannot_be_used_is_refused(folder: Path) -> None:
    """Missing, or taught with other tokens; and nothing of it stays."""
    held = adapters(folder, 10**9)
    with pytest.raises(AdapterUnusable, match="'lost' cannot be used with this model"):
        held.load("lost")
    other = folder / "other"
    tiny_adapter(other, folder / "model")
    (other / "prompt_tokens.json").write_text(json.dumps([[1, 2, 3]]))
    with pytest.raises(AdapterUnusable, match="another chat template or tokenizer"):
        held.load("other")
    assert held.held == 0
