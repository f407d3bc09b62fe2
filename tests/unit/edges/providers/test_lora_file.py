"""Which adapters are plain LoRA, and with what scale."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402

from escalera.edges.providers import lora_file  # noqa: E402
from escalera.errors import InputError  # noqa: E402
from escalera.testing.tiny import tiny_adapter, tiny_model  # noqa: E402

pytestmark = pytest.mark.local

LAYER = "model.layers.0.self_attn.q_proj"


def written(folder: Path, *, layer: str = LAYER, **changes: Any) -> Path:
    """An adapter of rank 4 and alpha 8 for one layer."""
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]} | changes
    (folder / "adapter_config.json").write_text(json.dumps(config))
    tensors = {
        f"base_model.model.{layer}.lora_A.weight": torch.ones(4, 32),
        f"base_model.model.{layer}.lora_B.weight": torch.ones(32, 4),
    }
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


@pytest.mark.parametrize(
    ("changes", "scale"),
    [
        ({}, 2.0),
        ({"use_rslora": True}, 8 / math.sqrt(4)),
        ({"alpha_pattern": {"q_proj": 2}}, 0.5),
        ({"alpha_pattern": {"v_proj": 2}}, 2.0),
        ({"r": 99}, 2.0),
    ],
)
def test_the_scale_is_in_the_second_matrix(
    tmp_path: Path, changes: dict[str, Any], scale: float
) -> None:
    """Alpha over the rank that the matrices have, or over its root; patterns go before."""
    found = lora_file.read(written(tmp_path, **changes))
    assert found is not None
    first, second = found[LAYER]
    assert torch.equal(first, torch.ones(4, 32))
    assert torch.allclose(second, torch.full((32, 4), scale))


@pytest.mark.parametrize(
    "changes",
    [
        {"use_dora": True},
        {"bias": "lora_only"},
        {"modules_to_save": ["lm_head"]},
        {"init_lora_weights": "pissa"},
        {"something_of_tomorrow": True},
        {"layer": "model.layers.0.mlp.experts.1.up_proj"},
    ],
)
def test_what_is_more_than_lora_is_left_to_peft(tmp_path: Path, changes: dict[str, Any]) -> None:
    """An unknown key that says something counts as more."""
    assert lora_file.read(written(tmp_path, **changes)) is None


def test_what_peft_writes_is_plain(tmp_path: Path) -> None:
    """Every layer of an adapter that was saved by PEFT is there."""
    model = tiny_model(tmp_path / "model")
    found = lora_file.read(tiny_adapter(tmp_path / "a", model))
    assert found is not None
    assert len(found) == 6


def test_files_that_are_no_adapter_are_refused(tmp_path: Path) -> None:
    """In the words in which the static engine refuses them."""
    with pytest.raises(InputError, match=r"no adapter_model\.safetensors"):
        lora_file.read(tmp_path)
