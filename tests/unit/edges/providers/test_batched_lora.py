"""Adapters of several rows in one pass against PEFT, one adapter at a time."""

import random
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from peft import PeftModel  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from escalera.edges.providers import lora_file  # noqa: E402
from escalera.edges.providers.batched_lora import BatchedLora  # noqa: E402
from escalera.edges.providers.slot_pass import NAME, Pass, Piece  # noqa: E402
from escalera.edges.providers.slot_store import Shelves  # noqa: E402
from escalera.errors import InputError  # noqa: E402
from escalera.testing.tiny import tiny_adapter, tiny_model  # noqa: E402

pytestmark = [pytest.mark.local, pytest.mark.filterwarnings("ignore::FutureWarning")]

RANKS = (4, 8, 2, 4, 16, 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with adapters of several ranks."""
    root = tmp_path_factory.mktemp("tiny")
    model = tiny_model(root / "model")
    for number, rank in enumerate(RANKS):
        tiny_adapter(root / f"a{number}", model, seed=number, rank=rank)
    return root


def loaded(folder: Path):
    """The model of a folder."""
    return AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32).eval()


def alone(folder: Path, adapter: int | None, row: list[int]):
    """The last logits of a row, by PEFT."""
    model = loaded(folder)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, folder / f"a{adapter}").eval()
    with torch.inference_mode():
        return model(input_ids=torch.tensor([row])).logits[0, -1]


@pytest.mark.parametrize(
    "who",
    [
        [None, 0, 1],
        [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5],
        [None, 0, 1, 1, 2, 3, 4, 5],
        [1, 3, 4, 5],
    ],
    ids=["few", "as many of each", "padded", "not in order"],
)
@pytest.mark.parametrize("lengths", [(1,), (5, 1), (40, 1, 1, 1)])
def test_every_row_is_moved_by_its_own_adapter(
    folder: Path, who: list[int | None], lengths: tuple[int, ...]
) -> None:
    """Rows of several adapters and of none, of equal and of different lengths, in one pass."""
    torch.set_num_threads(1)
    rng = random.Random(3)
    model = loaded(folder)
    lora = BatchedLora(model)
    numbers = [lora.put(lora_file.read(folder / f"a{n}") or {}) for n in range(len(RANKS))]
    assert numbers == list(range(len(RANKS)))
    model.set_attn_implementation(NAME)
    rows = [
        [rng.randrange(5, 260) for _ in range(lengths[n % len(lengths)])] for n in range(len(who))
    ]
    shelves = Shelves(4096)
    pieces = [Piece(place=shelves.place(len(row)), tokens=row, start=0) for row in rows]
    spans, first = [], 0
    for row, adapter in zip(rows, who, strict=True):
        if adapter is not None and spans and spans[-1][2] == adapter:
            spans[-1] = (spans[-1][0], first + len(row), adapter)
        elif adapter is not None:
            spans.append((first, first + len(row), adapter))
        first += len(row)
    with torch.inference_mode(), lora.applied(spans, first, model.device):
        found = Pass(pieces, model.device).run(model)
    for row, adapter, logits in zip(rows, who, found, strict=True):
        torch.testing.assert_close(logits, alone(folder, adapter, row), rtol=1e-4, atol=1e-4)


def test_a_number_that_was_dropped_is_given_again(folder: Path) -> None:
    """And nothing of the adapter before is left, though that had a higher rank."""
    model = loaded(folder)
    lora = BatchedLora(model)
    old, other = (lora.put(lora_file.read(folder / name) or {}) for name in ("a4", "a0"))
    lora.drop(old)
    assert lora.put(lora_file.read(folder / "a2") or {}) == old != other
    model.set_attn_implementation(NAME)
    row = [9, 8, 7]
    piece = Piece(place=Shelves(64).place(3), tokens=row, start=0)
    with torch.inference_mode(), lora.applied([(0, 3, old)], 3, model.device):
        found = Pass([piece], model.device).run(model)[0]
    torch.testing.assert_close(found, alone(folder, 2, row), rtol=1e-4, atol=1e-4)


def test_an_adapter_of_another_model_is_refused(folder: Path) -> None:
    """By name of a layer, or by shape."""
    lora = BatchedLora(loaded(folder))
    pair = torch.zeros(4, 32), torch.zeros(32, 4)
    with pytest.raises(
        InputError, match=r"adapts 'model\.nowhere', which this model does not have"
    ):
        lora.put({"model.nowhere": pair})
    with pytest.raises(InputError, match="for a weight of shape"):
        lora.put({"model.layers.0.self_attn.v_proj": pair})
