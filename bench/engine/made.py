"""The models and adapters of the bench: made from a config and a seed, so that they need no hub.

No answer ends by itself: the output layer's rows of the tokens that would end one are zero, which
no greedy choice among a thousand others takes. So all systems generate the same tokens by number.
"""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "support"
WIDTH, LAYERS, HEADS, INNER = 768, 14, 12, 2048
"""A Llama of 101 million parameters with the example's vocabulary."""
ADAPTERS, RANK = 16, 16


def tiny(folder: Path) -> Path:
    """The example's model, 1.4 million parameters, in float32."""
    model = AutoModelForCausalLM.from_pretrained(EXAMPLE / "model", dtype=torch.float32)
    head = model.get_input_embeddings().weight.detach().clone()
    model.config.tie_word_embeddings = False
    untied = LlamaForCausalLM(model.config)
    untied.load_state_dict(model.state_dict())
    untied.lm_head.weight.data.copy_(head)
    return _saved(untied, folder)


def hundred(folder: Path, *, seed: int = 0) -> Path:
    """Random weights."""
    words = json.loads((EXAMPLE / "model" / "config.json").read_text())["vocab_size"]
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=words,
            hidden_size=WIDTH,
            intermediate_size=INNER,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            num_key_value_heads=HEADS,
            max_position_embeddings=2048,
            tie_word_embeddings=False,
            bos_token_id=None,
            eos_token_id=1,
            pad_token_id=0,
        )
    )
    return _saved(model, folder)


def adapters(model: Path, folder: Path, *, many: int = ADAPTERS) -> list[Path]:
    """LoRA adapters on every linear layer of a block, with random weights that change answers."""
    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    found = []
    for place in range(many):
        torch.manual_seed(place)
        settings = LoraConfig(
            r=RANK, lora_alpha=2 * RANK, target_modules=targets, task_type="CAUSAL_LM"
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            adapted = get_peft_model(base, settings)
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.02)
        path = folder / f"{place:064x}"
        adapted.save_pretrained(str(path), save_embedding_layers=False)
        base = adapted.unload()
        found.append(path)
    return found


def count(model: Path) -> int:
    """Parameters of a saved model."""
    found = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    return sum(weight.numel() for weight in found.parameters())


# Below: private.


def _saved(model: LlamaForCausalLM, folder: Path) -> Path:
    tokenizer = AutoTokenizer.from_pretrained(EXAMPLE / "model")
    ends = {model.config.eos_token_id, *tokenizer.all_special_ids}
    with torch.no_grad():
        for token in ends:
            model.lm_head.weight[token].zero_()
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(EXAMPLE / "model" / name, folder / name)
    return folder
