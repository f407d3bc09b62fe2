"""A chat completions endpoint that costs next to nothing, counts, and fails on request.

    python bench/runner/mock.py --latency 0.05 --overloaded 0.3 --broken 0.05

Prints its URL and serves until its standard input ends. Answers repeat the last word of the last
message. Failures are drawn by a hash of the request and of how often it came, so that a run can be
repeated. `GET /count` tells what was asked: all requests, answers, refusals and the largest number
in flight.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import sys
from collections import Counter
from dataclasses import dataclass, field

import httptools


@dataclass
class Book:
    """What the server is asked to do, and what it has seen."""

    latency: float
    overloaded: float
    broken: float
    lost: float
    seen: Counter[bytes] = field(default_factory=Counter)
    asked: int = 0
    answered: int = 0
    refused: int = 0
    flying: int = 0
    peak: int = 0
    tokens: int = 0

    def fate(self, body: bytes) -> int:
        """The status of a request: the same for the same request at the same try."""
        if self.lost and _drawn(body, 0) < self.lost:
            return 500
        self.seen[body] += 1
        drawn = _drawn(body, self.seen[body])
        if drawn < self.overloaded:
            return 429
        return 500 if drawn < self.overloaded + self.broken else 200


def _drawn(body: bytes, time: int) -> float:
    return (
        int.from_bytes(hashlib.blake2b(body, salt=time.to_bytes(8), digest_size=8).digest()) / 2**64
    )


class Chat(asyncio.Protocol):
    """One connection; requests of a connection come one after the other."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._parser = httptools.HttpRequestParser(self)
        self._body = bytearray()
        self._url = b""

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        self._parser.feed_data(data)

    def on_message_begin(self):
        self._body.clear()

    def on_url(self, url):
        self._url = url

    def on_body(self, body):
        self._body += body

    def on_message_complete(self):
        book = self._book
        if self._url == b"/count":
            told = ("asked", "answered", "refused", "peak", "tokens")
            self._send(200, json.dumps({name: getattr(book, name) for name in told}).encode())
            return
        body = bytes(self._body)
        book.asked += 1
        book.flying += 1
        book.peak = max(book.peak, book.flying)
        loop = asyncio.get_running_loop()
        if book.latency:
            loop.call_later(book.latency, self._answer, body)
        else:
            self._answer(body)

    def _answer(self, body):
        book = self._book
        book.flying -= 1
        status = book.fate(body)
        if status != 200:
            book.refused += 1
            self._send(status, b'{"error":{"message":"injected","type":"mock"}}')
            return
        book.answered += 1
        asked = json.loads(body)
        said = asked["messages"][-1]["content"].split()[-1]
        words = sum(len(message["content"].split()) for message in asked["messages"])
        book.tokens += words + 1
        self._send(200, _completion(asked["model"], said, words))

    def _send(self, status, body):
        if self._transport.is_closing():
            return
        head = (
            f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        self._transport.write(head.encode() + body)


def _completion(model, said, words):
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": model,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": said},
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": words,
                "completion_tokens": 1,
                "total_tokens": words + 1,
            },
        }
    ).encode()


async def serve(book: Book, port: int) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Chat(book), "127.0.0.1", port, backlog=2048)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--overloaded", type=float, default=0.0)
    parser.add_argument("--broken", type=float, default=0.0)
    parser.add_argument("--lost", type=float, default=0.0, help="requests that never get an answer")
    given = parser.parse_args()
    book = Book(given.latency, given.overloaded, given.broken, given.lost)
    asyncio.run(serve(book, given.port))
