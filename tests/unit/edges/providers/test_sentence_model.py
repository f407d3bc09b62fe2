"""Embeddings of a model folder."""

from __future__ import annotations

import asyncio
import json

import pytest

pytestmark = pytest.mark.local
torch = pytest.importorskip("torch")

from tokenizers import Tokenizer, models, pre_tokenizers, processors  # noqa: E402
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast  # noqa: E402

from escalera.edges.providers.sentence_model import SentenceModel  # noqa: E402
from escalera.edges.scoring.semantic import cosine  # noqa: E402
from escalera.errors import InputError  # noqa: E402

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "cat", "dog", "sat")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A random encoder of two layers over eight words."""
    folder = tmp_path_factory.mktemp("encoder")
    tokenizer = Tokenizer(models.WordLevel({w: n for n, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]")
    fast.save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=16,
        initializer_range=0.5,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """A copy of it to add to."""
    for file in made.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def embed(folder, *texts):
    async def run():
        model = SentenceModel(folder)
        try:
            return await model.embed(texts)
        finally:
            await model.close()

    return asyncio.run(run())


def states(folder, text):
    """What the encoder says of each token, by Transformers itself."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    with torch.inference_mode():
        tokens = tokenizer(text, return_tensors="pt")
        return BertModel.from_pretrained(folder).eval()(**tokens).last_hidden_state[0]


def test_the_mean_of_the_tokens(folder):
    """Where nothing else is said; and each text alone, whatever it came with."""
    first, second = embed(folder, "the cat sat", "the dog")
    assert first == pytest.approx(states(folder, "the cat sat").mean(0).tolist(), abs=1e-6)
    assert embed(folder, "the dog") == [second]
    assert cosine(first, first) == pytest.approx(1.0)
    assert abs(cosine(first, second)) < 1.0


def test_the_first_token(folder):
    """Where the folder says so."""
    (folder / "1_Pooling").mkdir()
    said = {"word_embedding_dimension": 32, "pooling_mode_cls_token": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(said))
    (found,) = embed(folder, "the cat sat")
    assert found == pytest.approx(states(folder, "the cat sat")[0].tolist(), abs=1e-6)


def test_a_text_beyond_the_context_is_cut(folder):
    """As it was trained: the rest is not read."""
    long, longer = embed(folder, "cat " * 14, "cat " * 14 + "dog " * 50)
    assert long == longer


def test_ways_that_are_not_known_are_refused(folder):
    """Another pooling, or a layer more: the vectors would be others."""
    (folder / "1_Pooling").mkdir()
    pooling = folder / "1_Pooling" / "config.json"
    pooling.write_text(json.dumps({"pooling_mode_max_tokens": True}))
    with pytest.raises(InputError, match="asks for pooling_mode_max_tokens"):
        SentenceModel(folder)
    pooling.unlink()
    module = {"type": "sentence_transformers.models.Dense"}
    (folder / "modules.json").write_text(json.dumps([module]))
    with pytest.raises(InputError, match="names Dense; known are"):
        SentenceModel(folder)


def test_a_folder_without_safetensors_is_refused(folder):
    """Other weights can run code when they are read."""
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(InputError, match="safetensors"):
        SentenceModel(folder)
