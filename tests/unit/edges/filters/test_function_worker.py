"""What a user's filter returns, in the words of the protocol."""

from __future__ import annotations

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
    assert function_worker.answer(lambda text: returned, {"text": "abcd"}, []) == told


def test_all_of_an_empty_text_is_nothing():
    """There is nothing to be found in it."""
    assert function_worker.answer(lambda text: True, {"text": ""}, []) == []


def test_only_what_is_asked_for_is_told():
    """By the names of the function's parameters."""
    question = {"text": "ab", "side": "input", "role": "user"}
    seen = []
    function_worker.answer(lambda text, role: seen.append((text, role)), question, ["role"])
    assert seen == [("ab", "user")]


def test_an_exception_is_told():
    """It is not taken for nothing found."""
    said = function_worker.answer(lambda text: 1 / 0, {"text": "a"}, [])
    assert said == "the function raised ZeroDivisionError: division by zero"
