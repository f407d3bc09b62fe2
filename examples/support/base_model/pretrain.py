"""Pretrain the example's base model on generated conversations.

    cd examples/support && python -m base_model.pretrain --out model

One core for the better part of an hour. Copying has to emerge early or it never does in the time
given, hence three aids: a warm-up on repeated random tokens, such batches mixed in over the first
tokens, and exercises in copying and look-up whose share falls from 40 % to 12 %.
"""

import argparse
import copy
import random
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from base_model import codec, network, pretraining_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What was found to work; changing it means trying again."""

    tokens: int = 34_000_000
    batch_tokens: int = 4096
    rate: float = 3e-3
    prompt_weight: float = 0.1
    warm_up_batches: int = 400
    repetition_share: float = 0.15
    repetition_until: int = 3_000_000
    exercises_at_first: float = 0.4
    exercises_later: float = 0.12
    exercises_fall_until: int = 1_200_000
    seed: int = 0


def main() -> None:
    """Read the command line and pretrain."""
    parser = argparse.ArgumentParser(description="Pretrain the example's base model.")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--tokens", type=int, default=Recipe().tokens)
    parser.add_argument("--checkpoint", type=Path, help="folder for a model every few minutes")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    Pretraining(Recipe(tokens=arguments.tokens), arguments.out, arguments.checkpoint).run()


class Pretraining:
    """One run: the network, its optimizers and two streams of random numbers."""

    def __init__(self, recipe: Recipe, out: Path, checkpoint: Path | None) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.out = out
        self.checkpoint = checkpoint
        self.tokenizer = codec.train_tokenizer(out, conversations=6000, seed=recipe.seed)
        self.network = network.build()
        self.network.set_attn_implementation(network.FP32_ATTENTION)
        self.optimizers = network.optimizers(self.network, recipe.rate)
        self.text_rng = random.Random(recipe.seed + 100)
        self.repetition_rng = random.Random(recipe.seed + 5)
        self.seen = 0
        self.steps = 0
        self.started = time.process_time()
        self.saved = self.started

    def run(self) -> None:
        """Warm up, read all tokens, save."""
        print("parameters", sum(p.numel() for p in self.network.parameters()), flush=True)
        for step in range(self.recipe.warm_up_batches):
            self._set_rate(min(1.0, (step + 1) / 50))
            ids, weights = self._repetition()
            answers = self._backward(ids, weights, 1.0)
            self._step()
            if step % 100 == 0:
                print(f"warm-up {step} loss {answers:.3f}", flush=True)
        while self.seen < self.recipe.tokens:
            self._read_some()
        save(self.network, self.tokenizer, self.out)
        print(f"saved after {time.process_time() - self.started:.0f} CPU seconds", flush=True)

    def _read_some(self) -> None:
        """Generate six hundred conversations and read them once."""
        recipe = self.recipe
        fallen = min(1.0, self.seen / recipe.exercises_fall_until)
        share = recipe.exercises_at_first + fallen * (
            recipe.exercises_later - recipe.exercises_at_first
        )
        texts = [pretraining_text.conversation(self.text_rng, share) for _ in range(600)]
        encoded = codec.encode(self.tokenizer, texts, recipe.prompt_weight)
        for ids, weights in codec.batches(encoded, recipe.batch_tokens, self.text_rng):
            self._set_rate(max(0.01, min(1.0, (self.steps + 1) / 50) * (1 - self._progress())))
            answers = self._backward(ids, weights, 1.0)
            repeats = recipe.repetition_share * (1 - self.seen / recipe.repetition_until)
            if self.repetition_rng.random() < repeats:
                self._backward(*self._repetition(), 0.3)
            self._step()
            self.seen += ids.numel()
            self.steps += 1
            self._report(answers)
            if self.seen >= recipe.tokens:
                return

    def _progress(self) -> float:
        return min(1.0, self.seen / self.recipe.tokens)

    def _set_rate(self, factor: float) -> None:
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.recipe.rate * factor

    def _backward(self, ids: torch.Tensor, weights: torch.Tensor, scale: float) -> float:
        loss, answers = network.loss(self.network, ids, weights)
        torch.autograd.backward(loss * scale)
        return answers

    def _step(self) -> None:
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()

    def _repetition(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return random tokens that repeat, in whole or in snippets: only repeats are learnable."""
        rng, tokens = self.repetition_rng, self.recipe.batch_tokens
        if rng.random() < 0.5:
            length = rng.choice([6, 10, 16, 24])
            once = _random_tokens(tokens // (2 * length), length)
            ids = torch.cat([once, once], 1)
            weights = torch.zeros(ids.shape)
            weights[:, length:] = 1
            return ids, weights
        length = 24
        ids = _random_tokens(tokens // (2 * length), 2 * length)
        weights = torch.zeros(ids.shape)
        for row in range(ids.size(0)):
            start = length
            while start < 2 * length:
                size = min(rng.randint(2, 8), 2 * length - start)
                origin = rng.randint(0, length - size)
                ids[row, start : start + size] = ids[row, origin : origin + size].clone()
                weights[row, start + 1 : start + size] = 1
                start += size
        return ids, weights

    def _report(self, answers: float) -> None:
        now = time.process_time()
        if self.steps % 100 == 0:
            print(
                f"step {self.steps} tokens {self.seen / 1e6:.2f}M answer loss {answers:.3f} "
                f"cpu {now - self.started:.0f}s",
                flush=True,
            )
        if self.checkpoint is not None and now - self.saved > 270:
            self.saved = now
            save(self.network, self.tokenizer, self.checkpoint)
            print(f"checkpoint at step {self.steps}", flush=True)


def save(trained: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write a complete model folder in bfloat16; the network itself is left as it is."""
    rounded = copy.deepcopy(trained)
    for parameter in rounded.parameters():
        parameter.data = parameter.data.to(torch.bfloat16)
    rounded.config.dtype = torch.bfloat16
    rounded.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _random_tokens(rows: int, columns: int) -> torch.Tensor:
    return torch.randint(len(codec.SPECIAL_TOKENS), codec.VOCABULARY, (rows, columns))


if __name__ == "__main__":
    main()
