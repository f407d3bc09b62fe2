"""The example's base model, finetuned on the training parts of the sets: all its weights.

    python -m bench.structured.tuned --data ../shared/data --into build/bench/structured/model

A few minutes on one core. The model was pretrained on the shop's text only; here it learns what the
sets ask, so that there is a quality which a grammar could harm.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import time
from pathlib import Path

import torch
from bench.structured import sets
from transformers import AutoModelForCausalLM, AutoTokenizer

BASE = Path(__file__).resolve().parents[2] / "examples" / "support" / "model"
BATCH_TOKENS = 3072
RATE = 1.5e-3
ROWS = 2500
"""Rows of each set, at most: enough to be far better than chance in two minutes."""
TINY_SET_REPEATS = 4
"""The smallest set has two hundred rows: they are read so often in each epoch."""


def main() -> None:
    """Read the command line, train, save."""
    parser = argparse.ArgumentParser(description="Finetune the example's model on the sets.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    model = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    rows = [row for part in sets.load(arguments.data, ask=1) for row in encoded(part, tokenizer)]
    train(model, rows, arguments.epochs)
    model.to(torch.bfloat16).save_pretrained(arguments.into)
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(BASE / file, arguments.into / file)


def messages(item: sets.Item) -> list[dict[str, str]]:
    """What is asked: the kind of message, then the message."""
    return [{"role": "system", "content": item.told}, {"role": "user", "content": item.input}]


def encoded(part: sets.Set, tokenizer: object) -> list[tuple[list[int], int]]:
    """Tokens of each conversation, and where the answer begins."""
    repeats = TINY_SET_REPEATS if len(part.train) < 1000 else 1
    found = []
    for item in (part.train * repeats)[:ROWS]:
        text = tokenizer.apply_chat_template(
            messages(item), tokenize=False, add_generation_prompt=True
        )
        asked = tokenizer(text, add_special_tokens=False)["input_ids"]
        said = tokenizer(item.target, add_special_tokens=False)["input_ids"]
        found.append((asked + said + [tokenizer.eos_token_id], len(asked)))
    return found


def train(model: torch.nn.Module, rows: list[tuple[list[int], int]], epochs: int) -> None:
    """Batches of like lengths, a rate that warms up and falls; only answers are learned."""
    order = random.Random(0)
    batches = [batch for _ in range(epochs) for batch in shuffled(rows, order)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.95))
    began = time.process_time()
    for step, batch in enumerate(batches):
        rate = RATE * min(1.0, (step + 1) / 40) * (1 - step / len(batches))
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = batch_loss(model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 50 == 0:
            seconds = time.process_time() - began
            print(json.dumps({"step": step, "of": len(batches), "loss": round(loss.item(), 3),
                              "seconds": round(seconds)}), flush=True)  # fmt: skip


def shuffled(rows: list[tuple[list[int], int]], order: random.Random) -> list[list[tuple]]:
    """Batches of about so many padded tokens, in a random order."""
    mixed = sorted(order.sample(rows, len(rows)), key=lambda row: len(row[0]) // 8)
    batches, batch = [], []
    for row in mixed:
        if batch and (len(batch) + 1) * len(row[0]) > BATCH_TOKENS:
            batches.append(batch)
            batch = []
        batch.append(row)
    batches.append(batch)
    order.shuffle(batches)
    return batches


def batch_loss(model: torch.nn.Module, batch: list[tuple[list[int], int]]) -> torch.Tensor:
    """Mean loss over the tokens of the answers."""
    width = max(len(tokens) for tokens, _ in batch)
    ids = torch.zeros(len(batch), width, dtype=torch.long)
    labels = torch.full_like(ids, -100)
    for place, (tokens, start) in enumerate(batch):
        ids[place, : len(tokens)] = torch.tensor(tokens)
        labels[place, start : len(tokens)] = torch.tensor(tokens[start:])
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
    return torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), labels[:, 1:].flatten())


if __name__ == "__main__":
    main()
