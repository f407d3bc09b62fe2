"""Laid out weights give what the layers gave."""

import pytest

torch = pytest.importorskip("torch")

from torch.func import functional_call  # noqa: E402

from escalera.edges.providers import packed_linear  # noqa: E402
from escalera.edges.providers.packed_linear import PackedLinear, pack  # noqa: E402
from escalera.testing.tiny import tiny_architecture  # noqa: E402

pytestmark = pytest.mark.local


@pytest.mark.parametrize("rows", [1, 7, 160])
@pytest.mark.parametrize("bias", [True, False])
def test_rows_are_what_they_were(rows: int, *, bias: bool) -> None:
    """To the rounding of sums of another order."""
    linear = torch.nn.Linear(200, 130, bias=bias)
    asked = torch.randn(2, rows, 200, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        torch.testing.assert_close(PackedLinear(linear)(asked), linear(asked), rtol=1e-5, atol=1e-5)


def test_a_model_keeps_its_parameters_and_its_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the same names, tied ones still tied; other weights in their place are used."""
    monkeypatch.setattr(packed_linear, "_LEAST", 1)
    model = tiny_architecture("llama", tie_word_embeddings=True)
    names = {name: id(one) for name, one in model.named_parameters()}
    asked = {"input_ids": torch.tensor([[5, 6, 7, 8]])}
    with torch.inference_mode():
        before = model(**asked).logits
        assert pack(model) == 2 * 7 + 1
        assert {name: id(one) for name, one in model.named_parameters()} == names
        torch.testing.assert_close(model(**asked).logits, before, rtol=1e-4, atol=1e-4)
        name = "model.layers.0.mlp.up_proj.weight"
        other = {name: torch.zeros_like(model.get_parameter(name))}
        changed = functional_call(model, other, (), asked).logits
        assert not torch.allclose(changed, before, atol=0.1)
        torch.testing.assert_close(model(**asked).logits, before, rtol=1e-4, atol=1e-4)


def test_what_would_not_gain_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small layers, other numbers, and models that are too large to be kept twice."""
    assert pack(tiny_architecture("llama")) == 0
    monkeypatch.setattr(packed_linear, "_LEAST", 1)
    assert pack(tiny_architecture("llama").to(torch.bfloat16)) == 0
    monkeypatch.setattr(packed_linear, "MOST_BYTES", 1000)
    assert pack(tiny_architecture("llama")) == 0
