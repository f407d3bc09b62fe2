"""Verbs of the library where an event loop runs already: in a notebook, or in somebody's server.

A verb asks models side by side in an event loop of its own, and a thread can run only one. So where
one runs, the verb is done in another thread, and the caller waits as for any call.
"""

from __future__ import annotations

import asyncio
import contextvars
import ctypes
import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
SOON = 1.0
"""Seconds until an interrupt is seen at the latest, and for a thread to begin."""


def aside(verb: Callable[P, T]) -> Callable[P, T]:
    """*verb*, done in a thread of its own where an event loop runs in the caller's.

    An interrupt of the caller ends the verb as it would in its own thread: what is known is in the
    journal, and files and locks are let go before it goes on.
    """

    @functools.wraps(verb)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        if not _is_looping():
            return verb(*args, **kwargs)
        return _apart(lambda: verb(*args, **kwargs))

    return called


# Below: private.


def _is_looping() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _apart(work: Callable[[], T]) -> T:
    done: Future[T] = Future()
    began = threading.Event()

    def run() -> None:
        began.set()
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001  raised where it is waited for
            done.set_exception(error)

    inside = contextvars.copy_context()
    thread = threading.Thread(target=inside.run, args=(run,), name="escalera", daemon=True)
    try:
        thread.start()
        while wait([done], SOON).not_done:  # an interrupt on the way to a wait does not end it
            pass
    except KeyboardInterrupt:
        began.wait(SOON)
        _interrupt(thread)
        wait([done])  # not for the thread: until Python 3.12 an interrupted `join` calls it ended
        raise
    thread.join()
    return done.result()


def _interrupt(thread: threading.Thread) -> None:
    """Have *thread* raise a KeyboardInterrupt at its next step in Python."""
    number = ctypes.c_ulong(thread.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(number, ctypes.py_object(KeyboardInterrupt))
