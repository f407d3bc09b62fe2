"""Packed passes against one plain pass for each row, for many architectures."""

import random
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from escalera.edges.providers.slot_pass import NAME, Pass, Piece  # noqa: E402
from escalera.edges.providers.slot_store import Shelves  # noqa: E402
from escalera.testing.tiny import tiny_architecture  # noqa: E402

pytestmark = pytest.mark.local

FEW_EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
SLIDES = {"sliding_window": 4}
MIXED = SLIDES | {"layer_types": ["sliding_attention", "full_attention"]}
PACKED: list[tuple[str, dict[str, Any]]] = [
    ("llama", {}),
    ("mistral", SLIDES),
    ("qwen2", SLIDES | {"use_sliding_window": True, "max_window_layers": 1}),
    ("qwen3", {"head_dim": 8}),
    ("qwen3_moe", {"head_dim": 8} | FEW_EXPERTS),
    ("mixtral", {"num_local_experts": 4}),
    ("gemma", {"head_dim": 8}),
    ("gemma3_text", {"head_dim": 8} | MIXED),
    ("cohere2", MIXED),
    ("gpt2", {}),
    ("gpt_neox", {}),
    ("opt", {"ffn_dim": 64, "word_embed_proj_dim": 32}),
    ("phi3", {}),
    ("olmo2", {}),
    ("granite", {}),
    ("smollm3", {}),
]


def plain(model, row) -> Any:
    """The logits behind every token of a row that is alone."""
    with torch.inference_mode():
        return model(input_ids=torch.tensor([row]), use_cache=False).logits[0]


class Table:
    """Rows of different lengths that join, run pieces of any size, and leave at random."""

    def __init__(self, model, seed: int) -> None:
        self.model = model
        self.rng = random.Random(seed)
        self.shelves = Shelves(4096)
        self.rows: list[list] = []
        self.met: set[tuple[int, ...]] = set()

    def join(self, row: list[int]) -> None:
        """A row is there from now on."""
        self.rows.append([row, 0, self.shelves.place(len(row))])

    def step(self) -> list[tuple[list[int], int, Any]]:
        """Run a piece of some rows; each with its last position and the logits there."""
        ran = [one for one in self.rows if self.rng.random() < 0.8] or self.rows[:1]
        pieces = []
        for one in ran:
            row, done, place = one
            many = self.rng.choice([1, 1, 1, 2, 7]) if done else self.rng.choice([1, 5, 9])
            pieces.append(Piece(place=place, tokens=row[done : done + many], start=done))
            one[1] = min(len(row), done + many)
        self.met.add(tuple(min(len(piece.tokens), 2) for piece in pieces))
        with torch.inference_mode():
            logits = Pass(pieces, self.model.device).run(self.model)
        found = [(one[0], one[1] - 1, some) for one, some in zip(ran, logits, strict=True)]
        for one in [one for one in self.rows if one[1] == len(one[0])]:
            self.rows.remove(one)
            one[2].shelf.leave(one[2])
        return found


@pytest.mark.parametrize(("kind", "changes"), PACKED, ids=[kind for kind, _ in PACKED])
def test_company_changes_no_logits(kind: str, changes: dict[str, Any]) -> None:
    """Rows join, run in pieces and leave; their logits are those of each row alone.

    They are to 1e-5 of the largest logit, which is what float32 rounds in sums of another order.
    """
    torch.set_num_threads(1)
    model = tiny_architecture(kind, **changes)
    rng = random.Random(7)
    rows = [[rng.randrange(97) for _ in range(rng.choice([6, 20, 70, 90]))] for _ in range(14)]
    alone = {id(row): plain(model, row) for row in rows}
    model.set_attn_implementation(NAME)
    table = Table(model, seed=3)
    waiting, checked = list(rows), 0
    while waiting or table.rows:
        while waiting and (not table.rows or (len(table.rows) < 6 and rng.random() < 0.4)):
            table.join(waiting.pop())
        for row, place, logits in table.step():
            expected = alone[id(row)][place]
            off = float((logits - expected).abs().max() / expected.abs().max())
            assert off < 1e-5
            checked += 1
    assert checked > 100
    assert any(1 in met and 2 in met for met in table.met)


def test_a_pass_gives_the_logits_behind_each_piece() -> None:
    """One row of logits for a piece, whatever its length and its place in the pass."""
    model = tiny_architecture("llama")
    model.set_attn_implementation(NAME)
    shelves = Shelves(1024)
    pieces = [
        Piece(place=shelves.place(90), tokens=list(range(length)), start=0) for length in (3, 1, 80)
    ]
    with torch.inference_mode():
        assert Pass(pieces, model.device).run(model).shape == (3, 97)
