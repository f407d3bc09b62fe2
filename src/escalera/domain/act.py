"""What an operator did to the gateway: the entries of the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ActKind = Literal[
    "key-created",
    "key-rotated",
    "key-revoked",
    "account-set",
    "configuration-loaded",
    "configuration-refused",
    "configuration-rolled-back",
    "route-forced",
    "promoted",
    "rolled-back",
    "model-withdrawn",
]
"""What was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One administrative act: when (seconds since the epoch), by whom, what, and to what.

    `details` are words for people and programs; no secret is ever in them.
    """

    at: float
    who: str
    kind: ActKind
    subject: str
    details: Mapping[str, str] = field(default_factory=dict)
