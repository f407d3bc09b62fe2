"""What `chat` talks with: the system in service, and the base models."""

from __future__ import annotations

from collections.abc import Callable

from escalera.core.evidence import Evidence
from escalera.domain.system import Route
from escalera.engine.serve import Desk
from escalera.errors import EvidenceMissing
from escalera.wiring import Installation, serving
from escalera.wiring.senses import Readers

Sentence = Callable[[], str]
"""What was decided, in a sentence."""


def models(made: Installation) -> Desk:
    """The base models alone."""
    found = serving.served(made, ())
    return Desk(label=made.project.name, route=None, infer=None, models=found)


def decided(made: Installation, evidence: Evidence, sentence: Sentence) -> Desk:
    """The system in service, and the base models. Raises `EvidenceMissing` where there is none."""
    route = in_service(evidence, sentence)
    router, readers = serving.router(made, route), Readers(made)
    desk = Desk(
        label=made.project.name,
        route=route,
        infer=None if router is None else readers.infer(router),
        models=serving.served(made, [route]),
        chooser=made.library(evidence),
    )
    desk.readers = readers
    return desk


def in_service(evidence: Evidence, sentence: Sentence) -> Route:
    """The route in service. Raises `EvidenceMissing` where there is none."""
    if evidence.serving is None:
        raise EvidenceMissing(
            f"nothing was promoted ({sentence()}), so there is no system to serve"
        )
    return evidence.route(evidence.serving)
