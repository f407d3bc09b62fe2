"""The runner of programs and tests, outside of the jail."""

from __future__ import annotations

import pytest

from escalera.edges.scoring import python_runner


def run(program, tests):
    return python_runner.run({"program": program, "tests": tests, "packages": []})


def test_program_and_tests_share_their_names():
    """The tests see what the program defined."""
    assert run("def f(x): return x + 1", "assert f(1) == 2") is True


def test_whatever_is_raised_goes_through():
    """Nothing is answered then."""
    with pytest.raises(AssertionError):
        run("def f(x): return x", "assert f(1) == 2")
    with pytest.raises(SystemExit):
        run("import sys; sys.exit(0)", "")
    with pytest.raises(SyntaxError):
        run("def f(:", "")


def test_the_program_is_no_main_program():
    """What stands behind `if __name__ == "__main__"` does not run."""
    assert run("if __name__ == '__main__': raise ValueError", "") is True
