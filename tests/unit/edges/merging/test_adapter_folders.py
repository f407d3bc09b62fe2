"""Adapters as folders, without torch."""

import json

import numpy as np
import pytest
from tests.unit.edges.merging.folders import adapter, save

from escalera.domain.left_files import HOSTED_FILE
from escalera.edges.merging import adapter_folders
from escalera.errors import MergeError


def test_scales_are_those_of_their_kind(tmp_path):
    """alpha / r, or alpha / sqrt(r)."""
    assert adapter_folders.read(adapter(tmp_path / "a", 0, rank=4, alpha=6)).scale == 1.5
    found = adapter_folders.read(adapter(tmp_path / "b", 0, rank=4, alpha=6, use_rslora=True))
    assert found.scale == 3.0
    assert found.shape(found.modules[0]) == (12, 8)


def test_a_grown_rank_keeps_the_scale(tmp_path):
    """As plain LoRA, whatever the first was: alpha grows with the rank."""
    like = adapter_folders.read(adapter(tmp_path / "a", 0, rank=4, alpha=6, use_rslora=True))
    (tmp_path / "out").mkdir()
    module = like.modules[0]
    factors = (np.ones((12, 9)), np.ones((9, 8)))
    adapter_folders.write({module: factors}, like, tmp_path / "out")
    found = adapter_folders.read(tmp_path / "out")
    assert found.rank == 9
    assert found.scale == pytest.approx(like.scale)
    assert found.config["use_rslora"] is False


def test_factors_are_matrices_of_floats(tmp_path):
    """Anything else is refused by name."""
    odd = adapter(tmp_path / "a", 0)
    held = {"x.lora_A.weight": ("F32", np.zeros(4, np.float32))}
    save(odd / "adapter_model.safetensors", held)
    with pytest.raises(MergeError, match=r"'x\.lora_A\.weight' as F32 of shape \(4,\)"):
        adapter_folders.read(odd)


def test_what_is_no_adapter_is_said(tmp_path):
    """Missing files, a configuration that is none, weights that are cut off."""
    odd = adapter(tmp_path / "a", 0)
    weights = odd / "adapter_model.safetensors"
    (tmp_path / "out").mkdir()
    weights.write_bytes(weights.read_bytes()[:-3])
    for act in (
        adapter_folders.read,
        lambda folder: adapter_folders.copy(folder, tmp_path / "out"),
    ):
        with pytest.raises(MergeError, match="cut off"):
            act(odd)
    weights.unlink()
    for act in (
        adapter_folders.read,
        lambda folder: adapter_folders.copy(folder, tmp_path / "out"),
    ):
        with pytest.raises(MergeError, match=r"it has no adapter_model\.safetensors"):
            act(odd)
    (odd / "adapter_config.json").write_text(json.dumps([]))
    with pytest.raises(MergeError, match="holds no JSON object"):
        adapter_folders.read(odd)
    assert not adapter_folders.is_adapter(tmp_path)


def test_a_model_of_a_provider_cannot_be_merged(tmp_path):
    """Its weights are not here; what can be done with it is said."""
    (tmp_path / HOSTED_FILE).write_text("{}")
    with pytest.raises(MergeError, match="a model that a provider finetuned: its weights are not"):
        adapter_folders.read(tmp_path)


def test_what_an_adapter_says_of_itself_must_be_so(tmp_path):
    """Another rank than that of the factors, or numbers that are none, would be merged wrongly."""
    odd = adapter(tmp_path / "a", 0, rank=4)
    config = json.loads((odd / "adapter_config.json").read_text())
    (odd / "adapter_config.json").write_text(json.dumps(config | {"r": 3}))
    with pytest.raises(MergeError, match=r"at rank 4, and its adapter_config\.json says r = 3"):
        adapter_folders.read(odd)
    broken = adapter(tmp_path / "b", 0)
    weights = broken / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + np.float32("nan").tobytes())
    with pytest.raises(MergeError, match="that are not finite"):
        adapter_folders.read(broken)


def test_a_folder_that_may_not_be_looked_into_is_no_adapter(monkeypatch, tmp_path):
    """What cannot be read is said where it is read."""

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.stat", refused)
    assert not adapter_folders.is_adapter(tmp_path)
