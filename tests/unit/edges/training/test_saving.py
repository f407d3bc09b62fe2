"""What a training leaves: only what changed, under the model's own names, and its chat form."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from peft import PeftModel  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from escalera.core.prompts import chat_form  # noqa: E402
from escalera.domain.levers import Levers, Trainable  # noqa: E402
from escalera.edges.model_loading import unalarmed  # noqa: E402
from escalera.edges.training import lessons, loading, saving, weights  # noqa: E402
from escalera.errors import TrainingError  # noqa: E402
from escalera.testing.tiny import tiny_architecture, tiny_model  # noqa: E402

pytestmark = pytest.mark.local

LORA = Trainable(rank=4, alpha=8, targets=("q_proj",), tokens=("<|end|>",))


def saved(tmp_path: Path, trainable: Trainable) -> tuple[Path, object]:
    """A model whose learning weights were moved, saved."""
    folder = tiny_model(tmp_path / "model")
    loaded, tokenizer = loading.load(folder, trainable, Levers(), device="cpu")
    model = weights.prepare(loaded, tokenizer, trainable)
    learning = weights.learning(model)
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in learning.values():
            weight.add_(0.1 * torch.randn_like(weight))
    into = tmp_path / "made"
    into.mkdir()
    saving.save(model, learning, trainable, base="tiny", into=into)
    return into, model


def test_own_weights_are_saved_under_their_names(tmp_path: Path) -> None:
    """Only those that learned, as they are."""
    into, model = saved(tmp_path, Trainable(method="partial", layers=("layers.1.mlp",)))
    found = load_file(into / saving.TUNED_WEIGHTS)
    assert set(found) == {f"model.layers.1.mlp.{n}_proj.weight" for n in ("gate", "up", "down")}
    for name, weight in found.items():
        assert torch.equal(weight, model.get_parameter(name))
    config = json.loads((into / saving.TUNED_CONFIG).read_text())
    assert config == {"base_model_name_or_path": "tiny", "method": "partial", "weights": 3}


def test_merged_adapters_are_weights_and_the_training_can_go_on(tmp_path: Path) -> None:
    """The weights below the layers and the embedding of the word; the model keeps its layers."""
    into, model = saved(tmp_path, replace(LORA, merged=True))
    found = load_file(into / saving.TUNED_WEIGHTS)
    assert set(found) == {
        "model.embed_tokens.weight",
        *(f"model.layers.{n}.self_attn.q_proj.weight" for n in (0, 1)),
    }
    layer = model.get_base_model().model.layers[0].self_attn.q_proj
    down, up = (getattr(layer, f"lora_{side}")["default"].weight for side in "AB")
    expected = layer.base_layer.weight + 2 * up @ down
    torch.testing.assert_close(found["model.layers.0.self_attn.q_proj.weight"], expected)
    assert weights.learning(model)


@pytest.mark.parametrize("merged", [False, True])
def test_what_a_mixture_of_experts_learned_is_read_again(tmp_path: Path, *, merged: bool) -> None:
    """PEFT puts its matrices around weights of the experts, which are no modules."""
    trainable = Trainable(rank=2, alpha=4, targets=(), merged=merged)
    fresh = tiny_architecture("mixtral", num_local_experts=4)
    model = weights.prepare(tiny_architecture("mixtral", num_local_experts=4), None, trainable)
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in weights.learning(model).values():
            weight.add_(0.1 * torch.randn_like(weight))
    saving.save(model, weights.learning(model), trainable, base="tiny", into=tmp_path)
    if merged:
        fresh.load_state_dict(load_file(tmp_path / saving.TUNED_WEIGHTS), strict=False)
    else:
        with unalarmed():
            fresh = PeftModel.from_pretrained(fresh, tmp_path)
    said = [one.eval()(torch.arange(8)[None]).logits for one in (model, fresh)]
    torch.testing.assert_close(*said, rtol=1e-4, atol=1e-4)


def test_what_the_disk_does_not_take_is_told(tmp_path: Path) -> None:
    """With the remedy, for adapters and for weights."""
    for number, trainable in enumerate((LORA, Trainable(method="full"))):
        _, model = saved(tmp_path / f"{number}", trainable)
        gone = tmp_path / "gone"
        with pytest.raises(TrainingError, match=r"cannot be written into .*Make room on the disk"):
            saving.save(model, weights.learning(model), trainable, base="tiny", into=gone)


def test_the_chat_form_is_written_beside(tmp_path: Path) -> None:
    """Serving compares its own tokens with these."""
    folder = tiny_model(tmp_path)
    tok = loading.tokenizer(folder)
    told = [lessons.prompt_tokens(tok, probe) for probe in chat_form.PROBES]
    saving.save_probes(told, tmp_path)
    assert json.loads((tmp_path / saving.PROMPT_TOKENS).read_text()) == [list(t) for t in told]
