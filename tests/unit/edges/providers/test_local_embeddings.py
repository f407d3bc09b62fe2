"""Embeddings from a model folder, against the hidden states worked out by hand."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from transformers import AutoModel, AutoTokenizer  # noqa: E402

from escalera.domain.project import BaseModel, ModelPrice  # noqa: E402
from escalera.edges.clock import SystemClock  # noqa: E402
from escalera.edges.providers.local_embeddings import LocalEmbeddings  # noqa: E402
from escalera.errors import InputError  # noqa: E402
from escalera.testing.tiny import tiny_model  # noqa: E402

pytestmark = pytest.mark.local

BASE = BaseModel(
    name="tiny", revision="r", trainable=True, price=ModelPrice(prompt=1_000_000, completion=0)
)
TEXTS = ("hello there", "late parcel", "hello there you", "")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model without a chat template, as an encoder is."""
    made = tiny_model(tmp_path_factory.mktemp("tiny") / "model")
    (made / "chat_template.jinja").unlink(missing_ok=True)
    return made


def embed(folder, *texts):
    async def asked():
        embedder = LocalEmbeddings(model=BASE, folder=folder, clock=SystemClock(), threads=1)
        try:
            return await embedder.embed(texts)
        finally:
            await embedder.close()

    return asyncio.run(asked())


def test_a_vector_is_the_mean_of_the_last_hidden_states(folder):
    """Over the tokens of the text, each text by itself; an empty one is nothing."""
    found = embed(folder, *TEXTS)
    model, tokenizer = (kind.from_pretrained(folder) for kind in (AutoModel, AutoTokenizer))
    for text, vector in zip(TEXTS[:3], found.vectors, strict=False):
        tokens = tokenizer(text)["input_ids"]
        with torch.inference_mode():
            states = model(input_ids=torch.tensor([tokens])).last_hidden_state[0]
        wanted = torch.stack([states[n] for n in range(len(tokens))]).sum(dim=0) / len(tokens)
        assert vector == pytest.approx(wanted.tolist(), abs=1e-6)
    assert len(found.vectors[3]) == len(found.vectors[0])
    counted = sum(len(tokenizer(text)["input_ids"]) for text in TEXTS)
    assert (found.usage.prompt_tokens, found.micro_dollars) == (counted, counted)


def test_a_vector_does_not_depend_on_what_is_read_with_it(folder):
    """So that it is the same after a restart with other batches."""
    assert embed(folder, *TEXTS).vectors[1] == embed(folder, TEXTS[1]).vectors[0]


@pytest.fixture
def copied(folder, tmp_path):
    """A copy of the folder to write to."""
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def test_the_first_token_where_the_folder_says_so(folder, copied):
    """As Sentence Transformers writes it."""
    (copied / "1_Pooling").mkdir()
    said = {"word_embedding_dimension": 32, "pooling_mode_cls_token": True}
    (copied / "1_Pooling" / "config.json").write_text(json.dumps(said))
    tokens = AutoTokenizer.from_pretrained(folder)("late parcel")["input_ids"]
    with torch.inference_mode():
        states = AutoModel.from_pretrained(folder)(input_ids=torch.tensor([tokens]))
    (found,) = embed(copied, "late parcel").vectors
    assert found == pytest.approx(states.last_hidden_state[0, 0].tolist(), abs=1e-6)


def test_what_is_longer_than_the_model_was_trained_for_is_cut(folder, copied):
    """Its tokenizer may know a shorter length than its positions say."""
    settings = json.loads((copied / "tokenizer_config.json").read_text())
    (copied / "tokenizer_config.json").write_text(json.dumps(settings | {"model_max_length": 4}))
    long, longer = "hello there you late", "hello there you late parcel hello parcel"
    cut, more = embed(copied, long, longer).vectors, embed(folder, long, longer).vectors
    assert cut[0] == cut[1]
    assert more[0] != more[1]


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    """Before anything is asked."""
    with pytest.raises(InputError, match="does not exist"):
        embed(tmp_path / "none", "hello")
