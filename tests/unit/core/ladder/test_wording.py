"""The wordings of the prompt rung."""

from __future__ import annotations

from dataclasses import replace

from escalera.core.evidence import fold
from escalera.core.ladder import wording
from escalera.core.ladder.case import Case
from escalera.core.prompts import operators
from escalera.domain.system import Prompt
from escalera.domain.task import NamedPrompt, PromptParts
from escalera.testing import playbook

A = playbook.task("a")


def finalists(task):
    return wording.finalists(Case(project=playbook.project(task), evidence=fold([])), task)


def test_the_base_is_everything_that_the_task_tells():
    """Other operators are tried on top of it; a part that is missing is no factor."""
    menu = wording.menu(A, None)
    assert menu.base == ("role", "instruction", "contract")
    assert menu.compose(menu.base) == operators.everything(A.parts)
    assert "rules" not in menu.factors
    assert menu.made(menu.base) == "role + instruction + contract"


def test_before_any_screening_the_finalists_are_what_the_task_tells():
    """The plain contract, then everything: simplest first."""
    plain = "instruction + contract"
    assert [name for name, _ in finalists(A)] == [plain, f"role + {plain}"]


def test_prompts_of_the_users_own_come_first_and_keep_their_names():
    """A prompt that operators make as well runs once."""
    same = NamedPrompt(name="mine", prompt=operators.everything(A.parts))
    own = NamedPrompt(name="other", prompt=Prompt(template="> {{ input }}"))
    found = finalists(replace(A, prompts=(same, own)))
    assert [name for name, _ in found] == ["file mine", "file other", "instruction + contract"]


def test_a_task_that_tells_nothing_has_the_bare_message():
    """There is always something to race."""
    assert finalists(replace(A, parts=PromptParts())) == (("bare message", Prompt()),)
