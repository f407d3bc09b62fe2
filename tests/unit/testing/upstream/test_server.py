"""The mock as a server: the official client in front of it, its pace, its counts, its process."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import openai
import pytest
from pydantic import BaseModel

from escalera.errors import InputError
from escalera.testing.upstream import Mock, Pace, serving

pytestmark = pytest.mark.network

MESSAGES = [{"role": "user", "content": "Hello"}]


def client_of(mock, key="k"):
    return openai.OpenAI(base_url=mock.url, api_key=key, max_retries=0)


@pytest.fixture(scope="module")
def mock():
    with serving(Mock(name="a", pace=Pace(tokens=5))) as served:
        yield served


class Weather(BaseModel):
    city: str
    degrees: int


TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": Weather.model_json_schema(), "strict": True},
}


def test_the_official_client_reads_every_answer(mock):
    """Chat, completions, embeddings and models."""
    with client_of(mock) as client:
        chat = client.chat.completions.create(model="m", messages=MESSAGES)
        assert chat.choices[0].message.content == "a word1 word2 word3 word4"
        assert chat.usage.completion_tokens == 5
        parsed = client.chat.completions.parse(
            model="m", messages=MESSAGES, response_format=Weather
        )
        assert parsed.choices[0].message.parsed == Weather(city="mock", degrees=1)
        called = client.chat.completions.create(model="m", messages=MESSAGES, tools=[TOOL])
        assert called.choices[0].message.tool_calls[0].function.name == "weather"
        assert client.completions.create(model="m", prompt="x").choices[0].text.startswith("a ")
        vectors = client.embeddings.create(model="m", input=["x", "y"], dimensions=3)
        assert [one.embedding for one in vectors.data] == [[1, 0, 0], [0, 1, 0]]
        assert [model.id for model in client.models.list()] == ["mock"]


def test_the_official_client_reads_every_stream(mock):
    """Chat with usage and with a function, completions, responses."""
    with client_of(mock) as client:
        with client.chat.completions.stream(
            model="m", messages=MESSAGES, stream_options={"include_usage": True}
        ) as stream:
            said = stream.get_final_completion()
        assert said.choices[0].message.content == "a word1 word2 word3 word4"
        assert said.usage.completion_tokens == 5
        with client.chat.completions.stream(model="m", messages=MESSAGES, tools=[TOOL]) as stream:
            (call,) = stream.get_final_completion().choices[0].message.tool_calls
        assert json.loads(call.function.arguments) == {"city": "mock", "degrees": 1}
        pieces = [e.choices[0].text for e in client.completions.create(
            model="m", prompt="x", stream=True)]  # fmt: skip
        assert "".join(pieces) == "a word1 word2 word3 word4"
        with client.responses.stream(model="m", input="x") as stream:
            response = stream.get_final_response()
        assert response.output_text == "a word1 word2 word3 word4"
        assert client.responses.create(model="m", input="x").output_text == response.output_text
        parsed = client.responses.parse(model="m", input="x", text_format=Weather)
        assert parsed.output_parsed == Weather(city="mock", degrees=1)


def test_faults_by_instance_and_for_a_number_of_requests():
    """What is set holds for so many requests; a name that there is not is refused."""
    with serving(Mock(fault="status-503", times=2)) as mock, client_of(mock) as client:
        for _ in range(2):
            with pytest.raises(openai.InternalServerError):
                client.models.list()
        assert client.models.list().data
        assert (mock.counts["models"], mock.counts["fault:status-503"]) == (3, 2)
    with pytest.raises(InputError, match="no fault 'nonsense'"):
        Mock(fault="nonsense")


def test_what_is_wrong_with_a_request(mock):
    """No JSON, an unknown path, an unknown fault: told in OpenAI's shape."""
    with client_of(mock) as client:
        with pytest.raises(openai.BadRequestError, match="no fault 'nonsense'"):
            client.chat.completions.create(model="fault:nonsense", messages=MESSAGES)
        with pytest.raises(openai.NotFoundError, match="no such path"):
            client.files.list()
    with serving(Mock(key="right")) as locked, client_of(locked, "wrong") as client:
        with pytest.raises(openai.AuthenticationError):
            client.models.list()
        assert client_of(locked, "right").models.list().data


def test_requests_may_come_in_pieces_or_together(mock):
    """Byte by byte, and two in one packet: as many answers, in order."""
    one = b"GET /v1/models HTTP/1.1\r\n\r\n"
    body = b'{"model":"m","max_tokens":1}'
    two = b"POST /v1/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    for parts in ([bytes([byte]) for byte in one + two], [one + two]):
        with socket.create_connection(("127.0.0.1", mock.port)) as sock:
            for part in parts:
                sock.sendall(part)
            received = b""
            while received.count(b"HTTP/1.1 200") < 2 or not received.endswith(b"}"):
                received += sock.recv(65536)
        assert received.index(b'"list"') < received.index(b"text_completion")


def test_pace_is_kept():
    """The first byte and the gap between tokens take at least their time."""
    with (
        serving(Mock(pace=Pace(first=0.05, gap=0.02, tokens=5))) as mock,
        client_of(mock) as client,
    ):
        started = time.perf_counter()
        stream = client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        arrived = [time.perf_counter() - started for _ in stream]
        assert arrived[0] >= 0.05
        assert arrived[-1] >= 0.05 + 5 * 0.02
        client.chat.completions.create(model="m", messages=MESSAGES)


def test_a_reader_that_stalls_is_waited_for():
    """A stream larger than the buffers of the kernel goes on when it is read."""
    with serving(Mock(pace=Pace(tokens=60_000))) as mock:
        body = b'{"model":"m","stream":true}'
        with socket.create_connection(("127.0.0.1", mock.port)) as sock:
            sock.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
                + body
            )
            time.sleep(0.2)
            read = b""
            while not read.endswith(b"0\r\n\r\n"):
                read = read[-5:] + sock.recv(1 << 20)


def test_as_a_process():
    """It says where it listens; its fault is set and its counts are told from outside."""
    process = subprocess.Popen(
        [sys.executable, "-m", "escalera.testing.upstream", "--name", "b", "--tokens", "2"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path.cwd(),
    )
    try:
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1", url)
        control = url.removesuffix("/v1") + "/mock"
        told = json.dumps({"fault": "html", "pace": {"tokens": 3}}).encode()
        urllib.request.urlopen(urllib.request.Request(control, data=told)).close()
        client = openai.OpenAI(base_url=url, api_key="k", max_retries=0)
        raw = client.chat.completions.with_raw_response.create(model="m", messages=MESSAGES)
        assert raw.headers["content-type"] == "text/html"
        urllib.request.urlopen(urllib.request.Request(control, data=b'{"fault":""}')).close()
        said = client.chat.completions.create(model="m", messages=MESSAGES)
        assert said.choices[0].message.content == "b word1 word2"
        client.close()
        with urllib.request.urlopen(control) as response:
            assert json.load(response)["counts"]["fault:html"] == 1
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
