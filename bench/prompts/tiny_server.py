"""Answers for the example's model over HTTP: python -m bench.prompts.tiny_server PORT.

POST {"task", "prompt", "messages"}: a list of answers. What was answered once is remembered.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from escalera.domain.message import Decoding, Message, Request
from escalera.domain.project import BaseModel
from escalera.edges.clock import SystemClock
from escalera.edges.providers.transformers_engine import TransformersEngine

MODEL = Path(__file__).resolve().parents[2] / "examples" / "support" / "model"
TOKENS = {"feedback": 32, "recommendations": 16, "order_changes": 40}


class Answers:
    """The model, and all it has said."""

    def __init__(self) -> None:
        self._engine = TransformersEngine(
            model=BaseModel(name="base", revision="1", trainable=False, price=None),
            folder=MODEL,
            adapters=Path,
            clock=SystemClock(),
        )
        self._known: dict[tuple[str, str, str], str] = {}

    def say(self, task: str, prompt: str, messages: Sequence[str]) -> list[str]:
        """An answer to every message."""
        keys = [(task, prompt, message) for message in messages]
        new = [key for key in dict.fromkeys(keys) if key not in self._known]
        for start in range(0, len(new), self._engine.unit):
            some = new[start : start + self._engine.unit]
            replies = asyncio.run(self._engine.answer([_request(*key) for key in some]))
            self._known |= {key: reply.text for key, reply in zip(some, replies, strict=True)}
        return [self._known[key] for key in keys]


class Handler(BaseHTTPRequestHandler):
    """One request at a time."""

    answers = Answers()

    def do_POST(self) -> None:
        """Answer the messages of the body."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps(self.answers.say(**asked)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _request(task: str, prompt: str, message: str) -> Request:
    turns = (Message(role="system", content=prompt), Message(role="user", content=message))
    return Request(messages=turns, decoding=Decoding(max_tokens=TOKENS[task]))


if __name__ == "__main__":
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        print(server.server_port, flush=True)
        threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
        server.serve_forever()
