"""The tokenizer and the encoding of conversations into weighted token batches."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from base_model import pretraining_text
from base_model.pretraining_text import Turn

VOCABULARY = 1024
PAD, END = "<|pad|>", "<|end|>"
SPECIAL_TOKENS = [PAD, END, "<|system|>", "<|user|>", "<|assistant|>"]
PAD_ID, END_ID = 0, 1
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """Token ids and the loss weight of each."""

    ids: list[int]
    weights: list[float]


def train_tokenizer(folder: Path, *, conversations: int, seed: int) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE on generated text and save it; digits stay single tokens.

    Single digits let the model copy an order number one step at a time instead of having to
    know every group of digits.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_contents(conversations, seed), trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        chat_template=CHAT_TEMPLATE,
        padding_side="left",
    )
    fast.save_pretrained(folder)
    return fast


def encode(
    tokenizer: PreTrainedTokenizerFast,
    conversations: Sequence[Sequence[Turn]],
    prompt_weight: float,
) -> list[Encoded]:
    """Encode conversations; an answer and its end weigh 1, everything else ``prompt_weight``."""
    pieces: list[str] = []
    origins: list[tuple[int, float]] = []
    for number, turns in enumerate(conversations):
        for turn in turns:
            answers = turn["role"] == "assistant"
            pieces += [f"<|{turn['role']}|>", turn["content"] + END]
            origins += [(number, prompt_weight), (number, 1.0 if answers else prompt_weight)]
    backend = tokenizer.backend_tokenizer
    backend.no_padding()
    encoded = [Encoded(ids=[], weights=[]) for _ in conversations]
    encodings = backend.encode_batch(pieces, add_special_tokens=False)
    for (number, weight), encoding in zip(origins, encodings, strict=True):
        encoded[number].ids.extend(encoding.ids)
        encoded[number].weights.extend([weight] * len(encoding.ids))
    return encoded


def batches(
    encoded: Sequence[Encoded], tokens: int, rng: random.Random
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return padded batches of at most ``tokens`` tokens, in random order.

    Conversations of like length share a batch, which keeps the padding under a few percent.
    """
    groups: list[list[Encoded]] = [[]]
    for sample in sorted(encoded, key=lambda sample: len(sample.ids)):
        if groups[-1] and (len(groups[-1]) + 1) * len(sample.ids) > tokens:
            groups.append([])
        groups[-1].append(sample)
    rng.shuffle(groups)
    return [_padded(group) for group in groups]


def _padded(group: Sequence[Encoded]) -> tuple[torch.Tensor, torch.Tensor]:
    length = max(len(sample.ids) for sample in group)
    ids = torch.full((len(group), length), PAD_ID)
    weights = torch.zeros(len(group), length)
    for row, sample in enumerate(group):
        ids[row, : len(sample.ids)] = torch.tensor(sample.ids)
        weights[row, : len(sample.ids)] = torch.tensor(sample.weights)
    return ids, weights


def _contents(conversations: int, seed: int) -> Iterator[str]:
    rng = random.Random(seed)
    for _ in range(conversations):
        for turn in pretraining_text.conversation(rng, 0.15):
            yield turn["content"]
