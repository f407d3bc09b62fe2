"""Between domain values and OpenAI's files and finetuning jobs: pure functions of JSON.

What a provider says beyond what is read here is kept word for word in the log of the training.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from escalera.domain.hosting import METHODS
from escalera.domain.levers import Hyperparameters
from escalera.domain.recipe import TrainingPair, TrainingRecipe
from escalera.domain.training import LossPoint
from escalera.errors import BadReply, InputError

T = TypeVar("T")
RECIPE_KEY = "escalera_recipe"
"""The key of a job's metadata under which the digest of its recipe stands."""
ENDED = ("succeeded", "failed", "cancelled")


class File(msgspec.Struct):
    """A file at the provider."""

    id: str
    filename: str = ""


class Problem(msgspec.Struct):
    """Why a job failed; all of it is None while it did not."""

    code: str | None = None
    message: str | None = None
    param: str | None = None


class Job(msgspec.Struct):
    """A finetuning job."""

    id: str
    status: str
    model: str = ""
    created_at: float | None = None
    finished_at: float | None = None
    fine_tuned_model: str | None = None
    trained_tokens: int | None = None
    training_file: str | None = None
    error: Problem | None = None
    metadata: dict[str, Any] | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ENDED

    @property
    def words(self) -> str:
        """Why it failed, as the provider says."""
        found = self.error
        if found is None or not (found.message or found.code):
            return ""
        where = f" ({found.param})" if found.param else ""
        return f"{found.message or found.code}{where}"


class JobEvent(msgspec.Struct):
    """Something that happened to a job."""

    id: str
    message: str = ""
    level: str = "info"
    type: str = "message"
    created_at: float | None = None
    data: Any = None


class Page(msgspec.Struct):
    """A page of a list; what it holds is read by itself, so that it can be kept word for word."""

    data: list[msgspec.Raw]
    has_more: bool = False


def parsed(body: bytes, kind: type[T], *, provider: str) -> T:
    """What *body* holds. Raises `BadReply` for anything else."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        said = body[:200].decode("utf-8", "replace") or "an empty body"
        problem = f"not a {kind.__name__.lower()} ({error}): {said}"
        raise BadReply(problem, provider=provider) from error


def examples(recipe: TrainingRecipe, pairs: Sequence[TrainingPair]) -> bytes:
    """The examples as JSON lines: chats, or preferences between two answers.

    Only the last answer of a chat is taught: those before it weigh 0.
    """
    told = _preference if METHODS[recipe.objective] == "dpo" else _chat
    return b"".join(msgspec.json.encode(told(pair)) + b"\n" for pair in pairs)


def job_body(recipe: TrainingRecipe, *, model: str, file: str, suffix: str) -> dict[str, Any]:
    """What a job is created with. What is not given is the provider's own choice (`auto`)."""
    method = METHODS[recipe.objective]
    given = _given(recipe.hosted or Hyperparameters(), dpo=method == "dpo")
    body: dict[str, Any] = {
        "model": model,
        "training_file": file,
        "method": {"type": method, method: {"hyperparameters": given}},
        "seed": recipe.levers.seed % 2**31,
        "metadata": {RECIPE_KEY: recipe.digest},
    }
    return body | ({"suffix": suffix} if suffix else {})


def filename(recipe: TrainingRecipe) -> str:
    """What the examples of a recipe are called at the provider."""
    return f"escalera-{recipe.digest}.jsonl"


def losses(events: Iterable[JobEvent]) -> tuple[LossPoint, ...]:
    """The losses of training that events tell, by their step."""
    found: dict[int, float] = {}
    for event in events:
        data = event.data if isinstance(event.data, dict) else {}
        step, loss = data.get("step"), data.get("train_loss")
        if isinstance(step, int) and isinstance(loss, int | float):
            found[step] = float(loss)
    return tuple(LossPoint(step=step, loss=found[step]) for step in sorted(found))


def multipart(boundary: str, *, name: str, content: bytes) -> bytes:
    """The body of an upload for finetuning (RFC 7578). Raises `InputError` for a bad boundary."""
    if boundary.encode() in content:
        raise InputError(f"the boundary {boundary!r} stands in the examples: take another")
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/jsonl\r\n\r\n"
    )
    return head.encode() + content + f"\r\n--{boundary}--\r\n".encode()


# Below: private.


def _given(asked: Hyperparameters, *, dpo: bool) -> dict[str, int | float]:
    said = {
        "n_epochs": asked.n_epochs,
        "batch_size": asked.batch_size,
        "learning_rate_multiplier": asked.learning_rate_multiplier,
        "beta": asked.beta if dpo else None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _chat(pair: TrainingPair) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [
        {"role": turn.role, "content": turn.content}
        | ({"weight": 0} if turn.role == "assistant" else {})
        for turn in pair.messages
    ]
    return {"messages": [*messages, {"role": "assistant", "content": pair.target}]}


def _preference(pair: TrainingPair) -> dict[str, Any]:
    if pair.rejected is None:
        raise InputError(
            f"the item {pair.item!r} has no rejected answer, and a preference is learned from two. "
            "Add one, or train with objective = 'supervised'."
        )
    turns = [{"role": turn.role, "content": turn.content} for turn in pair.messages]
    return {
        "input": {"messages": turns},
        "preferred_output": [{"role": "assistant", "content": pair.target}],
        "non_preferred_output": [{"role": "assistant", "content": pair.rejected}],
    }
