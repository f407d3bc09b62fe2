"""Watching a climb."""

from __future__ import annotations

from escalera.core.ladder.steps import FitRouter
from escalera.domain.event import Failed
from escalera.engine.observer import Observer, Quiet


def test_nobody_says_nothing(capsys):
    """Quiet keeps every promise of an observer, silently."""
    watcher: Observer = Quiet()
    watcher.began(FitRouter(tasks=("a",)))
    watcher.progressed("race", 1, 2)
    watcher.appended(Failed(step="s", cause="c", retryable=False))
    assert capsys.readouterr() == ("", "")
