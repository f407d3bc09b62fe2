"""Guards on what passes through the gateway: bodies in, bodies and events out.

    sent = request(guarding, operation, body)      # raises GuardBlocked, GivenTwice, InputError
    ... sent.body goes upstream ...
    got = answer(guarding, operation, whole, sent.vault)                   # raises GuardBlocked

    stream = EventGuard(guarding.output, operation, sent.vault)
    events = stream.push(events)                   # whole events in, whole events out
    if stream.blocked is not None: ...             # end with an error event; nothing follows

Where nothing is replaced, the bytes are those that came. What callers sent and was redacted comes
back to them: models see a placeholder, and in their answers it is replaced by what it stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from escalera.apps.gateway import event_texts, texts
from escalera.apps.gateway.event_texts import Spoken
from escalera.core.serving.guarding.guards import GuardSet
from escalera.core.serving.guarding.limits import Limits
from escalera.core.serving.guarding.streams import StreamGuard
from escalera.core.serving.guarding.vault import Restoring, Vault
from escalera.domain.guard import Finding, Inspection
from escalera.domain.traffic import Operation
from escalera.errors import GuardBlocked, GuardFailed, InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarding:
    """The guards of a gateway, on both sides, and how large requests may be."""

    input: GuardSet
    output: GuardSet
    limits: Limits = field(default_factory=Limits)


class Guarded(msgspec.Struct, frozen=True, kw_only=True):
    """A body that may go on, what was found in it, and what its placeholders stand for."""

    body: bytes
    findings: tuple[Finding, ...] = ()
    vault: Vault = msgspec.field(default_factory=Vault)


def request(guarding: Guarding, operation: Operation, body: bytes) -> Guarded:
    """What goes upstream for *body*.

    Raises `GuardBlocked`; where something may be found, `GivenTwice` if two readers could read two
    texts, and `InputError` for no JSON.
    """
    if not guarding.input.active and not guarding.limits.active:
        return Guarded(body=body)
    around = texts.around_request(operation, body)
    if around is not None and _is_fine(guarding, len(body), around):
        return Guarded(body=body, vault=Vault((around,)))
    found = texts.of_request(operation, body)
    said = [slot.text for slot in found]
    if (wrong := guarding.limits.exceeded(body=len(body), texts=said)) is not None:
        raise GuardBlocked(kind="size", guard="limits", said=wrong)
    vault = Vault(said)
    return _looked(guarding.input, _both_ways(found), body, vault, texts.in_request)


def answer(guarding: Guarding, operation: Operation, body: bytes, vault: Vault) -> Guarded:
    """What the caller gets of a whole answer.

    Raises `GuardBlocked`, and `GuardFailed` where something may be found and its texts cannot be
    read for certain.
    """
    return given_back(operation, looked_at(guarding, operation, body, vault), vault)


def looked_at(guarding: Guarding, operation: Operation, body: bytes, vault: Vault) -> Guarded:
    """A whole answer after the guards, still with the placeholders of *vault*; errors as above."""
    if not guarding.output.active:
        return Guarded(body=body, vault=Vault(beside=vault))
    around = texts.around_answer(operation, body)
    if around is not None and guarding.output.is_clear(around):
        return Guarded(body=body, vault=Vault(beside=vault))
    found = _of_answer(operation, body)
    return _looked(guarding.output, found, body, Vault(beside=vault), texts.in_answer)


def given_back(operation: Operation, seen: Guarded, vault: Vault) -> Guarded:
    """*seen* with what its caller had sent in the place of placeholders. Raises `GuardFailed`."""
    if not len(vault):
        return seen
    back = {
        slot.path: restored
        for slot in _of_answer(operation, seen.body)
        if (restored := vault.restore(slot.text, escaped=slot.escaped)) != slot.text
    }
    if not back:
        return seen
    body = texts.in_answer(seen.body, back)
    return Guarded(body=body, findings=seen.findings, vault=seen.vault)


class EventGuard:
    """Guards on the events of one stream; `blocked` says that nothing may follow, and why."""

    def __init__(self, guards: GuardSet, operation: Operation, vault: Vault) -> None:
        self._guards = guards
        self._operation = operation
        self._vault = vault
        self._own = Vault(beside=vault)
        self._channels: dict[event_texts.Channel, _Channel] = {}
        self._idle = not guards.active and not len(vault)
        self._later: list[Finding] = []
        self.blocked: GuardBlocked | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found so far."""
        found = [one for channel in self._channels.values() for one in channel.guard.findings]
        return (*found, *self._later)

    def push(self, events: bytes) -> bytes:
        """The events that may go on, once whole *events* have come."""
        if self._idle or self.blocked is not None:
            return b"" if self.blocked is not None else events
        passed = b""
        try:
            for event in event_texts.split(events):
                passed += self._passed(event)
        except GuardBlocked as error:
            self.blocked = error
        return passed

    def finish(self) -> bytes:
        """What is left at the end of a stream that ended well, but without saying so."""
        if self.blocked is not None:
            return b""
        try:
            return b"".join(self._rests(list(self._channels)))
        except GuardBlocked as error:
            self.blocked = error
            return b""

    def _passed(self, event: bytes) -> bytes:
        data = event_texts.data(event)
        if data is None:
            return event
        if data == b"[DONE]":
            return self.finish() + event
        spoken = event_texts.read(self._operation, data)
        changed: dict[texts.Path, str] = {}
        for one in spoken.pieces:
            channel = self._channel(one)
            text = channel.push(one.text)
            if spoken.ends(one.channel):
                text += channel.finish()
            channel.last = (event, data, one, spoken.pieces)
            if text != one.text:
                changed[one.path] = text
        before = b""
        if spoken.ended is not None or spoken.choices:
            before = b"".join(self._rests([name for name in self._channels if spoken.ends(name)]))
        for slot in spoken.whole:
            text = self._whole(slot)
            if text != slot.text:
                changed[slot.path] = text
        if not changed:
            return before + event
        return before + event_texts.rewritten(event, data, changed, spoken.pieces)

    def _rests(self, names: list[event_texts.Channel]) -> Iterator[bytes]:
        """Events with what channels that end hold back, in the form of their last ones."""
        for name in names:
            channel = self._channels[name]
            rest = channel.finish()
            if rest and channel.last is not None:
                event, data, one, pieces = channel.last
                said = dict.fromkeys((piece.path for piece in pieces), "") | {one.path: rest}
                yield event_texts.rewritten(event, data, said, pieces)

    def _channel(self, one: Spoken) -> _Channel:
        channel = self._channels.get(one.channel)
        if channel is None:
            channel = _Channel(self._guards, self._own, self._vault, escaped=one.escaped)
            self._channels[one.channel] = channel
        return channel

    def _whole(self, slot: texts.Slot) -> str:
        """A text that an event repeats whole: what came in pieces is recorded already."""
        seen = self._guards.inspect(slot.text, self._own, escaped=slot.escaped)
        if not self._channels:
            self._later += seen.findings
        _refuse(seen)
        return self._vault.restore(seen.text, escaped=slot.escaped)


# Below: private.

_Replacing = Callable[[bytes, Mapping[texts.Path, str]], bytes]


def _is_fine(guarding: Guarding, body: int, around: str) -> bool:
    """Whether no text of a request that stands within *around* is too long or holds anything."""
    limits = guarding.limits
    return (not limits.active or limits.surely_kept(body=body, around=around)) and (
        guarding.input.is_clear(around)
    )


def _of_answer(operation: Operation, body: bytes) -> list[texts.Slot]:
    try:
        return texts.of_answer(operation, body)
    except InputError as error:
        raise GuardFailed(f"the answer cannot be read: {error}", guard="output") from error


class _Channel:
    """One text of a stream: guarded, then with what the caller sent put back.

    Until it is told whether the text is JSON, its beginning is kept back: mostly nothing.
    """

    def __init__(self, guards: GuardSet, own: Vault, vault: Vault, *, escaped: bool) -> None:
        self._guards, self._own, self._vault = guards, own, vault
        self._begun: str | None = None if escaped else ""
        self._ended = False
        self.last: tuple[bytes, bytes, Spoken, Sequence[Spoken]] | None = None
        self._begin(escaped=escaped)

    def push(self, text: str) -> str:
        if self._begun is not None:
            told = texts.is_json(text := self._begun + text)
            if told is None:
                self._begun = text
                return ""
            self._begun = None
            if told:
                self._begin(escaped=True)
        text = self.guard.push(text)
        return text if self._back is None else self._back.push(text)

    def finish(self) -> str:
        if self._ended:
            return ""
        self._ended = True
        text = self.guard.push(self._begun or "") + self.guard.finish()
        return text if self._back is None else self._back.push(text) + self._back.finish()

    def _begin(self, *, escaped: bool) -> None:
        self.guard = StreamGuard(self._guards, self._own, escaped=escaped)
        self._back = Restoring(self._vault, escaped=escaped) if len(self._vault) else None


def _both_ways(slots: list[texts.Slot]) -> list[texts.Slot]:
    """*slots*, and before them as they are written those that only begin as JSON does.

    In what never was JSON a backslash is a backslash; what is broken off is read by its escapes.
    """
    found = []
    for slot in slots:
        if slot.escaped and "\\" in slot.text and not texts.is_whole_json(slot.text):
            found.append(msgspec.structs.replace(slot, escaped=False))
        found.append(slot)
    return found


def _looked(
    guards: GuardSet, slots: list[texts.Slot], body: bytes, vault: Vault, new: _Replacing
) -> Guarded:
    findings: list[Finding] = []
    changed: dict[texts.Path, str] = {}
    for slot in slots:
        text = changed.get(slot.path, slot.text)
        looks = guards.glance(text, escaped=slot.escaped)
        if looks is None:
            continue
        seen = guards.inspect(text, vault, role=slot.role, escaped=slot.escaped, found=looks)
        if seen.findings:
            findings += seen.findings
            _refuse(seen)
            if seen.text != text:
                changed[slot.path] = seen.text
    if changed:
        body = new(body, changed)
    return Guarded(body=body, findings=tuple(findings), vault=vault)


def _refuse(seen: Inspection) -> None:
    for found in seen.findings:
        if found.action == "block":
            raise GuardBlocked(kind=found.kind, guard=found.guard)
