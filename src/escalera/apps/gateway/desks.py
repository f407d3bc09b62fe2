"""The desk of a project: what can be asked of it by name."""

from __future__ import annotations

from collections.abc import Callable

from escalera.core.evidence import Evidence
from escalera.engine.serve import Desk
from escalera.errors import EvidenceMissing
from escalera.wiring import Installation, serving


def decided(made: Installation, evidence: Evidence, sentence: Callable[[], str]) -> Desk:
    """The system in service, and the base models. *sentence* says what was decided instead."""
    if evidence.serving is None:
        raise EvidenceMissing(
            f"nothing was promoted ({sentence()}), so there is no system to serve"
        )
    route = evidence.route(evidence.serving)
    return Desk(
        label=made.project.name,
        route=route,
        infer=serving.infer(made, route),
        models=serving.served(made, route),
        chooser=made.library(evidence),
    )


def models(made: Installation) -> Desk:
    """The base models alone."""
    return Desk(label=made.project.name, route=None, infer=None, models=serving.served(made, None))
