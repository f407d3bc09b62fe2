"""How likely the tokens of answers were, against what Transformers itself makes of them."""

import math
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from peft import PeftModel  # noqa: E402
from tests.unit.edges.providers.test_continuous_engine import (  # noqa: E402
    CHOICE,
    SMALL,
    asked,
    streamed,
    using,
)
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from escalera.domain.message import Message, Piece, Reply, Request  # noqa: E402
from escalera.edges.providers.chat_text import asked as tokens_of  # noqa: E402
from escalera.edges.providers.continuous import Room  # noqa: E402
from escalera.errors import RequestRejected  # noqa: E402
from escalera.testing.tiny import (  # noqa: E402
    tiny_adapter,
    tiny_architecture,
    tiny_bytes,
    tiny_model,
)

pytestmark = pytest.mark.local

NUMBERS = {byte: number for number, byte in tiny_bytes().items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with five adapters."""
    root = tmp_path_factory.mktemp("tiny")
    model = tiny_model(root / "model")
    for number in range(5):
        tiny_adapter(root / f"a{number}", model, seed=number)
    return root


def wanted(number: int, **how: Any) -> Request:
    """One of many requests, all of which ask for log probabilities, more or fewer."""
    return replace(asked(number, **how), logprobs=(0, 3, 20)[number % 3])


def written(reply: Reply) -> bytes:
    """What the tokens that are told write."""
    assert reply.logprobs is not None
    return b"".join(bytes(token.said.written or ()) for token in reply.logprobs)


def assert_alike(found: Any, others: Any) -> None:
    """The same tokens, as likely but for what a prompt in other parts, or company, rounds."""
    assert [one.said.text for one in found] == [one.said.text for one in others]
    assert [one.said.logprob for one in found] == pytest.approx(
        [one.said.logprob for one in others], abs=1e-4
    )


def expected(folder: Path, request: Request, reply: Reply) -> tuple[list[int], Any]:
    """The tokens of an answer, and the distributions of a forward pass in front of each."""
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    (prompt,) = tokens_of("tiny", folder / "model", [request.messages])
    said = [_number(tokenizer, token.said) for token in reply.logprobs or ()]
    model = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32).eval()
    if request.adapter is not None:
        with warnings.catch_warnings():
            # PEFT 0.21 reads a property that Transformers 5.23 renamed.
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
            model = PeftModel.from_pretrained(model, folder / request.adapter).eval()
    with torch.inference_mode():
        logits = model(torch.tensor([[*prompt, *said]])).logits[0]
    return said, torch.log_softmax(logits, -1)[len(prompt) - 1 : -1]


def _number(tokenizer: Any, token: Any) -> int:
    """Which token it is."""
    if token.written is None:
        return tokenizer.convert_tokens_to_ids(token.text)
    return NUMBERS[token.written[0]]


def test_they_are_those_of_a_forward_pass_in_any_company(folder: Path) -> None:
    """Forty rows for four places: greedy and drawn, with adapters, under schemas, as streams."""
    requests = [wanted(number) for number in range(40)]

    async def job(engine: Any) -> Any:
        return await engine.answer(requests), await engine.answer(requests[7:9])

    replies, few = using(folder, job)
    for request, reply in zip(requests, replies, strict=True):
        said, likely = expected(folder, request, reply)
        assert len(said) >= reply.usage.completion_tokens - 1
        places = torch.tensor(said)[:, None]
        told = torch.tensor([token.said.logprob for token in reply.logprobs])
        torch.testing.assert_close(told, likely.gather(1, places)[:, 0], atol=1e-4, rtol=0)
        best = likely.topk(20).values
        for place, token in enumerate(reply.logprobs):
            top = [one.logprob for one in token.likeliest]
            assert len(top) == request.logprobs
            assert top == sorted(top, reverse=True)
            assert sum(map(math.exp, top)) <= 1 + 1e-5
            torch.testing.assert_close(
                torch.tensor(top), best[place, : len(top)], atol=1e-4, rtol=0
            )
    for alone, among in zip(few, replies[7:9], strict=True):
        assert_alike(alone.logprobs, among.logprobs)


def test_whoever_does_not_ask_is_told_none(folder: Path) -> None:
    """Beside those who ask, and with the same text as they."""
    plain = [asked(number) for number in range(6)]

    async def job(engine: Any) -> Any:
        return await engine.answer([*plain, *(wanted(number) for number in range(6))])

    found = using(folder, job)
    assert all(reply.logprobs is None for reply in found[:6])
    assert [reply.text for reply in found[:6]] == [reply.text for reply in found[6:]]


def test_under_a_schema_they_are_of_what_is_said(folder: Path) -> None:
    """Not of what the model would have said; the likeliest may be tokens that are not allowed."""
    request = replace(wanted(2, temperature=0.0), output=CHOICE)
    (reply,) = using(folder, lambda engine: engine.answer([request]))
    assert written(reply).decode() == reply.text
    assert any(token.said != token.likeliest[0] for token in reply.logprobs)


@pytest.mark.parametrize("number", range(6))
def test_pieces_come_with_the_tokens_that_end_in_them(folder: Path, number: int) -> None:
    """Never before their text: joined, they are those of the reply."""
    request = wanted(number, max_tokens=80)

    async def job(engine: Any) -> Any:
        return [piece async for piece in engine.stream(request)], await engine.answer([request])

    (*pieces, reply), (whole,) = using(folder, job)
    assert_alike(reply.logprobs, whole.logprobs)
    tokens = [token for piece in pieces for token in piece.tokens]
    assert all(isinstance(piece, Piece) and piece.text for piece in pieces)
    assert tuple(tokens) == reply.logprobs[: len(tokens)]
    assert "".join(piece.text for piece in pieces) == reply.text
    assert written(reply).decode("utf-8", "replace") == reply.text


def test_what_a_stop_text_cuts_off_is_not_told(folder: Path) -> None:
    """Whole and streamed: the tokens write the text that is left, and nothing behind it."""
    request = replace(wanted(9, max_tokens=120, temperature=0.0), output=None)
    (free,) = using(folder, lambda engine: engine.answer([request]))
    stop = free.text[40:43]
    stopped = replace(request, decoding=replace(request.decoding, stop=(stop,)))

    async def job(engine: Any) -> Any:
        (found,) = await engine.answer([stopped])
        return found, [piece async for piece in engine.stream(stopped)]

    found, (*pieces, last) = using(folder, job)
    assert found.text == free.text[: free.text.index(stop)]
    assert written(found).decode("utf-8", "replace") == found.text
    assert len(found.logprobs) < found.usage.completion_tokens
    assert_alike(found.logprobs, last.logprobs)
    assert_alike(found.logprobs, free.logprobs[: len(found.logprobs)])
    assert sum(len(piece.tokens) for piece in pieces) == len(found.logprobs)


def test_choices_are_drawn_by_themselves_and_share_their_prompt(folder: Path) -> None:
    """The first is what is said where no other is asked for; each is the same in any company."""
    long = "why " * 60
    request = replace(
        wanted(3, max_tokens=30, temperature=1.0),
        messages=(Message(role="user", content=long),),
        output=None,
    )
    choices = [replace(request, choice=choice) for choice in range(6)]
    run: list[int] = []

    async def job(engine: Any) -> Any:
        await engine.answer([wanted(0)])
        passed = engine._opened.turns._passed

        def counted(turns: Any) -> Any:
            run.extend(len(tokens) for _, tokens in turns if len(tokens) > 1)
            return passed(turns)

        engine._opened.turns._passed = counted
        together = await engine.answer(choices)
        shared = sum(run)
        alone = [(await engine.answer([one]))[0] for one in (request, *choices[1:3])]
        return together, shared, alone

    together, shared, alone = using(folder, job, replace(SMALL, room=Room(rows=8)))
    assert len({reply.text for reply in together}) == 6
    assert [reply.text for reply in together[:3]] == [reply.text for reply in alone]
    prompt = together[0].usage.prompt_tokens
    assert prompt > 240
    assert prompt <= shared < 1.2 * prompt  # not six times


def test_a_prompt_may_be_given_without_a_template(folder: Path) -> None:
    """The model goes on with the text as it is; an empty one is refused where nothing begins it."""
    plain = replace(wanted(3), messages=(Message(role="user", content="Once é"),), verbatim=True)
    empty = replace(plain, messages=(Message(role="user", content=""),))
    said, refused = using(folder, lambda engine: engine.answer([plain, empty]))
    assert said.usage.prompt_tokens == len("Once é".encode())
    assert isinstance(refused, RequestRejected)
    assert "the prompt is empty" in str(refused)


def test_a_static_engine_does_not_tell_them(tmp_path: Path) -> None:
    """It says so; several choices, and prompts without a template, it does answer."""
    tiny_model(tmp_path / "model")
    model = tiny_architecture("bloom", vocab_size=261, hidden_size=32, n_head=4, n_layer=2)
    model.save_pretrained(tmp_path / "model")
    request = replace(asked(7, temperature=1.0, max_tokens=20), adapter=None, output=None)
    choices = [replace(request, choice=choice, verbatim=True) for choice in range(3)]

    async def job(engine: Any) -> Any:
        (refused,) = await engine.answer([replace(request, logprobs=1)])
        return refused, await engine.answer(choices), await streamed(engine, choices[0])

    refused, found, stream = using(tmp_path, job, tell=len)
    assert isinstance(refused, RequestRejected)
    assert "logprobs is not offered for this model" in str(refused)
    assert len({reply.text for reply in found}) == 3
    assert stream.text == found[0].text
