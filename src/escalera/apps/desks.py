"""The desk of a project: what can be asked of it by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from escalera.core.evidence import Evidence
from escalera.engine.serve import Desk, Served
from escalera.errors import EvidenceMissing
from escalera.wiring import Installation, serving


def decided(
    made: Installation,
    evidence: Evidence,
    sentence: Callable[[], str],
    before: Desk | None = None,
) -> Desk:
    """The system in service, and the base models. *sentence* says what was decided instead.

    Local models that *before* has loaded are gone on with.
    """
    if evidence.serving is None:
        raise EvidenceMissing(
            f"nothing was promoted ({sentence()}), so there is no system to serve"
        )
    route = evidence.route(evidence.serving)
    return Desk(
        label=made.project.name,
        route=route,
        infer=serving.infer(made, route),
        models=serving.served(made, route, _loaded(before)),
        chooser=made.library(evidence),
    )


def models(made: Installation, before: Desk | None = None) -> Desk:
    """The base models alone."""
    served = serving.served(made, None, _loaded(before))
    return Desk(label=made.project.name, route=None, infer=None, models=served)


# Below: private.


def _loaded(before: Desk | None) -> Mapping[str, Served] | None:
    return None if before is None else before.models()
