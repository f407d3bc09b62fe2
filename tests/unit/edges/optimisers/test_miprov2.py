"""MIPROv2 itself on a model whose right rule is known.

The extra `dspy` is heavy, so it is not part of `dev`. Continuous integration installs it.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile

import pytest

if any(importlib.util.find_spec(package) is None for package in ("dspy", "optuna")):
    pytest.skip("needs dspy: pip install -e '.[dspy]'", allow_module_level=True)

os.environ.setdefault("DSPY_CACHEDIR", tempfile.mkdtemp())

from escalera.edges.optimisers.miprov2 import MiproV2
from escalera.testing.optimisers import Ended, Landscape

pytestmark = [
    pytest.mark.dspy,
    pytest.mark.filterwarnings("ignore"),  # of DSPy's and Optuna's own
]


def test_it_finds_the_rule_that_helps():
    """Its proposals are DSPy's, its questions are ours."""
    model = Landscape()
    (found,) = MiproV2().improve("Answer.", model.items, model.asking(calls=600), seed=1)
    assert "Good rule." in found


def test_it_keeps_about_to_its_calls():
    """They are told beforehand: MIPROv2 counts trials."""
    model = Landscape()
    MiproV2().improve("Answer.", model.items, model.asking(calls=800), seed=1)
    assert 500 <= len(model.questions) + len(model.messages) <= 1.25 * 800


def test_the_same_seed_asks_the_same():
    """In whatever order its threads come."""
    first, second = Landscape(), Landscape()
    for model in (first, second):
        MiproV2().improve("Answer.", model.items, model.asking(calls=500), seed=5)
    assert sorted(first.questions) == sorted(second.questions)


def test_a_prompt_that_nothing_improves_stays():
    """Nothing is proposed; an empty prompt is one, too."""
    for prompt in ("Answer.", ""):
        model = Landscape(helps="no rule at all")
        assert MiproV2().improve(prompt, model.items, model.asking(calls=400), seed=1) == []


def test_what_ends_the_search_ends_it_soon():
    """DSPy scores what fails with 0 and goes on; the engine then answers nothing any more."""
    model = Landscape()
    with pytest.raises(Ended):
        MiproV2().improve("Answer.", model.items, model.asking(calls=600, ends=100), seed=1)
    assert model.asked <= 100 + 8
