"""`python -m escalera.testing.upstream.lookalike serve MODEL …`: stands in for the program `vllm`.

It takes the arguments and the environment that Escalera gives to `vllm serve`, and answers
`/health`, `/v1/chat/completions`, `/v1/load_lora_adapter` and `/v1/unload_lora_adapter` with the
statuses of vLLM's own source. It has no model: it says which adapter was asked and what it was
told. A word in the last message makes it crash, hang or stream slowly; `--fault` makes its start or
its end go wrong.

What it does not take, it refuses as vLLM's parser does, so that a misspelt argument is found. It is
a stand-in: it shows that processes and calls are handled, never how fast or how well vLLM answers.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import FrameType
from typing import Any

import click
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

FAULTS = ("", "refuses", "never-healthy", "slow", "hangs-on-end")


class Lookalike:
    """What the process knows: its arguments, and the adapters that were loaded."""

    def __init__(self, *, name: str, adapters: int, rank: int, key: str, updating: bool) -> None:
        self._name, self._most, self._rank = name, adapters, rank
        self._key, self._updating = key, updating
        self._loaded: dict[str, str] = {}
        self.loads: list[str] = []
        self.unhealthy = False

    def app(self) -> Starlette:
        """The application."""
        return Starlette(
            routes=[
                Route("/health", self.health),
                Route("/v1/models", self.models),
                Route("/v1/chat/completions", self.chat, methods=["POST"]),
                Route("/v1/load_lora_adapter", self.load, methods=["POST"]),
                Route("/v1/unload_lora_adapter", self.unload, methods=["POST"]),
            ]
        )

    async def health(self, request: Request) -> Response:  # noqa: ARG002
        """200, or 503 where the engine is dead."""
        return Response(status_code=503 if self.unhealthy else 200)

    async def models(self, request: Request) -> Response:
        """The base and every adapter; its `loads` tell what was loaded since the start, and `pid`
        the process: for tests.
        """
        if refusal := self._unknown_caller(request):
            return refusal
        data = [{"id": name, "object": "model"} for name in (self._name, *self._loaded)]
        return JSONResponse(
            {"object": "list", "data": data, "loads": self.loads, "pid": os.getpid()}
        )

    async def load(self, request: Request) -> Response:
        """200, 400 for a name that is loaded, 404 for a folder that is not there."""
        if refusal := self._unknown_caller(request):
            return refusal
        if not self._most or not self._updating:
            return _error(404, "NotFoundError", "Not Found")
        asked = await request.json()
        name, path = asked["lora_name"], Path(asked["lora_path"])
        if name in self._loaded:
            said = f"The lora adapter '{name}' has already been loaded."
            return _error(400, "InvalidUserInput", said)
        if not (path / "adapter_config.json").is_file():
            return _error(404, "NotFoundError", f"Loading lora {name} failed: No adapter found")
        rank = json.loads((path / "adapter_config.json").read_bytes())["r"]
        if rank > self._rank:
            said = f"LoRA rank {rank} is greater than max_lora_rank {self._rank}."
            return _error(500, "InternalServerError", said)
        self._loaded[name] = str(path)
        self.loads.append(name)
        return PlainTextResponse(f"Success: LoRA adapter '{name}' added successfully.")

    async def unload(self, request: Request) -> Response:
        """200, or 404 for a name that is not loaded."""
        if refusal := self._unknown_caller(request):
            return refusal
        name = (await request.json())["lora_name"]
        if self._loaded.pop(name, None) is None:
            return _error(404, "NotFoundError", f"The lora adapter '{name}' cannot be found.")
        return PlainTextResponse(f"Success: LoRA adapter '{name}' removed successfully.")

    async def chat(self, request: Request) -> Response:
        """An answer that says which model gave it, and repeats the last message."""
        if refusal := self._unknown_caller(request):
            return refusal
        asked = await request.json()
        model, said = asked["model"], asked["messages"][-1]["content"]
        if model != self._name and model not in self._loaded:
            return _error(404, "NotFoundError", f"The model `{model}` does not exist.")
        if said == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        if said == "fall ill":
            self.unhealthy = True
        words = [f"{model}:", *said.split()]
        if most := asked.get("max_tokens"):
            words = words[:most]
        if asked.get("stream"):
            events = _events(model, words, gap=0.2 if said.startswith("slowly") else 0.0)
            return StreamingResponse(events, media_type="text/event-stream")
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": " ".join(words)},
            "finish_reason": "length" if len(words) == most else "stop",
        }
        usage = {"prompt_tokens": 3, "completion_tokens": len(words), "total_tokens": 0}
        head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model}
        return JSONResponse({**head, "choices": [choice], "usage": usage})

    def _unknown_caller(self, request: Request) -> Response | None:
        if request.headers.get("authorization") == f"Bearer {self._key}":
            return None
        return JSONResponse({"error": "Unauthorized"}, status_code=401)


@click.command()
@click.argument("verb", type=click.Choice(["serve"]))
@click.argument("model", type=click.Path(exists=True, file_okay=False))
@click.option("--served-model-name", required=True)
@click.option("--host", required=True)
@click.option("--port", required=True, type=int)
@click.option("--load-format", required=True, type=click.Choice(["safetensors"]))
@click.option("--generation-config", required=True, type=click.Choice(["vllm"]))
@click.option("--shutdown-timeout", required=True, type=int)
@click.option("--gpu-memory-utilization", type=click.FloatRange(0, 1))
@click.option("--enable-lora", is_flag=True)
@click.option("--max-loras", default=1, type=click.IntRange(1))
@click.option("--max-cpu-loras", default=1, type=click.IntRange(1))
@click.option("--max-lora-rank", default=16, type=int)
@click.option("--dtype", default="auto")
@click.option("--key", envvar="VLLM_API_KEY", default="")
@click.option("--updating", envvar="VLLM_ALLOW_RUNTIME_LORA_UPDATING", type=bool, default=False)
@click.option("--fault", default="", type=click.Choice(FAULTS), help="What goes wrong.")
@click.option("--seconds", default=1.0, help="How long a slow start takes.")
def command(*, model: str, fault: str, seconds: float, host: str, port: int, **rest: Any) -> None:
    """Stand in for `vllm serve`."""
    name, key = rest["served_model_name"], rest["key"]
    click.echo(f"loading {model} as {name}; the key is {key}", err=True)
    if fault == "refuses":
        click.echo("ValueError: No available memory for the cache blocks.", err=True)
        sys.exit(1)
    if fault == "slow":
        time.sleep(seconds)
    served = Lookalike(
        name=name,
        adapters=rest["max_cpu_loras"] if rest["enable_lora"] else 0,
        rank=rest["max_lora_rank"],
        key=key,
        updating=rest["updating"],
    )
    served.unhealthy = fault == "never-healthy"
    config = uvicorn.Config(
        served.app(),
        host=host,
        port=port,
        timeout_graceful_shutdown=rest["shutdown_timeout"],
    )
    server = _Deaf(config) if fault == "hangs-on-end" else uvicorn.Server(config)
    server.run()


# Below: private.


class _Deaf(uvicorn.Server):
    """Does not hear that it is to end."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Nothing happens."""


def _error(status: int, kind: str, message: str) -> Response:
    said = {"message": message, "type": kind, "param": None, "code": status}
    return JSONResponse({"error": said}, status_code=status)


async def _events(model: str, words: list[str], *, gap: float) -> AsyncIterator[bytes]:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}
    for place, word in enumerate(words):
        delta = {"content": word if place == 0 else f" {word}"}
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        yield b"data: " + json.dumps({**head, "choices": [choice]}).encode() + b"\n\n"
        await asyncio.sleep(gap)
    last = {"index": 0, "delta": {}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": len(words), "total_tokens": 0}
    yield b"data: " + json.dumps({**head, "choices": [last], "usage": usage}).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


if __name__ == "__main__":
    command()
