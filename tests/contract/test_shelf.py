"""What every shelf of finetuned models must do, and what the one on disk must survive."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from escalera.domain.job import Published
from escalera.edges.gateway_store.shelf import SQLiteShelf
from escalera.errors import InputError, StoreUnavailable
from escalera.testing.gateway_stores import MemoryShelf

POLITE = Published(
    name="ft:small:polite é:a1".replace(" ", "_"),
    base="small",
    revision="r1",
    adapter="a" * 64,
    job="ftjob-1",
    created=1_800_000_000.5,
    owner="team é",
    gate="failed",
)
BARE = Published(name="ft:small::b2", base="small", adapter="b" * 64, job="", created=1.0)


@pytest.fixture(params=["memory", "sqlite"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MemoryShelf | SQLiteShelf]:
    """Every implementation, empty."""
    made = MemoryShelf() if request.param == "memory" else SQLiteShelf(tmp_path / "s" / "m.sqlite")
    yield made
    made.close()


def test_models_come_back_as_they_were(shelf):
    """With every field and without those that may be missing, in the order in which they came."""
    assert shelf.all() == ()
    shelf.publish(BARE)
    shelf.publish(POLITE)
    assert shelf.all() == (BARE, POLITE)


def test_the_revision_grows_with_every_change_and_with_nothing_else(shelf):
    """So a worker that sees the number of before need not read on."""
    seen = [shelf.revision()]
    shelf.publish(BARE)
    seen.append(shelf.revision())
    shelf.publish(replace(BARE, gate="overridden"))
    seen.append(shelf.revision())
    assert shelf.withdraw(BARE.name)
    seen.append(shelf.revision())
    assert seen == sorted(set(seen))
    shelf.all()
    assert not shelf.withdraw(BARE.name)
    assert shelf.revision() == seen[-1]
    assert shelf.all() == ()


def test_what_is_known_of_a_model_may_change_but_not_what_it_is(shelf):
    """A name stands for one artifact: what was measured under it stays true."""
    shelf.publish(POLITE)
    shelf.publish(BARE)
    shelf.publish(replace(POLITE, gate="overridden", owner=""))
    assert shelf.all() == (replace(POLITE, gate="overridden", owner=""), BARE)
    before = shelf.revision()
    for other in (replace(POLITE, adapter="c" * 64), replace(POLITE, base="large")):
        with pytest.raises(InputError, match="stands for another model"):
            shelf.publish(other)
    assert shelf.revision() == before


@pytest.mark.parametrize(
    "name", ["small", "ft:", "ft:a b", "ft:a\n", "ft:" + "a" * 510, "ft:\ud800"]
)
def test_a_name_that_cannot_be_asked_is_refused(shelf, name):
    """Before it stands there and nobody can withdraw it."""
    with pytest.raises(InputError, match="cannot name a finetuned model"):
        shelf.publish(replace(BARE, name=name))
    assert shelf.all() == ()


def test_the_file_is_its_owners_alone_and_outlives_the_process(tmp_path: Path):
    """What one process put there, another sees."""
    file = tmp_path / "models.sqlite"
    with closing(SQLiteShelf(file)) as one, closing(SQLiteShelf(file)) as two:
        one.publish(POLITE)
        assert two.all() == (POLITE,)
        assert two.revision() == one.revision() == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with closing(SQLiteShelf(file)) as again:
        assert again.all() == (POLITE,)


def test_many_writers_lose_nothing(tmp_path: Path):
    """Sixteen models from four connections at a time: each is there, and each change counts."""
    file = tmp_path / "models.sqlite"

    def publish(writer: int) -> None:
        with closing(SQLiteShelf(file)) as shelf:
            for n in range(4):
                shelf.publish(replace(BARE, name=f"ft:small:{writer}:{n}"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(publish, range(4)))
    with closing(SQLiteShelf(file)) as shelf:
        assert len(shelf.all()) == shelf.revision() == 16


def test_a_file_that_is_no_store_is_told(tmp_path: Path):
    """With what to look at."""
    file = tmp_path / "models.sqlite"
    file.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreUnavailable, match=r"models\.sqlite"):
        SQLiteShelf(file)
