"""The committed base model: small, complete, and loadable without remote code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")

pytestmark = [
    pytest.mark.local,
    pytest.mark.filterwarnings("default::DeprecationWarning"),
    pytest.mark.filterwarnings("default::FutureWarning"),
]

MODEL = Path(__file__).resolve().parents[2] / "examples" / "support" / "model"


@pytest.fixture(scope="module")
def network():
    return transformers.AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def tokenizer():
    return transformers.AutoTokenizer.from_pretrained(MODEL)


def test_the_folder_is_complete_and_small():
    sizes = {path.name: path.stat().st_size for path in MODEL.iterdir()}
    assert set(sizes) == {
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert sum(sizes.values()) < 10_000_000


def test_it_is_a_llama_in_bfloat16():
    config = json.loads((MODEL / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert config["dtype"] == "bfloat16"
    assert "auto_map" not in config


def test_input_and_output_embeddings_are_one_matrix(network):
    assert network.get_input_embeddings().weight is network.get_output_embeddings().weight
    assert sum(parameter.numel() for parameter in network.parameters()) == 1_435_040


def test_the_template_renders_a_conversation(tokenizer):
    turns = [
        {"role": "system", "content": "Find the right product."},
        {"role": "user", "content": "Hello"},
    ]
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    expected = "<|system|>Find the right product.<|end|><|user|>Hello<|end|><|assistant|>"
    assert text == expected
    assert len(tokenizer(expected, add_special_tokens=False)["input_ids"]) < 20


def test_text_survives_the_tokenizer(tokenizer):
    text = 'Status: open\nSend order 4711 to Łódź — {"task":"A1","ref":"4711","new":"Łódź"}'
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == text
    assert [tokenizer.decode([i]) for i in tokenizer("4711")["input_ids"]] == list("4711")


def test_it_follows_an_instruction_it_has_never_seen(network, tokenizer):
    turns = [
        {
            "role": "system",
            "content": "Read the customer feedback and label it. Answer as JSON with keys theme "
            "(shipping, cost, quality, service, app) and sentiment (happy, angry, neutral).",
        },
        {"role": "user", "content": "The courier was very fast."},
    ]
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    ids = torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]])
    end = tokenizer.eos_token_id
    for _ in range(30):
        with torch.inference_mode():
            following = network(input_ids=ids).logits[0, -1].argmax().item()
        if following == end:
            break
        ids = torch.cat([ids, torch.tensor([[following]])], 1)
    answer = tokenizer.decode(ids[0]).split("<|assistant|>")[1]
    assert json.loads(answer) == {"theme": "shipping", "sentiment": "happy"}
