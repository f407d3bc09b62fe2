"""What every tool that searches for prompts keeps, on a model whose right rule is known."""

from __future__ import annotations

import importlib
import importlib.util
import os
import tempfile

import pytest

from escalera.testing.optimisers import Ended, Landscape
from escalera.wiring import optimisers

os.environ.setdefault("DSPY_CACHEDIR", tempfile.mkdtemp())


def tool(name, *marks):
    """A tool by its name in the project file, left out where its packages are not installed."""
    packages = optimisers.NEEDS[name]
    lacks = any(importlib.util.find_spec(package) is None for package in packages)
    said = f"needs {packages[0]}: pip install -e '.[{packages[0]}]'"
    return pytest.param(name, marks=[*marks, pytest.mark.skipif(lacks, reason=said)])


@pytest.fixture(
    params=[tool("gepa"), tool("miprov2", pytest.mark.dspy, pytest.mark.filterwarnings("ignore"))]
)
def optimiser(request):
    """One of them."""
    return optimisers.of(request.param)


def test_it_finds_the_rule_that_helps(optimiser):
    """What comes back is the whole of what to say, and no more than is asked for."""
    model = Landscape()
    (found,) = optimiser.improve("Answer.", model.items, model.asking(calls=600), seed=1)
    assert found == "Answer. Good rule."


def test_the_same_seed_asks_the_same(optimiser):
    """So a search that was cut off is taken up by running it again."""
    first, second = Landscape(), Landscape()
    for model in (first, second):
        optimiser.improve("Answer.", model.items, model.asking(calls=500), seed=5)
    assert sorted(first.questions) == sorted(second.questions)
    assert first.messages == second.messages


def test_a_prompt_that_nothing_improves_stays(optimiser):
    """Nothing is proposed; an empty prompt is one, too."""
    for prompt in ("Answer.", ""):
        model = Landscape(helps="no rule at all")
        assert [*optimiser.improve(prompt, model.items, model.asking(calls=400), seed=1)] == []


def test_it_ends_by_itself_within_a_quarter_more_than_its_calls(optimiser):
    """Before the engine ends it."""
    model = Landscape()
    optimiser.improve("Answer.", model.items, model.asking(calls=800), seed=1)
    assert model.asked <= 1.25 * 800


def test_answers_without_a_score_do_not_end_it(optimiser):
    """The rule is found all the same."""
    model = Landscape(unscored=5)
    (found,) = optimiser.improve("Answer.", model.items, model.asking(calls=600), seed=1)
    assert "Good rule." in found


def test_what_ends_the_search_comes_through_and_soon(optimiser):
    """Whatever the tool makes of errors: the engine must know why it ended."""
    model = Landscape()
    with pytest.raises(Ended):
        optimiser.improve("Answer.", model.items, model.asking(calls=600, ends=100), seed=1)
    assert model.asked <= 100 + 60


@pytest.mark.parametrize("calls", [100, 150, 200, 300, 1000])
@pytest.mark.parametrize("helps", ["Good rule.", "Answer.", "no rule at all"])
def test_few_calls_are_enough_to_come_to_an_end(optimiser, calls, helps):
    """What the engine would stop is lost, so nothing may need more; be answers right or wrong."""
    model = Landscape(helps=helps)
    optimiser.improve("Answer.", model.items, model.asking(calls=calls), seed=1)
    assert model.asked <= 1.25 * calls


@pytest.mark.parametrize(
    "reply", ["", "Good rule.", "[[ ## completed ## ]]", '{"a": 1}', "```\n```"]
)
def test_whatever_the_proposer_replies_the_search_comes_to_an_end(optimiser, reply):
    """It may not keep to the form that it is asked for; what it wrote is taken as it is."""
    model = Landscape(reply=reply)
    found = optimiser.improve("Answer.", model.items, model.asking(calls=400), seed=1)
    assert [*found] == ([reply] if reply == "Good rule." else [])
    assert model.asked <= 1.25 * 400


def test_it_prints_nothing(optimiser, capfd):
    """The terminal is the climb's."""
    model = Landscape()
    optimiser.improve("Answer.", model.items, model.asking(calls=300), seed=1)
    assert capfd.readouterr() == ("", "")
