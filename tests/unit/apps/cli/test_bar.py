"""A bar for work that says how far it is."""

import io
import sys

import pytest

from escalera.apps.cli import bar


class Terminal(io.StringIO):
    """Says that somebody looks at it."""

    def isatty(self):
        return True


@pytest.mark.parametrize(("terminal", "quiet"), [(False, False), (True, True)])
def test_nobody_looks_and_nothing_is_said(monkeypatch, terminal, quiet):
    """In a file, or where quiet is asked for."""
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with bar.shown(quiet=quiet) as progressed:
        progressed("merge", 1, 2)
    assert stream.getvalue() == ""


def test_a_terminal_shows_how_far_it_is(monkeypatch):
    """What is done and its share; the bar goes away at the end."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with bar.shown(quiet=False) as progressed:
        progressed("merge", 1, 2)
    assert "merge" in stream.getvalue()
    assert "50%" in stream.getvalue()
