"""A bar for work that says how far it is, where somebody looks at it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progressed = Callable[[str, int, int], None]
"""Told what is done, how much of it, and how much there is."""


@contextmanager
def shown(*, quiet: bool) -> Iterator[Progressed]:
    """What moves a bar on the terminal; nothing, and nothing is loaded, where there is none."""
    if quiet or not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("")
        yield lambda what, done, total: progress.update(
            task, description=what, completed=done, total=total
        )
