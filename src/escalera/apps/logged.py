"""The request log as people use it: looked at, made into items, asked again."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from escalera.apps.issued import moment
from escalera.core.data import rows, writing
from escalera.core.data.rows import Defaults, Form
from escalera.core.serving import transcripts
from escalera.domain.call_log import CallQuery, Tally
from escalera.domain.dataset import Split
from escalera.domain.traffic import Operation, ServedCall
from escalera.errors import EvidenceMissing, InputError
from escalera.ports.serving import CallLog
from escalera.wiring import data_sets, outputs, stores

PATHS: Mapping[Operation, str] = {
    "chat": "/chat/completions",
    "completions": "/completions",
    "embeddings": "/embeddings",
    "responses": "/responses",
}
"""Where each operation is asked for, below a base URL."""
LONGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of an answer to a replay."""
SOURCE = "gateway"
"""Where exported rows say that they come from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What became of the calls that were asked for: each is a row, or counted with the reason."""

    calls: int
    rows: int
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A logged call asked again: the answer of now beside that of then."""

    status: int
    body: bytes
    seconds: float
    before: ServedCall

    @property
    def same_status(self) -> bool:
        """Whether it ended as it did then."""
        return self.status == self.before.status


def calls(file: Path, wanted: CallQuery) -> tuple[list[ServedCall], Tally]:
    """The calls of a project's gateway that are wanted, and how many there are in all."""
    with closing(opened(file)) as log:
        return list(log.read(wanted)), log.tally(wanted)


def one(file: Path, id_: str) -> ServedCall:
    """The call of an id. Raises `InputError` where there is none."""
    with closing(opened(file)) as log:
        found = next(iter([*log.read(CallQuery(id=id_))]), None)
    if found is None:
        raise InputError(
            f"the log holds no call {id_!r}: `escalera log list` names them, as the header "
            "x-escalera-request of an answer does; old ones go by retention"
        )
    return found


def export(
    file: Path, wanted: CallQuery, into: Path, *, split: Split | None, form: Form
) -> Exported:
    """Write the calls that are wanted as rows of a data file.

    What was answered becomes the target: it is what a system said, not what is right.
    """
    outputs.require(into, outputs.ROWS, project=file)
    left_out: Counter[str] = Counter()
    total = 0

    def made(log: CallLog) -> Iterator[dict[str, Any]]:
        nonlocal total
        for call in log.read(wanted):
            total += 1
            row = _row(call, split)
            if isinstance(row, str):
                left_out[row] += 1
                continue
            yield writing.document(row, name=call.id, form=form)

    with closing(opened(file)) as log:
        written = data_sets.write_lines(into, made(log))
    return Exported(calls=total, rows=written, left_out=dict(left_out))


def replay(call: ServedCall, *, base_url: str, api_key_env: str | None) -> Replayed:
    """Ask a running gateway, or any server of the API, what was asked then.

    Raises `InputError` where the request was not logged, and `ProviderError` where none answers.
    """
    if not call.request:
        raise InputError(
            f"the request of {call.id!r} was not logged: bodies are with `gateway.log.bodies`"
        )
    upstream = stores.asked(base_url, api_key_env)

    async def ask() -> tuple[int, bytes]:
        try:
            exchange = await upstream.send(PATHS[call.operation], call.request.encode())
            try:
                return exchange.status, await exchange.whole(LONGEST_ANSWER)
            finally:
                exchange.close()
        finally:
            await upstream.close()

    began = time.monotonic()
    status, body = asyncio.run(ask())
    return Replayed(status=status, body=body, seconds=time.monotonic() - began, before=call)


def document(call: ServedCall, *, bodies: bool) -> dict[str, Any]:
    """A call for scripts, with its cost; bodies where they are asked for."""
    found = asdict(call)
    if not bodies:
        del found["request"], found["answer"]
    return {**found, "at": moment(call.started), "micro_dollars": call.cost}


def printable(text: str) -> str:
    """*text* of a stranger for a terminal: what would steer it is written out."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in "\n\t" else repr(one)[1:-1] for one in text)


def opened(file: Path) -> CallLog:
    """The request log of a project. Raises `EvidenceMissing` where nothing was logged yet."""
    found = stores.of(file)
    if not found.calls_file.exists():
        raise EvidenceMissing(
            f"nothing was logged yet: there is no file {str(found.calls_file)!r}. "
            "`escalera serve` writes it"
        )
    return found.calls()


# Below: private.


def _row(call: ServedCall, split: Split | None) -> rows.Row | str:
    chat = transcripts.chat(call)
    if isinstance(chat, str):
        return chat
    raw = {"id": call.id, "messages": chat, "source": SOURCE}
    read = rows.read(raw, Defaults(split=split))
    if read.flaws:
        return read.flaws[0].problem
    (row,) = read.rows
    return row
