"""Who enters the race for examples and passages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.evidence import fold
from escalera.core.ladder import showing
from escalera.core.ladder.case import Case
from escalera.core.prompts import context, selections
from escalera.domain.event import Proposed
from escalera.domain.project import BaseModel
from escalera.domain.selection import Context
from escalera.domain.system import Prompt
from escalera.testing import playbook

E5 = BaseModel(name="e5", revision="r5", trainable=False, price=None)
READING = Context(
    passages=context.cut("returns are free", source="d.md", words=20, overlap=0),
    top=2, tokens=100, methods=("bm25", "embedding"),
)  # fmt: skip
PLAIN = playbook.task("a")
DOCUMENTED = replace(PLAIN, context=READING)


def entered(task, *, embedder=None, wordings=("short", "long")):
    project = replace(playbook.project(task), embedder=embedder)
    case = Case(project=project, evidence=fold([]))
    parents = [case.system(task, Prompt(system=name)) for name in wordings]
    for name, parent in zip(wordings, parents, strict=True):
        case.evidence.apply(
            Proposed(rung="prompt", task="a", operator=name, system=parent, parent=None)
        )
    return case, showing.entrants(case, task, parents)


def test_everything_under_the_best_wording_and_a_sketch_under_the_second():
    """The wordings as they are come first, so that ties go to them."""
    _, made = entered(PLAIN)
    names = [name for name, _, _ in made]
    assert names[:4] == ["short", "long", "long + 4 diverse examples", "long + 4 nearest examples"]
    assert all(name.startswith("short + ") for name in names[4:])
    assert len(names) == 14, "items that differ alike: the diverse ones are the first ones"


def test_documents_add_passages_alone_and_with_examples():
    """Each way of finding them under the best wording, one under the second; both together last."""
    _, made = entered(DOCUMENTED, embedder=E5)
    names = [name for name, _, _ in made if "passages" in name]
    assert (
        names
        == [
            "long + passages",
            "short + passages",
            "short + passages (embedding)",
            "short + passages + 4 diverse examples",
            "short + passages + 4 nearest examples",
        ][: len(names)]
        or names[-1] == "short + passages + 4 nearest examples"
    )
    both = made[-1][1]
    assert [one.kind for one in both.selections] == ["passages", "examples"]


@pytest.mark.parametrize("task", [PLAIN, DOCUMENTED])
@pytest.mark.parametrize("embedder", [None, E5])
@pytest.mark.parametrize("wordings", [("short",), ("short", "long"), ("a", "b", "c")])
def test_there_are_never_more_than_was_told(task, embedder, wordings):
    """The estimate before a climb is a bound; every entrant is another prompt."""
    case, made = entered(task, embedder=embedder, wordings=wordings)
    assert len(made) <= showing.most(case.project, task)
    assert len({prompt for _, prompt, _ in made}) == len(made)


def test_a_prompt_that_reads_already_gets_no_second_material():
    """A file of the user's own may use passages."""
    (first, *_) = selections.passages(DOCUMENTED, model=E5, embedder=None)
    case, _ = entered(DOCUMENTED)
    reader = case.system(DOCUMENTED, Prompt(template="{{ input }}", selections=(first,)))
    made = showing.entrants(case, DOCUMENTED, [reader])
    kinds = [[one.kind for one in prompt.selections] for _, prompt, _ in made]
    assert all(found.count("passages") == 1 for found in kinds)
