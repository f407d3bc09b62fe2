"""What is MIPROv2's own; what every tool keeps is in tests/contract/test_optimiser.

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

from escalera.edges.optimisers.miprov2 import CALLS_PER_CANDIDATE, MOST_VALIDATION, SHOWN, MiproV2
from escalera.testing.optimisers import Landscape

pytestmark = [
    pytest.mark.dspy,
    pytest.mark.filterwarnings("ignore"),  # of DSPy's and Optuna's own
]


def test_it_keeps_about_to_its_calls():
    """They are told beforehand: MIPROv2 counts trials, answers that it has already among them."""
    model = Landscape()
    MiproV2().improve("Answer.", model.items, model.asking(calls=800), seed=1)
    assert 500 <= len(model.questions) + len(model.messages) <= 1.25 * 800


def test_the_model_is_asked_with_the_bare_instructions():
    """None of DSPy's own frame is around them: what is measured is what would be served."""
    model = Landscape()
    MiproV2().improve("Answer.", model.items, model.asking(calls=400), seed=1)
    assert {text for text, _ in model.questions} <= {
        "Answer.",
        "Answer. Good rule.",
        "Answer. Vain rule.",
    }


def test_its_trials_are_on_the_items_of_its_validation():
    """The first; the others describe the data to the proposer."""
    model = Landscape()
    MiproV2().improve("Answer.", model.items, model.asking(calls=400), seed=1)
    rewritten = {int(item) for text, item in model.questions if text != "Answer."}
    assert rewritten
    assert max(rewritten) < MOST_VALIDATION
    described = [n for n in range(120) if any(f"'message {n}'" in m for m in model.messages)]
    assert described == [*range(MOST_VALIDATION, MOST_VALIDATION + int(SHOWN * 400))]


def test_the_proposer_is_shown_right_answers_and_no_program():
    """What a program does is ours, not the task's."""
    model = Landscape()
    MiproV2().improve("Answer.", model.items, model.asking(calls=400), seed=1)
    proposals = [
        text for text in model.messages if "[[ ## basic_instruction ## ]]\nAnswer." in text
    ]
    assert len(proposals) == 400 // CALLS_PER_CANDIDATE
    assert any("Message: message 61\nAnswer: answer 61" in text for text in proposals)
    assert not any("class " in text or "no idea" in text for text in model.messages)


def test_a_hard_task_leaves_calls_for_trials():
    """Right answers to show are looked for on so many items, and no more, where there are none."""
    model = Landscape(helps="Answer. Good rule.", odd=False)
    (found,) = MiproV2().improve("Answer.", model.items, model.asking(calls=200), seed=1)
    assert found == "Answer. Good rule."
    assert model.asked <= 200
