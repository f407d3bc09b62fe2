"""Files through `escalera serve` and OpenAI's own Python client."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import openai
import pytest
from tests.end_to_end import served
from tests.end_to_end.test_gateway_keys import Keys

pytestmark = [pytest.mark.network, pytest.mark.timeout(180)]

LINE = b'{"custom_id": "1"}\n'


def held(folder: Path) -> list[str]:
    """What lies in the folder of files."""
    return sorted(path.name for path in (folder / ".escalera/gateway/files").glob("file-*"))


def test_the_official_client_uploads_lists_reads_and_deletes(tmp_path: Path) -> None:
    """Every call of its resource, as it is; an upload of 40 MB stays out of the server's memory."""
    with served.gateway(tmp_path) as gateway, gateway.client() as client:
        data = LINE * 5
        made = client.files.create(file=io.BytesIO(data), purpose="batch")
        assert (made.bytes, made.purpose, made.status) == (len(data), "batch", "processed")
        named = client.files.create(
            file=("tune.jsonl", LINE),
            purpose="fine-tune",
            expires_after={"anchor": "created_at", "seconds": 3600},
        )
        assert named.filename == "tune.jsonl"
        assert named.expires_at == named.created_at + 3600
        assert [one.id for one in client.files.list()] == [named.id, made.id]
        assert [one.id for one in client.files.list(limit=1, order="asc")] == [made.id, named.id]
        assert [one.id for one in client.files.list(purpose="batch")] == [made.id]
        assert client.files.retrieve(made.id) == made
        assert client.files.content(made.id).content == data
        assert client.files.wait_for_processing(made.id).id == made.id
        assert client.files.delete(named.id).deleted
        with pytest.raises(openai.NotFoundError):
            client.files.retrieve(named.id)
        with pytest.raises(openai.BadRequestError, match="line 1 is no JSON object"):
            client.files.create(file=b"a,b\n", purpose="batch")
        with pytest.raises(openai.BadRequestError, match="'fine-tune', 'batch', 'evals'"):
            client.files.create(file=LINE, purpose="vision")
        before = memory(gateway.process.pid)
        large = client.files.create(file=io.BytesIO(LINE.ljust(40_000_000)), purpose="batch")
        assert memory(gateway.process.pid) < before + 20_000
        with client.files.with_streaming_response.content(large.id) as response:
            assert sum(map(len, response.iter_bytes())) == 40_000_000


def memory(pid: int) -> int:
    """The most kilobytes that a process ever had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def test_too_large_a_file_is_refused_in_words(tmp_path: Path) -> None:
    """Even while the client still sends it."""
    extra = "\n[gateway.files]\nmegabytes = 1\n"
    with served.gateway(tmp_path, extra=extra) as gateway, gateway.client() as client:
        for size in (1_050_000, 30_000_000):
            with pytest.raises(openai.APIStatusError) as caught:
                client.files.create(file=io.BytesIO(LINE.ljust(size)), purpose="batch")
            assert caught.value.status_code == 413
        assert held(tmp_path) == []


def test_two_keys_do_not_see_each_others_files(tmp_path: Path) -> None:
    """By no call, and without a key nothing at all."""
    keys = Keys(anna=None, bert=None)
    with served.gateway(tmp_path, prepare=keys) as gateway:
        anna, bert, nobody = (
            openai.OpenAI(base_url=gateway.url, api_key=key, max_retries=0)
            for key in (keys.secrets["anna"], keys.secrets["bert"], "esk-wrong")
        )
        made = anna.files.create(file=LINE, purpose="batch")
        assert [*bert.files.list()] == []
        for act in (bert.files.retrieve, bert.files.content, bert.files.delete):
            with pytest.raises(openai.NotFoundError):
                act(made.id)
        with pytest.raises(openai.AuthenticationError):
            nobody.files.list()
        assert anna.files.content(made.id).content == LINE


def test_a_kill_in_the_middle_of_an_upload_leaves_nothing(tmp_path: Path) -> None:
    """Not visible at once, and not on the disk after the next start; what was there stays."""
    with served.gateway(tmp_path) as gateway, gateway.client() as client:
        stays = client.files.create(file=LINE, purpose="batch")
        where = urlsplit(gateway.url)
        with socket.create_connection((where.hostname, where.port)) as caller:
            caller.sendall(
                b"POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 90000000\r\n"
                b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
                b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
            )
            caller.sendall(LINE * 200_000)
            deadline = time.monotonic() + 20
            while not any(name.endswith(".part") for name in held(tmp_path)):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            os.kill(gateway.process.pid, signal.SIGKILL)
            gateway.process.wait(20)
        assert len(held(tmp_path)) == 2
    with served.gateway(tmp_path) as gateway, gateway.client() as client:
        assert [one.id for one in client.files.list()] == [stays.id]
        assert client.files.content(stays.id).content == LINE
        deadline = time.monotonic() + 20
        while held(tmp_path) != [stays.id]:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_with_several_workers_a_file_is_there_for_all(tmp_path: Path) -> None:
    """As soon as its upload was answered."""
    with served.gateway(tmp_path, options=("--workers", "2")) as gateway:
        ids = []
        for number in range(10):
            with gateway.client() as client:  # a connection of its own, so that any may answer
                ids.append(client.files.create(file=LINE * number or LINE, purpose="evals").id)
            with gateway.client() as client:
                assert json.loads(client.files.content(ids[-1]).content.splitlines()[0])
        with gateway.client() as client:
            assert [one.id for one in client.files.list(order="asc")] == ids
