"""What goes to a caller, on its way: kept for the log, and its end held until the log has it.

Used only where `[gateway.log]` asks for it; otherwise nothing stands between the answer and the
caller.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from escalera.apps.gateway.relay import Send
from escalera.core.serving.guarding.vault import Vault

Message = MutableMapping[str, Any]


class Outgoing:
    """A `send` that *copies* bodies, and *holds* the message that ends a response."""

    def __init__(self, send: Send, *, copies: bool, holds: bool) -> None:
        self._send = send
        self._copies, self._holds = copies, holds
        self._pieces: list[bytes] = []
        self._last: Message | None = None

    async def __call__(self, message: Message) -> None:
        """Pass a message on, or hold it where it is the last."""
        if message["type"] == "http.response.body":
            if self._copies:
                self._pieces.append(message.get("body", b""))
            if self._holds and not message.get("more_body"):
                self._last = message
                return
        await self._send(message)

    async def release(self) -> None:
        """Send what was held."""
        last, self._last = self._last, None
        if last is not None:
            await self._send(last)

    def text(self, vault: Vault | None, *, stream: bool) -> str:
        """What went to the caller, without what guards had put back into it.

        Into a stream they may have put it in parts, where it is not found again: then nothing of
        the stream is kept.
        """
        if vault is not None and len(vault):
            return "" if stream else vault.hidden(self._text)
        return self._text

    @property
    def _text(self) -> str:
        return b"".join(self._pieces).decode("utf-8", "replace")
