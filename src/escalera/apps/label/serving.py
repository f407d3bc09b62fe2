"""A sitting from its opening to its end: read, served on an address, summed up, made into rows."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from escalera import wiring
from escalera.apps.label import matter, sitting
from escalera.apps.label.app import application
from escalera.apps.label.matter import Matter, Wanted
from escalera.apps.label.sitting import Sitting
from escalera.apps.label.summary import Labelled
from escalera.core.data import writing
from escalera.core.data.rows import Row
from escalera.core.evaluation import labelling
from escalera.core.evaluation.labelling import Book
from escalera.errors import InputError
from escalera.wiring import data_sets, outputs
from escalera.wiring import labels as wired


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the page listens, and `exposed`, the name by which others reach it."""

    host: str
    port: int
    exposed: str | None = None


def serve(
    project: Path,
    wanted: Wanted,
    address: Address,
    *,
    shared: int,
    by: str | None,
    ready: Callable[[Matter, str], None],
) -> None:
    """Serve the page until interrupted; *ready* is told what is labelled, and the address.

    The file of labels is held meanwhile. Raises `InputError` kin for what is wrong with the project
    or the address, and `LinesError` where another process holds the file.
    """
    person = None if by is None else sitting.name(by)
    place = matter.place_of(project, wanted)
    with closing(wired.lines(place.file)) as lines, _listening(address) as listener:
        found = matter.load(project, place, wanted, lines.read())
        held = Sitting(found, lines, shared=shared, now=wiring.wall_clock())
        token, port = secrets.token_urlsafe(24), listener.getsockname()[1]
        hosts = _hosts(address, port)
        app = application(held, token=token, hosts=hosts, by=person)
        ready(found, f"http://{hosts[0]}/{token}/")
        config = uvicorn.Config(
            app, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=5
        )
        uvicorn.Server(config).run(sockets=[listener])


def summary(project: Path, wanted: Wanted, *, shared: int) -> Labelled:
    """How far the sitting is; nothing is changed, and its page may be open meanwhile."""
    found, book = _read(project, wanted)
    return Labelled(matter=found, standing=sitting.standing(found, book, shared=shared))


def write_rows(project: Path, wanted: Wanted, into: Path) -> int:
    """Write the inputs that have a target as a data file, and return how many they are.

    Of several people's targets the latest is taken. Of pairs: the items of which most people prefer
    one answer, with it as the target and the other one as `rejected`. Raises `InputError` without
    one, and where pairs are of items that must not be taught.
    """
    if wanted.pairs is not None and wanted.split != "train":
        raise InputError(
            f"--rows makes rows that teach, and these pairs are of {wanted.split!r} items: let the "
            "systems answer `train` items (`escalera eval A B --split train`) and label those"
        )
    outputs.require(into, outputs.ROWS, project=project)
    found, book = _read(project, wanted)
    read = (found.place.file, *([] if wanted.targets is None else [wanted.targets]))
    if into.resolve() in [file.resolve() for file in read]:
        raise InputError(f"{into} is what is read: name another file to write")
    if wanted.pairs is not None:
        return _write_pairs(found, book, into)
    targets = {
        unit.item.id: str(given[-1].value)
        for unit in found.units
        if (given := [*book.labels(unit.key).values()])
    }
    if found.inputs is None or not targets:
        raise InputError(f"no input has a target in {found.place.file}: label some first")
    outputs.write(into, found.inputs.rows(targets), outputs.ROWS)
    return len(targets)


# Below: private.


def _write_pairs(found: Matter, book: Book, into: Path) -> int:
    prefix = f"{found.task.name}/"
    rows = [
        Row(
            name=f"{unit.item.id.removeprefix(prefix)}-preferred",
            split="train",
            input=unit.item.input,
            target=right,
            rejected=wrong,
            cluster=unit.item.cluster.removeprefix(prefix),
            history=unit.item.history,
            fields=unit.item.fields,
            licence=unit.item.licence,
            source=unit.item.source,
        )
        for unit, right, wrong in labelling.preferred(found.units, book)
    ]
    if not rows:
        raise InputError(f"no pair was decided in {found.place.file}: label some first")
    return data_sets.write_lines(into, (writing.document(row, name=row.name) for row in rows))


def _read(project: Path, wanted: Wanted) -> tuple[Matter, Book]:
    place = matter.place_of(project, wanted)
    lines = wired.read(place.file)
    found = matter.load(project, place, wanted, lines)
    return found, Book.of(found.form.read(place.file, lines))


def _listening(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family)
    except OSError as error:
        raise InputError(
            f"{address.host} port {address.port} cannot be listened on ({error.strerror}): name "
            "another with --host or --port; port 0 is any that is free"
        ) from error


def _hosts(address: Address, port: int) -> tuple[str, ...]:
    """The names, with ports, that the page is reached by; the first is the one that is told."""
    if address.exposed is not None:
        return (f"{address.exposed}:{port}", address.exposed)
    shown = f"[{address.host}]" if ":" in address.host else address.host
    return tuple(f"{name}:{port}" for name in dict.fromkeys((shown, "127.0.0.1", "localhost")))
