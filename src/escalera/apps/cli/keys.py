"""`escalera keys`: who may call the gateway, and how much."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from escalera.apps.cli import options, times

if TYPE_CHECKING:
    from escalera.domain.access import Allowance, Key, Limits, TimeAllowance

Command = TypeVar("Command", bound=Callable[..., Any])
MICRO = 1_000_000


def limited(command: Command) -> Command:
    """Options for what may be used."""
    for option in (
        click.option("--tokens-per-minute", type=click.IntRange(min=1), help="Without it: any."),
        click.option("--requests-per-minute", type=click.IntRange(min=1), help="Without it: any."),
        click.option(
            "--window",
            type=click.Choice(["total", "day", "month"]),
            default="total",
            show_default=True,
            help="What money and minutes are for: all time, or every day or month (UTC).",
        ),
        click.option(
            "--minutes", type=click.IntRange(min=1), help="Of finetuning. Without it: any."
        ),
        click.option("--money", help="US dollars that may be spent. Without it: any."),
    ):
        command = option(command)
    return command


@click.group()
def command() -> None:
    """Make, list, rotate and revoke the keys with which callers come to the gateway.

    A secret is printed once, when it is made; only its SHA-256 is kept. A gateway that runs knows
    of every change within two seconds.
    """


@command.command()
@click.argument("name")
@options.project
@click.option("--account", default="", help="An account whose limits and money the key shares.")
@click.option("--models", multiple=True, help="A model it may ask; may be repeated. Without: all.")
@limited
@click.option("--expires", help="A date, a time (UTC), or how long from now: 90d, 12h.")
@options.as_json
def create(  # noqa: PLR0913  one parameter per option
    name: str,
    file: Path,
    account: str,
    models: tuple[str, ...],
    money: str | None,
    minutes: int | None,
    window: str,
    requests_per_minute: int | None,
    tokens_per_minute: int | None,
    expires: str | None,
    json_: bool,  # noqa: FBT001
) -> int:
    """Make a key called NAME and print its secret: the only time it is shown."""
    from escalera.apps import issued
    from escalera.wiring import stores

    if lists := [model for model in models if "," in model]:
        each = " ".join(f"--models {one.strip()}" for one in lists[0].split(","))
        raise click.UsageError(f"--models {lists[0]} would be one name; give each its own: {each}")
    wish = issued.Wish(
        name=name,
        account=account,
        models=models,
        limits=_limits(requests_per_minute, tokens_per_minute),
        allowance=_allowance(money, window, minutes),
        training=_training(minutes, window),
        expires=None if expires is None else times.ahead(expires, stores.wall_clock()()),
    )
    _tell(*issued.of(file).create(wish), json_=json_)
    return 0


@command.command()
@click.argument("key")
@options.project
@click.option(
    "--overlap",
    default="24h",
    show_default=True,
    help="How long the secret of now stays good: 24h, 30m, 0s.",
)
@options.as_json
def rotate(key: str, file: Path, overlap: str, json_: bool) -> int:  # noqa: FBT001
    """Give KEY (id or name) a new secret and print it; the old one stays good for a while."""
    from escalera.apps import issued

    found, secret = issued.of(file).rotate(key, overlap=times.length(overlap))
    click.echo(f"the earlier secret is good until {issued.moment(found.previous_until)}", err=True)
    _tell(found, secret, json_=json_)
    return 0


@command.command()
@click.argument("key")
@options.project
def revoke(key: str, file: Path) -> int:
    """Make KEY (id or name) good for nothing, for ever."""
    from escalera.apps import issued

    found = issued.of(file).revoke(key)
    assert found.revoked is not None  # noqa: S101  that is what was done
    click.echo(f"{found.id} ({found.name}) is revoked since {issued.moment(found.revoked)}")
    return 0


@command.command()
@click.argument("name")
@options.project
@limited
def account(  # noqa: PLR0913  one parameter per option
    name: str,
    file: Path,
    money: str | None,
    minutes: int | None,
    window: str,
    requests_per_minute: int | None,
    tokens_per_minute: int | None,
) -> int:
    """Add the account NAME, or change it: what its keys may use together."""
    from escalera.apps import issued
    from escalera.domain.access import Account

    limits = _limits(requests_per_minute, tokens_per_minute)
    allowance, training = _allowance(money, window, minutes), _training(minutes, window)
    made = Account(name=name, limits=limits, allowance=allowance, training=training)
    issued.of(file).account(made)
    click.echo(f"the account {name!r} is set")
    return 0


@command.command("list")
@options.project
@options.as_json
def list_(file: Path, json_: bool) -> int:  # noqa: FBT001
    """List every key with what it may use and what it has used."""
    from escalera.apps import issued
    from escalera.wiring import stores

    found = issued.of(file).all()
    if json_:
        click.echo(_json({"keys": [issued.document(*one) for one in found]}))
        return 0
    from rich.table import Table

    now = stores.wall_clock()()
    table = Table(box=None, pad_edge=False)
    longest = max((len(key.id) for key, _ in found), default=2)
    table.add_column("id", no_wrap=True, min_width=longest)
    for heading in ("name", "account", "state", "money", "used", "window", "a minute"):
        table.add_column(heading, justify="right" if heading in ("money", "used") else "left")
    for key, standings in found:
        allowance = key.allowance
        table.add_row(
            key.id,
            key.name,
            key.account,
            issued.state(key, now),
            "" if allowance is None else _dollars(allowance.micro_dollars),
            _dollars(max(standings[0].taken, standings[0].spent)),
            "" if allowance is None else allowance.window,
            _a_minute(key),
        )
    options.console().print(table)
    return 0


@command.command()
@click.argument("key")
@options.project
@options.as_json
def show(key: str, file: Path, json_: bool) -> int:  # noqa: FBT001
    """Show KEY (id or name): what it may use, and what of it is spent or held by workers."""
    from escalera.apps import issued
    from escalera.wiring import stores

    found, shared, standings = issued.of(file).one(key)
    if json_:
        click.echo(_json(issued.document(found, standings)))
        return 0
    lines = {
        "key": f"{found.id} ({found.name}), {issued.state(found, stores.wall_clock()())}",
        "made": issued.moment(found.created),
        "expires": "never" if found.expires is None else issued.moment(found.expires),
        "models": ", ".join(found.models) or "all",
        "a minute": _a_minute(found) or "no limit",
        "minutes": _minutes(found),
    }
    for name, value in lines.items():
        click.echo(f"{name:10}{value}")
    for one, limits in zip(standings, (found, shared), strict=False):
        allowance = None if limits is None else limits.allowance
        whole = "no limit" if allowance is None else _dollars(allowance.micro_dollars)
        held = max(0, one.taken - one.spent)
        click.echo(
            f"{one.holder}, {one.period}: {_dollars(one.spent)} spent, {_dollars(held)} held by "
            f"workers or lost with them, of {whole}"
        )
    return 0


# Below: private.


def _tell(key: Key, secret: str, *, json_: bool) -> None:
    if json_:
        click.echo(_json({"id": key.id, "name": key.name, "secret": secret}))
        return
    click.echo(f"{key.id} ({key.name}); this is the only time that its secret is shown:", err=True)
    click.echo(secret)


def _limits(requests: int | None, tokens: int | None) -> Limits:
    from escalera.domain.access import Limits

    return Limits(requests=requests, tokens=tokens)


def _training(minutes: int | None, window: Any) -> TimeAllowance | None:
    from escalera.domain.access import TimeAllowance

    return None if minutes is None else TimeAllowance(minutes=minutes, window=window)


def _allowance(money: str | None, window: Any, minutes: int | None) -> Allowance | None:
    from escalera.domain.access import Allowance

    if money is None:
        if window != "total" and minutes is None:
            raise click.UsageError("--window says what --money or --minutes are for: give one")
        return None
    try:
        micro_dollars = Decimal(money.removeprefix("$")) * MICRO
        whole = int(micro_dollars)
    except (InvalidOperation, ValueError, OverflowError):
        raise click.BadParameter(
            f"{money!r} is no number of dollars", param_hint="--money"
        ) from None
    if whole != micro_dollars or whole <= 0:
        raise click.BadParameter(
            f"{money!r}: give dollars above 0, with at most six decimals", param_hint="--money"
        )
    return Allowance(micro_dollars=whole, window=window)


def _minutes(key: Key) -> str:
    if key.training is None:
        return "of finetuning: no limit"
    window = key.training.window
    return (
        f"of finetuning: {key.training.minutes} {'in all' if window == 'total' else f'a {window}'}"
    )


def _dollars(micro_dollars: int) -> str:
    return f"${micro_dollars / MICRO:,.6f}".rstrip("0").rstrip(".")


def _a_minute(key: Key) -> str:
    parts = ((key.limits.requests, "calls"), (key.limits.tokens, "tokens"))
    return ", ".join(f"{number} {what}" for number, what in parts if number is not None)


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)
