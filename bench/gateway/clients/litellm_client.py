"""LiteLLM's library before a gateway: `python litellm_client.py URL MODEL`, in its environment.

Prints the version; raises where an answer is not what the upstream said.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from importlib.metadata import version

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm

SAID = " ".join(["A", *(f"word{n}" for n in range(1, 8))])
MESSAGES = [{"role": "user", "content": "Hello"}]
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}


def main() -> None:
    """Chats whole, streamed and asynchronous, a function, responses, embeddings."""
    url, model = sys.argv[1:]
    to = {"model": f"openai/{model}", "api_base": url, "api_key": "k", "max_retries": 0}
    asked = {**to, "messages": MESSAGES}
    expect(litellm.completion(**asked).choices[0].message.content, SAID)
    chunks = litellm.completion(**asked, stream=True)
    expect("".join(chunk.choices[0].delta.content or "" for chunk in chunks), SAID)
    expect(asyncio.run(litellm.acompletion(**asked)).choices[0].message.content, SAID)
    called = litellm.completion(**asked, tools=[TOOL]).choices[0].message.tool_calls[0]
    expect(json.loads(called.function.arguments), {"city": "mock", "degrees": 1})
    response = litellm.responses(**to, input="Hello")
    expect(response.output[0].content[0].text, SAID)
    vectors = litellm.embedding(**to, input=["x", "y"], encoding_format="float")
    expect([one["embedding"][:2] for one in vectors.data], [[1, 0], [0, 1]])
    print(f"litellm {version('litellm')}, openai {version('openai')}")


def expect(found: object, wanted: object) -> None:
    """Raise where the two differ."""
    if found != wanted:
        raise SystemExit(f"{found!r} instead of {wanted!r}")


if __name__ == "__main__":
    main()
