"""What the worker makes of what a function returns; the process itself is in test_function."""

from __future__ import annotations

from concurrent.futures import Future

import numpy as np
import pytest

from escalera.edges.scoring import function_worker


def answered(result):
    call = Future()
    if isinstance(result, BaseException):
        call.set_exception(result)
    else:
        call.set_result(result)
    return function_worker.answer(call)


@pytest.mark.parametrize(
    ("result", "score"),
    [
        (0.5, 0.5),
        (True, True),
        (np.float32(0.5), 0.5),
        (np.bool_(1), 1.0),
        (None, None),
        ("good", "good"),
        ((0.5, "why"), 0.5),
        ((None, "why"), None),
    ],
)
def test_results(result, score):
    """Numbers of any library are numbers; what is none is passed on, to be refused."""
    assert answered(result)["score"] == score


def test_reasons(capsys):
    """The function's own, or that of its exception, whose trace is shown."""
    assert answered((None, "why"))["reason"] == "why"
    assert answered(None)["reason"] == "the function returned None"
    assert answered(KeyError("unit"))["reason"] == "the function raised KeyError: 'unit'"
    assert "KeyError" in capsys.readouterr().err
