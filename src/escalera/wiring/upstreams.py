"""What the gateway asks in bytes: the models of a project file that endpoints serve."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from ssl import SSLContext
from types import MappingProxyType
from typing import TYPE_CHECKING

from escalera.edges.http import cohorts, room
from escalera.edges.http.target import Limits, Target, trusting
from escalera.edges.http.upstream import HTTPUpstream
from escalera.ports.serving import Cohorts
from escalera.settings.tables import ModelTable
from escalera.wiring import models

if TYPE_CHECKING:  # what keeps a process running is loaded where there is one
    from escalera.wiring.vllm import Running


def of(
    file: Path,
    tables: Mapping[str, ModelTable],
    limits: Callable[[str], Limits] | None = None,
    *,
    running: Mapping[str, Running] = MappingProxyType({}),
) -> dict[str, HTTPUpstream]:
    """An upstream for every model with a `base_url`, by its name; *limits* gives those of a name.

    A model that a process of *running* answers for has one as well. Models that trust the same
    certificates share what verifies them. Raises `ProjectError` where a key is missing, and
    `InputError` for a URL, a key or a file of certificates that cannot be used.
    """
    trusted: dict[Path | None, SSLContext] = {}
    found = {}
    for name, table in tables.items():
        if table.local and name not in running:
            continue
        process = running.get(name)
        asked = process.endpoint(name) if process else models.endpoint(file, name, table)
        tls = None
        if asked.url.scheme == "https":
            tls = trusted.get(asked.ca_file)
            if tls is None:
                tls = trusted[asked.ca_file] = trusting(asked.ca_file)
        found[name] = HTTPUpstream(
            Target(asked.url, fields=asked.fields, tls=tls),
            provider=name,
            limits=Limits() if limits is None else limits(name),
        )
    return found


def gathering() -> Cohorts:
    """What the connections of the running loop share, callers' and upstreams' alike."""
    return cohorts.of(asyncio.get_running_loop())


def is_full() -> bool:
    """Whether this process can open hardly another connection."""
    return room.is_scarce()
