"""Losses of answer tokens: packed as alone, for every architecture, and only where it is exact."""

from __future__ import annotations

import warnings

import pytest

torch = pytest.importorskip("torch")

from transformers import AutoConfig, AutoModelForCausalLM  # noqa: E402

from escalera.edges.training import losses, packing  # noqa: E402
from escalera.edges.training.lessons import Lesson  # noqa: E402
from escalera.edges.training.losses import AnswerLosses  # noqa: E402

pytestmark = pytest.mark.local

SMALL = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "head_dim": 8,
    "bos_token_id": None,
    "eos_token_id": 1,
    "pad_token_id": 0,
    "initializer_range": 0.3,
}
GPT2 = {"vocab_size": 97, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}
WINDOW = {"sliding_window": 24}
PACKED = {
    "llama": {},
    "mistral": WINDOW,
    "qwen2": {"use_sliding_window": True, "max_window_layers": 1, **WINDOW},
    "qwen3": {},
    "gemma": {},
    "gemma2": WINDOW,
    "gemma3_text": WINDOW,
    "phi": {},
    "phi3": {},
    "gpt2": GPT2,
    "gpt_neox": {},
    "olmo2": {},
    "stablelm": {},
    "cohere": {},
    "granite": {},
    "starcoder2": WINDOW,
    "smollm3": {},
}
PADDED = {
    "bloom": {"vocab_size": 97, "hidden_size": 32, "n_layer": 2, "n_head": 4},
    "mamba": {"vocab_size": 97, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 4},
}


def model(kind: str, dtype: str = "float64"):
    """A random model of this architecture."""
    own = {**PACKED, **PADDED}[kind]
    wanted = own if "vocab_size" in own else {**SMALL, **own}
    torch.manual_seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **wanted))
    return made.to(getattr(torch, dtype)).eval()


def lessons(count: int = 7, begin: int = 12) -> list[Lesson]:
    """Lessons of two families, each with a beginning of its own, of 15 to 60 tokens."""
    generator = torch.Generator().manual_seed(1)
    found = []
    for place in range(count):
        family = place % 2
        rest = torch.randint(2, 97, (3 + 7 * place,), generator=generator).tolist()
        head = [(7 * family + 3 * n) % 90 + 2 for n in range(begin)]
        tokens = (*head, *rest)
        found.append(Lesson(tokens=tokens, answer=len(tokens) - 2, place=place, family=str(family)))
    return found


def alone(made, lesson: Lesson) -> float:
    """The mean loss of a lesson by the library itself: nothing of ours but the comparison."""
    logits = made(input_ids=torch.tensor([lesson.tokens]), use_cache=False).logits[0]
    wanted = torch.tensor(lesson.tokens[lesson.answer :])
    found = torch.nn.functional.cross_entropy(logits[lesson.answer - 1 : -1].float(), wanted)
    return found.item()


@pytest.mark.parametrize("kind", list(PACKED))
@torch.no_grad()
def test_packed_is_as_alone(kind: str) -> None:
    """Every lesson's loss to 1e-6, with shared beginnings and beyond sliding windows; each
    architecture is really packed."""
    made = model(kind)
    computed = AnswerLosses(made, precision="float32")
    computed.settle(lessons())
    assert computed.layout == "packed"
    rows = computed.rows(lessons())
    assert len(rows.tokens) < len(rows.lessons)
    assert rows.read < sum(len(lesson.tokens) for lesson in rows.lessons)
    found = losses.means(computed(rows), rows)
    for lesson, loss in zip(rows.lessons, found, strict=True):
        assert loss == pytest.approx(alone(made, lesson), abs=1e-6, rel=1e-6)


@pytest.mark.parametrize("kind", list(PADDED))
@torch.no_grad()
def test_where_packing_is_not_exact_rows_are_padded(kind: str) -> None:
    """Recurrence, and positions that come from the mask, are found out and left unpacked."""
    made = model(kind, "float32")
    computed = AnswerLosses(made, precision="float32")
    computed.settle(lessons())
    assert computed.layout == "padded"
    rows = computed.rows(lessons())
    for lesson, loss in zip(rows.lessons, losses.means(computed(rows), rows), strict=True):
        assert loss == pytest.approx(alone(made, lesson), abs=1e-4)


def test_the_gradient_is_that_of_lessons_alone() -> None:
    """The shared beginning is read once, and learns as often as it is used."""
    made = model("llama")
    rows = packing.pack_rows(lessons(), row=512)
    computed = AnswerLosses(made, precision="float32")
    found = torch.autograd.grad(computed(rows).sum(), list(made.parameters()))
    plain = model("llama")
    wanted = torch.zeros(())
    for lesson in lessons():
        logits = plain(input_ids=torch.tensor([lesson.tokens]), use_cache=False).logits[0]
        answer = torch.tensor(lesson.tokens[lesson.answer :])
        wanted = wanted + torch.nn.functional.cross_entropy(
            logits[lesson.answer - 1 : -1].float(), answer, reduction="sum"
        )
    expected = torch.autograd.grad(wanted, list(plain.parameters()))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_the_model_is_left_as_it_was() -> None:
    """Called without lessons, it gives all logits; trying the layout does not change its mode."""
    made = model("llama", "float32").train()
    computed = AnswerLosses(made, precision="float32")
    computed.settle(lessons())
    assert made.training
    assert made(input_ids=torch.tensor([[5, 6, 7]])).logits.shape == (1, 3, 97)
