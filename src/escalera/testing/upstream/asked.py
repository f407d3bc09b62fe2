"""What a request to the mock upstream asks for: as much of it as its answer depends on."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from escalera.domain.traffic import Operation

Place = Operation | Literal["models", "control", ""]

PLACES: dict[bytes, Place] = {
    b"/chat/completions": "chat",
    b"/completions": "completions",
    b"/embeddings": "embeddings",
    b"/responses": "responses",
    b"/models": "models",
    b"/mock": "control",
}


class _Options(msgspec.Struct):
    include_usage: bool = False


class Body(msgspec.Struct):
    """The body of any of the calls; what is not there has its default, what is more is left out."""

    model: str = ""
    stream: bool = False
    stream_options: _Options | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    max_output_tokens: int | None = None
    input: Any = None
    encoding_format: str = "float"
    dimensions: int | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Any = None
    response_format: dict[str, Any] | None = None
    text: dict[str, Any] | None = None

    @property
    def plain(self) -> bool:
        """Whether the answer depends on nothing but names and sizes."""
        return not (self.tools or self.response_format or self.text or self.input)

    @property
    def limit(self) -> int | None:
        """The most tokens of an answer, by whichever of its names."""
        return self.max_completion_tokens or self.max_tokens or self.max_output_tokens

    @property
    def usage(self) -> bool:
        """Whether a stream is to end with its usage."""
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def schema(self) -> dict[str, Any] | None:
        """The JSON Schema that the answer is to keep, of chat completions or of responses."""
        form: dict[str, Any] = self.response_format or (self.text or {}).get("format") or {}
        found = form.get("json_schema", form).get("schema")
        return found if isinstance(found, dict) else None

    @property
    def function(self) -> dict[str, Any] | None:
        """The function that the answer is to call: the one that is forced, else the first."""
        if not self.tools or self.tool_choice == "none":
            return None
        functions: list[dict[str, Any]] = [tool.get("function", tool) for tool in self.tools]
        forced = self.tool_choice if isinstance(self.tool_choice, dict) else {}
        name = forced.get("function", forced).get("name")
        return next((found for found in functions if found.get("name") == name), functions[0])


class Asked(msgspec.Struct):
    """One request. `size` is its length in bytes; `head` ends before the empty line."""

    place: Place
    head: bytes
    body: Body
    size: int

    @property
    def fault(self) -> str:
        """The fault that the request itself asks for: by a header, or by the model's name."""
        place = self.head.find(b"\r\nx-mock-fault: ")
        if place >= 0:
            return self.head[place + 16 :].split(b"\r\n", 1)[0].decode("latin-1")
        model = self.body.model
        return model[6:] if model.startswith("fault:") else ""


_DECODER = msgspec.json.Decoder(Body)


def read(head: bytes, body: bytes) -> Asked:
    """A request as it travels. Raises `msgspec.DecodeError` for a body that is none."""
    path = head.split(b" ", 2)[1].split(b"?", 1)[0]
    place = PLACES.get(path[path.rfind(b"/") :], "")
    if place == "completions" and path.endswith(b"/chat/completions"):
        place = "chat"
    decoded = _DECODER.decode(body) if body and place != "control" else Body()
    return Asked(place=place, head=head, body=decoded, size=len(body))
