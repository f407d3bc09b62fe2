"""Keys of a gateway as an operator handles them: made, rotated, revoked, each act on record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from escalera.apps.audited import AuditLog
from escalera.core.serving import keys
from escalera.domain.access import Account, Allowance, Key, Limits, Standing, TimeAllowance
from escalera.errors import InputError
from escalera.ports.serving import KeyBook
from escalera.wiring import stores


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a key is to be good for."""

    name: str
    account: str = ""
    models: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    allowance: Allowance | None = None
    training: TimeAllowance | None = None
    expires: float | None = None


class Issuing:
    """The keys of a project's gateway. Every change is in the audit log before it is made.

    *is_there* says whether there is a book at all: a gateway that finds one asks every caller for a
    key, so only what is put into it makes one.
    """

    def __init__(
        self,
        book: Callable[[], KeyBook],
        audit: AuditLog,
        now: Callable[[], float],
        is_there: Callable[[], bool] = lambda: True,
    ) -> None:
        self._is_there = is_there
        self._book = book
        self._audit = audit
        self._now = now

    def create(self, wish: Wish) -> tuple[Key, str]:
        """A new key with its secret, which is kept nowhere. Raises `InputError`."""
        secret = stores.new_secret()
        made = Key(
            id=stores.new_id(),
            name=wish.name,
            digest=keys.digest(secret),
            created=self._now(),
            account=wish.account,
            models=wish.models,
            limits=wish.limits,
            allowance=wish.allowance,
            training=wish.training,
            expires=wish.expires,
        )
        keys.checked(made)
        if wish.account and not self._is_there():
            raise _no_account(wish.account, ())
        with closing(self._book()) as book:
            roster = book.roster()
            if any(key.name == wish.name and key.revoked is None for key in roster.keys):
                raise InputError(
                    f"there is a key {wish.name!r} already: choose another name, or rotate it"
                )
            known = [account.name for account in roster.accounts]
            if wish.account and wish.account not in known:
                raise _no_account(wish.account, known)
            self._audit.record("key-created", made.id, name=made.name, **_terms(made))
            book.put(made)
        return made, secret

    def rotate(self, wanted: str, *, overlap: float) -> tuple[Key, str]:
        """A new secret for a key; that of now is good for *overlap* seconds more."""
        secret = stores.new_secret()
        with self._opened() as book:
            key = keys.found(book.roster().keys, wanted)
            after = keys.rotated(key, keys.digest(secret), now=self._now(), overlap=overlap)
            until = moment(after.previous_until)
            self._audit.record("key-rotated", key.id, name=key.name, earlier_secret_until=until)
            book.put(after)
        return after, secret

    def revoke(self, wanted: str) -> Key:
        """Make a key good for nothing."""
        with self._opened() as book:
            key = keys.found(book.roster().keys, wanted)
            after = keys.revoked(key, now=self._now())
            if after is not key:
                self._audit.record("key-revoked", key.id, name=key.name)
                book.put(after)
        return after

    def account(self, account: Account) -> Account:
        """Add an account, or replace the one of its name."""
        keys.checked(account)
        with closing(self._book()) as book:
            self._audit.record("account-set", account.name, **_terms(account))
            book.put(account)
        return account

    def all(self) -> tuple[tuple[Key, tuple[Standing, ...]], ...]:
        """Every key with its money in the windows of now, oldest first."""
        if not self._is_there():
            return ()
        with self._opened() as book:
            found = sorted(book.roster().keys, key=lambda key: (key.created, key.id))
            return tuple((key, book.standing(key.id, self._now())) for key in found)

    def one(self, wanted: str) -> tuple[Key, Account | None, tuple[Standing, ...]]:
        """A key by its id or name, its account, and their money."""
        with self._opened() as book:
            roster = book.roster()
            key = keys.found(roster.keys, wanted)
            account = next((one for one in roster.accounts if one.name == key.account), None)
            return key, account, book.standing(key.id, self._now())

    def _opened(self) -> AbstractContextManager[KeyBook]:
        """The book in which there is a key. Raises `InputError` where there is none."""
        if not self._is_there():
            raise InputError("there are no keys yet: make one with `escalera keys create`")
        return closing(self._book())


def of(file: Path) -> Issuing:
    """The keys of a project's gateway."""
    found, now = stores.of(file), stores.wall_clock()
    return Issuing(found.keys, audit(found), now, found.keys_file.exists)


def audit(found: stores.Stores) -> AuditLog:
    """The audit log among the stores of a gateway, with whoever runs this as the one who acts."""
    return AuditLog(
        file=str(found.audit_file),
        open=found.audit(),
        now=stores.wall_clock(),
        who=stores.who(),
    )


def moment(seconds: float) -> str:
    """A time as people and programs read it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def state(key: Key, now: float) -> str:
    """One word for what a key is now."""
    if key.revoked is not None:
        return "revoked"
    if key.expires is not None and now >= key.expires:
        return "expired"
    return "rotating" if key.previous and now < key.previous_until else "good"


def document(key: Key, standings: tuple[Standing, ...]) -> dict[str, Any]:
    """A key for scripts; nothing of its secret is in it."""
    later = {"expires": key.expires, "revoked": key.revoked}
    return {
        "id": key.id,
        "name": key.name,
        "account": key.account or None,
        "models": list(key.models) or None,
        "created": moment(key.created),
        **{name: None if at is None else moment(at) for name, at in later.items()},
        "earlier_secret_until": moment(key.previous_until) if key.previous else None,
        "requests_per_minute": key.limits.requests,
        "tokens_per_minute": key.limits.tokens,
        "micro_dollars": None if key.allowance is None else key.allowance.micro_dollars,
        "window": None if key.allowance is None else key.allowance.window,
        "minutes": None if key.training is None else key.training.minutes,
        "minutes_window": None if key.training is None else key.training.window,
        "money": [
            {"holder": one.holder, "period": one.period, "taken": one.taken, "spent": one.spent}
            for one in standings
        ],
    }


# Below: private.


def _no_account(name: str, known: Sequence[str]) -> InputError:
    return InputError(
        f"there is no account {name!r}; there are: {', '.join(known) or 'none'}. "
        "Make it with `escalera keys account`"
    )


def _terms(entry: Key | Account) -> dict[str, str]:
    """What an entry is good for, in words for the audit log."""
    terms: dict[str, object] = {
        "requests_per_minute": entry.limits.requests,
        "tokens_per_minute": entry.limits.tokens,
        "micro_dollars": None if entry.allowance is None else entry.allowance.micro_dollars,
        "window": None if entry.allowance is None else entry.allowance.window,
        "minutes": None if entry.training is None else entry.training.minutes,
        "minutes_window": None if entry.training is None else entry.training.window,
    }
    if isinstance(entry, Key):
        expires = None if entry.expires is None else moment(entry.expires)
        terms |= {"account": entry.account or None, "expires": expires}
        terms["models"] = ", ".join(entry.models) or None
    return {name: str(value) for name, value in terms.items() if value is not None}
