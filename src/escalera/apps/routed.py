"""What `escalera route` made: a route by difficulty, what it promises, and what it is worth."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from escalera import wiring
from escalera.apps import notebook
from escalera.core.evidence import fold
from escalera.domain.identity import short
from escalera.domain.quality import Bound, QualityTested
from escalera.domain.reading import EmbeddingsWeighed
from escalera.domain.verdict import Figure
from escalera.engine import proving
from escalera.engine.observer import Quiet
from escalera.engine.proving import Wish
from escalera.ports import Progress

if TYPE_CHECKING:
    from escalera.apps.workspace import Workspace

EXIT_CODES = {"gain": 0, "no gain": 3, "loss": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """A quality route with its evidence."""

    tested: QualityTested

    @property
    def exit_code(self) -> int:
        """0 a gain is shown, 3 none is, 4 a loss is."""
        return EXIT_CODES[self.tested.worth]

    def document(self) -> dict[str, Any]:
        """Everything as plain data."""
        told = asdict(self.tested)
        route = told.pop("route")
        return {
            "decision": self.tested.decision,
            "route": self.tested.route.digest,
            **told,
            **{key: route[key] for key in ("asking", "signal", "threshold", "bound")},
            "systems": {
                "weak": self.tested.route.weak.digest,
                "strong": self.tested.route.strong.digest,
            },
        }

    def __str__(self) -> str:
        return "\n".join([self._title(), *(f"  {line}" for line in self._lines())])

    def _repr_html_(self) -> str:
        title = notebook.escaped(self._title())
        return f"<p><strong>{title}</strong></p>{notebook.listed(self._lines())}"

    def _title(self) -> str:
        found = self.tested
        way = "from the message" if found.route.asking == "before" else "from the weak answer"
        return (
            f"{found.name}: {found.weak}, or {found.strong} where needed, told {way}: "
            f"{_worth(found)}"
        )

    def _lines(self) -> list[str]:
        found, bound = self.tested, self.tested.route.bound
        threshold = found.route.threshold
        if threshold is None:
            promise = f"{_unpromised(bound)}: {found.strong} answers everything"
        else:
            promise = (
                f"{found.weak} answers from {threshold:.3g} on: at most {bound.most_lost:g} of the "
                f"score is lost, with probability {1 - bound.risk:g} ({bound.lost:.3f} on the "
                f"{bound.n} that calibrated it)"
            )
        alone = _alone(found)
        return [
            promise,
            f"{found.strong} answers {found.share:.0%} of {found.gain.n} fresh items",
            f"score beside {alone} alone: {_signed(found.gain)}, margin {found.margin:g}",
            f"saved beside {alone} alone: {_money(found)} an answer",
            f"score beside chance at the same price: {_signed(found.blind)}",
            f"learned from {found.learned} items; {found.unscored} items had no score",
            *_read(found.embeddings),
            f"decision {short(found.decision)}: name it as `decision` of a [gateway.routes] table",
        ]


def make(opened: Workspace, wish: Wish, *, progress: Progress | None = None) -> Routed:
    """Learn, calibrate and test a route by difficulty; the decision is recorded.

    Buys what the journal does not hold, under the caps. Raises `InputError` where there is nothing
    to route, `EvidenceMissing` where too few items have scores of both systems.
    """
    made = opened.installation
    with closing(made.journal()) as journal:
        evidence = fold(journal.events())
        weak, strong = (opened.route(name, evidence) for name in (wish.weak, wish.strong))
        means = made.means(journal, evidence, (weak, strong), progress or Quiet().progressed)
        now = wiring.wall_clock()
        return Routed(tested=proving.run(opened.project, wish, weak, strong, means, now=now))


# Below: private.


def _unpromised(bound: Bound) -> str:
    """Why no threshold keeps the bound; too few items cannot show it even where nothing is lost."""
    fewest = math.ceil(math.log(bound.risk) / math.log(1 - bound.most_lost) - 1e-9)
    said = f"no threshold keeps the loss at {bound.most_lost:g} or less on {bound.n} items"
    if bound.n >= fewest:
        return said
    return f"{said} (a cluster counts as one), and at least {fewest} are needed to show it"


def _alone(found: QualityTested) -> str:
    return found.weak if found.single == "weak" else found.strong


def _worth(found: QualityTested) -> str:
    """The word, and what a gain wants."""
    if found.worth == "gain":
        return "a gain is shown"
    if found.worth == "loss":
        return "it is shown to lose"
    if found.blind.lower <= 0:
        return "no gain is shown: a coin may do as well at the same price"
    if found.gain.lower <= -found.margin:
        return (
            f"no gain is shown: it may score worse than {_alone(found)} alone by more than the "
            f"margin of {found.margin:g}; a smaller --most-lost lets less be lost"
        )
    return f"no gain is shown: {_alone(found)} alone may do as well at the same price"


def _read(found: EmbeddingsWeighed | None) -> list[str]:
    """What embeddings add to the signal, where there is a model for them."""
    if found is None or found.gain is None:
        return []
    reads = "are read" if found.share > 0 else "are not read"
    return [f"embeddings of {found.model} add {_signed(found.gain)} of the items told: {reads}"]


def _signed(figure: Figure) -> str:
    return f"{figure.value:+.3f} [{figure.lower:+.3f}, {figure.upper:+.3f}]"


def _money(found: QualityTested) -> str:
    saved = found.saved
    if found.expense == "seconds":
        return f"{saved.value:.4f} s [{saved.lower:.4f}, {saved.upper:.4f}]"
    return f"{saved.value:.1f} micro-dollars [{saved.lower:.1f}, {saved.upper:.1f}]"
