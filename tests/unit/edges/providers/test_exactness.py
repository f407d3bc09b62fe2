"""Which models may run packed rows, and in what words the others may not."""

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from escalera.edges.providers import exactness  # noqa: E402
from escalera.testing.tiny import tiny_architecture  # noqa: E402

pytestmark = pytest.mark.local

ALIBI = "its attention does not tell which sliding windows its layers have"
DYNAMIC = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
STATIC: list[tuple[str, dict[str, Any], str]] = [
    ("gemma2", {"head_dim": 8, "sliding_window": 4}, "wants softcap"),
    ("gpt_oss", {"head_dim": 8, "num_local_experts": 4, "sliding_window": 4}, "wants s_aux"),
    ("stablelm", {}, "wants its own cache"),
    ("bloom", {}, ALIBI),
    ("falcon", {"alibi": True}, ALIBI),
    ("gpt_neo", {"attention_types": [[["global", "local"], 1]], "num_layers": 2}, ALIBI),
    ("mamba", {}, "something else than keys and values: LinearAttentionLayer"),
    ("llama", {"rope_parameters": DYNAMIC}, "of the kind 'dynamic', which depends on other rows"),
]


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("llama", {}),
        ("mistral", {"sliding_window": 4}),
        ("gemma3_text", {"head_dim": 8, "sliding_window": 4}),
        ("gpt2", {}),
    ],
)
def test_a_model_whose_rows_do_not_meet_is_packed(kind: str, changes: dict[str, Any]) -> None:
    """Full attention and sliding windows, rotary and learned positions."""
    assert exactness.packed(tiny_architecture(kind, **changes)) == ""


@pytest.mark.parametrize(("kind", "changes", "said"), STATIC, ids=[kind for kind, _, _ in STATIC])
def test_another_model_is_not_and_it_is_said_why(
    kind: str, changes: dict[str, Any], said: str
) -> None:
    """States that run over tokens, biases and caps of attention, positions that others stretch."""
    assert said in exactness.packed(tiny_architecture(kind, **changes))


def test_a_model_that_looks_right_is_tried() -> None:
    """Noise that depends on how many tokens run together is caught by the trial, in figures."""
    model = tiny_architecture("llama")

    def disturb(_module: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        return output * (1 + 0.01 * inputs[0].shape[1])

    model.model.layers[0].mlp.register_forward_hook(disturb)
    assert "rows in company give other logits than alone (off by " in exactness.packed(model)


def test_half_precision_is_allowed_its_rounding() -> None:
    """In bfloat16 the same model is exact as far as its numbers go."""
    assert exactness.packed(tiny_architecture("llama").to(torch.bfloat16)) == ""
