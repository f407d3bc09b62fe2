"""A vLLM process as a provider, with a stand-in for the program as a real process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.unit.edges.vllm.servers import KEY, kept_server, options

from escalera.domain.message import Decoding, Message, Reply, Request
from escalera.domain.project import ModelPrice
from escalera.edges.clock import SystemClock
from escalera.edges.providers.endpoint import Endpoint
from escalera.edges.providers.vllm_process import LoadedAdapters, VLLMProcess
from escalera.edges.vllm.kept import KeptServer
from escalera.errors import AdapterUnusable, EvidenceMissing, ProviderUnavailable

pytestmark = [pytest.mark.network, pytest.mark.timeout(120)]

LORA = {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "bias": "none"}


def ask(text: str = "hello", adapter: str | None = None) -> Request:
    message = Message(role="user", content=text)
    return Request(messages=(message,), decoding=Decoding(max_tokens=20), adapter=adapter)


def digest(letter: str) -> str:
    return letter * 64


@dataclass(kw_only=True)
class Served:
    """A provider with what stands behind it."""

    server: KeptServer
    port: int
    store: Path
    provider: VLLMProcess = None

    def adapter(self, letter: str, **more: object) -> str:
        """The digest of a new adapter in the store."""
        folder = self.store / digest(letter)
        folder.mkdir(parents=True)
        (folder / "adapter_config.json").write_text(json.dumps({**LORA, **more}))
        (folder / "adapter_model.safetensors").write_bytes(b"")
        return digest(letter)

    def path(self, adapter: str) -> Path:
        if not (self.store / adapter).is_dir():
            raise EvidenceMissing(f"no artifact {adapter[:12]}")
        return self.store / adapter

    def known(self) -> dict[str, Any]:
        """What the process says of itself."""
        headers = {"Authorization": f"Bearer {KEY}"}
        url = f"http://127.0.0.1:{self.port}/v1/models"
        return httpx2.get(url, headers=headers, trust_env=False).json()

    def named(self) -> list[str]:
        return [one["id"] for one in self.known()["data"]]


@contextmanager
def served(tmp_path: Path, *arguments: str, owned: bool = True, **more: Any) -> Iterator[Served]:
    """A process that was not started, and a provider that owns it or only asks it."""
    allowed = more.pop("allowed", None)
    limits = {key: more.pop(key) for key in ("adapters", "rank") if key in more}
    with kept_server(tmp_path, *arguments, **limits, **more) as (server, port):
        url = f"http://127.0.0.1:{port}/v1"
        endpoint = Endpoint(name="base", base_url=url, model="base", api_key=KEY)
        own = options(**({**limits, "rank": allowed} if allowed else limits))
        made = Served(server=server, port=port, store=tmp_path / "store")
        made.provider = VLLMProcess(
            endpoint,
            adapters=LoadedAdapters(endpoint, options=own, folder=made.path),
            clock=SystemClock(),
            price=ModelPrice(prompt=1_000_000, completion=2_000_000),
            host=server if owned else None,
        )
        yield made


def run(made: Served, work: Callable[[VLLMProcess], Any]) -> Any:
    """Do *work* in a loop, and close the provider."""

    async def worked() -> Any:
        try:
            return await work(made.provider)
        finally:
            await made.provider.close()

    return asyncio.run(worked())


def test_the_first_request_starts_the_process_and_close_ends_it(tmp_path):
    """Requests that come together start it once; all are answered, in order, at their price."""

    async def work(provider):
        return await provider.answer([ask(f"word {place}") for place in range(8)])

    with served(tmp_path) as made:
        assert made.server.starts == 0
        replies = run(made, work)
        assert [reply.text for reply in replies] == [f"base: word {place}" for place in range(8)]
        assert made.server.starts == 1
        assert made.server.state == "ended"
    assert {reply.micro_dollars for reply in replies} == {3 + 2 * 3}


def test_a_process_that_does_not_start_is_an_error_of_each_request(tmp_path):
    """With the last lines of its log; nobody waits for another try."""

    async def work(provider):
        return await provider.answer([ask(), ask()])

    with served(tmp_path, "--fault", "refuses") as made:
        for error in run(made, work):
            assert isinstance(error, ProviderUnavailable)
            assert "No available memory for the cache blocks" in str(error)
        assert made.server.starts == 1


def test_a_request_whose_process_crashes_is_made_again(tmp_path):
    """Whoever asked beside it is answered by the next process."""

    async def work(provider):
        first = (await provider.answer([ask("hello")]))[0]
        os.kill(made.server.pid, signal.SIGKILL)
        return [first, *await provider.answer([ask("and"), ask("again")])]

    with served(tmp_path, order={"pause": 0.1}) as made:
        first, second, third = run(made, work)
        assert made.server.starts == 2
    assert first.text == "base: hello"
    assert (second.text, third.text) == ("base: and", "base: again")


def test_a_request_that_crashes_every_process_is_given_up(tmp_path):
    """It ends as an error, and the next request is answered."""

    async def work(provider):
        found = (await provider.answer([ask("crash")]))[0]
        return found, (await provider.answer([ask("hello")]))[0]

    with served(tmp_path, order={"pause": 0.05, "tries": 20}) as made:
        error, reply = run(made, work)
    assert isinstance(error, ProviderUnavailable)
    assert isinstance(reply, Reply)


def test_a_stream_is_told_again_only_where_nothing_was_told(tmp_path):
    """After the first piece a crash is an error; before it, the next process answers."""

    async def work(provider):
        told = []

        async def cut_off():
            async for piece in provider.stream(ask("slowly one two three four five six")):
                told.append(piece)
                if len(told) == 2:
                    os.kill(made.server.pid, signal.SIGKILL)

        with pytest.raises(ProviderUnavailable):
            await cut_off()
        return told, [piece async for piece in provider.stream(ask("hello"))]

    with served(tmp_path, order={"pause": 0.1}) as made:
        cut, whole = run(made, work)
    assert "".join(cut).startswith("base: slowly")
    assert "".join(whole[:-1]) == whole[-1].text == "base: hello"


def test_an_adapter_is_loaded_once_however_many_ask(tmp_path):
    """Under its digest; the base answers beside it."""

    async def work(provider):
        found = await provider.answer(
            [ask("hi", one if place % 2 else None) for place in range(10)]
        )
        return [reply.text for reply in found], made.known()["loads"]

    with served(tmp_path) as made:
        one = made.adapter("a")
        texts, loads = run(made, work)
    assert texts == ["base: hi", f"{one}: hi"] * 5
    assert loads == [one]


def test_the_least_recently_used_adapter_makes_room(tmp_path):
    """No more are loaded than may be, and one that went is loaded again."""

    async def work(provider):
        asked = [[ask("hi", digest(letter))] for letter in "abacba"]
        texts = [(await provider.answer(one))[0].text for one in asked]
        return texts, made.named(), made.known()["loads"]

    with served(tmp_path, adapters=2) as made:
        for letter in "abc":
            made.adapter(letter)
        texts, named, loads = run(made, work)
    assert texts == [f"{digest(letter)}: hi" for letter in "abacba"]
    assert sorted(named) == sorted(["base", digest("a"), digest("b")])
    assert loads == [digest(letter) for letter in "abcba"]


def test_more_adapters_than_may_stay_are_asked_at_once(tmp_path):
    """Each is answered by its own; nobody's is taken away while it is asked."""

    async def work(provider):
        wanted = [digest(letter) for letter in "abcdef" * 5]
        found = await provider.answer([ask("hi", one) for one in wanted])
        return wanted, [reply.text for reply in found]

    with served(tmp_path, adapters=2) as made:
        for letter in "abcdef":
            made.adapter(letter)
        wanted, texts = run(made, work)
    assert texts == [f"{one}: hi" for one in wanted]


def test_whoever_serves_asks_once_and_as_many_as_come(tmp_path):
    """What a measurement waits for is for the gateway to decide: it has others to ask."""
    waiting, both = [], asyncio.Event()

    async def answered(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        waiting.append(writer)
        if len(waiting) == 2:
            both.set()
        await both.wait()
        writer.write(b"HTTP/1.1 503 x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    async def work():
        server = await asyncio.start_server(answered, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        endpoint = Endpoint(name="base", base_url=url, model="base", api_key=KEY)
        adapters = LoadedAdapters(endpoint, options=options(), folder=lambda _: tmp_path)
        provider = VLLMProcess(endpoint, adapters=adapters, clock=SystemClock(), concurrency=1)
        try:
            return await provider.answer([ask("one"), ask("two")])
        finally:
            await provider.close()
            server.close()

    found = asyncio.run(work())
    assert [type(one) for one in found] == [ProviderUnavailable, ProviderUnavailable]
    assert len(waiting) == 2


def test_nothing_is_unloaded_under_whoever_asks_it(tmp_path, monkeypatch):
    """What is being unloaded is loaded after that; what is asked meanwhile stays."""
    told, free = [], asyncio.Event()

    async def posted(self, path, asked):
        kind, letter = path[1:].partition("_")[0], asked["lora_name"][0]
        told.append(f"{kind} {letter}")
        if told[-1] == "unload a":
            await free.wait()
            told.append("a is gone")
        return 200, ""

    async def asked(made, letters):
        async with AsyncExitStack() as held:
            for letter in letters:
                await held.enter_async_context(made.using(digest(letter)))
            await turns()

    async def turns():
        for _ in range(20):
            await asyncio.sleep(0)

    async def work():
        made = LoadedAdapters(endpoint, options=options(adapters=1), folder=lambda _: tmp_path)
        await asked(made, "abc")  # together they may be more
        late = [asyncio.ensure_future(asked(made, "d"))]
        await turns()
        async with made.using(digest("b")):
            late.append(asyncio.ensure_future(asked(made, "a")))
            await turns()
            free.set()
            await asyncio.gather(*late)
            told.append("b is asked no more")
        await made.close()

    endpoint = Endpoint(name="base", base_url="http://127.0.0.1:9/v1", model="base", api_key=KEY)
    (tmp_path / "adapter_config.json").write_text(json.dumps(LORA))
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    monkeypatch.setattr(LoadedAdapters, "_post", posted)
    asyncio.run(work())
    assert told[:4] == ["load a", "load b", "load c", "load d"]
    assert told.index("a is gone") < told.index("load a", 1)
    assert "unload b" not in told[: told.index("b is asked no more")]


def test_a_process_that_was_started_again_is_given_its_adapters_again(tmp_path):
    """It knows none of the old ones."""

    async def work(provider):
        await provider.answer([ask("hi", digest("a"))])
        os.kill(made.server.pid, signal.SIGKILL)
        return (await provider.answer([ask("hi", digest("a"))]))[0].text, made.known()["loads"]

    with served(tmp_path, order={"pause": 0.1}) as made:
        one = made.adapter("a")
        text, loads = run(made, work)
    assert text == f"{one}: hi"
    assert loads == [one]


def test_two_that_share_a_process_do_not_mind_each_other(tmp_path):
    """What one has loaded the other need not; what one unloads the other has loaded again."""

    async def work(provider):
        endpoint = Endpoint(
            name="base", base_url=f"http://127.0.0.1:{made.port}/v1", model="base", api_key=KEY
        )
        few = options(adapters=1)
        adapters = LoadedAdapters(endpoint, options=few, folder=made.path)
        other = VLLMProcess(endpoint, adapters=adapters, clock=SystemClock())
        texts = []
        for who, letter in ((provider, "a"), (other, "a"), (other, "b"), (provider, "a")):
            texts.append((await who.answer([ask("hi", digest(letter))]))[0].text)
        await other.close()
        return texts, made.known()["loads"]

    with served(tmp_path) as made:
        made.adapter("a")
        made.adapter("b")
        texts, loads = run(made, work)
        assert made.server.state == "ended"  # by its owner alone
    assert texts == [f"{digest(letter)}: hi" for letter in "aaba"]
    assert loads == [digest(letter) for letter in "aba"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"use_dora": True}, "DoRA"),
        ({"r": 32}, "rank is 32, and vllm.rank allows 16"),
        ({"peft_type": "IA3"}, "no LoRA adapter"),
    ],
)
def test_what_vllm_cannot_load_is_refused_before_it_is_asked(tmp_path, more, said):
    """In words, with what serves it; other requests are answered."""

    async def work(provider):
        return await provider.answer([ask(adapter=digest("a")), ask()]), made.known()["loads"]

    with served(tmp_path) as made:
        made.adapter("a", **more)
        (refused, reply), loads = run(made, work)
    assert isinstance(refused, AdapterUnusable)
    assert said in str(refused)
    assert "engine = 'transformers'" in str(refused)
    assert isinstance(reply, Reply)
    assert loads == []


def test_an_adapter_that_is_not_there_is_refused(tmp_path):
    """Neither is one where none may be loaded at all."""

    async def work(provider):
        return (await provider.answer([ask(adapter=digest("a"))]))[0]

    with served(tmp_path) as made:
        assert "no artifact" in str(run(made, work))
    with served(tmp_path, adapters=0) as made:
        made.adapter("a")
        assert "vllm.adapters is 0" in str(run(made, work))


def test_what_the_process_says_against_an_adapter_is_told(tmp_path):
    """In its own words, where ours let the adapter pass."""

    async def work(provider):
        return (await provider.answer([ask(adapter=digest("a"))]))[0]

    with served(tmp_path, allowed=16, rank=8) as made:
        made.adapter("a", r=16)
        error = run(made, work)
    assert isinstance(error, AdapterUnusable)
    assert "LoRA rank 16 is greater than max_lora_rank 8" in str(error)


def test_a_process_of_somebody_else_is_only_asked(tmp_path):
    """Its end is an error that may pass, and `close` does not touch it."""

    async def work(provider):
        return (await provider.answer([ask()]))[0]

    with served(tmp_path, owned=False) as made:
        made.server.start()
        assert isinstance(run(made, work), Reply)
        assert made.server.state == "ready"
