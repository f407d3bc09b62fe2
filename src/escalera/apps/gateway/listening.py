"""What speaks HTTP in front of a gateway, and says when it has begun to end."""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType

import uvicorn

from escalera.apps.gateway.app import Gateway
from escalera.apps.gateway.protocol import LeanProtocol

DRAIN = 30
"""Seconds that requests have to end when the gateway does."""
KEEP_ALIVE = 75
"""Seconds that a connection may be idle."""


class Server(uvicorn.Server):
    """Calls *ends* on the first signal to end, before requests under way are waited for."""

    def __init__(self, config: uvicorn.Config, ends: Callable[[], None]) -> None:
        super().__init__(config)
        self._ends = ends

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end."""
        if not self.should_exit:
            self._ends()
        super().handle_exit(sig, frame)


def server(
    gateway: Gateway,
    *,
    protocol: type[LeanProtocol] = LeanProtocol,
    ends: Callable[[], None] = lambda: None,
) -> Server:
    """What serves *gateway*."""
    config = uvicorn.Config(
        gateway,
        log_config=None,
        access_log=False,
        ws="none",
        http=protocol,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=DRAIN,
        proxy_headers=False,
        server_header=False,
    )
    return Server(config, ends)
