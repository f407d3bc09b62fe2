"""One answer at a time: `model.generate` behind a lock, and HTTP in front of it.

    python -m bench.engine.naive FOLDER --port 8001

What one writes in an afternoon, and what every engine is measured against.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

import torch
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from transformers import AutoModelForCausalLM, AutoTokenizer


class Naive:
    """A model that answers one request after the other."""

    def __init__(self, folder: Path) -> None:
        self._model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._turn = asyncio.Lock()

    async def chat(self, request: Request) -> Response:
        """A whole chat completion."""
        asked = await request.json()
        async with self._turn:
            return JSONResponse(await asyncio.to_thread(self._answer, asked))

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        prompt = self._tokenizer.apply_chat_template(
            asked["messages"], add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        with torch.inference_mode():
            whole = self._model.generate(
                **prompt, max_new_tokens=asked["max_tokens"], do_sample=False
            )
        answer = whole[0, prompt["input_ids"].shape[1] :]
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": self._tokenizer.decode(answer)},
            "finish_reason": "length",
        }
        return {
            "object": "chat.completion",
            "choices": [choice],
            "usage": {"completion_tokens": len(answer)},
        }


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(description="One answer at a time.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    naive = Naive(given.folder)
    app = Starlette(routes=[Route("/v1/chat/completions", naive.chat, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
