"""Steps of the batch: what they run, and whom they wake."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from escalera.domain.message import Decoding  # noqa: E402
from escalera.edges.providers import exactness  # noqa: E402
from escalera.edges.providers.batched_lora import BatchedLora  # noqa: E402
from escalera.edges.providers.continuous import Continuous, Job, Room  # noqa: E402
from escalera.edges.providers.decoding import Row  # noqa: E402
from escalera.edges.providers.local_model import LocalModel  # noqa: E402
from escalera.edges.providers.slot_store import Shelf  # noqa: E402
from escalera.edges.providers.stretch import Stretch  # noqa: E402
from escalera.errors import CallFailed  # noqa: E402
from escalera.testing.tiny import tiny_model  # noqa: E402

pytestmark = pytest.mark.local

ROOM = Room(rows=4, tokens=2048, stretch=Stretch(least=16))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LocalModel:
    """A tiny model that runs packed rows."""
    folder = tiny_model(tmp_path_factory.mktemp("tiny"))
    made = LocalModel(
        name="tiny", folder=folder, adapters=lambda _: folder, max_context=None, device="cpu"
    )
    assert exactness.packed(made.network) == ""
    return made


async def ended(job: Job) -> int:
    """Wait for the end; how often one was woken."""
    woken = 0
    while not job.ended:
        await job.moved.wait()
        job.moved.clear()
        woken += 1
    return woken


def told(prompt: int, number: int) -> tuple[int, ...]:
    """A prompt of so many tokens, unlike those of other numbers from the first on."""
    return tuple(5 + (number * 31 + place * 7) % 250 for place in range(prompt))


def run(model: LocalModel, lengths: list[tuple[int, int]], *, every: bool) -> Any:
    """Rows of (prompt, answer) tokens at once: how many tokens each pass ran, and who was woken."""
    rows = [
        Row(prompt=(9,) * prompt, decoding=Decoding(max_tokens=answer))
        for prompt, answer in lengths
    ]
    return ran(model, rows, every=every)


def ran(model: LocalModel, rows: list[Row], *, every: bool, room: Room = ROOM) -> Any:
    """The same for given rows."""
    passes: list[int] = []

    def seen(_: Any, __: Any, inputs: dict[str, Any]) -> None:
        passes.append(inputs["input_ids"].shape[1])

    async def work() -> list[int]:
        turns = Continuous(model, BatchedLora(model.network), name="tiny", room=room, threads=1)
        loop = asyncio.get_running_loop()
        jobs = [Job(row=row, loop=loop, every=every) for row in rows]
        try:
            async with asyncio.timeout(60):
                for job in jobs:
                    turns.submit(job)
                return await asyncio.gather(*(ended(job) for job in jobs))
        finally:
            turns.close()

    handle = model.network.register_forward_pre_hook(seen, with_kwargs=True)
    try:
        return passes, asyncio.run(work())
    finally:
        handle.remove()


def test_a_long_prompt_is_run_in_stretches_beside_the_answers(model: LocalModel) -> None:
    """No step runs more of prompts than a stretch, and each row that answers has its token in it.

    The rows that have come first are through after one step, and do not wait for the long one.
    """
    passes, _ = run(model, [(5, 30), (5, 30), (160, 4)], every=True)
    assert max(passes) <= ROOM.stretch.least + 2
    assert len(passes) <= 34
    assert sum(passes) == 5 + 29 + 5 + 29 + 160 + 3


def test_a_step_runs_more_of_a_prompt_once_it_is_known_to_take_little(model: LocalModel) -> None:
    """The first runs the least; a pause of a minute leaves room for all the rest in the second."""
    room = replace(ROOM, stretch=Stretch(least=16, pause=60.0))
    row = Row(prompt=(9,) * 160, decoding=Decoding(max_tokens=1))
    passes, _ = ran(model, [row], every=False, room=room)
    assert passes == [16, 144]


def test_more_rows_than_places_take_turns(model: LocalModel) -> None:
    """All are answered, and nobody waits longer than for those before."""
    passes, _ = run(model, [(4, 8)] * 12, every=False)
    assert sum(passes) == 12 * (4 + 7)
    assert len(passes) < 12 * 8 / 2


def test_who_wants_the_end_is_woken_once(model: LocalModel) -> None:
    """A whole answer costs its loop one call, a stream as many as there are tokens at most."""
    _, woken = run(model, [(4, 20), (4, 20)], every=False)
    assert woken == [1, 1]
    _, woken = run(model, [(4, 20), (4, 20)], every=True)
    assert all(1 < many <= 20 for many in woken)


def test_a_common_beginning_is_run_once(model: LocalModel) -> None:
    """By whoever comes first; the others copy it, and say what they say alone."""
    common = told(100, 1)
    ends = [told(3, 10 + number) for number in range(6)]
    prompts = [*((*common, *end) for end in ends), (*common[:50], *ends[0]), common, (7, 8)]

    def rows() -> list[Row]:
        return [Row(prompt=prompt, decoding=Decoding(max_tokens=9)) for prompt in prompts]

    together, alone = rows(), rows()
    passes, _ = ran(model, together, every=False)
    for row in alone:
        ran(model, [row], every=False)
    assert [row.tokens for row in together] == [row.tokens for row in alone]
    tokens = 100 + 6 * 3 + 3 + 1 + 2
    again = 50 + 100 + 100  # those that come when all of the first four have gone run it again
    assert tokens <= sum(passes) - sum(len(row.tokens) - 1 for row in together) <= tokens + again


def test_who_waits_for_a_beginning_goes_on_without_it(model: LocalModel) -> None:
    """Where the row that was to run it goes away, another runs it."""
    common = told(300, 1)

    async def work() -> tuple[int, ...]:
        turns = Continuous(model, BatchedLora(model.network), name="tiny", room=ROOM, threads=1)
        loop = asyncio.get_running_loop()
        first, second = (
            Job(
                row=Row(prompt=(*common, end), decoding=Decoding(max_tokens=5)),
                loop=loop,
                every=False,
            )
            for end in (8, 9)
        )
        try:
            async with asyncio.timeout(60):
                turns.submit(first)
                turns.submit(second)
                await asyncio.sleep(0.01)
                turns.cancel(first)
                await ended(second)
        finally:
            turns.close()
        return tuple(second.row.tokens)

    found = asyncio.run(work())
    alone = Row(prompt=(*common, 9), decoding=Decoding(max_tokens=5))
    ran(model, [alone], every=False)
    assert found == tuple(alone.tokens)


def test_a_row_without_memory_fails_alone(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the machine has less than it was thought to have; the rows that are there go on."""
    resize = Shelf.resize

    def scarce(shelf: Shelf, room: int) -> None:
        if shelf.size > 64:
            raise RuntimeError("not enough memory")
        resize(shelf, room)

    monkeypatch.setattr(Shelf, "resize", scarce)
    short, long = (Row(prompt=(9,) * many, decoding=Decoding(max_tokens=12)) for many in (20, 200))
    jobs = []

    async def work() -> None:
        turns = Continuous(model, BatchedLora(model.network), name="tiny", room=ROOM, threads=1)
        loop = asyncio.get_running_loop()
        jobs.extend(Job(row=row, loop=loop, every=False) for row in (short, long, short))
        try:
            async with asyncio.timeout(60):
                for job in jobs[:2]:
                    turns.submit(job)
                await asyncio.gather(*(ended(job) for job in jobs[:2]))
        finally:
            turns.close()
        with pytest.raises(CallFailed, match="was closed"):
            turns.submit(jobs[2])

    asyncio.run(work())
    assert jobs[0].error is None
    assert short.finished
    assert "not enough memory" in str(jobs[1].error)
