"""A loaded model: templates, tokens, adapters on and off."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from escalera.domain.message import Decoding, Message  # noqa: E402
from escalera.edges.providers.decoding import Row  # noqa: E402
from escalera.edges.providers.local_model import LocalModel  # noqa: E402
from escalera.errors import AdapterUnusable, EvidenceMissing, InputError, RequestRejected  # noqa: E402
from escalera.testing.tiny import TEMPLATE, tiny_adapter, tiny_model  # noqa: E402

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model, with two adapters beside it."""
    root = tmp_path_factory.mktemp("tiny")
    tiny_model(root / "model")
    for seed in (1, 2):
        tiny_adapter(root / f"adapter{seed}", root / "model", seed=seed, rank=2 * seed)
    return root


def loaded(folder: Path, max_context: int | None = None) -> LocalModel:
    """The model with its adapters by name."""

    def adapters(name: str) -> Path:
        if not (folder / name).is_dir():
            raise EvidenceMissing(f"no {name!r}")
        return folder / name

    return LocalModel(
        name="tiny",
        folder=folder / "model",
        adapters=adapters,
        max_context=max_context,
        device="cpu",
    )


def answer(model: LocalModel, adapter: str | None) -> list[int]:
    """Greedy tokens to one prompt."""
    prompt = model.prompt([Message(role="user", content="hello")])
    row = Row(prompt=prompt, decoding=Decoding(max_tokens=12))
    batch = model.batch([row])
    while not batch.finished:
        model.step(batch, adapter)
    return row.tokens


def test_adapters_are_switched_without_traces(folder: Path) -> None:
    """Base, one adapter, another and back: each answers as in a fresh model."""
    fresh = {name: answer(loaded(folder), name) for name in (None, "adapter1", "adapter2")}
    assert len({tuple(tokens) for tokens in fresh.values()}) == 3
    model = loaded(folder)
    for name in (None, "adapter1", None, "adapter2", "adapter1", None, "adapter2"):
        assert answer(model, name) == fresh[name]


def test_the_prompt_ends_where_the_answer_begins(folder: Path) -> None:
    """The chat template is rendered with its generation prompt and marks are single tokens."""
    model = loaded(folder)
    tokens = model.prompt([Message(role="user", content="é")])
    assert len(tokens) == 1 + 2 + 1 + 1
    assert model.text(tokens) == "é"


def test_an_unusable_adapter_is_refused_with_the_cause(folder: Path, tmp_path: Path) -> None:
    """Missing, of another kind, of another shape: no item can be asked; the model still works."""
    wrong = folder / "prefix"
    wrong.mkdir(exist_ok=True)
    (wrong / "adapter_model.safetensors").write_bytes(b"")
    (wrong / "adapter_config.json").write_text(json.dumps({"peft_type": "PREFIX_TUNING"}))
    (folder / "empty").mkdir(exist_ok=True)
    model = loaded(folder)
    before = answer(model, None)
    for name, words in (("none", "no 'none'"), ("prefix", "PREFIX"), ("empty", "safetensors")):
        with pytest.raises(AdapterUnusable, match=words):
            answer(model, name)
    assert answer(model, None) == before
    assert answer(model, "adapter1") == answer(loaded(folder), "adapter1")


NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
NO_ASSISTANT_FIRST = NO_SYSTEM.replace("system", "assistant")
DROPPING = TEMPLATE.replace("in messages %}", "in messages if m['role'] != 'system' %}")


def test_a_template_that_refuses_is_a_refused_request(tmp_path: Path) -> None:
    """Templates raise for an order of roles that they do not know; that is the request's fault."""
    tiny_model(tmp_path / "model", template=NO_ASSISTANT_FIRST + TEMPLATE)
    with pytest.raises(RequestRejected, match="no assistant"):
        loaded(tmp_path).prompt([Message(role="assistant", content="x")])


def test_a_token_that_the_model_does_not_know_is_a_refused_request(tmp_path: Path) -> None:
    """A tokenizer with more tokens than the model; texts without them are answered."""
    tiny_model(tmp_path / "model")
    model = loaded(tmp_path)
    asked = [Message(role="user", content="ab")]
    highest = max(model.prompt(asked))
    model.width = highest + 1
    assert model.prompt(asked)
    model.width = highest
    for refused in (lambda: model.prompt(asked), lambda: model.verbatim("ab")):
        with pytest.raises(RequestRejected, match=rf"token {highest} .* none of the model's"):
            refused()


@pytest.mark.parametrize("template", [NO_SYSTEM + TEMPLATE, DROPPING])
def test_a_system_message_arrives_whatever_the_template_does(tmp_path: Path, template: str) -> None:
    """Refused or dropped without a word: it is told at the head of the user's message."""
    tiny_model(tmp_path / "model", template=template)
    turns = [Message(role="system", content="Be kind."), Message(role="user", content="Hi.")]
    model = loaded(tmp_path)
    told = model.prompt([Message(role="user", content="Be kind.\n\nHi.")])
    assert model.prompt(turns) == told


def test_a_template_that_loses_what_a_user_says_cannot_be_used(tmp_path: Path) -> None:
    """Every answer would be one to another question."""
    tiny_model(tmp_path / "model", template=TEMPLATE.replace("m['content']", "m['content'][:2]"))
    with pytest.raises(InputError, match="leaves out what the user says"):
        loaded(tmp_path)


def test_the_context_is_the_models_or_less(folder: Path) -> None:
    """max_context can lower what the model was trained with, not raise it."""
    assert loaded(folder).context == 512
    assert loaded(folder, max_context=100).context == 100
    assert loaded(folder, max_context=10_000).context == 512


def test_a_folder_that_cannot_be_loaded_is_an_input_error(tmp_path: Path) -> None:
    """An unknown architecture is named with the rule."""
    tiny_model(tmp_path / "model")
    config = tmp_path / "model" / "config.json"
    config.write_text(config.read_text().replace('"llama"', '"no-such-thing"'))
    with pytest.raises(InputError, match="without remote code"):
        loaded(tmp_path)


def test_a_model_that_cannot_stop_is_an_input_error(tmp_path: Path) -> None:
    """Without a stop token every answer would be cut by max_tokens."""
    tiny_model(tmp_path / "model")
    for name, key in (("generation_config", "eos_token_id"), ("tokenizer_config", "eos_token")):
        file = tmp_path / "model" / f"{name}.json"
        values = json.loads(file.read_text())
        values[key] = None
        file.write_text(json.dumps(values))
    config = tmp_path / "model" / "config.json"
    config.write_text(config.read_text().replace('"eos_token_id": 1', '"eos_token_id": null'))
    with pytest.raises(InputError, match="eos_token_id"):
        loaded(tmp_path)
