"""Working off a batch, from its lines to its files."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from escalera.apps.gateway import batching, working
from escalera.apps.gateway.batching import Batching
from escalera.apps.gateway.board import Board
from escalera.apps.gateway.callers import Caller
from escalera.apps.gateway.inside import Said
from escalera.apps.gateway.metrics import Metrics
from escalera.apps.gateway.regime import Bounds
from escalera.apps.gateway.working import Means, Work
from escalera.apps.gateway.yielding import Turnstile
from escalera.domain.access import Key
from escalera.domain.batch import Batch, BatchWish
from escalera.edges.gateway_store.batches import SQLiteBatches
from escalera.edges.gateway_store.files import SQLiteFiles
from escalera.errors import StoreUnavailable
from escalera.settings.gateway_table import BatchesTable, GatewayTable

NOW = 1_800_000_000.0
CHAT = "/v1/chat/completions"
ID = "batch_" + "0" * 32
GOOD = Said(status=200, headers={}, body=b'{"ok": 1}')
Answer = Callable[[str], Said]


def error(status: int, code: str, **headers: bytes) -> Said:
    """A response that tells of an error."""
    body = json.dumps({"error": {"message": f"said {code}", "code": code}}).encode()
    named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return Said(status=status, headers=named, body=body)


class World:
    """Stores on disk, and hot paths that say what a test says."""

    def __init__(self, folder: Path, answer: Answer, *, concurrency: int = 2) -> None:
        self.now, self.folder = NOW, folder
        self.answer = answer
        self.asked: list[str] = []
        self.told: list[str] = []
        self.metrics = Metrics()
        self.most = 0
        self.hold: asyncio.Event | None = None
        names = (f"file-{number:032x}" for number in itertools.count(1))
        self.files = SQLiteFiles(folder / "files", now=lambda: self.now, name=names.__next__)
        self.book = SQLiteBatches(folder / "batches")
        plan: Any = SimpleNamespace(name="m", owner="")
        board = Board(plans={"m": plan}, default="m")
        self.hot = SimpleNamespace(regime=SimpleNamespace(board=board, bounds=Bounds()))
        self.table = GatewayTable(batches=BatchesTable(concurrency=concurrency))
        self.turnstile = Turnstile(lambda: concurrency)
        self.models: frozenset[str] = frozenset()

    async def ask(self, path: str, body: bytes, *, key: str) -> Said:
        assert (path, key) == (CHAT, "key_1")
        name = json.loads(body)["messages"][0]["content"]
        self.asked.append(name)
        self.most = max(self.most, self.turnstile.inside)
        if self.hold is not None:
            await self.hold.wait()
        await asyncio.sleep(0)
        return self.answer(name)

    def named(self, key: str) -> Caller:
        models = tuple(self.models)
        return Caller(Key(id=key, name="k", digest=b"", created=NOW, models=models), None)

    async def look(self) -> None:
        """Nothing was published."""

    def means(self, worker: str = "one") -> Means:
        inside: Any = SimpleNamespace(ask=self.ask, hot=self.hot)
        return Means(
            worker=worker,
            book=self.book,
            store=self.files,
            inside=inside,
            turnstile=self.turnstile,
            named=self.named,
            look=self.look,
            table=lambda: self.table,
            now=lambda: self.now,
            tell=self.told.append,
            metrics=self.metrics,
        )

    def opened(self, many: int, **more: Any) -> Batch:
        """A batch of so many lines."""
        source = self.folder / "in.jsonl"
        lines = [
            {
                "custom_id": f"r{n}",
                "method": "POST",
                "url": CHAT,
                "body": {"model": "m", "messages": [{"role": "user", "content": str(n)}]},
            }
            for n in range(many)
        ]
        source.write_text("\n".join(map(json.dumps, lines)))
        wish = BatchWish(endpoint=CHAT, input_file="file-x", **more)
        made = Batch(id=ID, wish=wish, created=NOW, expires=NOW + 86_400, owner="team", key="key_1")
        self.book.open(made, source)
        return made

    def take(self, worker: str = "one") -> Work:
        found = self.book.take(worker, now=self.now, silent=15)
        assert found is not None
        return Work(found, self.means(worker))

    def done(self) -> Batch:
        found = self.book.get(ID)
        assert found is not None
        return found

    def lines(self, id_: str) -> dict[str, Any]:
        found = [json.loads(one) for one in self.files.path(id_).read_bytes().splitlines()]
        assert len({one["custom_id"] for one in found}) == len(found)
        return {one["custom_id"]: one for one in found}


@contextmanager
def world(folder: Path, answer: Answer = lambda _: GOOD, **more: Any) -> Iterator[World]:
    made = World(folder, answer, **more)
    try:
        yield made
    finally:
        made.files.close()
        made.book.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses take no time; how long they were to be."""
    paused: list[float] = []

    async def pause(self: Work, seconds: float) -> None:
        paused.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(Work, "_pause", pause)
    return paused


def test_every_line_is_asked_and_stands_in_a_file(tmp_path):
    """As many at a time as there is room for; what failed stands in a file of its own."""

    def answer(name: str) -> Said:
        return error(400, "bad") if name == "7" else GOOD

    with world(tmp_path, answer, concurrency=3) as made:
        made.opened(200, output_seconds=3600)
        asyncio.run(made.take().do())
        found = made.done()
        assert found.status == "completed"
        assert (found.total, found.completed, found.failed, found.model) == (200, 199, 1, "m")
        assert set(found.reached) == {"in_progress", "finalizing", "completed"}
        assert made.most == 3
        assert sorted(map(int, made.asked)) == [*range(200)]
        assert set(made.lines(found.output_file)) == {f"r{n}" for n in range(200) if n != 7}
        assert made.lines(found.error_file)["r7"]["response"]["status_code"] == 400
        output = made.files.get(found.output_file)
        assert output is not None
        assert (output.owner, output.expires) == ("team", NOW + 3600)
        counted = made.metrics.text()
        for series in (
            'batch_lines_total{outcome="completed"} 199',
            'batch_lines_total{outcome="failed"} 1',
            'batches_total{outcome="completed"} 1',
        ):
            assert f"escalera_{series}\n" in counted
        assert made.book.answered(ID) == frozenset()
        assert not made.book.input(ID).exists()


def test_models_that_the_key_may_not_ask_are_told_before_anything_is(tmp_path):
    """And those that nobody knows."""
    with world(tmp_path) as made:
        made.models = frozenset({"other"})
        made.opened(2)
        asyncio.run(made.take().do())
        found = made.done()
        assert found.status == "failed"
        assert [one.code for one in found.errors] == ["model_not_allowed"] * 2
        assert made.asked == []
        assert (found.output_file, found.error_file) == ("", "")


def test_what_is_limited_or_away_is_asked_again(tmp_path, quick):
    """Limits without end, a model that fails until it answers; each answer counts once."""
    said = {
        "0": [error(429, "rate_limit_exceeded", retry_after=b"3")] * 9,
        "1": [error(503, "upstream_unavailable")] * 3,
        "2": [error(429, "insufficient_quota")] * 2,
    }

    def answer(name: str) -> Said:
        left = said.get(name)
        return left.pop() if left else GOOD

    with world(tmp_path, answer) as made:
        made.opened(4)
        asyncio.run(made.take().do())
        found = made.done()
        assert (found.status, found.completed, found.failed) == ("completed", 4, 0)
        assert len(made.asked) == 4 + 9 + 3 + 2
        assert sorted(quick) == sorted([3.0] * 9 + [1.0, 2.0, 4.0] + [10.0] * 2)
        assert found.waits == ""


def test_a_line_that_its_model_always_fails_at_is_given_up(tmp_path, quick):
    """Once others were answered often enough meanwhile."""

    def answer(name: str) -> Said:
        return error(500, "internal_error") if name == "0" else GOOD

    with world(tmp_path, answer) as made:
        made.opened(30)
        asyncio.run(made.take().do())
        found = made.done()
        assert (found.status, found.completed, found.failed) == ("completed", 29, 1)
        assert len(quick) >= 5
        assert quick[:7] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0][: len(quick)]


def test_a_fault_of_ours_is_told_to_the_operator(tmp_path, quick):
    """With the line that met it; the line is asked again."""
    said = [replace(error(500, "internal_error"), fault="ZeroDivisionError()")]

    with world(tmp_path, lambda _: said.pop() if said else GOOD) as made:
        made.opened(1)
        asyncio.run(made.take().do())
        assert made.done().completed == 1
        assert made.told == [f"batch {ID}, line 1: ZeroDivisionError()"]


def test_a_key_that_is_good_for_nothing_ends_the_batch(tmp_path):
    """What was answered stays, and every other line says why it was not."""

    def answer(name: str) -> Said:
        return GOOD if int(name) < 10 else error(401, "invalid_api_key")

    with world(tmp_path, answer) as made:
        made.opened(50)
        asyncio.run(made.take().do())
        found = made.done()
        assert found.status == "failed"
        assert [(one.code, one.message) for one in found.errors] == [
            ("invalid_api_key", "said invalid_api_key")
        ]
        assert len(made.lines(found.output_file)) == found.completed == 10
        left = made.lines(found.error_file)
        assert {one["error"]["code"] for one in left.values()} == {"batch_failed"}
        assert len(left) == 40
        assert len(made.asked) <= 12


def test_a_batch_expires(tmp_path):
    """After its window; nothing is asked any more."""
    with world(tmp_path) as made:

        def answer(name: str) -> Said:
            made.now = NOW + 86_400 if name == "20" else made.now
            return GOOD

        made.answer = answer
        made.opened(100)
        asyncio.run(made.take().do())
        found = made.done()
        assert found.status == "expired"
        assert 21 <= found.completed <= 23
        left = made.lines(found.error_file)
        assert len(left) == 100 - found.completed
        assert {one["error"]["code"] for one in left.values()} == {"batch_expired"}


def test_whoever_takes_it_up_again_asks_what_has_no_answer(tmp_path):
    """Wherever it was left: while asking, or with files made that nobody was told of."""
    with world(tmp_path) as made:
        made.opened(60)
        work = made.take()

        def answer(name: str) -> Said:
            if name == "30":
                work.leave()
            return GOOD

        made.answer = answer
        asyncio.run(work.do())
        before = made.done()
        assert before.status == "in_progress"
        assert 30 <= before.completed <= 32
        made.book.release(ID, "one")
        made.answer = lambda _: GOOD

        async def broken(*_: Any, **__: Any) -> None:
            raise StoreUnavailable(store="s", problem="p", remedy="r")

        half = made.take("two")
        half._change = broken  # type: ignore[method-assign]
        with pytest.raises(StoreUnavailable):
            asyncio.run(half.do())
        made.book.change(ID, lambda one: working.at(one, "finalizing", NOW))
        made.book.release(ID, "two")
        lost = made.take("three")
        lost._means.store.keep(made.folder / "in.jsonl", _made_before())
        asyncio.run(lost.do())
        found = made.done()
        assert (found.status, found.completed) == ("completed", 60)
        assert sorted(map(int, made.asked)) == [*range(60)]
        assert [one.id for one in made.files.all(owner="team")] == [found.output_file]


def _made_before() -> Any:
    from escalera.domain.stored_file import Incoming

    return Incoming(name=f"{ID}_output.jsonl", purpose="batch_output", created=NOW, owner="team")


def test_whoever_lost_it_changes_nothing(tmp_path):
    """An answer that comes too late does not count, and nothing more is asked."""
    with world(tmp_path) as made:
        made.opened(20)
        work = made.take()
        made.now += 60

        def answer(name: str) -> Said:
            if name == "5":
                assert made.book.take("two", now=made.now, silent=15) is not None
            return GOOD

        made.answer = answer
        asyncio.run(work.do())
        found = made.done()
        assert found.status == "in_progress"
        assert found.completed <= 5
        assert len(made.asked) <= 9
        assert made.told == [f"batch {ID} is worked off elsewhere now"]


def test_a_cancelled_batch_ends_with_what_it_has(tmp_path):
    """Before it was begun, and in the middle."""
    with world(tmp_path) as made:
        made.opened(50)
        made.book.change(ID, lambda one: working.at(one, "cancelling", NOW))
        asyncio.run(made.take().do())
        assert made.done().status == "cancelled"
        assert made.asked == []


def test_how_a_batch_ends():
    """Of which nothing more is asked."""
    made = Batch(
        id=ID, wish=BatchWish(endpoint=CHAT, input_file="f"), created=NOW, expires=NOW, total=2
    )
    assert working.ending(made) == "expired"
    assert working.ending(replace(made, completed=1, failed=1)) == "completed"
    assert working.ending(replace(made, status="cancelling", completed=2)) == "cancelled"


# Taking and holding


def test_a_worker_takes_what_is_free_and_speaks_while_it_works(tmp_path, monkeypatch):
    """So that nobody else takes it, however long it lasts; at its end what is left is let go."""
    monkeypatch.setattr(batching, "BEAT", 0.05)
    monkeypatch.setattr(batching, "GRACE", 0.2)
    with world(tmp_path) as made:

        async def story() -> None:
            made.hold = asyncio.Event()
            own = Batching(made.means())
            running = asyncio.create_task(own.run())
            made.opened(10)
            own.poke()
            while len(made.asked) < 2:  # noqa: ASYNC110  what is asked is another task's
                await asyncio.sleep(0.01)
            made.now += 60
            await asyncio.sleep(0.5)
            assert made.book.take("two", now=made.now, silent=15) is None
            made.book.change(ID, lambda one: working.at(one, "cancelling", made.now))
            await asyncio.sleep(0.3)
            await own.close()
            await running

        asyncio.run(story())
        assert len(made.asked) == 2
        assert made.done().status == "cancelling"
        assert made.book.take("two", now=made.now, silent=15) is not None


def test_what_went_wrong_is_told_and_taken_up_again(tmp_path, monkeypatch):
    """A store that is away for a while costs time only."""
    monkeypatch.setattr(batching, "EVERY", 0.01)
    monkeypatch.setattr(batching, "SILENT", 15)
    with world(tmp_path) as made:
        away = [True]
        keep = made.book.keep

        def fails(*given: Any) -> Any:
            if away[0]:
                raise StoreUnavailable(store="s", problem="is away", remedy="Wait")
            return keep(*given)

        made.book.keep = fails  # type: ignore[method-assign]

        async def story() -> None:
            made.opened(10)
            own = Batching(made.means())
            running = asyncio.create_task(own.run())
            while not made.told:  # noqa: ASYNC110  told from another task
                await asyncio.sleep(0.01)
            away[0] = False
            made.now += 16
            while made.done().status != "completed":  # noqa: ASYNC110  so it is asked
                await asyncio.sleep(0.01)
            await own.close()
            await running

        asyncio.run(story())
        assert "waits to be taken up again" in made.told[0]
        assert (made.done().completed, made.done().starts) == (10, 2)
