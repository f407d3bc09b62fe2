"""Tiny models for tests: a two-layer Llama over bytes and random adapters, made in a second."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
from transformers import PreTrainedTokenizerFast as FastTokenizer
from transformers.utils import logging

TEMPLATE = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
_SPECIAL = ("<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
_TARGETS = ["q_proj", "v_proj", "down_proj"]


def tiny_model(folder: Path, *, seed: int = 0, template: str = TEMPLATE) -> Path:
    """Save a random two-layer Llama of width 32 with a byte-level tokenizer into *folder*.

    Every byte is a token, so characters of several bytes exercise detokenisation. The weights are
    spread wider than a usual initialisation: greedy answers vary, have no near ties, and can be
    taught to be certain (the output layer is tied and frozen).
    """
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    config = LlamaConfig(
        vocab_size=len(_SPECIAL) + 256,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.5,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        LlamaForCausalLM(config).save_pretrained(folder)
    _tokenizer(template).save_pretrained(folder)
    return folder


def tiny_bytes() -> dict[int, int]:
    """The byte that each token of a tiny model writes, by its number; marks write none."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    letters = {chr(byte): byte for byte in visible}
    letters |= {chr(256 + place): byte for place, byte in enumerate(hidden)}
    return {len(_SPECIAL) + place: letters[one] for place, one in enumerate(sorted(letters))}


def tiny_architecture(kind: str, *, seed: int = 0, **changes: Any) -> Any:
    """A random two-layer model of another architecture in memory, by its `model_type`.

    Weights are spread as in `tiny_model`.
    """
    sizes = {
        "vocab_size": 97,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "initializer_range": 0.3,
        "bos_token_id": None,
        "eos_token_id": 1,
        "pad_token_id": 0,
    }
    config = AutoConfig.for_model(kind, **(sizes | changes))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AutoModelForCausalLM.from_config(config).eval()  # type: ignore[no-untyped-call]


def tiny_adapter(folder: Path, model: Path, *, seed: int = 0, rank: int = 4) -> Path:
    """Save a LoRA adapter with random weights for the model in *model* into *folder*."""
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
        config = LoraConfig(
            r=rank, lora_alpha=2 * rank, target_modules=_TARGETS, task_type="CAUSAL_LM"
        )
        with warnings.catch_warnings():
            # PEFT 0.21 reads a property that Transformers 5.23 renamed.
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
            adapted = get_peft_model(base, config)
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.2)
    adapted.peft_config["default"].base_model_name_or_path = "tiny"
    adapted.save_pretrained(str(folder), save_embedding_layers=False)
    return folder


def _tokenizer(template: str) -> FastTokenizer:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate((*_SPECIAL, *alphabet))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(_SPECIAL))
    return FastTokenizer(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token="<|pad|>",  # noqa: S106
        eos_token="<|end|>",  # noqa: S106
        chat_template=template,
    )
