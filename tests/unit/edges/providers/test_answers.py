"""From a request to a row and back."""

import pytest

pytest.importorskip("torch")

from escalera.domain.contract import OutputContract
from escalera.domain.message import Decoding, Message, Request, Usage
from escalera.domain.project import BaseModel, ModelPrice
from escalera.edges.providers import answers
from escalera.edges.providers.local_model import LocalModel
from escalera.errors import RequestRejected
from escalera.testing.tiny import tiny_model

pytestmark = pytest.mark.local

PRICE = ModelPrice(prompt=100_000, completion=400_000)
BASE = BaseModel(name="tiny", revision="r1", trainable=True, price=PRICE)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LocalModel:
    """A tiny model with a context of 40 tokens."""
    folder = tiny_model(tmp_path_factory.mktemp("tiny"))
    return LocalModel(
        name="tiny", folder=folder, adapters=lambda _: folder, max_context=40, device="cpu"
    )


def asked(text: str, tokens: int, output: OutputContract | None = None) -> Request:
    """One question."""
    message = Message(role="user", content=text)
    return Request(messages=(message,), decoding=Decoding(max_tokens=tokens), output=output)


def test_a_row_fits_into_the_context_to_the_last_token(model: LocalModel) -> None:
    """Three marks and thirty letters leave room for seven tokens, not for eight."""
    assert len(answers.row(model, BASE, asked("x" * 30, 7)).prompt) == 33
    with pytest.raises(RequestRejected, match="are 41 tokens; the model's context holds 40"):
        answers.row(model, BASE, asked("x" * 30, 8))


def test_only_what_can_be_held_is_promised(model: LocalModel) -> None:
    """A constrained answer has a guide, a prompted one has none, another mode is refused."""
    for mode, guided in (("constrained", True), ("prompt", False)):
        row = answers.row(model, BASE, asked("x", 9, OutputContract(schema="{}", mode=mode)))
        assert (row.guide is not None) == guided
    with pytest.raises(RequestRejected, match="no output mode 'tools'"):
        answers.row(model, BASE, asked("x", 9, OutputContract(schema="{}", mode="tools")))


def test_a_reply_counts_and_charges_what_was_said(model: LocalModel) -> None:
    """4.5 micro-dollars are rounded up; the stop token is counted and not said."""
    row = answers.row(model, BASE, asked("x" * 30, 7))
    row.tokens[:] = [70, 71, 1]
    row.stopped = True
    reply = answers.reply(BASE, row, "ab", seconds=2.0)
    assert reply.usage == Usage(prompt_tokens=33, completion_tokens=3)
    assert (reply.finish_reason, reply.seconds, reply.revision) == ("stop", 2.0, "r1")
    assert reply.micro_dollars == 5
