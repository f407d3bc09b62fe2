"""Every merge method by name: where it comes from, what it needs, and how it runs on a stream.

A method takes the inputs of one tensor as a `Stream` (the base first, where it works about one) and
yields the merged numbers in order. Adding one is a function and a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from escalera.core.merging import deltas, elements, geometry
from escalera.core.merging.deltas import Part, Trim
from escalera.core.merging.numbers import Floats
from escalera.core.merging.streams import Stream, Tensor
from escalera.errors import MergeError

Base = Literal["needed", "possible", "an input"]
"""Whether a method works about a base; to some, a base is an input like any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A number or a switch. `each` is one per model; without a default it must be given."""

    name: str
    default: float | bool | None = None
    each: bool = False
    low: float = float("-inf")
    high: float = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Parameters of one tensor: shared ones, those of each input but the base, and their keys."""

    shared: Mapping[str, float | bool] = field(default_factory=dict)
    each: Sequence[Mapping[str, float | bool]] = ()
    keys: Sequence[int] = ()

    def of(self, name: str) -> list[float]:
        """One parameter of all inputs."""
        return [float(values[name]) for values in self.each]

    def number(self, name: str) -> float:
        """A shared number."""
        return float(self.shared[name])

    def switch(self, name: str) -> bool:
        """A shared switch."""
        return bool(self.shared[name])


_NOTHING = 1e-6
"""A sum of weights that is so small beside the largest is what rounding leaves of 0."""

Run = Callable[[Stream, Values, Sequence[Tensor]], Iterator[Floats]]
"""From the inputs, the parameters and what stands beside the weights to the merged blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A row of the table. `fewest` and `most` count the inputs without the base."""

    name: str
    title: str
    source: str
    run: Run
    base: Base = "needed"
    fewest: int = 1
    most: int = 1 << 30
    parameters: tuple[Parameter, ...] = ()
    beside: str | None = None
    """What it needs beside the weights: the name of one tensor for each input."""


def named(name: str) -> Method:
    """The method of this name. Raises `MergeError` that lists all of them."""
    if name not in METHODS:
        raise MergeError(
            f"there is no merge method {name!r}. Known are {', '.join(sorted(METHODS))}."
        )
    return METHODS[name]


# Below: private.


def _linear(stream: Stream, values: Values, _: Sequence[Tensor]) -> Iterator[Floats]:
    weights = values.of("weight")
    if values.switch("normalize"):
        weights = _shares(weights, "normalize")
    return geometry.combined(stream, weights)


def _shares(weights: Sequence[float], switch: str) -> list[float]:
    whole = sum(weights)
    if abs(whole) <= _NOTHING * max(map(abs, weights)):
        raise MergeError(
            "the weights of the models add up to 0, so they cannot be normalised. "
            f"Change them, or set {switch} to false."
        )
    return [weight / whole for weight in weights]


def _wise_ft(stream: Stream, values: Values, _: Sequence[Tensor]) -> Iterator[Floats]:
    share = values.number("alpha")
    return geometry.combined(stream, [1 - share, share])


def _slerp(stream: Stream, values: Values, _: Sequence[Tensor]) -> Iterator[Floats]:
    return geometry.combined(stream, geometry.slerp(geometry.gram(stream), values.number("t")))


def _about(stream: Stream, base: bool, coefficients: Sequence[float]) -> Iterator[Floats]:  # noqa: FBT001
    return (geometry.moved if base else geometry.combined)(stream, coefficients)


def _nuslerp(stream: Stream, values: Values, _: Sequence[Tensor]) -> Iterator[Floats]:
    about = len(stream) > len(values.each)
    first, second = values.of("weight")
    total = first + second
    t = 0.5 if abs(total) < 1e-6 else second / total
    products = geometry.gram(stream, about_base=about)
    return _about(stream, about, geometry.slerp(products, t, parallel=1 - 1e-12))


def _multislerp(stream: Stream, values: Values, _: Sequence[Tensor]) -> Iterator[Floats]:
    about = len(stream) > len(values.each)
    weights = values.of("weight")
    if values.switch("normalize_weights"):
        weights = _shares(weights, "normalize_weights")
    if len(weights) == 1:
        return geometry.combined(stream, [0.0, 1.0] if about else [1.0])
    found = geometry.multislerp(geometry.gram(stream, about_base=about), weights)
    if found is None and len(weights) > 2:
        raise MergeError(
            "the directions of the models cancel out under these weights, so there is no mean "
            "direction (multislerp). Change the weights."
        )
    return _about(stream, about, weights if found is None else found)


def _karcher(stream: Stream, values: Values, _: Sequence[Tensor]) -> Iterator[Floats]:
    if len(stream) == 1:
        return geometry.combined(stream, [1.0])
    found = geometry.karcher(
        geometry.gram(stream),
        [1.0] * len(stream),
        rounds=int(values.number("max_iter")),
        tolerance=values.number("tol"),
    )
    return geometry.combined(stream, found)


def _model_stock(stream: Stream, values: Values, _: Sequence[Tensor]) -> Iterator[Floats]:
    count = len(values.each)
    share = geometry.model_stock(geometry.gram(stream, about_base=True))
    return geometry.combined(stream, [1 - share, *[share / count] * count])


def _added(
    stream: Stream, values: Values, _: Sequence[Tensor], *, trim: Trim, vote: bool
) -> Iterator[Floats]:
    parts = [
        Part(
            weight=float(each["weight"]),
            density=float(each.get("density", 1.0)),
            gamma=float(each.get("gamma", 0.0)),
            epsilon=float(each.get("epsilon", 0.0)),
            key=key,
            rescale=values.switch("rescale") if trim != "none" else False,
        )
        for each, key in zip(values.each, values.keys, strict=True)
    ]
    if trim == "ranked":
        for part in parts:
            _require_probabilities(part)
    return deltas.added(
        stream,
        parts,
        trim=trim,
        vote=vote,
        normalize=values.switch("normalize"),
        factor=values.number("lambda"),
    )


def _require_probabilities(part: Part) -> None:
    low, high = part.density - part.epsilon, part.density + part.epsilon
    if 0 < part.density < 1 and not 0 < low <= high <= 1:
        raise MergeError(
            f"density {part.density!r} and epsilon {part.epsilon!r} lead to probabilities from "
            f"{low!r} to {high!r}. Both ends must lie above 0 and at most at 1: lower epsilon."
        )


def _sce(stream: Stream, values: Values, _: Sequence[Tensor]) -> Iterator[Floats]:
    return elements.sce(stream, density=values.number("select_topk"))


def _fisher(stream: Stream, values: Values, beside: Sequence[Tensor]) -> Iterator[Floats]:
    weights = values.of("weight")
    if not beside:
        return _linear(stream, values, beside)
    _shares(weights, "normalize")  # raises where nothing would be left to divide by
    return elements.fisher(stream.with_more(beside), weights, floor=values.number("fisher_floor"))


def _regmean(stream: Stream, values: Values, beside: Sequence[Tensor]) -> Iterator[Floats]:
    if not beside:
        return geometry.combined(stream, [1 / len(stream)] * len(stream))
    return elements.regmean(stream, beside, shrink=values.number("shrink"))


def _nearswap(stream: Stream, values: Values, _: Sequence[Tensor]) -> Iterator[Floats]:
    return elements.nearswap(stream, values.number("t"))


def _ram(stream: Stream, values: Values, _: Sequence[Tensor]) -> Iterator[Floats]:
    return elements.ram(stream, epsilon=values.number("epsilon"))


def _passthrough(stream: Stream, values: Values, _: Sequence[Tensor]) -> Iterator[Floats]:
    return geometry.combined(stream, values.of("scale"))


def _changes(
    name: str, title: str, source: str, trim: Trim, *, vote: bool = False, normalize: bool = False
) -> Method:
    """A row of the family in `deltas`."""
    parameters = [
        Parameter(name="weight", each=True),
        Parameter(name="normalize", default=normalize),
        Parameter(name="lambda", default=1.0),
    ]
    if trim != "none":
        parameters.append(Parameter(name="density", default=1.0, each=True, low=0, high=1))
        parameters.append(Parameter(name="rescale", default=trim in ("random", "ranked")))
    if trim == "band":
        parameters.append(Parameter(name="gamma", default=0.01, each=True, low=0, high=1))
    if trim == "ranked":
        parameters.append(Parameter(name="epsilon", default=0.15, each=True, low=0, high=1))
    return Method(
        name=name,
        title=title,
        source=source,
        run=partial(_added, trim=trim, vote=vote),
        parameters=tuple(parameters),
    )


_WEIGHT = Parameter(name="weight", each=True)
_TIES = "Yadav et al. 2023, arXiv 2306.01708, algorithm 1"
_DARE = "Yu et al. 2024, arXiv 2311.03099, equation 3"
_DELLA = "Deep et al. 2024, arXiv 2406.11617, section 3"
_CRUMBS = "Davari and Belilovsky 2024, arXiv 2312.06795, section 3"
_ROWS = (
    Method(
        name="linear",
        title="weighted mean (model soup)",
        source="Wortsman et al. 2022, arXiv 2203.05482, recipe 1",
        run=_linear,
        base="an input",
        parameters=(_WEIGHT, Parameter(name="normalize", default=True)),
    ),
    Method(
        name="wise_ft",
        title="between the base and one model",
        source="Wortsman et al. 2022, arXiv 2109.01903, equation 1",
        run=_wise_ft,
        most=1,
        parameters=(Parameter(name="alpha", default=0.5),),
    ),
    Method(
        name="slerp",
        title="along the arc between the base and one model",
        source="Shoemake 1985, section 3.3",
        run=_slerp,
        most=1,
        parameters=(Parameter(name="t"),),
    ),
    Method(
        name="nuslerp",
        title="along the arc between two models, or between their changes",
        source="Shoemake 1985, section 3.3, on weights or changes",
        run=_nuslerp,
        base="possible",
        fewest=2,
        most=2,
        parameters=(_WEIGHT,),
    ),
    Method(
        name="multislerp",
        title="one step of the mean on the sphere, of models or of changes",
        source="Goddard 2025, goddard.blog/posts/multislerp-wow-what-a-cool-idea",
        run=_multislerp,
        base="possible",
        parameters=(_WEIGHT, Parameter(name="normalize_weights", default=True)),
    ),
    Method(
        name="karcher",
        title="the mean on the sphere",
        source="Karcher 1977, definition 1.3, in the form of inner products",
        run=_karcher,
        base="an input",
        parameters=(
            Parameter(name="max_iter", default=10.0, low=1),
            Parameter(name="tol", default=1e-5, low=0),
        ),
    ),
    Method(
        name="model_stock",
        title="towards the mean, as far as the angle of the changes says",
        source="Jang et al. 2024, arXiv 2403.19522, equation 2",
        run=_model_stock,
        fewest=2,
    ),
    _changes("task_arithmetic", "sum of changes", "Ilharco et al. 2023, arXiv 2212.04089", "none"),
    _changes(
        "ties", "the largest changes, after a vote", _TIES, "largest", vote=True, normalize=True
    ),
    _changes("dare_linear", "changes thinned by chance", _DARE, "random"),
    _changes("dare_ties", "changes thinned by chance, after a vote", _DARE, "random", vote=True),
    _changes("della_linear", "changes thinned by chance and rank", _DELLA, "ranked"),
    _changes(
        "della",
        "changes thinned by chance and rank, after a vote",
        _DELLA,
        "ranked",
        vote=True,
        normalize=True,
    ),
    _changes("breadcrumbs", "changes without the smallest and the largest", _CRUMBS, "band"),
    _changes(
        "breadcrumbs_ties",
        "changes without the smallest and the largest, after a vote",
        _CRUMBS,
        "band",
        vote=True,
    ),
    Method(
        name="sce",
        title="where models differ, weighed by what they changed, after a vote",
        source="Wan et al. 2024, arXiv 2408.07990, section 3.2",
        run=_sce,
        parameters=(Parameter(name="select_topk", default=1.0, low=0, high=1),),
    ),
    Method(
        name="fisher",
        title="weighed by Fisher information",
        source="Matena and Raffel 2022, arXiv 2111.09832, equation 4",
        run=_fisher,
        base="an input",
        parameters=(
            Parameter(name="weight", default=1.0, each=True),
            Parameter(name="fisher_floor", default=1e-6, low=1e-30),
            Parameter(name="normalize", default=True),
        ),
        beside="the diagonal of the Fisher information, shaped like the weight",
    ),
    Method(
        name="regmean",
        title="keeps the outputs of every linear layer",
        source="Jin et al. 2023, arXiv 2212.09849, equation 2",
        run=_regmean,
        base="an input",
        parameters=(Parameter(name="shrink", default=0.9, low=0, high=1),),
        beside="the inner products of the layer's inputs, one row and column for each",
    ),
    Method(
        name="nearswap",
        title="towards the other model where both are close",
        source="alchemonaut 2024, model card of QuartetAnemoi-70B-t0.0001",
        run=_nearswap,
        most=1,
        parameters=(Parameter(name="t", low=0),),
    ),
    Method(
        name="ram",
        title="own changes whole, common ones averaged",
        source="arXiv 2601.13572",
        run=_ram,
        parameters=(Parameter(name="epsilon", default=1e-5, low=0),),
    ),
    Method(
        name="passthrough",
        title="one model's layers as they are",
        source="no arithmetic; for stacking slices",
        run=_passthrough,
        base="an input",
        most=1,
        parameters=(Parameter(name="scale", default=1.0, each=True),),
    ),
)

METHODS: Mapping[str, Method] = {method.name: method for method in _ROWS}
