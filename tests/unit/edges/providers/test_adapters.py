"""Adapters on and off: own weights come back to the bit, and another chat form is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from escalera.core.prompts import chat_form  # noqa: E402
from escalera.domain.left_files import HOSTED_FILE  # noqa: E402
from escalera.edges.providers import adapters  # noqa: E402
from escalera.edges.providers.adapters import Adapters  # noqa: E402
from escalera.errors import InputError  # noqa: E402
from escalera.testing.tiny import tiny_adapter, tiny_model  # noqa: E402

pytestmark = pytest.mark.local

NAME = "model.layers.0.mlp.up_proj.weight"


@pytest.fixture
def model(tmp_path: Path):
    """A tiny model."""
    return AutoModelForCausalLM.from_pretrained(tiny_model(tmp_path / "model")).eval()


def tuned(folder: Path, value: float, name: str = NAME) -> Path:
    """Weights in place of the model's, all of one value."""
    folder.mkdir()
    save_file({name: torch.full((64, 32), value)}, folder / "tuned_weights.safetensors")
    return folder


def told(messages) -> tuple[int, ...]:
    """Tokens: one per letter."""
    return tuple(len(message.content) for message in messages)


def output(model) -> torch.Tensor:
    """What the model says to three tokens."""
    with torch.no_grad():
        return model(input_ids=torch.tensor([[5, 6, 7]])).logits


def test_weights_are_replaced_and_put_back(model, tmp_path: Path) -> None:
    """In any order, with LoRA layers loaded in between: each answers as when it is alone."""
    folders = {
        "one": tuned(tmp_path / "one", 0.1),
        "two": tuned(tmp_path / "two", -0.2),
        "lora": tiny_adapter(tmp_path / "lora", tmp_path / "model"),
    }
    found = Adapters(model, told)
    outputs: dict[str | None, torch.Tensor] = {None: output(model)}
    order = ["one", None, "two", "lora", "one", "lora", None, "two", "one", None]
    for name in order:
        found.use(name, lambda name=name: folders[name or ""])
        now = output(model)
        assert torch.equal(outputs.setdefault(name, now), now)
    assert len({tuple(one.flatten().tolist()) for one in outputs.values()}) == 4


def test_what_does_not_fit_is_refused_and_the_model_answers_as_before(
    model, tmp_path: Path
) -> None:
    """A weight of another model; an adapter that was taught with another chat form; a model that a
    provider has."""
    before = output(model)
    found = Adapters(model, told)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / HOSTED_FILE).write_text("{}")
    with pytest.raises(InputError, match="a provider finetuned, which answers there"):
        found.use("there", lambda: tmp_path / "there")
    with pytest.raises(InputError, match=r"'model\.other' of shape"):
        found.use("bad", lambda: tuned(tmp_path / "bad", 1.0, "model.other"))
    fits = tuned(tmp_path / "fits", 0.1)
    tokens = [list(told(probe)) for probe in chat_form.PROBES]
    (fits / "prompt_tokens.json").write_text(json.dumps([tokens[0], [1, 2]]))
    with pytest.raises(InputError, match="another chat template or tokenizer"):
        found.use("fits", lambda: fits)
    assert torch.equal(output(model), before)
    (fits / "prompt_tokens.json").write_text(json.dumps(tokens))
    found.use("fits", lambda: fits)
    assert not torch.equal(output(model), before)


def test_a_bounded_number_stays_in_memory_and_the_others_are_loaded_again(
    model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that were used last; each answers as before, LoRA layers and whole weights alike."""
    monkeypatch.setattr(adapters, "HELD", 3)
    names = ["one", "first", "second", "third", "fourth"]
    folders = {"one": tuned(tmp_path / "one", 0.1)}
    for seed, name in enumerate(names[1:]):
        folders[name] = tiny_adapter(tmp_path / name, tmp_path / "model", seed=seed)
    found, asked = Adapters(model, told), list[str]()
    outputs: dict[str | None, torch.Tensor] = {None: output(model)}
    for name in [*names, "fourth", None, "third", "one", "first", None, "third"]:
        found.use(name, lambda name=name: asked.append(name) or folders[name])
        now = output(model)
        assert torch.equal(outputs.setdefault(name, now), now)
        held = {key.split(".")[-2] for key, _ in model.named_parameters() if "lora_A" in key}
        assert len(held) <= 3
    assert asked == [*names, "one", "first"]
    assert len({tuple(one.flatten().tolist()) for one in outputs.values()}) == 6
