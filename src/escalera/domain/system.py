"""What answers: a model with a recipe, or a route over several of them.

Both are immutable and content-hashed over everything that changes their answers. Same digest,
same evidence: a system that was measured once is never measured again on the same item.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from escalera.domain.contract import OutputContract
from escalera.domain.identity import LATER, digest_of
from escalera.domain.message import Decoding, Message, Query
from escalera.domain.selection import Passage, Selection

Placing = Literal["turns", "first", "last"]
"""Where worked examples are shown: as turns of their own, or as text in the system message, before
or behind what is told there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A worked example shown to the model before the message."""

    input: str
    target: str
    history: tuple[Message, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()

    @property
    def query(self) -> Query:
        """What the example asks."""
        return Query(input=self.input, history=self.history, fields=self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the selections of a prompt chose for one query, in the order of the prompt."""

    shots: tuple[Shot, ...] = ()
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """Text around a message: a system message, fixed turns, worked examples, and its frame.

    `system`, `turns` and `template` are Jinja templates over `input`, the item's fields and
    `passages`; the template stands for the message. Where `marker` is set, the model may think
    aloud: its answer is what follows the marker's last occurrence. `selections` choose further
    examples, and passages, for every query by itself. `placing` says where examples are shown.
    """

    system: str = ""
    turns: tuple[Message, ...] = ()
    shots: tuple[Shot, ...] = ()
    template: str = "{{ input }}"
    marker: str = ""
    selections: tuple[Selection, ...] = field(default=(), metadata=LATER)
    placing: Placing = field(default="turns", metadata=LATER)

    @property
    def digest(self) -> str:
        """Content hash: the version of the prompt."""
        return digest_of(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One model with its prompt, adapter and decoding.

    `model` is the model's name in the project file, `revision` the digest of its weights,
    tokenizer and chat template (or what the endpoint declares); `adapter` the digest of an
    adapter, or None for the base model as it is; `output` the contract that its answers are held
    to, or None.
    """

    model: str
    revision: str
    prompt: Prompt
    decoding: Decoding
    adapter: str | None = None
    output: OutputContract | None = field(default=None, metadata=LATER)

    @property
    def digest(self) -> str:
        """Content hash of the system."""
        return digest_of(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """The system that answers one query type of a route."""

    task: str
    system: System


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One system per query type, and the router that tells the type.

    `router` is the digest of a fitted router; None means that the caller declares the query type.
    `unsure` has the systems that answer where the router abstains, by the type that it finds most
    probable; a type without one there is answered by its branch all the same.
    """

    branches: tuple[Branch, ...]
    router: str | None = None
    unsure: tuple[Branch, ...] = field(default=(), metadata=LATER)

    @property
    def digest(self) -> str:
        """Content hash of the route."""
        return digest_of(self)

    def system(self, task: str, *, sure: bool = True) -> System:
        """The system that answers *task*; KeyError when the route has no such branch.

        Without *sure* it is the one that answers where the router abstains.
        """
        for branch in self.branches if sure else (*self.unsure, *self.branches):
            if branch.task == task:
                return branch.system
        raise KeyError(task)

    def adapters(self) -> tuple[str, ...]:
        """Digests of the adapters in use, each once, in the order of the branches."""
        found = (branch.system.adapter for branch in (*self.branches, *self.unsure))
        return tuple(dict.fromkeys(adapter for adapter in found if adapter is not None))
