"""What a user's filter returns, in the words of the protocol."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from escalera.edges.filters import function_worker


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        (None, []),
        (False, []),
        (True, [[0, 4]]),
        ([], []),
        ([(2, 3), (0, 1)], [[0, 1], [2, 3]]),
        ((pair for pair in [(1, 2)]), [[1, 2]]),
    ],
)
def test_answers(returned, told):
    """Nothing, everything, or pairs in their order."""
    assert function_worker.spans(lambda text: returned, "abcd", {}) == told


def test_all_of_an_empty_text_is_nothing():
    """There is nothing to be found in it."""
    assert function_worker.spans(lambda text: True, "", {}) == []


def test_what_is_asked_for_is_told():
    """By name."""
    seen = []
    function_worker.spans(lambda text, role: seen.append((text, role)), "ab", {"role": "user"})
    assert seen == [("ab", "user")]


@pytest.mark.parametrize("raised", [ZeroDivisionError("no"), SystemExit(3)])
def test_an_exception_is_told(raised):
    """It is not taken for nothing found."""
    call = Future()
    call.set_exception(raised)
    said = function_worker.answer(call)
    assert said == f"the function raised {type(raised).__name__}: {raised}"
    good = Future()
    good.set_result([[0, 1]])
    assert function_worker.answer(good) == [[0, 1]]
