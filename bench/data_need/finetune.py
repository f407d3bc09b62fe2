"""A full finetune of the example's Llama of 1.4 million parameters, on one thread.

Fixed recipe: AdamW, 1e-3 with warm-up and cosine, batches of 16 of like length, loss on the answer
only, 4 epochs but at least 60 steps.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

_RATE, _BATCH, _EPOCHS, _LEAST = 1e-3, 16, 4, 60
_IGNORED = -100


def learn(folder: Path, train: Sequence[dict], held: Sequence[dict], seed: int) -> list[float]:
    """Return 1 for every held-out row whose greedy answer is its target to the last token.

    Greedy decoding gives exactly the target if and only if, with the target given, every token of
    it is the most probable one: one pass instead of one per token.
    """
    torch.set_num_threads(1)
    chance = torch.Generator().manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    rows = [_encoded(folder, row["text"], row["target"]) for row in train]
    steps = max(_LEAST, math.ceil(len(rows) / _BATCH) * _EPOCHS)
    adam = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=0.01)
    plan = torch.optim.lr_scheduler.LambdaLR(adam, functools.partial(_rate, steps=steps))
    model.train()
    for _, batch in zip(range(steps), _batches(rows, chance)):  # noqa: B905
        loss = model(**batch).loss
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        plan.step()
    return _right(model, [_encoded(folder, row["text"], row["target"]) for row in held])


# Private.


@functools.cache
def _tokenizer(folder: Path):
    return AutoTokenizer.from_pretrained(folder)


def _encoded(folder: Path, text: str, target: str) -> tuple[list[int], int]:
    """Ids of message and answer, and where the answer begins."""
    tokens = _tokenizer(folder)
    asked = tokens.apply_chat_template(
        [{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False
    )
    prompt = tokens(asked, add_special_tokens=False)["input_ids"]
    answer = tokens(target, add_special_tokens=False)["input_ids"]
    return prompt + answer + [tokens.eos_token_id], len(prompt)


def _batches(rows: list[tuple[list[int], int]], chance: torch.Generator):
    while True:
        order = torch.randperm(len(rows), generator=chance).tolist()
        for start in range(0, len(order), _BATCH):
            yield _batch([rows[i] for i in order[start : start + _BATCH]])


def _batch(rows: list[tuple[list[int], int]]) -> dict[str, torch.Tensor]:
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    labels = torch.full_like(ids, _IGNORED)
    for i, (row, start) in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
        labels[i, start : len(row)] = torch.tensor(row[start:])
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def _rate(step: int, *, steps: int) -> float:
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1.0 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _right(model, rows: list[tuple[list[int], int]]) -> list[float]:
    model.eval()
    scores = []
    with torch.no_grad():
        for start in range(0, len(rows), 100):
            batch = _batch(rows[start : start + 100])
            labels = batch.pop("labels")[:, 1:]
            told = model(**batch).logits[:, :-1].argmax(-1)
            scores += ((told == labels) | (labels == _IGNORED)).all(-1).float().tolist()
    return scores
