"""The tiny models that other tests rest on."""

import time
from pathlib import Path

import pytest

pytest.importorskip("torch")

from safetensors.torch import load_file

from escalera.testing.tiny import tiny_adapter, tiny_model

pytestmark = pytest.mark.local


def test_a_seed_is_a_model(tmp_path: Path) -> None:
    """Equal seeds give equal bytes, other seeds other weights, all within three seconds."""
    begun = time.process_time()
    first, same, other = (
        tiny_model(tmp_path / name, seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert time.process_time() - begun < 9
    for file in first.iterdir():
        assert file.read_bytes() == (same / file.name).read_bytes()
    weights = [(folder / "model.safetensors").read_bytes() for folder in (first, other)]
    assert weights[0] != weights[1]


def test_an_adapter_changes_something(tmp_path: Path) -> None:
    """Both factors are random: a fresh PEFT adapter, whose B is zero, would change nothing."""
    adapter = tiny_adapter(tmp_path / "adapter", tiny_model(tmp_path / "model"), seed=3)
    tensors = load_file(adapter / "adapter_model.safetensors")
    assert all(float(tensor.abs().sum()) > 0 for tensor in tensors.values())
    assert str(tmp_path) not in (adapter / "adapter_config.json").read_text()
