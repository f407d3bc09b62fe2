"""Silence for what a tool prints, and for nothing else."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from escalera.edges.optimisers.muting import muted


def test_a_tool_and_its_threads_are_silent_and_the_caller_is_heard(capsys):
    """The caller waits in another thread, and draws its bar meanwhile."""
    begun, drawn = threading.Event(), threading.Event()

    def tool():
        with muted():
            print("tool")
            print("tool", file=sys.stderr)
            with ThreadPoolExecutor(2) as workers:
                workers.submit(print, "its thread").result()
            begun.set()
            drawn.wait(10)

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(tool)
        assert begun.wait(10)
        print("caller")
        print("bar", file=sys.stderr)
        drawn.set()
        running.result()
    assert capsys.readouterr() == ("caller\n", "bar\n")


def test_everything_is_as_before_afterwards(capsys):
    """Whatever happened."""
    before = sys.stdout, sys.stderr
    with suppress(KeyError), muted():
        {}["nothing"]
    print("heard")
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr().out == "heard\n"


def test_the_streams_are_themselves_in_all_else(capsys):
    """A console asks them what they are; a tool that flushes does no harm."""
    with muted():
        assert sys.stdout.encoding.lower() == "utf-8"
        assert sys.stdout.write("some") == 4
        sys.stdout.flush()
        assert not sys.stderr.isatty()
