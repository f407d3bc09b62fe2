"""Other tools that search for prompts or levers; each needs a package of its own."""

from __future__ import annotations

import importlib.util

from escalera.domain.sweep import SuggestWay
from escalera.errors import MissingExtra
from escalera.ports import Optimiser, Suggester

NEEDS = {"gepa": ("gepa",), "miprov2": ("dspy", "optuna")}
"""The packages of each."""


def of(name: str) -> Optimiser:
    """The tool called *name*. Raises `MissingExtra` where its package is not installed."""
    require(name)
    if name == "gepa":
        from escalera.edges.optimisers.gepa import Gepa

        return Gepa()
    from escalera.edges.optimisers.miprov2 import MiproV2

    return MiproV2()


def suggester(way: SuggestWay) -> Suggester:
    """What suggests in this way. Raises `MissingExtra` where its package is not installed."""
    if way == "evolution":
        if importlib.util.find_spec("cmaes") is None:
            raise MissingExtra(feature="A search of merge weights", package="cmaes", extra="local")
        from escalera.edges.evolving import Evolution

        return Evolution()
    if importlib.util.find_spec("optuna") is None:
        raise MissingExtra(feature="A sweep", package="optuna", extra="sweep")
    from escalera.edges.suggesting import Parzen

    return Parzen()


def require(name: str) -> None:
    """Raise `MissingExtra` unless the packages of the tool are installed."""
    for package in NEEDS[name]:
        if importlib.util.find_spec(package) is None:
            extra = NEEDS[name][0]
            raise MissingExtra(feature=f"The optimiser {name!r}", package=package, extra=extra)
