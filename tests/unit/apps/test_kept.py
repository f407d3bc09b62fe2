"""What providers kept, to the last call of the log."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.apps.cli.test_keys import PROJECT

from escalera.apps import kept
from escalera.domain.call_log import Tally
from escalera.domain.traffic import Attempt, ServedCall
from escalera.errors import EvidenceMissing
from escalera.wiring import stores

NOW = 1_800_000_000.0
DAY = 86_400.0
PROMISED = """
[models.m.sla]
availability = 0.9
first_token_seconds = 0.4
quantile = 0.5
days = 2

[models.n]
base_url = "https://example.org/v1"
model = "n"

[models.here]
path = "model"
"""
GOOD = Attempt(
    deployment="m",
    purpose="first",
    started=NOW - 100,
    seconds=1.5,
    first_byte=0.5,
    status=200,
    prompt_tokens=5,
    completion_tokens=11,
    cost=20,
)
BAD = replace(GOOD, first_byte=None, status=503, fault="status", blame="server", cost=0)


def call(*attempts: Attempt, at: float = NOW - 100) -> ServedCall:
    return ServedCall(
        id="r", started=at, operation="chat", model="m", stream=True, attempts=attempts
    )


CALLS = (
    *(call(GOOD) for _ in range(6)),
    call(BAD, replace(GOOD, deployment="n", purpose="fallback")),
    *(call(replace(BAD, deployment="n")) for _ in range(3)),
    call(),
    call(replace(BAD, started=NOW - 3 * DAY), at=NOW - 3 * DAY),
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a promise, whose gateway served twelve calls."""
    (tmp_path / "escalera.toml").write_text(PROJECT + PROMISED)
    with closing(stores.of(tmp_path).calls()) as log:
        log.write(CALLS, lost=1)
    return tmp_path


def test_each_promise_is_measured_over_its_days(project: Path):
    """One of seven failed where one of ten may; the older one lies before the window."""
    found = kept.kept(project, since=None, until=NOW)
    assert found.reconciled
    mine, other = found.account.ledgers
    assert (mine.name, mine.good, mine.bad) == ("m", 6, 1)
    assert mine.broken == ("availability", "first_token_seconds")
    assert (other.name, other.good, other.bad, other.broken) == ("n", 1, 3, ())
    assert (found.account.calls, found.tally.calls, found.tally.lost) == (11, 11, 1)


def test_a_time_of_ones_own_is_for_all(project: Path):
    """Every call of the log is then in the account."""
    found = kept.kept(project, since=0.0, until=NOW)
    assert found.reconciled
    assert (found.account.calls, found.account.attempts, found.account.outside) == (12, 12, 0)
    assert [one.attempts for one in found.account.ledgers] == [8, 4]


def test_by_provider_models_of_a_host_are_one_account(project: Path):
    """Nothing is promised for it; its outages are those of the host."""
    found = kept.kept(project, since=0.0, until=NOW, by="provider")
    (one,) = found.account.ledgers
    assert (one.name, one.attempts, one.budget_used) == ("example.org", 12, None)
    assert stores.promising(project).providers["here"] == "local"


def test_a_log_that_does_not_add_up_is_told(project: Path):
    """As it would be if calls were added while it is read."""
    found = kept.kept(project, since=0.0, until=NOW)
    assert kept.account_words(found).startswith(
        "Reconciled: the log holds 12 calls with 12 attempts; read were 12 calls (1 asked nobody) "
        "with 12 attempts, 12 of them above and 0 before their window. 1 calls were never logged"
    )
    more = replace(found, tally=Tally(calls=13, attempts=12))
    assert not more.reconciled
    assert kept.account_words(more).startswith("NOT reconciled")


def test_people_read_what_was_promised_and_kept(project: Path):
    """The verdict first, then every figure with its promise."""
    found = kept.kept(project, since=None, until=NOW)
    lines = list(kept.words(found.account.ledgers[0]))
    assert lines[0].startswith("m: BROKEN: availability, first_token_seconds, 2027-01-13T08:00:00")
    assert lines[1] == ("  attempts    7: 7 count, 0 callers' mistakes, 0 our key, 0 not awaited")
    assert lines[2] == "  answered    85.7143%, promised 90.0000%"
    assert lines[3] == "  failures    1 status"
    assert lines[4].startswith("  budget      142.9% of it is used; burn rate 1.4 over 1 h, ")
    assert lines[5] == "  first token 0.500 s of 50% of 6 streams, promised 0.400 s"
    assert lines[6] == "  speed       10.0 tokens/s of 50% of 6 streams"
    (other,) = found.account.ledgers[1:]
    said = list(kept.words(other))
    assert said[0].startswith("n: nothing is promised")
    assert said[-2] == "  outages     1, 100.0 s in all"
    assert said[-1].endswith("to now: 3 attempts failed")
    unused = list(kept.words(replace(found.account.ledgers[0], good=0, bad=0)))
    assert unused[0].startswith("m: nothing was asked of it")


def test_scripts_get_the_same_figures(project: Path):
    """As JSON and as CSV."""
    found = kept.kept(project, since=None, until=NOW)
    document = json.loads(json.dumps(kept.document(found), allow_nan=False))
    assert document["reconciled"] is True
    assert document["ledgers"][0]["broken"] == ["availability", "first_token_seconds"]
    assert document["ledgers"][1]["outages"][0]["until"] is None
    rows = list(csv.DictReader(io.StringIO(kept.table(found))))
    assert [(row["name"], row["good"], row["bad"]) for row in rows] == [
        ("m", "6", "1"),
        ("n", "1", "3"),
    ]
    promise = replace(found.account.ledgers[0].promise, availability=1.0)
    strict = replace(found.account.ledgers[0], promise=promise)
    assert kept.table(replace(found, account=replace(found.account, ledgers=(strict,)))).count(
        "infinite"
    )


def test_without_a_log_there_is_no_account(tmp_path: Path):
    """That is not the same as a promise that was kept."""
    (tmp_path / "escalera.toml").write_text(PROJECT)
    with pytest.raises(EvidenceMissing, match="nothing was logged yet"):
        kept.kept(tmp_path, since=None, until=NOW)
