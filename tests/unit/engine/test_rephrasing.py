"""Rephrasings: what is bought, what is suspected, and what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.evidence import fold
from escalera.core.ladder.budgeting import Caps
from escalera.domain.dataset import Examples
from escalera.domain.project import BaseModel, Budget, ModelPrice
from escalera.edges.artifacts import FolderArtifacts
from escalera.engine import rephrasing
from escalera.engine.measuring import Means
from escalera.errors import EvidenceMissing, InputError, RequestRejected
from escalera.testing import playbook
from escalera.testing.memory import MemoryJournal
from escalera.testing.retrieval import WordVectors, retrieval
from escalera.testing.scoring import PureScoring
from escalera.testing.scripted import ScriptedProvider

E5 = BaseModel(
    name="e5", revision="r5", trainable=False, price=ModelPrice(prompt=1_000_000, completion=0)
)
BASE = playbook.task("a", items={"train": 3, "search": 1, "confirm": 2})
TEXTS = {
    "train": ["kept now is the lamp where", "a sofa that is red", "where is the mug kept now"],
    "search": ["something else"],
    "confirm": ["where is the lamp kept now", "mug the now kept where is"],
}


def task():
    """Two train items are a confirm item in other words; one of them has another answer."""
    made = []
    for split, texts in TEXTS.items():
        for n, (item, text) in enumerate(zip(BASE.items(split), texts, strict=True)):
            target = "other" if (split, n) == ("train", 2) else "same"
            made.append(replace(item, id=f"a/{split}{n}", input=text, target=target))
    return replace(BASE, examples=Examples(made))


PROJECT = replace(playbook.project(task()), embedder=E5)


def find(folder, journal, project=PROJECT, embedder=None, **caps):
    means = Means(
        journal=journal,
        evidence=fold(journal.events()),
        scoring=PureScoring,
        provider=lambda _: ScriptedProvider(lambda _: ""),
        caps=Caps(budget=Budget(**caps), prices={"e5": E5.price}),
        progress=lambda *_: None,
        artifacts=FolderArtifacts(folder),
        retrieval=retrieval(embedder),
    )
    return rephrasing.find(project, means, least=0.95)


def test_a_taught_question_in_other_words_is_suspected(tmp_path):
    """With the same answer; nothing is bought twice."""
    journal, embedder = MemoryJournal(), WordVectors()
    first = find(tmp_path, journal, embedder=embedder)
    (one,) = first.pairs
    assert (one.taught.id, one.tested.id) == ("a/train0", "a/confirm0")
    assert one.cosine == pytest.approx(1, abs=1e-6)
    assert sum(map(len, embedder.asked)) == 6
    assert find(tmp_path, journal, embedder=embedder) == first
    assert sum(map(len, embedder.asked)) == 6


def test_a_cap_is_kept_and_told(tmp_path):
    """What was bought is used when it is raised."""
    journal, embedder = MemoryJournal(), WordVectors()
    with pytest.raises(EvidenceMissing, match="a cap of the budget was reached"):
        find(tmp_path, journal, embedder=embedder, tokens=60, calls=1)
    bought = sum(map(len, embedder.asked))
    assert bought < 6
    assert len(find(tmp_path, journal, embedder=embedder).pairs) == 1
    assert sum(map(len, embedder.asked)) == 6


def test_without_a_model_it_says_which_key_to_set(tmp_path):
    """Nothing is guessed."""
    with pytest.raises(InputError, match=r"climb\.embedding"):
        find(tmp_path, MemoryJournal(), project=replace(PROJECT, embedder=None))


class Picky(WordVectors):
    """Refuses the texts that name a mug."""

    async def embed(self, texts):
        if any("mug" in text for text in texts):
            raise RequestRejected("too long", provider="e5")
        return await super().embed(texts)


def test_items_that_cannot_be_read_are_counted(tmp_path):
    """The others are compared."""
    found = find(tmp_path, MemoryJournal(), embedder=Picky())
    assert ([one.taught.id for one in found.pairs], found.unread) == (["a/train0"], 2)
