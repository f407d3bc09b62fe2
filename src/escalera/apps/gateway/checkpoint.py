"""Where what passes through the gateway is looked at: what callers send, and what goes back.

await checkpoint.enter(asked)               # raises GuardBlocked, GuardFailed, InputError
body = await checkpoint.leave(asked, body)  # a whole answer
events = checkpoint.events(asked)           # a stream; None where nothing is looked for
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from escalera.apps.gateway import filtering, guarded
from escalera.apps.gateway.asked import Asked
from escalera.apps.gateway.filtering import Filter, HeldStream
from escalera.apps.gateway.guarded import EventGuard, Guarded, Guarding
from escalera.core.serving.guarding.vault import Vault
from escalera.domain.guard import Finding
from escalera.ports import Invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The guards and filters of a gateway; `invalid` holds answers to the schemas of requests."""

    guarding: Guarding
    filters: Sequence[Filter] = ()
    invalid: Invalid | None = None

    @property
    def is_prompt(self) -> bool:
        """Whether nothing here waits: requests and whole answers are looked at by guards alone."""
        return not self.filters and self.invalid is None

    async def enter(self, asked: Asked) -> None:
        """Look at a request; what goes on of it is its body from now on."""
        seen = guarded.request(self.guarding, asked.operation, asked.body)
        if self.filters:
            seen = await filtering.request(self.filters, asked.operation, seen)
        _entered(asked, seen)

    async def leave(self, asked: Asked, body: bytes) -> bytes:
        """Look at a whole answer; what the caller gets."""
        if not filtering.of_side(self.filters, "output"):
            return self.leave_now(asked, body)
        operation, vault = asked.operation, _vault(asked)
        seen = guarded.looked_at(self.guarding, operation, body, vault)
        seen = await filtering.answer(self.filters, operation, seen)
        seen = guarded.given_back(operation, seen, vault)
        _note(asked, seen.findings)
        return seen.body

    def enter_now(self, asked: Asked) -> None:
        """As `enter`, of one that `is_prompt`."""
        _entered(asked, guarded.request(self.guarding, asked.operation, asked.body))

    def leave_now(self, asked: Asked, body: bytes) -> bytes:
        """As `leave`, of one that `is_prompt`."""
        seen = guarded.answer(self.guarding, asked.operation, body, _vault(asked))
        _note(asked, seen.findings)
        return seen.body

    def events(self, asked: Asked) -> CheckedEvents | None:
        """Looks at a stream; None where nothing is looked for and nothing has to be put back."""
        filters = filtering.of_side(self.filters, "output")
        vault = _vault(asked)
        if filters:  # they look before anything is put back, as the guards do
            guard = EventGuard(self.guarding.output, asked.operation, Vault(beside=vault))
            return CheckedEvents(asked, guard, HeldStream(filters, asked.operation, vault))
        if not self.guarding.output.active and not len(vault):
            return None
        return CheckedEvents(asked, EventGuard(self.guarding.output, asked.operation, vault), None)


class CheckedEvents:
    """The events of one stream on their way to the caller."""

    def __init__(self, asked: Asked, guard: EventGuard, held: HeldStream | None) -> None:
        self._asked = asked
        self._guard = guard
        self._held = held

    def push(self, events: bytes) -> bytes:
        """What may go on; then `raise_blocked` says whether anything may follow."""
        passed = self._guard.push(events)
        return passed if self._held is None else self._held.push(passed)

    async def finish(self) -> bytes:
        """What is left at the end. Raises `GuardBlocked` and `GuardFailed`."""
        rest = self._guard.finish()
        if self._held is None:
            return rest
        self._held.push(rest)
        return await self._held.finish()

    @property
    def is_blocked(self) -> bool:
        """Whether nothing may follow."""
        return self._guard.blocked is not None

    def raise_blocked(self) -> None:
        """Raise `GuardBlocked` where nothing may follow."""
        if self._guard.blocked is not None:
            raise self._guard.blocked

    def note(self) -> None:
        """Note what was found, once the stream is over."""
        _note(self._asked, self._guard.findings)
        if self._held is not None:
            _note(self._asked, self._held.findings)


# Below: private.


def _vault(asked: Asked) -> Vault:
    return Vault() if asked.vault is None else asked.vault


def _entered(asked: Asked, seen: Guarded) -> None:
    asked.body, asked.vault = seen.body, seen.vault
    _note(asked, seen.findings)


def _note(asked: Asked, findings: Sequence[Finding]) -> None:
    if findings:
        asked.findings += [finding.kind for finding in findings]
