"""What served routes rest on: decisions that must be there, must not be old, and must have shown
something."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from escalera.core.evidence import Evidence
from escalera.domain.identity import digest_of, short
from escalera.domain.quality import QualityTested
from escalera.domain.system import Route
from escalera.errors import ProjectError
from escalera.settings.gateway_table import GatewayTable

DAY = 86_400.0
SHORTEST = 6
"""Characters of an id that tell it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forced:
    """A route that is served though its decision does not carry it: why it does not, and the
    operator's reason."""

    name: str
    decision: str
    problem: str
    reason: str


Audit = Callable[[Forced], None]
"""Records what was forced, before it is served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resting:
    """Checks decisions against `[gateway]` in *file*; what is forced is told to *audit* first."""

    table: GatewayTable
    file: str
    now: float
    audit: Audit

    def decided(self, evidence: Evidence, name: str) -> str:
        """The id of the decision that put a system into service; empty where nothing did.

        Raises `ProjectError` where it has expired and nobody forces it.
        """
        found = evidence.served_by
        if found is None:
            return ""
        decision = digest_of(found)
        self._require(name, "gateway.evidence_days", decision, self._age(found.at))
        return decision

    def quality(self, evidence: Evidence) -> Mapping[str, QualityTested]:
        """The quality routes of the table, by name.

        Raises `ProjectError` where a decision is missing, or does not carry its route and nobody
        forces it.
        """
        return {name: self._route(evidence, name) for name in self._named()}

    def unchanged(
        self, name: str, decision: str, routes: Iterable[Route], revisions: Mapping[str, str]
    ) -> None:
        """The models of a decision's *routes* still are those that were measured.

        *revisions* are those of now, by model. Raises `ProjectError` where one differs and nobody
        forces it: it would answer as a system that was never measured.
        """
        key = f"gateway.routes.{name}.decision" if name in self.table.routes else "gateway.force"
        systems = [one.system for route in routes for one in (*route.branches, *route.unsure)]
        changed = {one.model: one.revision for one in systems}
        problem = "; ".join(
            f"rests on the model {model!r} as it was: revision {short(before)}, which is "
            f"{short(revisions[model])} now"
            for model, before in sorted(changed.items())
            if model in revisions and revisions[model] != before
        )
        self._require(name, key, decision, problem)

    # Private

    def _named(self) -> Iterator[str]:
        return (name for name, route in self.table.routes.items() if route.decision is not None)

    def _route(self, evidence: Evidence, name: str) -> QualityTested:
        wanted, key = self.table.routes[name].decision or "", f"gateway.routes.{name}.decision"
        known = [one for one in evidence.quality if one.startswith(wanted)]
        if len(wanted) < SHORTEST or len(known) != 1:
            there = ", ".join(map(short, evidence.quality)) or "none"
            raise ProjectError(
                file=self.file,
                key=key,
                problem=f"names {wanted!r}, and the journal holds no such decision",
                remedy=f"Run `escalera route`; there is {there}",
            )
        found = evidence.quality[known[0]]
        problem = self._age(found.at)
        if found.worth != "gain":
            problem = f"shows {found.worth}"
        self._require(name, key, found.decision, problem)
        return found

    def _age(self, at: float | None) -> str:
        """Why a decision of this date does not count any more; empty where it does."""
        days = self.table.evidence_days
        if days is None:
            return ""
        if at is None:
            return f"is not dated, and evidence counts for {days:g} days"
        age = (self.now - at) / DAY
        return f"is {age:.1f} days old, and evidence counts for {days:g}" if age > days else ""

    def _require(self, name: str, key: str, decision: str, problem: str) -> None:
        if not problem:
            return
        route = self.table.routes.get(name)
        reason = self.table.force if route is None else route.force
        if reason is None:
            where = "`[gateway]`" if route is None else f"`[gateway.routes.{name}]`"
            raise ProjectError(
                file=self.file,
                key=key,
                problem=f"the decision {short(decision)} behind {name!r} {problem}",
                remedy="Decide anew (`escalera climb`, `escalera gate --promote`, `escalera "
                f"route`), or give a reason as `force` in {where}: the audit log keeps it",
            )
        self.audit(Forced(name=name, decision=decision, problem=problem, reason=reason))
