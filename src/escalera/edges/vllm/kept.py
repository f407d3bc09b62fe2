"""A server that is kept running for us: started, watched, told about, ended.

    kept = KeptServer(order, name="base", tell=print)
    kept.start()                  # returns when it answers, or raises with the end of its log
    kept.state, kept.starts
    kept.stop()

What keeps it is a process of its own (`keeper`), so that it belongs to no event loop and survives
nobody. `start` and `stop` wait; call them in a thread where a loop runs.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

import msgspec

from escalera.edges.vllm import command
from escalera.edges.vllm.command import Options
from escalera.edges.vllm.telling import Order, State, Word
from escalera.errors import InputError, ProviderUnavailable

GRACE = 10.0
"""Seconds beyond its own limits that the keeper itself is waited for."""


class KeptServer:
    """One server, and the keeper that keeps it. *tell* hears of everything that is not planned."""

    def __init__(
        self, order: Order, *, name: str, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self._order, self._name, self._tell = order, name, tell
        self._keeper: subprocess.Popen[bytes] | None = None
        self._listening: threading.Thread | None = None
        self._changed = threading.Condition()
        self._word = Word(state="ended")
        self._answered = False
        self.starts = 0

    @property
    def state(self) -> State:
        """How the server stands."""
        return self._word.state

    @property
    def pid(self) -> int:
        """The process of the server; 0 while none runs."""
        return self._word.pid

    @property
    def keeper(self) -> int:
        """The process that keeps it; 0 before it was started."""
        return 0 if self._keeper is None else self._keeper.pid

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises `ProviderUnavailable` with the last lines of its log where it does not.
        """
        self._word = Word(state="starting")
        keeper = subprocess.Popen(
            (sys.executable, "-m", "escalera.edges.vllm.keeper"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C is for us, who then end it in order
        )
        self._keeper = keeper
        self._listening = threading.Thread(
            target=self._listen, args=(keeper,), name=f"keeper of {self._name}", daemon=True
        )
        self._listening.start()
        to_it = cast("IO[bytes]", keeper.stdin)  # both are asked for above
        with contextlib.suppress(BrokenPipeError):
            to_it.write(msgspec.json.encode(self._order) + b"\n")
            to_it.flush()
        with self._changed:
            limit = self._order.start_seconds + self._order.stop_seconds + GRACE
            self._changed.wait_for(lambda: self.state in {"ready", "failed", "ended"}, limit)
        if self.state != "ready":
            self.stop()
            raise ProviderUnavailable(self.trouble(), provider=self._name)

    def trouble(self) -> str:
        """Why it does not answer, in words; empty while it does."""
        word = self._word
        if word.state == "ready":
            return ""
        failed = "is given up" if self._answered else "cannot be started"
        said = {
            "starting": "the server is loading",
            "down": f"the server went down: {word.why}",
            "failed": f"the server {failed}: {word.why}",
            "ended": "the server was ended",
        }[word.state]
        if word.log:
            lines = "\n".join(f"  {line}" for line in word.log.splitlines())
            said += f". Its log ({self._order.log}) ends with:\n{lines}"
        return said

    def stop(self) -> None:
        """Let it finish its answers and end it; stopping twice is harmless."""
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        with contextlib.suppress(BrokenPipeError):
            cast("IO[bytes]", keeper.stdin).close()
        try:
            keeper.wait(self._order.stop_seconds + GRACE)
        except subprocess.TimeoutExpired:
            keeper.kill()
            keeper.wait()
        if self._listening is not None:
            self._listening.join(GRACE)

    # In a thread of its own

    def _listen(self, keeper: subprocess.Popen[bytes]) -> None:
        with cast("IO[bytes]", keeper.stdout) as said:
            for line in said:
                self._note(msgspec.json.decode(line, type=Word))
        if self.state in {"starting", "ready", "down"}:
            self._note(Word(state="failed", why="its keeper was killed"))

    def _note(self, word: Word) -> None:
        with self._changed:
            self.starts += word.state == "starting"
            again = self._answered and word.state == "ready"
            self._answered = self._answered or word.state == "ready"
            self._word = word
            self._changed.notify_all()
        if again:
            self._tell(f"{self._name}: the server answers again")
        elif self._answered and self._keeper is not None and word.state in {"down", "failed"}:
            self._tell(f"{self._name}: {self.trouble()}")


def ordered(options: Options, *, model: Path, name: str, port: int, key: str, log: Path) -> Order:
    """What the keeper is told for a vLLM process that serves the folder *model* as *name*."""
    return Order(
        command=command.command(options, model=str(model), name=name, port=port),
        environment=command.environment(options, key=key),
        secret=key,
        port=port,
        log=str(log),
        start_seconds=options.start_seconds,
        stop_seconds=options.stop_seconds,
    )


def free_port(wanted: int) -> int:
    """*wanted*, or a port that was free a moment ago where it is 0. Raises `InputError`."""
    try:
        with socket.create_server((command.HOST, wanted)) as found:
            return int(found.getsockname()[1])
    except OSError as error:
        raise InputError(
            f"vllm.port: {wanted} cannot be listened on: {error.strerror or error}. "
            "Choose another, or 0 for a free one."
        ) from error


def new_key() -> str:
    """A key that nobody has."""
    return secrets.token_urlsafe(32)
