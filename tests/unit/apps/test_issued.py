"""Keys as an operator handles them: each change in the audit log, no secret anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from escalera.apps import issued
from escalera.apps.audited import AuditLog
from escalera.apps.issued import Issuing, Wish
from escalera.core.serving import keys
from escalera.domain.access import Account, Allowance, Key, Limits
from escalera.errors import EscaleraError, InputError, LinesError
from escalera.testing.gateway_stores import MemoryKeys
from escalera.testing.memory import MemoryLines
from escalera.wiring import stores

NOW = 1_800_000_000.0


class Desk:
    """An operator with keys and an audit log in memory."""

    def __init__(self) -> None:
        self.now = NOW
        self.book = MemoryKeys()
        self.lines = MemoryLines()
        audit = AuditLog(
            file="audit", open=lambda: self.lines, now=lambda: self.now, who="anna@one"
        )
        self.keys = Issuing(lambda: self.book, audit, lambda: self.now)

    @property
    def log(self) -> str:
        return b"\n".join(self.lines.read()).decode()


@pytest.fixture
def desk() -> Desk:
    """Without keys."""
    return Desk()


def test_a_key_is_made_and_its_secret_kept_nowhere(desk: Desk):
    """What is kept opens nothing; two keys have two secrets."""
    limits, money = Limits(requests=60), Allowance(micro_dollars=5_000_000, window="month")
    wish = Wish(name="shop", models=("a", "b"), limits=limits, allowance=money, expires=NOW + 60)
    key, secret = desk.keys.create(wish)
    assert desk.book.roster().keys == (key,)
    assert key.digest == keys.digest(secret)
    assert (key.created, key.expires, key.models) == (NOW, NOW + 60, ("a", "b"))
    assert secret not in desk.log
    assert key.digest.hex() not in desk.log
    assert '"key-created"' in desk.log
    assert '"micro_dollars": "5000000"' in desk.log
    other, another = desk.keys.create(Wish(name="other"))
    assert (another != secret, other.id != key.id) == (True, True)


def test_a_name_is_given_once(desk: Desk):
    """Until its key is revoked."""
    key, _ = desk.keys.create(Wish(name="shop"))
    with pytest.raises(InputError, match="there is a key 'shop' already"):
        desk.keys.create(Wish(name="shop"))
    desk.keys.revoke(key.id)
    desk.keys.create(Wish(name="shop"))


def test_an_account_must_be_there(desk: Desk):
    """A key that should share limits would have none."""
    with pytest.raises(InputError, match="no account 'team'; there are: none"):
        desk.keys.create(Wish(name="shop", account="team"))
    desk.keys.account(Account(name="team", allowance=Allowance(micro_dollars=5)))
    desk.keys.create(Wish(name="shop", account="team"))
    found, account, standings = desk.keys.one("shop")
    assert (found.name, account.name) == ("shop", "team")
    assert [one.holder for one in standings] == [f"key:{found.id}", "account:team"]


def test_a_rotation_is_on_record(desk: Desk):
    """With the time until which the earlier secret is good."""
    key, _ = desk.keys.create(Wish(name="shop"))
    after, secret = desk.keys.rotate("shop", overlap=3600)
    assert (after.id, after.digest) == (key.id, keys.digest(secret))
    assert after.previous == key.digest
    assert '"earlier_secret_until": "2027-01-15T09:00:00+00:00"' in desk.log
    assert issued.state(after, NOW) == "rotating"
    assert issued.state(after, NOW + 3600) == "good"


def test_a_key_is_revoked_once(desk: Desk):
    """Saying it again changes nothing, and is no act."""
    desk.keys.create(Wish(name="shop"))
    revoked = desk.keys.revoke("shop")
    desk.now += 10
    assert desk.keys.revoke("shop") == revoked
    assert desk.log.count("key-revoked") == 1
    assert issued.state(revoked, desk.now) == "revoked"


@pytest.mark.parametrize("what", ["create", "rotate", "revoke", "account"])
def test_nothing_is_done_that_cannot_be_recorded(desk: Desk, what: str):
    """A log that does not hold stops every act."""
    key, _ = desk.keys.create(Wish(name="shop"))
    desk.lines._lines[-1] = b"broken"
    acts = {
        "create": lambda: desk.keys.create(Wish(name="new")),
        "rotate": lambda: desk.keys.rotate("shop", overlap=0),
        "revoke": lambda: desk.keys.revoke("shop"),
        "account": lambda: desk.keys.account(Account(name="a")),
    }
    with pytest.raises(LinesError, match="nothing is added"):
        acts[what]()
    roster = desk.book.roster()
    assert (roster.keys, roster.accounts) == ((key,), ())


def test_a_store_that_is_down_leaves_no_half_act(desk: Desk):
    """The log may say more than was done, never less."""
    desk.book.down = True
    with pytest.raises(EscaleraError, match="it is down"):
        desk.keys.create(Wish(name="shop"))
    assert desk.log == ""


def test_a_key_for_scripts_says_all_but_its_secret(desk: Desk):
    """Times in words, what is not limited as null."""
    key, _ = desk.keys.create(Wish(name="shop", expires=NOW + 3600))
    (found,) = desk.keys.all()
    document = issued.document(*found)
    assert (document["id"], document["expires"]) == (key.id, "2027-01-15T09:00:00+00:00")
    assert (document["models"], document["micro_dollars"], document["revoked"]) == (None,) * 3
    assert key.digest.hex() not in str(document)
    assert issued.state(key, NOW + 3600) == "expired"


def test_the_keys_of_a_project_lie_in_its_state(tmp_path: Path):
    """Beside their audit log, written by whoever runs this."""
    (tmp_path / "escalera.toml").write_text(
        '[project]\nname = "p"\nstate = "kept"\n[models.m]\nbase_url = "https://e/v1"\n'
        'model = "m"\n[climb]\nmodel = "m"\n'
        '[tasks.t]\ndata = "t.jsonl"\nscorer = "exact"\nbar = 0.5\n'
    )
    key, _ = issued.of(tmp_path).create(Wish(name="shop"))
    assert issued.of(tmp_path / "escalera.toml").one("shop")[0] == key
    assert isinstance(key, Key)
    (tmp_path / "kept.txt").write_text("not a folder")
    with pytest.raises(InputError, match=r"project\.state: is to be a folder, and this is a file"):
        stores.at(tmp_path / "kept.txt" / "state")
    folder = tmp_path / "kept" / "gateway"
    assert "@" in (folder / "audit.jsonl").read_text().split('"who": "')[1].split('"')[0]
    assert (folder / "keys.sqlite").exists()


def test_only_what_is_put_into_it_makes_a_book(tmp_path: Path):
    """A gateway that finds one asks every caller for a key: looking is to change nothing."""
    (tmp_path / "escalera.toml").write_text("")
    found, file = issued.of(tmp_path), stores.of(tmp_path).keys_file
    assert found.all() == ()
    for asked in (found.one, found.revoke, lambda name: found.rotate(name, overlap=0.0)):
        with pytest.raises(InputError, match="no keys yet: make one with `escalera keys create`"):
            asked("shop")
    with pytest.raises(InputError, match="no account 'team'; there are: none"):
        found.create(Wish(name="shop", account="team"))
    assert not file.exists()
    found.create(Wish(name="shop"))
    assert file.exists()
    assert [key.name for key, _ in found.all()] == ["shop"]
