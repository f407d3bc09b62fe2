"""What an owner and the keeper of its process say to each other: lines of JSON over two pipes."""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["starting", "ready", "down", "failed", "ended"]
"""Of a kept process: loading; answering; ended by itself, and started again soon; given up; ended
because its owner wanted it or is gone."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be kept running: the owner's first and only line.

    `environment` is added to the owner's, `secret` is kept out of `log`. The process answers
    `/health` on `port` of the loopback address within `start_seconds`, and ends within
    `stop_seconds` of SIGTERM, or is killed. It is started again `tries` times in a row at most,
    after `pause` seconds and then twice as long each time; a row ends with `steady` good seconds.
    """

    command: tuple[str, ...]
    environment: dict[str, str]
    secret: str
    port: int
    log: str
    start_seconds: float
    stop_seconds: float
    tries: int = 5
    pause: float = 1.0
    steady: float = 60.0
    probe_seconds: float = 5.0


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What the keeper says when the state changes: why, and the last lines of the log."""

    state: State
    why: str = ""
    log: str = ""
    pid: int = 0
