"""LangChain before a gateway: `python langchain_client.py URL MODEL`, in LangChain's environment.

Prints the versions; raises where an answer is not what the upstream said.
"""

from __future__ import annotations

import asyncio
import sys
from importlib.metadata import version

from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

SAID = " ".join(["A", *(f"word{n}" for n in range(1, 8))])


class Weather(BaseModel):
    """The weather of a city."""

    city: str
    degrees: int


@tool
def weather(city: str, degrees: int) -> str:
    """Tell the weather."""
    return f"{city}: {degrees}"


def main() -> None:
    """Everything that LangChain asks of a chat model and of embeddings."""
    url, model = sys.argv[1:]
    chat = ChatOpenAI(base_url=url, api_key="k", model=model, max_retries=0, stream_usage=True)
    expect(chat.invoke("Hello").content, SAID)
    chunks = [*chat.stream("Hello")]
    expect("".join(chunk.content for chunk in chunks), SAID)
    usage = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata]
    expect(usage[-1]["output_tokens"], 8)
    expect(asyncio.run(chat.ainvoke("Hello")).content, SAID)
    expect([one.content for one in chat.batch(["a", "b"])], [SAID, SAID])
    called = chat.bind_tools([weather]).invoke("Hello")
    expect(called.tool_calls[0]["args"], {"city": "mock", "degrees": 1})
    structured = chat.with_structured_output(Weather, method="json_schema")
    expect(structured.invoke("Hello"), Weather(city="mock", degrees=1))
    responses = ChatOpenAI(
        base_url=url, api_key="k", model=model, max_retries=0, use_responses_api=True
    )
    expect(responses.invoke("Hello").text, SAID)
    expect("".join(chunk.text for chunk in responses.stream("Hello")), SAID)
    vectors = OpenAIEmbeddings(
        base_url=url, api_key="k", model=model, check_embedding_ctx_length=False
    )
    expect([one[:2] for one in vectors.embed_documents(["x", "y"])], [[1, 0], [0, 1]])
    print(f"langchain-openai {version('langchain-openai')}, openai {version('openai')}")


def expect(found: object, wanted: object) -> None:
    """Raise where the two differ."""
    if found != wanted:
        raise SystemExit(f"{found!r} instead of {wanted!r}")


if __name__ == "__main__":
    main()
