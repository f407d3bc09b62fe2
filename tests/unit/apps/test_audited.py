"""Acts are added by several processes at a time, and never behind an entry that does not hold."""

from __future__ import annotations

import multiprocessing
from functools import partial
from pathlib import Path

import pytest

from escalera.apps.audited import AuditLog
from escalera.core.serving import audit
from escalera.edges.lines import AppendedLines
from escalera.errors import LinesError


def opened(file: Path, *, who: str = "anna@one") -> AuditLog:
    return AuditLog(
        file=str(file),
        open=partial(AppendedLines, file, wait=30.0),
        now=lambda: 1_800_000_000.0,
        who=who,
    )


def test_acts_are_chained(tmp_path: Path):
    """Over several openings of the file."""
    file = tmp_path / "audit.jsonl"
    opened(file).record("key-created", "key_1", name="shop")
    opened(file, who="bo@two").record("key-revoked", "key_1")
    found = audit.checked(file.read_bytes())
    assert found.broken == ""
    assert [(entry.act.who, entry.act.kind) for entry in found.entries] == [
        ("anna@one", "key-created"),
        ("bo@two", "key-revoked"),
    ]
    assert found.entries[0].act.details == {"name": "shop"}


def test_processes_wait_for_each_other(tmp_path: Path):
    """Four at once: every act is there, in one chain."""
    file = tmp_path / "audit.jsonl"
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        pool.starmap(_record, [(file, number) for number in range(40)])
    found = audit.checked(file.read_bytes())
    assert found.broken == ""
    assert sorted(entry.act.subject for entry in found.entries) == sorted(map(str, range(40)))


def test_nothing_is_added_behind_an_entry_that_does_not_hold(tmp_path: Path):
    """Or the break would be buried under what came later."""
    file = tmp_path / "audit.jsonl"
    opened(file).record("key-created", "key_1")
    before = file.read_bytes().replace(b"anna", b"evil")
    file.write_bytes(before)
    with pytest.raises(LinesError, match=r"entry 1 does not have .* nothing is added"):
        opened(file).record("key-revoked", "key_1")
    assert file.read_bytes() == before


@pytest.mark.parametrize("harm", ["changed", "taken out", "moved"])
def test_nor_where_the_break_is_further_up(tmp_path: Path, harm: str):
    """The last entry holds by itself, and what is before it does not."""
    file = tmp_path / "audit.jsonl"
    for number in range(4):
        opened(file).record("key-created", f"key_{number}")
    one, two, three, four = file.read_bytes().splitlines(keepends=True)
    lines = {
        "changed": [one, two.replace(b"anna", b"evil"), three, four],
        "taken out": [one, three, four],
        "moved": [one, three, two, four],
    }
    before = b"".join(lines[harm])
    file.write_bytes(before)
    with pytest.raises(LinesError, match=r"entry 2 does not .* nothing is added"):
        opened(file).record("key-revoked", "key_1")
    assert file.read_bytes() == before


def test_half_an_entry_of_a_power_cut_is_cut_off(tmp_path: Path):
    """Nobody was told that it is there; the next one follows the last whole one."""
    file = tmp_path / "audit.jsonl"
    opened(file).record("key-created", "key_1")
    opened(file).record("key-created", "key_2")
    file.write_bytes(file.read_bytes()[:-40])
    opened(file).record("key-created", "key_3")
    found = audit.checked(file.read_bytes())
    assert found.broken == ""
    assert [entry.act.subject for entry in found.entries] == ["key_1", "key_3"]


def _record(file: Path, number: int) -> None:
    opened(file, who=f"worker {number}").record("account-set", str(number))
