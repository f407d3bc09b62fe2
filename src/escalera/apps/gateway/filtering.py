"""Guards that ask something of the outside, over bodies that the other guards have let pass.

They see whole texts only, so a stream under one of them is held back until it has ended, and its
texts come in one piece. One that fails never passes for one that found nothing: what it was to look
at is blocked, unless its table says that it may pass, and then the failure is a finding. The
arguments of calls they see without escapes, as the other guards do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from escalera.apps.gateway import event_texts, texts
from escalera.apps.gateway.guarded import Guarded
from escalera.apps.gateway.texts import Path, Slot
from escalera.core.serving.guarding import cutting
from escalera.core.serving.guarding.vault import Vault
from escalera.domain.guard import Finding, GuardAction, GuardSide
from escalera.domain.traffic import Operation
from escalera.errors import GuardBlocked, GuardFailed, InputError
from escalera.ports.serving import TextFilter

FAILED = "guard_failed"
"""The kind of the finding that a filter failed and the text passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A guard by name, what it asks, and what is done about what that finds."""

    name: str
    asks: TextFilter
    action: GuardAction
    side: GuardSide = "both"
    roles: tuple[str, ...] = ()
    passes: bool = False


def of_side(filters: Sequence[Filter], side: GuardSide) -> tuple[Filter, ...]:
    """Those that look at one side."""
    return tuple(one for one in filters if one.side in (side, "both"))


async def request(filters: Sequence[Filter], operation: Operation, sent: Guarded) -> Guarded:
    """*sent* after the filters of the input. Raises `GuardBlocked` and `GuardFailed`."""
    slots = texts.of_request(operation, sent.body)
    return await _filtered(filters, slots, sent, "input")


async def answer(filters: Sequence[Filter], operation: Operation, got: Guarded) -> Guarded:
    """*got* after the filters of the output; errors as above.

    What callers had sent is put back only after it, or they would get placeholders of their own.
    """
    try:
        slots = texts.of_answer(operation, got.body)
    except InputError as error:
        raise GuardFailed(f"the answer cannot be read: {error}", guard="output") from error
    return await _filtered(filters, slots, got, "output")


class HeldStream:
    """Events that are held back until all are there; then what is in *vault* is put back."""

    def __init__(self, filters: Sequence[Filter], operation: Operation, vault: Vault) -> None:
        self._filters = filters
        self._operation = operation
        self._sent = vault
        self._vault = Vault(beside=vault)
        self._events: list[bytes] = []
        self.findings: tuple[Finding, ...] = ()

    def push(self, events: bytes) -> bytes:
        """Nothing goes on yet."""
        self._events += event_texts.split(events)
        return b""

    async def finish(self) -> bytes:
        """All events; every text that was changed stands whole in the first that had a piece of it.

        Raises `GuardBlocked` and `GuardFailed`.
        """
        said: dict[event_texts.Channel, tuple[str, bool]] = {}
        read = [(event, event_texts.data(event)) for event in self._events]
        spoken = [
            event_texts.read(self._operation, body) if body else event_texts.Event()
            for _, body in read
        ]
        for piece in (piece for one in spoken for piece in one.pieces):
            text, _ = said.get(piece.channel, ("", False))
            said[piece.channel] = (text + piece.text, piece.escaped)
        slots = [
            Slot(channel, text, "", escaped or texts.is_json(text) is True)
            for channel, (text, escaped) in said.items()
        ]
        new = await self._changed(slots)
        passed = []
        for (event, body), one in zip(read, spoken, strict=True):
            changed: dict[Path, str] = {}
            for piece in one.pieces:
                if piece.channel in new:
                    changed[piece.path] = changed.get(piece.path, "") + new[piece.channel]
                    new[piece.channel] = ""
            changed |= await self._changed(one.whole)
            if changed and body:
                passed.append(event_texts.rewritten(event, body, changed, one.pieces))
            else:
                passed.append(event)
        return b"".join(passed)

    async def _changed(self, slots: Sequence[Slot]) -> dict[Path, str]:
        findings, changed = await _found(self._filters, slots, self._vault, "output")
        self.findings += tuple(findings)
        for slot in slots:
            text = changed.get(slot.path, slot.text)
            back = self._sent.restore(text, escaped=slot.escaped)
            if back != slot.text:
                changed[slot.path] = back
        return changed


# Below: private.


async def _filtered(
    filters: Sequence[Filter], slots: Sequence[Slot], passed: Guarded, side: GuardSide
) -> Guarded:
    findings, changed = await _found(filters, slots, passed.vault, side)
    new = texts.in_request if side == "input" else texts.in_answer
    body = new(passed.body, changed) if changed else passed.body
    return Guarded(body=body, findings=(*passed.findings, *findings), vault=passed.vault)


async def _found(
    filters: Sequence[Filter], slots: Sequence[Slot], vault: Vault, side: GuardSide
) -> tuple[list[Finding], dict[Path, str]]:
    findings: list[Finding] = []
    changed: dict[Path, str] = {}
    for one in of_side(filters, side):
        for slot in slots:
            if one.roles and slot.role not in one.roles:
                continue
            text, escaped = changed.get(slot.path, slot.text), slot.escaped
            said = cutting.read(text, escaped=escaped)
            spans = await _spans(one, said, slot, side, findings)
            findings += [_finding(one, one.name, start, end) for start, end in spans]
            if spans and one.action == "block":
                raise GuardBlocked(kind=one.name, guard=one.name)
            if spans and one.action == "redact":
                changed[slot.path] = cutting.redacted(text, spans, one.name, vault, escaped=escaped)
    return findings, changed


async def _spans(
    one: Filter, text: str, slot: Slot, side: GuardSide, findings: list[Finding]
) -> Sequence[tuple[int, int]]:
    try:
        return await one.asks.spans(text, side=side, role=slot.role)
    except GuardFailed:
        if not one.passes:
            raise
        findings.append(Finding(guard=one.name, kind=FAILED, action="flag", start=0, end=len(text)))
        return ()


def _finding(one: Filter, kind: str, start: int, end: int) -> Finding:
    return Finding(guard=one.name, kind=kind, action=one.action, start=start, end=end)
