"""From a recipe and the headers of its models to a frozen plan: what is read for what is written.

All that can be found wrong without looking at a weight is found here: a missing tensor, another
shape, a kind of number that cannot be merged, another architecture, another vocabulary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from escalera.core.merging import alignment, fitting, methods, recipe, taking_part
from escalera.core.merging.alignment import Alignment
from escalera.core.merging.fitting import Header, ModelHeader
from escalera.core.merging.methods import Method
from escalera.core.merging.numbers import STORED
from escalera.core.merging.recipe import Recipe, Scalar, Settings, Slice, Source
from escalera.domain.identity import forgotten_digest_of
from escalera.errors import MergeError

COPY = "copy"
"""What is done with tensors that hold no floats: they must be alike, and are copied."""

_FIRST = re.compile(r"embed|wte|wpe")
_WHOLE_NUMBERS = frozenset({"BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A tensor of a model; `aligned` when its rows are read in the order of another vocabulary."""

    model: str
    tensor: str
    aligned: bool = False


Given = tuple[tuple[str, Scalar], ...]
"""Parameters by name, resolved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorTask:
    """One tensor of the output. With `base`, the first input is what the others are changes of."""

    name: str
    kind: str
    shape: tuple[int, ...]
    method: str
    inputs: tuple[Input, ...]
    base: bool = False
    shared: Given = ()
    each: tuple[Given, ...] = ()
    beside: tuple[Input, ...] = ()

    @property
    def bytes(self) -> int:
        """Length in the output."""
        size = 1
        for side in self.shape:
            size *= side
        return size * _width(self.kind)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All tensors of the output, in order, and the inputs that nobody reads after each.

    Its digest names the result: the same plan on the same weights gives the same bytes.
    """

    recipe: Recipe
    tasks: tuple[TensorTask, ...]
    config: Mapping[str, Any]
    owner: str
    """The model whose tokenizer and other files the output takes."""
    alignment: Alignment | None = None
    notes: tuple[str, ...] = ()

    @cached_property
    def last_uses(self) -> tuple[tuple[Input, ...], ...]:
        """For each task the inputs that no later one reads."""
        last = {
            read: place
            for place, task in enumerate(self.tasks)
            for read in (*task.inputs, *task.beside)
        }
        uses: list[list[Input]] = [[] for _ in self.tasks]
        for read, place in last.items():
            uses[place].append(read)
        return tuple(tuple(found) for found in uses)

    @property
    def bytes(self) -> int:
        """Length of all tensors together."""
        return sum(task.bytes for task in self.tasks)

    @cached_property
    def digest(self) -> str:
        """Content hash over everything that decides about the output's bytes."""
        aligned = None if self.alignment is None else self.alignment.digest
        return forgotten_digest_of(
            {"seed": self.recipe.seed, "tasks": self.tasks, "aligned": aligned}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedModel:
    """What a merge wrote.

    `rounding` is what rounding took, as a share of what was changed in the base; `error` what the
    rank of an adapter cut off, as a share of the merged change.
    """

    folder: str
    digest: str
    tensors: int
    bytes: int
    resumed: int
    rounding: float | None = None
    error: float | None = None
    notes: tuple[str, ...] = ()


def compile_plan(
    asked: Recipe, models: Sequence[ModelHeader], beside: Mapping[str, ModelHeader] | None = None
) -> Plan:
    """The plan of a recipe for *models* (at least those it names).

    *beside* holds, for a model's name, the tensors that the method needs beside the weights. Raises
    `MergeError` with the first thing that cannot be.
    """
    known = {model.name: model for model in models}
    used = [known[name] for name in asked.models]
    method = methods.named(asked.method)
    owner = taking_part.owner(asked, known)
    notes = taking_part.unused(asked, method)
    parts = [taking_part.with_base(asked, part) for part in asked.slices]
    for part in parts:
        taking_part.require_sources(method, taking_part.ordered(asked, method, part))
        for source in part.sources:
            model = known[source.model]
            stacks = {stack: _depth(model, stack) for stack in _stacks(model)}
            taking_part.require_layers(source, stacks)
    fitting.require_alike(used, whole=asked.whole)
    notes += fitting.differences(used)
    names = {name: model.tensors.keys() for name, model in known.items()}
    held = {name: model.tensors.keys() for name, model in (beside or {}).items()}
    notes += taking_part.unread(method, names, held)
    aligned = alignment.of(
        [(model.name, model.vocabulary, fitting.rows(model)) for model in used],
        owner=owner.name,
        asked=asked.tokens,
    )
    work = _Compiler(asked, method, known, owner, aligned, beside or {})
    tasks = tuple(work.tasks(parts))
    return Plan(
        recipe=asked,
        tasks=tasks,
        config=fitting.configuration(asked, parts, known, owner, {task.kind for task in tasks}),
        owner=owner.name,
        alignment=aligned,
        notes=tuple(notes),
    )


# Below: private.


def _width(kind: str) -> int:
    if kind in STORED:
        return STORED[kind].itemsize
    return 1 if kind == "BOOL" else int(kind[1:]) // 8


@dataclass(frozen=True, slots=True)
class _Compiler:
    """The tasks of one recipe."""

    asked: Recipe
    method: Method
    known: Mapping[str, ModelHeader]
    owner: ModelHeader
    aligned: Alignment | None
    beside: Mapping[str, ModelHeader]

    def tasks(self, parts: Sequence[Slice]) -> Iterator[TensorTask]:
        """Tensors before the layers, the layers in their new order, then those after them.

        Whatever one of the models has, all must have, whichever is named first.
        """
        for name in self._outside(parts[0]):
            if _FIRST.search(name):
                yield self._task(parts[0], name, lambda _, name=name: name, 0.0)
        yield from self._layers(parts)
        for name in self._outside(parts[-1]):
            if not _FIRST.search(name):
                yield self._task(parts[-1], name, lambda _, name=name: name, 0.0)

    def _outside(self, part: Slice) -> list[str]:
        """What the owner or a source of *part* has beside its layers."""
        held = [self.owner, *(self.known[source.model] for source in part.sources)]
        names = {name for model in held for name in model.tensors}
        return sorted(name for name in names if recipe.layer_of(name) is None)

    def _layers(self, parts: Sequence[Slice]) -> Iterator[TensorTask]:
        sources = {source.model for part in parts for source in part.sources}
        held = [self.owner, *(self.known[name] for name in sources)]
        for stack in sorted({stack for model in held for stack in _stacks(model)}):
            written = 0
            for part in parts:
                (start, stop) = part.sources[0].layers or (0, self._depth(part, stack))
                for step in range(stop - start):
                    depth = step / (stop - start - 1) if stop - start > 1 else 1.0
                    yield from self._layer(part, stack, (step, written), depth)
                    written += 1

    def _depth(self, part: Slice, stack: str) -> int:
        return max(_depth(self.known[source.model], stack) for source in part.sources)

    def _layer(
        self, part: Slice, stack: str, places: tuple[int, int], depth: float
    ) -> Iterator[TensorTask]:
        step, written = places
        starts = {source.model: (source.layers or (0, 0))[0] for source in part.sources}
        rests = set()
        for model, start in starts.items():
            head = f"{stack}{start + step}."
            rests |= {
                name.removeprefix(head)
                for name in self.known[model].tensors
                if name.startswith(head)
            }
        for rest in sorted(rests):
            yield self._task(
                part,
                f"{stack}{written}.{rest}",
                lambda model, rest=rest: f"{stack}{starts[model] + step}.{rest}",
                depth,
            )

    def _task(self, part: Slice, name: str, named: Any, depth: float) -> TensorTask:
        about, sources = taking_part.ordered(self.asked, self.method, part)
        headers = [self._header(source.model, named(source.model)) for source in sources]
        align = self._is_aligned(sources, named)
        inputs = tuple(
            Input(model=source.model, tensor=named(source.model), aligned=align)
            for source in sources
        )
        first = headers[0]
        shape = self._shape(inputs, headers, align=align)
        if first.kind in _WHOLE_NUMBERS:
            if any(header.kind != first.kind for header in headers):
                raise _kinds(inputs, headers)
            return TensorTask(name=name, kind=first.kind, shape=shape, method=COPY, inputs=inputs)
        for read, header in zip(inputs, headers, strict=True):
            if header.kind not in STORED:
                raise MergeError(
                    f"{read.tensor!r} of the model {read.model!r} holds {header.kind}, which "
                    f"cannot be merged. Save it as {', '.join(STORED)}."
                )
        each = sources[1:] if about else sources
        return TensorTask(
            name=name,
            kind=self.asked.kind or first.kind,
            shape=shape,
            method=self.method.name,
            inputs=inputs,
            base=about,
            shared=self._given(name, depth, (part.settings, self.asked.settings), each=False),
            each=tuple(
                self._given(
                    named(source.model),
                    depth,
                    (source.settings, part.settings, self.asked.settings),
                    each=True,
                )
                for source in each
            ),
            beside=self._beside(inputs),
        )

    def _given(self, tensor: str, depth: float, found: Sequence[Settings], *, each: bool) -> Given:
        given = []
        for parameter in self.method.parameters:
            if parameter.each is each:
                value = recipe.value_of(
                    parameter.name,
                    found,
                    tensor=tensor,
                    depth=depth,
                    default=parameter.default,
                    each=each,
                )
                taking_part.require_in_range(parameter, value, tensor)
                given.append((parameter.name, value))
        return tuple(given)

    def _header(self, model: str, tensor: str) -> Header:
        found = self.known[model].tensors.get(tensor)
        if found is None:
            raise MergeError(
                f"the model {model!r} has no tensor {tensor!r}, which another one has. "
                "Only models of one architecture can be merged, saved in one way (tied weights, "
                "for example, in all of them or in none)."
            )
        return found

    def _is_aligned(self, sources: Sequence[Source], named: Any) -> bool:
        if self.aligned is None:
            return False
        tables = [(named(source.model), self.known[source.model]) for source in sources]
        return any(
            alignment.is_vocabulary(name, model.tensors[name].shape, fitting.rows(model))
            for name, model in tables
        )

    def _shape(
        self, inputs: Sequence[Input], headers: Sequence[Header], *, align: bool
    ) -> tuple[int, ...]:
        first = headers[0].shape
        for read, header in zip(inputs, headers, strict=True):
            if header.shape[align:] != first[align:] or len(header.shape) != len(first):
                raise MergeError(
                    f"{read.tensor!r} is {header.shape} in the model {read.model!r}, and "
                    f"{inputs[0].tensor!r} is {first} in {inputs[0].model!r}. "
                    "Only tensors of one shape can be merged."
                )
        return (self.aligned.rows, *first[1:]) if align and self.aligned is not None else first

    def _beside(self, inputs: Sequence[Input]) -> tuple[Input, ...]:
        if self.method.beside is None:
            return ()
        found = []
        for read in inputs:
            held = self.beside.get(read.model)
            taking_part.require_held(self.method, read.model, held=held is not None)
            if held is not None and read.tensor in held.tensors:
                shape = self.known[read.model].tensors[read.tensor].shape
                where = read.model, read.tensor
                taking_part.require_fitting(self.method, where, shape, held.tensors[read.tensor])
                found.append(Input(model=f"beside:{read.model}", tensor=read.tensor))
        taking_part.require_all_or_none(inputs[0].tensor, len(found), len(inputs))
        return tuple(found)


def _stacks(model: ModelHeader) -> list[str]:
    """What stands before the number of a layer in the names of its tensors."""
    return sorted({found[0] for name in model.tensors if (found := recipe.layer_of(name))})


def _depth(model: ModelHeader, stack: str) -> int:
    places = [found for name in model.tensors if (found := recipe.layer_of(name))]
    return max((number + 1 for before, number, _ in places if before == stack), default=0)


def _kinds(inputs: Sequence[Input], headers: Sequence[Header]) -> MergeError:
    kinds = sorted({header.kind for header in headers})
    return MergeError(
        f"{inputs[0].tensor!r} holds {' and '.join(kinds)} in different models. "
        "Save all models in one way."
    )
