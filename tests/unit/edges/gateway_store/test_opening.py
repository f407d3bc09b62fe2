"""Opening a store of the gateway."""

from __future__ import annotations

from pathlib import Path

from escalera.edges.gateway_store import calls, opening
from escalera.edges.gateway_store.opening import Store

SCHEMA = Path(calls.__file__).with_name("calls_schema.sql")


def test_opening_what_is_there_writes_nothing(tmp_path: Path) -> None:
    """A log can be read while its disk is full, when it is needed most."""
    file = tmp_path / "calls.sqlite"
    first = Store(file, schema=SCHEMA, version=1)
    with first.reading() as connection:
        (kept,) = connection.execute("pragma auto_vacuum").fetchone()
    assert kept == opening.INCREMENTAL
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if "shm" not in path.name}
    second = Store(file, schema=SCHEMA, version=1)
    with second.reading() as connection:
        assert connection.execute("select count(*) from calls").fetchone() == (0,)
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir() if "shm" not in path.name}
    assert after == before
    first.close()
    second.close()
