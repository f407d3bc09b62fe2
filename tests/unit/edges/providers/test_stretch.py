"""How much of prompts a step runs."""

from escalera.edges.providers.stretch import MOST, Stretch


def test_what_is_given_stays() -> None:
    """Without a pause no measurement changes anything."""
    fixed = Stretch(least=7)
    assert fixed.after(7, 1e-6) is fixed
    assert fixed.tokens == 7


def test_a_fast_machine_runs_more_at_a_time() -> None:
    """As much as it is thought to do in the pause; the first step tells what that is."""
    stretch = Stretch(least=100, pause=0.05)
    assert stretch.tokens == 100
    assert stretch.after(100, 0.01).tokens == 500


def test_a_slow_machine_runs_the_least() -> None:
    """However long it takes: prompts have to be run."""
    assert Stretch(least=100, pause=0.05).after(100, 3.0).tokens == 100


def test_no_step_is_without_bound() -> None:
    """The memory for a step grows with its tokens."""
    assert Stretch(least=100, pause=0.05).after(100, 1e-9).tokens == MOST


def test_the_latest_step_counts_most_but_not_alone() -> None:
    """One step that something else held up does not make the next ones short."""
    stretch = Stretch(least=10, pause=0.05).after(1000, 0.05)
    for _ in range(20):
        stretch = stretch.after(1000, 0.05)
    assert 250 < stretch.after(1000, 0.2).tokens < 1000


def test_a_short_prompt_says_nothing() -> None:
    """Its step took as long as it did for the answers beside it."""
    stretch = Stretch(least=100, pause=0.05).after(100, 0.01)
    assert stretch.after(49, 5.0) is stretch
