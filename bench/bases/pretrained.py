"""Llamas of 0.2 and 0.9 million parameters, pretrained on messages of public sets without labels.

They learn to answer with a word of the message, and how labels are spelt. They differ in size, in
how long they read and in the language of what they read, so that none of them is the best one for
every task. What a task teaches or asks is not among what they read.

    python -m bench.bases.pretrained --data ../shared/data --into build/bench/bases

Six minutes on one core for all of them.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from bench.bases import tasks
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging

from escalera.testing.tiny import TEMPLATE

VOCABULARY = 2048
SPECIAL = ("<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
BATCH, RATE = 64, 3e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A model: its size, which sets it reads, and how often."""

    name: str
    width: int
    layers: int
    reads: tuple[str, ...]
    epochs: float
    seed: int = 0


ENGLISH, SPANISH = ("snips", "clinc"), ("mtod",)
BASES = (
    Base(name="small", width=64, layers=2, reads=ENGLISH + SPANISH, epochs=4),
    Base(name="middle", width=128, layers=3, reads=ENGLISH + SPANISH, epochs=3),
    Base(name="small-english", width=64, layers=2, reads=ENGLISH, epochs=8),
    Base(name="middle-spanish", width=128, layers=3, reads=SPANISH, epochs=12),
    Base(name="middle-brief", width=128, layers=3, reads=ENGLISH + SPANISH, epochs=0.3),
)


def main() -> None:
    """Make what is missing."""
    parser = argparse.ArgumentParser(description="Pretrain the small bases.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[base.name for base in BASES])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for base in BASES:
        if base.name in asked.only:
            print(base.name, folder(base, data=asked.data, into=asked.into), flush=True)


def folder(base: Base, *, data: Path, into: Path) -> Path:
    """The folder of a base; it is pretrained where it is not there yet."""
    found = into / base.name
    if (found / "model.safetensors").exists():
        return found
    logging.disable_progress_bar()
    tokenizer = _tokenizer(data)
    began = time.process_time()
    model = _pretrained(base, tokenizer, data)
    model.save_pretrained(found)
    tokenizer.save_pretrained(found)
    facts = {"parameters": model.num_parameters(), "seconds": time.process_time() - began}
    (found / "facts.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")
    return found


# Private.


def _tokenizer(data: Path) -> PreTrainedTokenizerFast:
    """One for all bases, so that their losses can be compared."""
    found = Tokenizer(models.BPE())
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    said = tasks.conversations(data, ENGLISH + SPANISH)
    found.train_from_iterator((text for both in said for text in both), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=found, pad_token=SPECIAL[0], eos_token=SPECIAL[1], chat_template=TEMPLATE
    )


def _pretrained(base: Base, tokenizer: PreTrainedTokenizerFast, data: Path) -> LlamaForCausalLM:
    torch.manual_seed(base.seed)
    heads = base.width // 32
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=base.width,
            intermediate_size=3 * base.width,
            num_hidden_layers=base.layers,
            num_attention_heads=heads,
            num_key_value_heads=heads,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=1,
            pad_token_id=0,
        )
    )
    said = tasks.conversations(data, base.reads)
    texts = [f"<|user|>{asked}<|assistant|>{answer}<|end|>" for asked, answer in said]
    rows = [ids[:64] for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]
    batches = _batches(rows, base)
    adam = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.95), weight_decay=0.05)
    for step, batch in enumerate(batches):
        for group in adam.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / 40) * (1 - step / len(batches))
        model(input_ids=batch, labels=batch.masked_fill(batch == 0, -100)).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        adam.zero_grad()
    return model


def _batches(rows: list[list[int]], base: Base) -> list[torch.Tensor]:
    """Rows of like length together, in a random order, as many times as the base reads them."""
    order, found = random.Random(base.seed), []
    for _ in range(max(1, round(base.epochs))):
        mixed = sorted(order.sample(rows, round(len(rows) * min(1.0, base.epochs))), key=len)
        starts = list(range(0, len(mixed), BATCH))
        order.shuffle(starts)
        found += [_padded(mixed[start : start + BATCH]) for start in starts]
    return found


def _padded(rows: list[list[int]]) -> torch.Tensor:
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.tensor(row)
    return ids


if __name__ == "__main__":
    main()
