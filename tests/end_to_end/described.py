"""OpenAI's API as the official client describes it: the operations that the gateway serves.

The client's types are made from OpenAI's published description, so that what they allow is what
callers may send. The document is written to the path that is given:

    python -m tests.end_to_end.described build/fuzz/openapi.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openai.types import Completion, CreateEmbeddingResponse, completion_create_params
from openai.types import embedding_create_params as embeddings
from openai.types.chat import ChatCompletion
from openai.types.chat import completion_create_params as chats
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


def document(models: list[str]) -> dict[str, Any]:
    """The description, with the names of models that can be asked for."""
    schemas: dict[str, Any] = {"Error": ERROR}
    paths = {path: _path(path, *types, models, schemas) for path, types in OPERATIONS.items()}
    paths["/models"] = {
        "get": {"operationId": "models", "responses": {"200": _said({"type": "object"})}}
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "OpenAI's API", "version": "1"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


# Below: private.


def _path(
    path: str, asked: Any, answered: Any, models: list[str], schemas: dict[str, Any]
) -> dict[str, Any]:
    request = _schema(asked, "validation", schemas)
    request["properties"]["model"] = {"enum": models}
    error = _said({"$ref": "#/components/schemas/Error"})
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
