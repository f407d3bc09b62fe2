"""Microsoft Presidio's pattern recognisers as a filter. Needs the extra `presidio`.

Only recognisers that work on patterns: no model is loaded, nothing is downloaded. Names, places and
whatever else Presidio leaves to a model are not found.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from escalera.edges.filters.spans import apart
from escalera.errors import GuardFailed, InputError, MissingExtra

try:
    import tldextract
    from presidio_analyzer import PatternRecognizer, predefined_recognizers
except ImportError:  # an extra
    PatternRecognizer = None
else:
    # Its recogniser of e-mail addresses would ask the network for a list of domains; the list that
    # the library brings is as good.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)

LEAST = 0.4
"""The score from which on a finding counts: Presidio's patterns without a context have less."""


class PresidioFilter:
    """Looks for *entities* in Presidio's words, such as `US_SSN`; empty for all it has in English.

    Findings below the score *least* do not count.
    """

    def __init__(self, guard: str, entities: Sequence[str] = (), *, least: float = LEAST) -> None:
        self._guard = guard
        self._least = least
        known = recognisers()
        if unknown := sorted(set(entities) - set(known)):
            raise InputError(
                f"The guard {guard!r} names {unknown[0]!r}, which no pattern recogniser of "
                f"Presidio knows in English. It knows {', '.join(known)}."
            )
        asked = entities or known
        self._asked = {known[name]: [name] for name in asked}

    async def spans(self, text: str, *, side: str, role: str) -> Sequence[tuple[int, int]]:
        """What its recognisers find. Raises `GuardFailed` where one of them fails."""
        del side, role
        try:
            return await asyncio.to_thread(self.found, text)
        except (ValueError, RuntimeError, OSError) as error:
            raise GuardFailed(f"Presidio says: {error}", guard=self._guard) from error

    def found(self, text: str) -> list[tuple[int, int]]:
        """The same, at once."""
        results = [
            (result.start, result.end)
            for recogniser, entities in self._asked.items()
            for result in recogniser.analyze(text, entities)
            if result.score >= self._least
        ]
        return apart(results)

    async def close(self) -> None:
        """Nothing is held."""


def recognisers() -> Mapping[str, PatternRecognizer]:
    """Presidio's recognisers of patterns in English, by the entity that each finds.

    Raises `MissingExtra`.
    """
    if PatternRecognizer is None:
        raise MissingExtra(
            feature="A guard with Presidio", package="presidio-analyzer", extra="presidio"
        )
    found: dict[str, PatternRecognizer] = {}
    for name in sorted(predefined_recognizers.__all__):
        kind = getattr(predefined_recognizers, name)
        if not isinstance(kind, type) or not issubclass(kind, PatternRecognizer):
            continue
        try:
            made = kind()
        except TypeError:  # one that wants more than patterns
            continue
        if made.supported_language == "en":
            found.update(dict.fromkeys(made.supported_entities, made))
    return dict(sorted(found.items()))
