"""The server says that it has begun to end."""

from __future__ import annotations

import signal

from escalera.apps.gateway import listening


async def _app(*_: object) -> None:
    """Answer nothing."""


def test_that_it_ends_is_said_once_and_at_the_first_signal() -> None:
    """Before anything is waited for; a second signal, for those in a hurry, says nothing new."""
    said: list[bool] = []
    server = listening.server(_app, ends=lambda: said.append(server.should_exit))  # type: ignore[arg-type]
    server.handle_exit(signal.SIGTERM, None)
    server.handle_exit(signal.SIGINT, None)
    assert said == [False]
    assert server.should_exit
