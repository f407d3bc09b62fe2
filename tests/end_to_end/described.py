"""OpenAI's API as the official client describes it: the operations that the gateway serves.

The client's types are made from OpenAI's published description, so that what they allow is what
callers may send. The document is written to the path that is given:

    python -m tests.end_to_end.described build/fuzz/openapi.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from openai.types import (
    Batch,
    Completion,
    CreateEmbeddingResponse,
    FileDeleted,
    FileObject,
    Model,
    batch_create_params,
    batch_list_params,
    completion_create_params,
    file_create_params,
    file_list_params,
)
from openai.types import embedding_create_params as embeddings
from openai.types.chat import ChatCompletion
from openai.types.chat import completion_create_params as chats
from openai.types.fine_tuning import (
    FineTuningJob,
    FineTuningJobEvent,
    job_create_params,
    job_list_events_params,
    job_list_params,
)
from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint
from openai.types.responses import Response
from openai.types.responses import response_create_params as responses
from pydantic import TypeAdapter

OPERATIONS: Mapping[str, tuple[Any, Any]] = {
    "/chat/completions": (chats.CompletionCreateParamsNonStreaming, ChatCompletion),
    "/completions": (completion_create_params.CompletionCreateParamsNonStreaming, Completion),
    "/embeddings": (embeddings.EmbeddingCreateParams, CreateEmbeddingResponse),
    "/responses": (responses.ResponseCreateParamsNonStreaming, Response),
}
TEXT_OR_NULL = {"type": ["string", "null"]}
ERROR = {
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string", "minLength": 1},
                "type": {"type": "string"},
                "param": TEXT_OR_NULL,
                "code": TEXT_OR_NULL,
            },
        }
    },
}


BINARY = {"type": "string", "format": "binary"}
REFUSED = ("400", "401", "403", "404", "408", "409", "413", "415", "416", "429")


def document(
    models: list[str],
    *,
    files: Sequence[str] = (),
    batches: Sequence[str] = (),
    jobs: Sequence[str] = (),
) -> dict[str, Any]:
    """The description, with the names of models that can be asked for, and ids that are known."""
    schemas: dict[str, Any] = {"Refused": ERROR}
    paths = {path: _path(path, *types, models, schemas) for path, types in OPERATIONS.items()}
    paths["/models"] = {"get": _act("models", _list(Model, schemas))}
    paths["/models/{model}"] = {
        "parameters": [_id("model", models)],
        "get": _act("model", _schema(Model, "serialization", schemas)),
    }
    paths |= _files(schemas, files) | _batches(schemas, files, batches)
    paths |= _jobs(schemas, models, files, jobs)
    return {
        "openapi": "3.1.0",
        "info": {"title": "OpenAI's API", "version": "1"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


# Below: private.


def _files(schemas: dict[str, Any], known: Sequence[str]) -> dict[str, Any]:
    """`/files`, whose list and ids are as the client has them."""
    file = _schema(FileObject, "serialization", schemas)
    file["properties"]["purpose"]["enum"].append("evals")  # taken, but forgotten in what is said
    listed = _schema(file_list_params.FileListParams, "validation", schemas)
    purposes = _schema(file_create_params.FilePurpose, "validation", schemas)
    form = {
        "type": "object",
        "required": ["file", "purpose"],
        "properties": {
            "file": {"anyOf": [BINARY, {"enum": ['{"custom_id": "1"}', '{"messages": []}\n{}']}]},
            "purpose": purposes,
            "expires_after[anchor]": {"enum": ["created_at"]},
            "expires_after[seconds]": {"type": "integer"},
        },
    }
    content = {"200": _bytes(), "206": _bytes(), **_errors()}
    return {
        "/files": {
            "post": _act("upload", file, body={"multipart/form-data": {"schema": form}}),
            "get": _act("files", _page(file), query=listed),
        },
        "/files/{file}": {
            "parameters": [_id("file", known)],
            "get": _act("file", file),
            "delete": _act("forget", _schema(FileDeleted, "serialization", schemas)),
        },
        "/files/{file}/content": {
            "parameters": [
                _id("file", known),
                {"name": "Range", "in": "header", "schema": {"type": "string"}},
            ],
            "get": {"operationId": "content", "responses": content},
        },
    }


def _batches(schemas: dict[str, Any], files: Sequence[str], known: Sequence[str]) -> dict[str, Any]:
    """`/batches`."""
    batch = _schema(Batch, "serialization", schemas)
    asked = _schema(batch_create_params.BatchCreateParams, "validation", schemas)
    asked["properties"]["input_file_id"] = _one_of(files)
    listed = _schema(batch_list_params.BatchListParams, "validation", schemas)
    one = [_id("batch", known)]
    return {
        "/batches": {
            "post": _act("batch", batch, body={"application/json": {"schema": asked}}),
            "get": _act("batches", _page(batch), query=listed),
        },
        "/batches/{batch}": {"parameters": one, "get": _act("retrieve", batch)},
        "/batches/{batch}/cancel": {"parameters": one, "post": _act("cancel", batch)},
    }


def _jobs(
    schemas: dict[str, Any], models: list[str], files: Sequence[str], known: Sequence[str]
) -> dict[str, Any]:
    """`/fine_tuning/jobs`."""
    job = _schema(FineTuningJob, "serialization", schemas)
    job["properties"]["status"]["enum"].append("paused")  # it can be, and the client knows no word
    event = _schema(FineTuningJobEvent, "serialization", schemas)
    checkpoint = _schema(FineTuningJobCheckpoint, "serialization", schemas)
    asked = _schema(job_create_params.JobCreateParams, "validation", schemas)
    asked["properties"]["model"] = _one_of(models)
    asked["properties"]["training_file"] = _one_of(files)
    listed = _schema(job_list_params.JobListParams, "validation", schemas)
    paged = _schema(job_list_events_params.JobListEventsParams, "validation", schemas)
    root, one = "/fine_tuning/jobs", [_id("job", known)]
    return {
        root: {
            "post": _act("tune", job, body={"application/json": {"schema": asked}}),
            "get": _act("jobs", _page(job), query=listed),
        },
        f"{root}/{{job}}": {"parameters": one, "get": _act("job", job)},
        f"{root}/{{job}}/events": {
            "parameters": one,
            "get": _act("events", _page(event), query=paged),
        },
        f"{root}/{{job}}/checkpoints": {
            "parameters": one,
            "get": _act("checkpoints", _page(checkpoint), query=paged),
        },
        **{
            f"{root}/{{job}}/{act}": {"parameters": one, "post": _act(f"{act}_job", job)}
            for act in ("cancel", "pause", "resume")
        },
    }


def _act(
    name: str,
    answered: Any,
    *,
    query: dict[str, Any] | None = None,
    body: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """An operation with what it may be asked and what it may say."""
    found: dict[str, Any] = {
        "operationId": name,
        "responses": {"200": _said(answered), **_errors()},
    }
    if query is not None:
        found["parameters"] = [
            {"name": parameter, "in": "query", "schema": schema}
            for parameter, schema in query["properties"].items()
        ]
    if body is not None:
        found["requestBody"] = {"required": True, "content": body}
    return found


def _errors() -> dict[str, Any]:
    return dict.fromkeys(REFUSED, _said({"$ref": "#/components/schemas/Refused"}))


def _bytes() -> dict[str, Any]:
    return {"description": "bytes", "content": {"application/octet-stream": {"schema": BINARY}}}


def _id(name: str, known: Sequence[str]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": _one_of(known)}


def _one_of(known: Sequence[str]) -> dict[str, Any]:
    """One that is there, or anything else."""
    anything = {"type": "string", "minLength": 1}
    return {"anyOf": [{"enum": [*known]}, anything]} if known else anything


def _list(kind: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    return _page(_schema(kind, "serialization", schemas), more=False)


def _page(entry: Any, *, more: bool = True) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["object", "data", *(["has_more"] if more else [])],
        "properties": {
            "object": {"enum": ["list"]},
            "data": {"type": "array", "items": entry},
            "has_more": {"type": "boolean"},
        },
    }


def _path(
    path: str, asked: Any, answered: Any, models: list[str], schemas: dict[str, Any]
) -> dict[str, Any]:
    request = _schema(asked, "validation", schemas)
    request["properties"]["model"] = {"enum": models}
    error = _said({"$ref": "#/components/schemas/Refused"})
    return {
        "post": {
            "operationId": path.strip("/").replace("/", "_"),
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": request}},
            },
            "responses": {
                "200": _said(_schema(answered, "serialization", schemas)),
                **dict.fromkeys(("400", "404", "413", "415"), error),
            },
        }
    }


def _schema(kind: Any, mode: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """The JSON schema of a type; what it refers to is added to *schemas*."""
    template = "#/components/schemas/{model}"
    found = TypeAdapter(kind).json_schema(ref_template=template, mode=mode)
    schemas.update(found.pop("$defs", {}))
    return found


def _said(schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": "what is said", "content": {"application/json": {"schema": schema}}}


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(document(["a", "x"])), encoding="utf-8")
