"""The audit log of a gateway: acts are added by several processes, and checked by anyone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from escalera.core.serving import audit
from escalera.core.serving.audit import Checked
from escalera.domain.act import Act, ActKind
from escalera.errors import EvidenceMissing, InputError, LinesError
from escalera.ports import Lines


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLog:
    """Adds acts; *open* gives the file to this process alone until it is closed.

    An act is recorded before it is done: what is in the log may have failed, but nothing is done
    that is not in it.
    """

    file: str
    open: Callable[[], Lines]
    now: Callable[[], float]
    who: str

    def record(self, kind: ActKind, subject: str, **details: str) -> None:
        """Add an act; it is on disk when this returns. Raises `LinesError`.

        Nothing is added to a log in which an entry does not hold.
        """
        with closing(self.open()) as lines:
            written = lines.read()
            found = audit.chained(written)
            if found.broken:
                raise LinesError(
                    file=self.file,
                    problem=f"{found.broken}, so nothing is added to it",
                    remedy="Look at it with `escalera audit verify`, keep it as evidence, and move "
                    "it away to begin a new one",
                )
            act = Act(at=self.now(), who=self.who, kind=kind, subject=subject, details=details)
            lines.append(audit.line(act, number=len(written) + 1, before=found.head))


def checked(path: Path) -> Checked:
    """The entries of the log in *path*, as far as it holds.

    Raises `EvidenceMissing` where nothing was recorded yet, `InputError` where it cannot be read.
    """
    try:
        return audit.checked(path.read_bytes())
    except FileNotFoundError as error:
        raise EvidenceMissing(
            f"nothing was recorded yet: there is no file {str(path)!r}"
        ) from error
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror}") from error
