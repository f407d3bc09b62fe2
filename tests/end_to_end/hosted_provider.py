"""A provider that finetunes, in a thread: files, jobs, events, checkpoints and chats as documented.

What it "learns" is a rule: a model whose examples say the last word in capitals does so, and any
other says "unknown". Faults are scripted by the path that they meet.
"""

from __future__ import annotations

import email
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from escalera.testing.loopback import serving

BASE = "small-1"
TOKENS = 1000
Answer = Callable[[Request], Awaitable[Response]]


@dataclass
class Fault:
    """Meets the next request of a method and path that hold these texts.

    `status` is answered instead; `lost` does what is asked and breaks the connection off.
    """

    at: str
    status: int = 0
    lost: bool = False
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Provider:
    """What the stand-in holds. A job is looked at `looks` times before it ends with `ends`."""

    url: str = ""
    looks: int = 3
    ends: str = "succeeded"
    keeps_metadata: bool = True
    tokens: int | None = TOKENS
    faults: list[Fault] = field(default_factory=list)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def made(self) -> list[dict[str, Any]]:
        """The jobs, oldest first."""
        return list(self.jobs.values())

    # What requests do

    async def add_file(self, request: Request) -> Response:
        parts = _parts(request.headers["content-type"], await request.body())
        filename, content = parts["file"]
        name = f"file-{len(self.files)}"
        self.files[name] = {
            "id": name,
            "object": "file",
            "bytes": len(content),
            "created_at": 1,
            "filename": filename,
            "purpose": parts["purpose"][1].decode(),
            "status": "processed",
        }
        self.contents[name] = content
        return JSONResponse(self.files[name])

    async def list_files(self, request: Request) -> Response:
        return _page(list(self.files.values())[::-1], request)

    async def add_job(self, request: Request) -> Response:
        body = json.loads(await request.body())
        if body["training_file"] not in self.files:
            return JSONResponse({"error": {"message": "no such file"}}, 400)
        name = f"ftjob-{len(self.jobs)}"
        self.jobs[name] = {
            "id": name,
            "object": "fine_tuning.job",
            "created_at": 100,
            "error": None,
            "fine_tuned_model": None,
            "finished_at": None,
            "hyperparameters": {},
            "method": body["method"],
            "metadata": body.get("metadata") if self.keeps_metadata else None,
            "model": body["model"],
            "organization_id": "org",
            "result_files": [],
            "seed": body["seed"],
            "status": "validating_files",
            "trained_tokens": None,
            "training_file": body["training_file"],
            "validation_file": None,
            "suffix": body.get("suffix"),
            "looked": 0,
        }
        self.events[name] = []
        self._tell(name, "Created fine-tuning job")
        return JSONResponse(self.jobs[name])

    async def list_jobs(self, request: Request) -> Response:
        return _page(self.made()[::-1], request)

    async def get_job(self, request: Request) -> Response:
        name = request.path_params["job"]
        if name not in self.jobs:
            return JSONResponse({"error": {"message": "no such job"}}, 404)
        job = self.jobs[name]
        if job["finished_at"] is None:
            self._go_on(job)
        return JSONResponse(job)

    async def cancel(self, request: Request) -> Response:
        job = self.jobs[request.path_params["job"]]
        if job["finished_at"] is not None:
            return JSONResponse({"error": {"message": "the job has ended"}}, 400)
        job.update(status="cancelled", finished_at=150)
        return JSONResponse(job)

    async def list_events(self, request: Request) -> Response:
        return _page(self.events[request.path_params["job"]][::-1], request)

    async def list_checkpoints(self, request: Request) -> Response:
        job = self.jobs[request.path_params["job"]]
        made = {
            "id": f"ftckpt-{job['id']}",
            "object": "fine_tuning.job.checkpoint",
            "created_at": 160,
            "fine_tuned_model_checkpoint": f"{job['fine_tuned_model']}:ckpt-1",
            "fine_tuning_job_id": job["id"],
            "metrics": {"step": 1.0, "train_loss": 2.0},
            "step_number": 1,
        }
        return _page([made], request)

    async def chat(self, request: Request) -> Response:
        body = json.loads(await request.body())
        model, said = body["model"], body["messages"][-1]["content"]
        self.asked.append(model)
        text = said.split()[-1].upper() if self._learned(model) else "unknown"
        choice = {"index": 0, "message": {"role": "assistant", "content": text}}
        usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
        done = {"object": "chat.completion", "id": "c", "created": 1, "usage": usage}
        return JSONResponse(
            {**done, "model": model, "choices": [{**choice, "finish_reason": "stop"}]}
        )

    # Private

    def _go_on(self, job: dict[str, Any]) -> None:
        job["looked"] += 1
        steps = self.looks
        if job["looked"] < steps:
            job["status"] = "running"
            loss = 3.0 / job["looked"]
            data = {"step": job["looked"], "total_steps": steps, "train_loss": loss}
            self._tell(job["id"], f"Step {job['looked']}/{steps}", kind="metrics", data=data)
            return
        job.update(status=self.ends, finished_at=160, trained_tokens=self.tokens)
        if self.ends == "succeeded":
            job["fine_tuned_model"] = f"ft:{job['model']}:org:{job['suffix'] or ''}:{job['id']}"
        if self.ends == "failed":
            job["error"] = {"code": "bad_data", "message": "line 3 is empty", "param": "file"}
            job["trained_tokens"] = None

    def _tell(self, job: str, said: str, *, kind: str = "message", data: Any = None) -> None:
        self.events[job].append(
            {
                "id": f"ftevent-{job}-{len(self.events[job])}",
                "object": "fine_tuning.job.event",
                "created_at": 100,
                "level": "info",
                "message": said,
                "type": kind,
                "data": data or {},
            }
        )

    def _learned(self, model: str) -> bool:
        for job in self.jobs.values():
            if job["fine_tuned_model"] == model:
                lines = self.contents[job["training_file"]].splitlines()
                return all(_is_upper(json.loads(line)) for line in lines)
        return False


@contextmanager
def providing(provider: Provider) -> Iterator[Provider]:
    """*provider* on the loopback address."""
    with serving(_application(provider)) as url:
        provider.url = f"{url}/v1"
        yield provider


# Below: private.


def _application(provider: Provider) -> Starlette:
    jobs = "/v1/fine_tuning/jobs"
    table: list[tuple[str, str, Answer]] = [
        ("POST", "/v1/files", provider.add_file),
        ("GET", "/v1/files", provider.list_files),
        ("POST", jobs, provider.add_job),
        ("GET", jobs, provider.list_jobs),
        ("GET", f"{jobs}/{{job}}", provider.get_job),
        ("POST", f"{jobs}/{{job}}/cancel", provider.cancel),
        ("GET", f"{jobs}/{{job}}/events", provider.list_events),
        ("GET", f"{jobs}/{{job}}/checkpoints", provider.list_checkpoints),
        ("POST", "/v1/chat/completions", provider.chat),
    ]
    return Starlette(
        routes=[
            Route(path, _met(provider, answer), methods=[method]) for method, path, answer in table
        ]
    )


def _met(provider: Provider, answer: Answer) -> Answer:
    """*answer*, where no fault is met."""

    async def asked(request: Request) -> Response:
        said = f"{request.method} {request.url.path}"
        provider.seen.append(said)
        provider.keys.add(request.headers.get("authorization", ""))
        fault = next((fault for fault in provider.faults if said.endswith(fault.at)), None)
        if fault is None:
            return await answer(request)
        provider.faults.remove(fault)
        if fault.lost:
            await answer(request)
            return _Cut()
        return JSONResponse({"error": {"message": "not now"}}, fault.status, fault.headers)

    return asked


class _Cut(Response):
    """Announces a body and ends without it: the connection breaks."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"100")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})
        raise ConnectionResetError("the connection is cut, as the test asks")


def _page(entries: list[dict[str, Any]], request: Request) -> Response:
    limit, after = int(request.query_params.get("limit", 20)), request.query_params.get("after")
    if after is not None:
        ids = [entry["id"] for entry in entries]
        entries = entries[ids.index(after) + 1 :]
    more = len(entries) > limit
    return JSONResponse({"object": "list", "data": entries[:limit], "has_more": more})


def _parts(form: str, body: bytes) -> dict[str, tuple[str | None, bytes]]:
    """The parts of a form by name, each with its file's name; read by the standard library."""
    whole = email.message_from_bytes(f"Content-Type: {form}\r\n\r\n".encode() + body)
    found = {}
    for part in whole.get_payload():
        assert isinstance(part, Message)
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found[str(name)] = (part.get_filename(), content)
    return found


def _is_upper(line: dict[str, Any]) -> bool:
    *_, asked, answer = line["messages"]
    return bool(answer["content"] == asked["content"].split()[-1].upper())
