"""One measurement in a process of its own: tokens per processor second of one engine.

    python -m bench.training.speed own|trl|bare --steps 12

Prints a line of JSON. The model is a Llama of 4 layers, 256 wide, over 4,096 tokens, with random
weights; the documents have log-normal lengths. All learn all weights in float32 with AdamW.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import warnings

import numpy as np
import torch
from datasets import Dataset
from tokenizers import Tokenizer, models
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import SFTConfig, SFTTrainer

from escalera.domain.levers import Levers
from escalera.edges.training import packing
from escalera.edges.training.lessons import Lesson
from escalera.edges.training.loop import Loop
from escalera.edges.training.losses import AnswerLosses
from escalera.edges.training.objectives import Supervised

WIDTHS = {"small": (4, 256, 4096), "least": (1, 32, 256)}
BATCH_TOKENS, LONGEST = 2048, 256


def model(size: str) -> LlamaForCausalLM:
    """A random model."""
    layers, width, words = WIDTHS[size]
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=words,
        hidden_size=width,
        intermediate_size=width * 11 // 4,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=2048,
    )
    return LlamaForCausalLM(config)


def documents(size: str, seed: int = 0) -> list[list[int]]:
    """Documents of 8 to 256 tokens, 70 on average."""
    generator = np.random.default_rng(seed)
    lengths = np.clip(np.exp(generator.normal(4.0, 0.7, 800)).astype(int), 8, LONGEST)
    return [generator.integers(3, WIDTHS[size][2], length).tolist() for length in lengths]


def own(size: str, steps: int, batch_tokens: int) -> dict[str, float]:
    """This package's loop."""
    made = model(size)
    lessons = [
        Lesson(tokens=tuple(tokens), answer=1, place=place, family=str(place))
        for place, tokens in enumerate(documents(size))
    ]
    computed = AnswerLosses(made, precision="float32")
    loop = Loop(
        lessons=lessons,
        weights=dict(made.named_parameters()),
        objective=Supervised(computed),
        levers=Levers(learning_rate=1e-3, batch_tokens=batch_tokens, epochs=20),
        pass_tokens=8192,
    )
    made.train()
    for _ in range(2):
        loop.step()
    began, read = time.process_time(), 0
    for _ in range(steps):
        read += loop.step().tokens
    return _told(read, steps, time.process_time() - began)


def bare(size: str, steps: int, batch_tokens: int) -> dict[str, float]:
    """The least that must be done: the same packs, forward, backward, AdamW, and nothing told."""
    made = model(size)
    lessons = [
        Lesson(tokens=tuple(tokens), answer=1, place=place, family=str(place))
        for place, tokens in enumerate(documents(size))
    ]
    computed = AnswerLosses(made, precision="float32")
    optimizer = torch.optim.AdamW(made.parameters(), lr=1e-3, fused=True)
    packs = [
        packing.pack(batch, hidden=WIDTHS[size][1])
        for epoch in range(20)
        for batch in packing.batches(lessons, batch_tokens=batch_tokens, seed=0, epoch=epoch)
    ][: steps + 2]
    began, read = 0.0, 0
    for number, rows in enumerate(packs):
        if number == 2:
            began, read = time.process_time(), 0
        computed(rows).mean().backward()
        optimizer.step()
        optimizer.zero_grad()
        read += rows.read
    return _told(read, steps, time.process_time() - began)


def trl(size: str, steps: int, batch_tokens: int) -> dict[str, float]:
    """TRL's trainer with its own packing (best fit), on as many tokens a step."""
    warnings.filterwarnings("ignore")
    marks: list[tuple[float, int]] = []

    class Timed(SFTTrainer):
        """Notes the processor time behind every step."""

        def training_step(self, model, inputs, *args, **kwargs):
            """One step."""
            if len(marks) == 2:
                marks.append((time.process_time(), 0))
            found = super().training_step(model, inputs, *args, **kwargs)
            marks.append((time.process_time(), int((inputs["labels"] != -100).sum())))
            return found

        def _send_telemetry(self) -> None:
            """None."""

    with tempfile.TemporaryDirectory() as folder:
        config = SFTConfig(
            output_dir=folder,
            max_steps=steps + 3,
            per_device_train_batch_size=max(1, batch_tokens // LONGEST),
            packing=True,
            max_length=LONGEST,
            learning_rate=1e-3,
            bf16=False,
            use_cpu=True,
            gradient_checkpointing=None,
            activation_checkpointing=False,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            logging_steps=10_000,
        )
        data = Dataset.from_list([{"input_ids": tokens} for tokens in documents(size)])
        Timed(model=model(size), args=config, train_dataset=data, processing_class=_words()).train()
    # The optimizer moves behind a step, so a step's time is from its beginning to the next one's.
    first, last = marks[2][0], marks[2 + steps][0]
    read = sum(tokens for _, tokens in marks[3 : 3 + steps])
    return _told(read, steps, last - first)


def _words():
    """A tokenizer, which the trainer insists on having."""
    made = Tokenizer(models.WordLevel({"<pad>": 0, "<eos>": 1, "<unk>": 2}, unk_token="<unk>"))
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", eos_token="<eos>")


def _told(tokens: int, steps: int, seconds: float) -> dict[str, float]:
    return {
        "tokens": tokens,
        "steps": steps,
        "tokens_per_second": tokens / seconds,
        "milliseconds_per_step": 1000 * seconds / steps,
    }


def main() -> None:
    """Measure one engine and print it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("engine", choices=["own", "trl", "bare"])
    parser.add_argument("--size", choices=list(WIDTHS), default="small")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--batch-tokens", type=int, default=BATCH_TOKENS)
    found = parser.parse_args()
    torch.set_num_threads(1)
    measured = {"own": own, "trl": trl, "bare": bare}[found.engine]
    told = measured(found.size, found.steps, found.batch_tokens)
    json.dump(told, sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
