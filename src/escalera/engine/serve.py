"""The request path without HTTP: from a model name and a conversation to the call to make.

What answers under a route's name is the system that was measured, or the answer says so: its
digest is computed anew when the caller overrides the decoding.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Protocol, TypeAlias

from escalera.core.prompts import rendering
from escalera.domain.contract import OutputContract
from escalera.domain.message import Decoding, Message, Piece, Query, Reply, Request
from escalera.domain.project import ModelPrice
from escalera.domain.system import Material, Prompt, Route, System
from escalera.errors import InputError
from escalera.ports import Provider
from escalera.ports.serving import Upstream

if TYPE_CHECKING:  # NumPy is not needed to say what `chat` does
    from escalera.core.routing.router import Choice, Refusal


Infer: TypeAlias = "Callable[[str], Choice | Awaitable[Choice]]"
"""Tells the query type of a message, at once or, where something has to be read first, later."""


class Closing(Protocol):
    """What is closed with a desk."""

    async def close(self) -> None:
        """Release what is held; called once."""


class Chooser(Protocol):
    """Finds what the selections of a prompt choose for a query."""

    async def material(self, prompt: Prompt, query: Query) -> Material:
        """All that is shown with *query*."""

    async def close(self) -> None:
        """Release what is held; called once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A base model of the project file: the revision of its weights, and what answers for it.

    `upstream` is the endpoint in its own words where there is one, which calls the model `called`
    and is shown the key `secret`; `price` is None where it is unknown, and `tuned_price` is that of
    what the provider of a model finetuned whose weights are not `local`. A finetuned model is the
    model `base` of the project file with the artifact `adapter`; where weights are not `local` no
    artifact can be put beside them.
    """

    revision: str
    provider: Provider
    upstream: Upstream | None = None
    called: str = ""
    price: ModelPrice | None = None
    tuned_price: ModelPrice | None = None
    made_of: str = ""
    secret: str = field(default="", repr=False)
    base: str = ""
    adapter: str | None = None
    local: bool = True

    def price_of(self, system: System) -> ModelPrice | None:
        """What it costs to ask *system*: a provider's own finetuned models have their price."""
        return self.price if self.local or system.adapter is None else self.tuned_price


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What a caller asks of the decoding; None leaves it as it was measured.

    `schema` is a JSON Schema, as text, that the answer has to keep to. `logprobs` asks how likely
    its tokens were, beside so many of the likeliest, and `verbatim` for no chat template; neither
    changes the system that answers.
    """

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: tuple[tuple[int, float], ...] | None = None
    schema: str | None = None
    logprobs: int | None = None
    verbatim: bool = False

    def on(self, decoding: Decoding) -> Decoding:
        """*decoding* with what is overridden."""
        asked = {name: getattr(self, name) for name in _DECODING}
        return replace(decoding, **{name: it for name, it in asked.items() if it is not None})


_DECODING = tuple(field.name for field in fields(Decoding))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """A resolved call.

    `system` is the digest of what answers, and `model` the base model that it asks, at `price`;
    `task` is None for a base model. `prompt` says which
    part of the reply is the answer. `sources` are the ids of the passages that the model was shown.
    `refusal` is why the router abstained, where it did: then `task` is its best guess, and
    `probability` how probable that is; None where nothing was inferred. `decision` is the id of the
    decision by which the system serves.
    """

    system: str
    model: str
    task: str | None
    prompt: Prompt
    request: Request
    provider: Provider
    price: ModelPrice | None = None
    sources: tuple[str, ...] = ()
    refusal: Refusal = ""
    probability: float | None = None
    decision: str = ""

    @property
    def why(self) -> str:
        """Why this system answers, in words; empty where nothing was chosen."""
        if self.probability is None:
            return ""
        said = f"type {self.task} ({self.probability:.2f})"
        return f"{said}, {self.refusal}" if self.refusal else said

    def answer(self, reply: str) -> str:
        """The part of a whole reply that answers."""
        return rendering.answer(self.prompt, reply)

    def nth(self, choice: int) -> Answering:
        """The same for one of several answers, counted from 0."""
        if choice == self.request.choice:
            return self
        return replace(self, request=replace(self.request, choice=choice))

    async def stream(self) -> AsyncGenerator[str | Piece | Reply]:
        """The answer piece by piece, then the whole reply.

        Where the model thinks aloud first, nothing is known to be the answer before the end: then
        the answer is one piece.
        """
        pieces = self.provider.stream(self.request)
        try:
            async for piece in pieces:
                if not self.prompt.marker:
                    yield piece
                elif isinstance(piece, Reply):
                    said = self.answer(piece.text)
                    yield said
                    yield replace(piece, text=said)
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()


class Desk:
    """Everything that can be asked by name.

    The route answers as *label*, and each of its tasks as `label/task`; every base model answers
    raw, by its name. `infer` tells the query type of a message, and whether it is sure; None when
    the caller declares it, and then a route of several tasks has no name of its own. `chooser`
    finds the material of a prompt that chooses some for every query. `decision` is the id of the
    decision that put the route into service. `readers`, which `infer` asks, are closed with it.
    """

    readers: Closing | None = None

    def __init__(
        self,
        *,
        label: str,
        route: Route | None,
        models: Mapping[str, Served],
        infer: Infer | None,
        chooser: Chooser | None = None,
        decision: str = "",
    ) -> None:
        self._label = label
        self._decision = decision
        self._models = dict(models)
        self._infer = infer
        self._chooser = chooser
        self._systems: dict[str, System] = {}
        self._unsure: dict[str, System] = {}
        if route is not None:
            self._systems = {branch.task: branch.system for branch in route.branches}
            self._unsure = {branch.task: branch.system for branch in route.unsure}
        self._check()

    def names(self) -> tuple[str, ...]:
        """The names that `resolve` knows."""
        own = (self._label,) if self._is_whole() else ()
        tasks = (f"{self._label}/{task}" for task in self._systems)
        return (*own, *tasks, *self._models)

    async def resolve(
        self, model: str, messages: Sequence[Message], overrides: Overrides
    ) -> Answering:
        """The call that answers *messages* under the name *model*.

        Raises `ProviderError` where material is chosen by embeddings and they cannot be had.
        """
        if model not in self.names():
            raise InputError(self.unknown(model))
        if not messages:
            raise InputError("messages is empty; the last message must be the user's.")
        if model in self._models:
            return self._raw(model, messages, overrides)
        self._check_turns(messages)
        task = model.removeprefix(self._label).removeprefix("/")
        choice = None if task else await self._choice(messages[-1].content)
        if not task:
            task = next(iter(self._systems)) if choice is None else choice.type
        return await self._branch(task, messages, overrides, choice)

    def models(self) -> Mapping[str, Served]:
        """The base models that answer raw, by name."""
        return self._models

    def measured(self, name: str) -> tuple[System, ...]:
        """The systems that may answer under *name*; none where a base model answers raw."""
        if name in self._models:
            return ()
        task = name.removeprefix(self._label).removeprefix("/")
        return tuple(
            system
            for systems in (self._systems, self._unsure)
            for one, system in systems.items()
            if task in {"", one}
        )

    @property
    def label(self) -> str:
        """The name that the route answers as."""
        return self._label

    async def close(self, *, successor: Desk | None = None) -> None:
        """Close every provider, the chooser and the readers; called once, when serving ends.

        What a *successor* goes on with stays open.
        """
        kept = () if successor is None else [one.provider for one in successor.models().values()]
        for served in self._models.values():
            if not any(served.provider is one for one in kept):
                await served.provider.close()
            if served.upstream is not None:
                await served.upstream.close()
        if self._chooser is not None:
            await self._chooser.close()
        if self.readers is not None:
            await self.readers.close()

    def unknown(self, model: str) -> str:
        """Why *model* is not a name here, and what is."""
        known = ", ".join(repr(name) for name in self.names())
        if model == self._label and self._systems:
            return f"The route {model!r} does not infer the query type: ask for one of {known}."
        return f"The model {model!r} is not served here; served are {known}."

    def _is_whole(self) -> bool:
        """Whether the route can be asked without naming a task."""
        return len(self._systems) == 1 or (bool(self._systems) and self._infer is not None)

    def _check(self) -> None:
        for task, system in (*self._systems.items(), *self._unsure.items()):
            if system.model not in self._models:
                raise InputError(
                    f"The route's system for {task!r} needs the model {system.model!r}, "
                    f"but the models are {sorted(self._models)}. Add it to the project file."
                )
            if system.prompt.selections and self._chooser is None:
                raise InputError(
                    f"The route's system for {task!r} chooses examples or passages for each query, "
                    "and this desk has nothing to choose from: pass a `chooser`."
                )
        taken = {self._label, *(f"{self._label}/{task}" for task in self._systems)}
        clashes = taken & self._models.keys()
        if clashes:
            raise InputError(
                f"{sorted(clashes)} names both a model and the served route. Rename one of them."
            )

    def _check_schema(self, overrides: Overrides) -> None:
        if overrides.schema is not None:
            bases = ", ".join(repr(name) for name in self._models)
            raise InputError(
                f"{self._label!r} cannot be held to a schema of the caller's: what was measured "
                "would not be what answers. Leave response_format out, or ask a base model: "
                f"{bases}."
            )

    def _check_told(self, prompt: Prompt, overrides: Overrides) -> None:
        if overrides.logprobs is not None and prompt.marker:
            raise InputError(
                f"{self._label!r} thinks aloud before it answers, so log probabilities would be "
                "those of another text: leave logprobs out."
            )

    def _check_turns(self, messages: Sequence[Message]) -> None:
        if any(message.role == "system" for message in messages):
            bases = ", ".join(repr(name) for name in self._models)
            raise InputError(
                f"A system message cannot be added to {self._label!r}: the prompt that was "
                "measured would not be what answers. Leave it out, or ask a base model, which "
                f"takes messages as they are: {bases}."
            )
        if messages[-1].role != "user":
            raise InputError(
                f"The last message is the {messages[-1].role}'s; it must be the user's, "
                "because that is what gets an answer."
            )

    async def _choice(self, text: str) -> Choice | None:
        """What the router says of a message; None where there is one type alone."""
        if len(self._systems) == 1 or self._infer is None:
            return None
        found = self._infer(text)
        return await found if isinstance(found, Awaitable) else found

    def _raw(self, model: str, messages: Sequence[Message], overrides: Overrides) -> Answering:
        served = self._models[model]
        decoding, output = overrides.on(Decoding()), None
        if overrides.schema is not None:
            output = OutputContract(schema=overrides.schema, mode="constrained")
        system = System(
            model=served.base or model,
            revision=served.revision,
            prompt=Prompt(),
            decoding=decoding,
            adapter=served.adapter,
            output=output,
        )
        request = Request(
            messages=tuple(messages),
            decoding=decoding,
            adapter=served.adapter,
            output=output,
            logprobs=overrides.logprobs,
            verbatim=overrides.verbatim,
        )
        return Answering(
            system=system.digest,
            model=system.model,
            task=None,
            prompt=system.prompt,
            request=request,
            provider=served.provider,
            price=served.price,
        )

    async def _branch(
        self, task: str, messages: Sequence[Message], overrides: Overrides, choice: Choice | None
    ) -> Answering:
        self._check_schema(overrides)
        measured = self._systems[task]
        refusal: Refusal = "" if choice is None else choice.refusal
        if refusal:
            measured = self._unsure.get(task, measured)
        system = replace(measured, decoding=overrides.on(measured.decoding))
        self._check_told(system.prompt, overrides)
        query = Query(input=messages[-1].content, history=tuple(messages[:-1]))
        material = rendering.NO_MATERIAL
        if system.prompt.selections and self._chooser is not None:
            material = await self._chooser.material(system.prompt, query)
        request = rendering.request(system, query, material=material)
        if overrides.logprobs is not None:
            request = replace(request, logprobs=overrides.logprobs)
        return Answering(
            system=system.digest,
            model=system.model,
            task=task,
            prompt=system.prompt,
            request=request,
            provider=self._models[system.model].provider,
            price=self._models[system.model].price_of(system),
            sources=tuple(passage.id for passage in material.passages),
            refusal=refusal,
            probability=None if choice is None else choice.probability,
            decision=self._decision,
        )
