"""A task: one query type with its examples, its scorer and its quality bar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from escalera.domain.dataset import Example, Examples, Split
from escalera.domain.identity import LATER, digest_of
from escalera.domain.judge import Label
from escalera.domain.selection import Context, Passage, SelectionKind
from escalera.domain.system import Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """What selections of one kind choose from in a task: everything by its id, in order."""

    digest: str
    entries: Mapping[str, Example | Passage]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptParts:
    """What can be told to a model about a task; prompts are made from these parts."""

    role: str = ""
    instruction: str = ""
    output: str = ""
    rules: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPrompt:
    """A prompt of the user's own, by the name that people know it by."""

    name: str
    prompt: Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One query type.

    `bar` is the mean score in [0, 1] that is adequate; `margin` the fall in mean score that is
    still acceptable when a system for another task is changed; `share` the part of the traffic in
    [0, 1]; `value_per_point` the money that one percentage point is worth per month. `examples`
    are in the project's order (`Examples.in_order`). `prompts` are the user's own, which are tried
    beside those that are made from `parts`. `labels` are what people gave answers to its items.
    `schema` is the JSON Schema of a right answer as JSON text, or None where answers have no form.
    `context` are the documents that passages are chosen from.
    """

    name: str
    title: str
    scorer: str
    bar: float
    margin: float
    share: float
    value_per_point: float
    max_tokens: int
    parts: PromptParts
    examples: Examples
    prompts: tuple[NamedPrompt, ...] = ()
    labels: tuple[Label, ...] = ()
    schema: str | None = field(default=None, metadata=LATER)
    context: Context | None = field(default=None, metadata=LATER)
    _pools: dict[SelectionKind, Pool] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def items(self, split: Split) -> Examples:
        """The examples of one split, in the project's order."""
        return self.examples.of(split)

    def pool(self, kind: SelectionKind) -> Pool:
        """What a selection of *kind* chooses from: the `train` items, or the passages."""
        if kind not in self._pools:
            # Kept: it is asked for at every call.
            self._pools[kind] = self._pool(kind)
        return self._pools[kind]

    def _pool(self, kind: SelectionKind) -> Pool:
        if kind == "examples":
            train = self.items("train")
            digest = digest_of([item.digest for item in train])
            return Pool(digest=digest, entries={item.id: item for item in train})
        if self.context is None:
            return Pool(digest=digest_of([]), entries={})
        entries = {passage.id: passage for passage in self.context.passages}
        return Pool(digest=self.context.pool, entries=entries)
