"""Verbs where an event loop runs in the caller's thread, as in a notebook."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import threading
import time

import pytest

from escalera.apps.aside import aside

LONG = 30.0
"""Seconds after which a verb that nobody interrupted gives up."""


async def answered(value):
    """What a verb asks for in an event loop of its own."""
    await asyncio.sleep(0)
    return value


@aside
def verb(value, *, fails=False):
    """Asks in a loop, and says in which thread."""
    if fails:
        raise ValueError(value)
    return asyncio.run(answered(value)), threading.current_thread()


def test_without_a_loop_a_verb_is_done_where_it_is_called():
    """As the command line does; nothing is gained by a thread."""
    assert verb(3) == (3, threading.current_thread())


def test_within_a_loop_a_verb_is_done_in_a_thread_that_ends():
    """A second loop could not run in the caller's."""

    async def cell():
        return verb(3)

    value, thread = asyncio.run(cell())
    assert value == 3
    assert thread is not threading.current_thread()
    assert not thread.is_alive()


def test_what_goes_wrong_is_raised_where_the_verb_was_called():
    """And not shown by the thread."""

    async def cell():
        verb("no", fails=True)

    with pytest.raises(ValueError, match="no"):
        asyncio.run(cell())


def test_a_verb_sees_the_context_of_its_caller():
    """Warnings, decimals and traces are set there."""
    mark = contextvars.ContextVar("mark", default="none")

    async def cell():
        mark.set("mine")
        return aside(mark.get)()

    assert asyncio.run(cell()) == "mine"


@pytest.mark.parametrize("asks", [False, True])
def test_an_interrupt_ends_the_verb_before_its_caller_goes_on(*, asks):
    """In Python's own steps, and where it waits for answers; what it holds is let go."""
    ended, began = [], threading.Event()

    async def waiting():
        began.set()
        end = time.monotonic() + LONG
        while time.monotonic() < end:  # noqa: ASYNC110  as answers come in, one after the other
            await asyncio.sleep(0.01)

    def counting():
        began.set()
        end = time.monotonic() + LONG
        while time.monotonic() < end:
            time.sleep(0.01)

    @aside
    def long():
        try:
            if asks:
                asyncio.run(waiting())
            else:
                counting()
        except KeyboardInterrupt:
            ended.append("interrupted")
            raise

    async def cell():
        long()

    def stop():
        began.wait()
        os.kill(os.getpid(), signal.SIGINT)

    stopper = threading.Thread(target=stop)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
    loop = asyncio.new_event_loop()  # not a Runner's, which takes the first interrupt for itself
    stopper.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(cell())
    finally:
        stopper.join()
        loop.close()
        signal.signal(signal.SIGINT, before)
    assert ended == ["interrupted"]
