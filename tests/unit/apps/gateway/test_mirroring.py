"""Shadows and canaries: nobody waits for copies, and each has its own account and its pairs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from escalera.apps.gateway import tried
from escalera.apps.gateway.app import Setup, application
from escalera.apps.gateway.counter import Counter
from escalera.apps.gateway.metrics import Metrics
from escalera.apps.gateway.trial_book import TrialBook
from escalera.apps.gateway.tried import Trials
from escalera.core.serving import trials
from escalera.domain.project import ModelPrice
from escalera.domain.trial import Paired, Switched
from escalera.edges.gateway_store.accounts import SQLiteAccounts
from escalera.edges.gateway_store.pairs import SQLitePairs
from escalera.edges.journal.sqlite import SQLiteJournal
from escalera.engine.serve import Served
from escalera.errors import ProjectError, ProviderUnavailable, StoreUnavailable
from escalera.settings.gateway_table import GatewayTable
from escalera.settings.trial_table import CanaryTable, ShadowTable
from escalera.testing.scripted import Faults, ScriptedProvider

PRICE = ModelPrice(prompt=1_000_000, completion=1_000_000)
SHADOW = ShadowTable(of="live", to="new", share=1.0)
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
REJECTS = Faults(when=lambda _: True, kind="rejected")


class World:
    """A gateway with a live model and a candidate, whose trials are kept in a folder."""

    def __init__(
        self,
        folder: Any,
        *,
        live: ScriptedProvider | None = None,
        new: ScriptedProvider | None = None,
        price: ModelPrice | None = PRICE,
        redact: Callable[[str], str] = str,
        **tables: Any,
    ) -> None:
        self.file = folder / "trials.sqlite"
        self.texts = folder / "pairs.sqlite"
        self.live = live or ScriptedProvider(lambda request: request.messages[-1].content)
        self.new = new or ScriptedProvider(lambda request: request.messages[-1].content)
        models = {
            "live": Served(revision="r", provider=self.live, price=PRICE),
            "new": Served(revision="r", provider=self.new, price=price),
        }
        self.metrics = Metrics()
        self.audited: list[Switched] = []
        book = TrialBook(
            lambda: SQLiteJournal(self.file),
            lambda: SQLitePairs(self.texts),
            lambda: SQLiteAccounts(self.texts),
        )
        counter = Counter(label="none", route=None, infer=None, models=models)
        counter.trials = Trials(
            book=book,
            metrics=self.metrics,
            switched=book.switched(),
            audit=self.audited.append,
            alpha=0.05,
            file="escalera.toml",
            wall=lambda: 5.0,
            redact=redact,
        )
        self.book = book
        table = GatewayTable(default="live", **tables)
        setup = Setup(table=table, metrics=self.metrics)
        try:
            self.app = application(counter, api_key=None, now=lambda: 5.0, setup=setup)
        except ProjectError:
            book.close()
            raise
        self.trial = self.app.regime.board.plans["live"].trial

    def run(self, work: Callable[[httpx2.AsyncClient], Awaitable[Any]]) -> Any:
        async def within() -> Any:
            transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
                found = await work(client)
                if self.trial is not None:
                    await self.trial.drained()
                await self.app.close()
                return found

        return asyncio.run(within())

    def ask(self, *messages: str, **more: Any) -> list[httpx2.Response]:
        async def work(client: httpx2.AsyncClient) -> list[httpx2.Response]:
            found = []
            for text in messages:
                found.append(await post(client, text, **more))
                await asyncio.sleep(0)
            return found

        return self.run(work)

    def pairs(self) -> list[Paired]:
        journal = SQLiteJournal(self.file)
        found = [event for event in journal.events() if isinstance(event, Paired)]
        journal.close()
        return found

    def kept(self, trial: str = "try") -> list[tuple[str, ...]]:
        texts = SQLitePairs(self.texts)
        found = texts.read(trial)
        texts.close()
        return found

    def taken(self) -> int:
        accounts = SQLiteAccounts(self.texts)
        found = accounts.taken("try")
        accounts.close()
        return found

    def count(self, outcome: str) -> float:
        return self.metrics.cell("mirrors_total", ("try", outcome)).value


async def post(client: httpx2.AsyncClient, text: str, **more: Any) -> httpx2.Response:
    body = {"model": "live", "messages": [{"role": "user", "content": text}], **more}
    return await client.post("/v1/chat/completions", json=body)


class Ending(ScriptedProvider):
    """Answers after a moment, unless it is closed before."""

    async def answer(self, requests: Any) -> Any:
        await asyncio.sleep(0.05)
        if self.closed:
            return [ProviderUnavailable("closed", provider="new") for _ in requests]
        return await super().answer(requests)


def test_copies_on_their_way_are_answered_before_the_candidate_is_closed(tmp_path) -> None:
    """Each reload counted as a failure of the candidate, for every copy that it met."""
    new = Ending(lambda request: request.messages[-1].content)
    world = World(tmp_path, new=new, shadows={"try": SHADOW})

    async def story() -> None:
        transport = httpx2.ASGITransport(world.app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
            await post(client, "one")
        await asyncio.sleep(0.01)
        await world.app.close()

    asyncio.run(story())
    assert [pair.candidate.failed for pair in world.pairs()] == [0.0]


@pytest.mark.parametrize("stream", [False, True])
def test_a_copy_goes_to_the_candidate_and_both_answers_are_a_pair(tmp_path, stream) -> None:
    """The caller gets the live answer; what both took and whether they agree is recorded."""
    new = ScriptedProvider(lambda _: "quite something else")
    world = World(tmp_path, new=new, shadows={"try": SHADOW})
    (response,) = world.ask("one two", stream=stream)
    assert response.headers["x-escalera-deployment"] == "live"
    assert "quite" not in response.text
    (pair,) = world.pairs()
    assert (pair.trial, pair.kind, pair.agreement) == ("try", "shadow", 0.0)
    assert pair.request == response.headers["x-escalera-request"]
    assert (pair.live.micro_dollars, pair.candidate.micro_dollars) == (4.0, 5.0)
    assert pair.live.failed == pair.candidate.failed == 0.0
    assert pair.candidate.seconds > 0
    assert world.kept() == [(pair.request, "one two", "one two", "quite something else")]


def test_equal_answers_agree_and_texts_are_redacted_before_they_are_kept(tmp_path) -> None:
    """What is taken out is in no store; of a trial the latest pairs stay."""
    shadow = replace_table(SHADOW, pairs=2)
    world = World(
        tmp_path, redact=lambda text: text.replace("secret", "***"), shadows={"try": shadow}
    )
    world.ask("a secret", "b", "c")
    assert [pair.agreement for pair in world.pairs()] == [1.0, 1.0, 1.0]
    assert [one[1] for one in world.kept()] == ["b", "c"]
    assert b"secret" not in world.texts.read_bytes() + world.file.read_bytes()


def replace_table(table: ShadowTable, **more: Any) -> ShadowTable:
    fields = {name: getattr(table, name) for name in table.__struct_fields__}
    return ShadowTable(**fields | more)


def test_a_candidate_that_fails_is_a_pair_and_no_answer_of_it_is_seen(tmp_path) -> None:
    """Its breaker is its own: callers who ask for it by name still can."""
    new = ScriptedProvider(lambda _: "x", faults=Faults(first=20))
    world = World(tmp_path, new=new, shadows={"try": SHADOW})
    responses = world.ask(*"abcdefgh")
    assert {response.status_code for response in responses} == {200}
    assert [pair.candidate.failed for pair in world.pairs()] == [1.0] * 8
    assert world.app.regime.board.plans["new"].tiers[0].lines[0].breaker.state(0.0) == "closed"


def test_a_live_failure_is_a_pair_too_and_a_callers_mistake_is_none(tmp_path) -> None:
    """Who answers better is also who answers at all."""
    world = World(tmp_path, shadows={"try": SHADOW})
    world.live._failures_left = 2  # asked, and asked again
    world.ask("hello")
    assert [pair.live.failed for pair in world.pairs()] == [1.0]
    world = World(tmp_path / "b", shadows={"try": SHADOW})
    world.ask("hello", messages=[])
    assert world.pairs() == []


def test_the_share_is_kept_and_nothing_else_is_touched(tmp_path) -> None:
    """Half of the calls, by chance."""
    world = World(tmp_path, shadows={"try": replace_table(SHADOW, share=0.5)})
    world.ask(*(f"m{n}" for n in range(200)))
    assert 70 <= len(world.pairs()) <= 130
    assert len(world.live.requests) == 200


class Slow(ScriptedProvider):
    """A provider that waits until it is let go."""

    def __init__(self) -> None:
        super().__init__(lambda _: "x")
        self.gate: asyncio.Event | None = None
        self.running = self.most = 0

    async def answer(self, requests: Any) -> Any:
        self.running += 1
        self.most = max(self.most, self.running)
        self.gate = self.gate or asyncio.Event()
        await self.gate.wait()
        self.running -= 1
        return await super().answer(requests)


def test_a_slow_candidate_holds_nobody_up_and_the_queue_is_bounded(tmp_path) -> None:
    """Callers are answered; two copies are asked at once, four wait, the others are dropped."""
    new = Slow()
    world = World(tmp_path, new=new, shadows={"try": replace_table(SHADOW, queue=4)})

    async def work(client: httpx2.AsyncClient) -> list[int]:
        codes = []
        for n in range(20):
            codes.append((await post(client, f"{n}")).status_code)
            await asyncio.sleep(0)  # what a real connection does by itself
        new.gate.set()
        return codes

    assert world.run(work) == [200] * 20
    assert new.most == 2
    assert len(world.pairs()) == 6
    assert world.count("dropped") == 14


def test_money_is_its_own_and_is_never_overspent(tmp_path) -> None:
    """Each copy is bounded before it is sent; what was not used goes back; the rest is spent later.

    A call is 2 micro-dollars of prompt and answer each, and can cost at most some 5,000.
    """
    shadow = replace_table(SHADOW, money=0.005)
    world = World(tmp_path, shadows={"try": shadow})
    world.ask(*["one two"] * 30, max_tokens=2)
    spent = sum(pair.candidate.micro_dollars for pair in world.pairs())
    assert spent == 4 * 30
    assert world.taken() == spent
    again = World(tmp_path, shadows={"try": shadow})  # after a restart
    again.ask("one two", max_tokens=5000)
    assert again.taken() == spent
    assert again.count("no money") == 1
    assert len(again.pairs()) == 30


def test_money_of_a_copy_that_never_was_sent_goes_back(tmp_path) -> None:
    """Whatever stopped it: a few such copies would else end what the shadow may spend."""

    def gone(_: Any) -> str:
        raise StoreUnavailable(store="s", problem="is gone", remedy="Bring it back")

    shadow = replace_table(SHADOW, money=0.01)
    world = World(tmp_path, new=ScriptedProvider(gone), shadows={"try": shadow})
    world.ask(*["one two"] * 30, max_tokens=1000)
    assert world.count("lost") == 30
    assert world.taken() == 0


def test_all_workers_spend_of_the_same_money(tmp_path) -> None:
    """None has a part of its own, and one that takes a killed one's place gets nothing anew."""
    shadow = replace_table(SHADOW, money=0.005, quality="none", at_once=1, queue=1000)
    long = "word " * 100
    first, second = (World(tmp_path, shadows={"try": shadow}) for _ in range(2))
    first.ask(*[long] * 10, max_tokens=100)
    restarted = World(tmp_path, shadows={"try": shadow})
    for world in (second, restarted):
        world.ask(*[long] * 20, max_tokens=100)
    assert restarted.count("no money") == 20
    spent = sum(pair.candidate.micro_dollars for pair in restarted.pairs())
    assert 4000 <= spent <= 5000
    assert restarted.taken() == spent


def test_money_of_copies_that_were_sent_before_there_was_an_account_counts(tmp_path) -> None:
    """An account begins with what the journal says that the trial has cost."""
    world = World(tmp_path, shadows={"try": SHADOW})
    world.ask(*["one two"] * 30, max_tokens=2)
    assert world.taken() == 0
    bounded = World(tmp_path, shadows={"try": replace_table(SHADOW, money=0.005)})
    bounded.ask("one two", max_tokens=2)
    assert bounded.taken() == 4 * 31


def test_money_needs_a_price(tmp_path) -> None:
    """What cannot be counted cannot be bounded."""
    with pytest.raises(ProjectError, match="whose price is unknown"):
        World(tmp_path, price=None, shadows={"try": replace_table(SHADOW, money=1.0)})


def test_nothing_is_mirrored_once_a_word_was_reached(tmp_path) -> None:
    """A candidate that always fails is broken after some calls, and is left alone."""
    new = ScriptedProvider(lambda _: "x", faults=Faults(when=lambda _: True))
    world = World(tmp_path, new=new, shadows={"try": SHADOW})
    world.ask(*(f"m{n}" for n in range(60)))
    assert world.trial.state.word == "broken"
    asked = len(world.pairs())
    assert 5 < asked < 60
    again = World(tmp_path, new=new, shadows={"try": SHADOW})
    again.ask("more")
    assert len(again.pairs()) == asked


CANARY = CanaryTable(of="live", to="new", share=0.5)


def test_a_canary_answers_its_share_and_is_held_against_the_others(tmp_path) -> None:
    """Callers get its answers under the name that they asked for."""
    new = ScriptedProvider(lambda _: "new one")
    world = World(tmp_path, new=new, canaries={"try": CANARY})
    found = world.ask(*(f"m{n}" for n in range(80)))
    by = [response.headers["x-escalera-deployment"] for response in found]
    assert 20 <= by.count("new") <= 60
    pairs = world.pairs()
    assert 0 < len(pairs) <= by.count("new")
    assert all(pair.kind == "canary" and pair.agreement is None for pair in pairs)
    assert world.audited == []


def test_a_canary_that_fails_is_rolled_back_and_callers_never_see_it(tmp_path) -> None:
    """The live model answers where it cannot; then it gets no call, also after a restart."""
    new = ScriptedProvider(lambda _: "x", faults=Faults(when=lambda _: True))
    world = World(tmp_path, new=new, canaries={"try": CANARY})

    async def work(client: httpx2.AsyncClient) -> list[httpx2.Response]:
        found = []
        for n in range(120):
            found.append(await post(client, f"m{n}"))
            await world.trial.drained()
        await asyncio.sleep(0.2)
        return found

    found = world.run(work)
    assert {response.status_code for response in found} == {200}
    assert world.trial.state.word == "broken"
    (event,) = world.audited
    assert (event.name, event.to, event.trial, event.word) == ("live", "", "try", "broken")
    asked = len(new.requests)
    assert asked < 60
    again = World(tmp_path, new=new, canaries={"try": CANARY})
    again.ask(*(f"m{n}" for n in range(20)))
    assert len(new.requests) == asked


@pytest.mark.parametrize("mode", ["canary", "shadow"])
def test_what_only_the_candidate_takes_for_wrong_is_its_failure(tmp_path, mode: str) -> None:
    """Callers of what answered before get their answer, and nothing is paid for none."""
    new = ScriptedProvider(lambda _: "x", faults=REJECTS)
    tables = {
        "canary": {"canaries": {"try": replace_table(CANARY, share=0.5)}},
        "shadow": {"shadows": {"try": replace_table(SHADOW, money=1.0)}},
    }
    world = World(tmp_path, new=new, **tables[mode])
    found = world.ask(*(f"m{n}" for n in range(30)), max_tokens=2)
    assert {response.status_code for response in found} == {200}
    assert {response.headers["x-escalera-deployment"] for response in found} == {"live"}
    pairs = world.pairs()
    assert pairs
    assert {(pair.live.failed, pair.candidate.failed) for pair in pairs} == {(0.0, 1.0)}
    if mode == "shadow":
        assert world.taken() == 0


@pytest.mark.parametrize("asked", [{}, {"tools": [TOOL]}])
@pytest.mark.parametrize("mode", ["canary", "shadow"])
def test_what_both_take_for_wrong_is_the_callers_mistake(tmp_path, mode: str, asked: Any) -> None:
    """It says nothing of the candidate, and the caller is told so."""
    faults = Faults() if asked else REJECTS
    live, new = (ScriptedProvider(lambda _: "x", faults=faults) for _ in range(2))
    tables = {"canary": {"canaries": {"try": CANARY}}, "shadow": {"shadows": {"try": SHADOW}}}
    world = World(tmp_path, live=live, new=new, **tables[mode])
    found = world.ask(*(f"m{n}" for n in range(20)), **asked)
    assert {response.status_code for response in found} == {400}
    assert world.pairs() == []


def test_what_was_switched_answers_under_the_old_name(tmp_path) -> None:
    """And by itself again after a rollback."""
    journal = SQLiteJournal(tmp_path / "trials.sqlite")
    event = Switched(name="live", to="new", trial="try", word="fit", reason=None, at=1.0)
    journal.append([event])
    world = World(tmp_path)
    assert world.ask("a")[0].headers["x-escalera-deployment"] == "new"
    list(journal.later())
    journal.append([replace(event, to="", word="")])
    journal.close()
    assert World(tmp_path).ask("a")[0].headers["x-escalera-deployment"] == "live"


@pytest.mark.parametrize(
    "tables",
    [
        {"shadows": {"try": SHADOW}},
        {"canaries": {"try": replace_table(CANARY, share=0.5)}},
    ],
)
def test_a_candidate_that_answers_already_is_not_compared_with_itself(tmp_path, tables) -> None:
    """One that was promoted for a reason would come to be shown fit by its own answers."""
    journal = SQLiteJournal(tmp_path / "trials.sqlite")
    event = Switched(name="live", to="new", trial="try", word="open", reason="r", at=1.0)
    journal.append([event])
    world = World(tmp_path, **tables)
    found = world.ask(*(f"m{n}" for n in range(20)))
    assert {response.headers["x-escalera-deployment"] for response in found} == {"new"}
    assert len(world.new.requests) == 20
    assert world.pairs() == []
    list(journal.later())
    journal.append([replace(event, to="", word="")])
    journal.close()
    again = World(tmp_path, **tables)
    again.ask(*(f"m{n}" for n in range(20)))
    assert again.pairs()


def test_two_workers_come_to_the_same_words(tmp_path) -> None:
    """They write to one journal; each knows the other's pairs when it has written one."""
    new = ScriptedProvider(lambda _: "x", faults=Faults(when=lambda _: True))
    left, right = (World(tmp_path, new=new, shadows={"try": SHADOW}) for _ in range(2))

    async def both() -> None:
        async def ask(world: World) -> None:
            transport = httpx2.ASGITransport(world.app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
                for n in range(25):
                    await post(client, f"{n}")
                await world.trial.drained()

        await asyncio.gather(ask(left), ask(right))
        await asyncio.gather(left.app.close(), right.app.close())

    asyncio.run(both())
    pairs = left.pairs()
    assert len({pair.request for pair in pairs}) == len(pairs)
    assert left.trial.state.word == right.trial.state.word == "broken"
    assert trials.replay(tried.terms(SHADOW, 0.05), "try", pairs).word == "broken"


def test_a_configuration_that_ends_drops_what_waits_and_keeps_what_is_on_its_way(tmp_path) -> None:
    """Two copies are at the candidate, two wait: the pairs of the first two are recorded."""
    new = Slow()
    world = World(tmp_path, new=new, shadows={"try": SHADOW})

    async def work() -> None:
        transport = httpx2.ASGITransport(world.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
            for n in range(4):
                await post(client, f"{n}")
                await asyncio.sleep(0.01)
            closing = asyncio.create_task(world.app.close())
            await asyncio.sleep(0.05)
            new.gate.set()
            await closing
            await post(client, "late")  # it cannot be recorded any more, and nobody notices
            await world.trial.drained()

    asyncio.run(work())
    assert len(world.pairs()) == 2
    assert world.count("lost") == 1
