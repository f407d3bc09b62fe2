"""Asking a scorer of the outside about one answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from escalera.domain.dataset import Example
from escalera.domain.scoring import Submission
from escalera.edges.scoring.binding import Means
from escalera.edges.scoring.desk import Desk, choose


class Bench:
    """A project's folder, and scorers that are opened, asked and closed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.embeds = lambda name: 1 / 0

    @property
    def means(self) -> Means:
        return Means(folder=self.folder, embeds=self.embeds)

    def chosen(self, kind, options):
        return choose(kind, options, self.means)

    def scores(self, kind, options, *answers):
        """The scores of one scorer for all *answers*, asked one after the other."""
        chosen = self.chosen(kind, options)

        async def run():
            desk = Desk([chosen], self.means)
            try:
                return [
                    found
                    for answer in answers
                    for found in await desk.score(chosen.identity, [answer])
                ]
            finally:
                await desk.close()

        return asyncio.run(run())

    def score(self, kind, options, answer):
        return self.scores(kind, options, answer)[0]


def submission(reply, target="target", asked="input", **others):
    """An answer to an item."""
    item = Example(id="t/1", task="t", split="confirm", input=asked, target=target, cluster="c")
    return Submission(reply=reply, item=item, **others)


@pytest.fixture
def bench(tmp_path):
    """A bench in an empty folder."""
    return Bench(tmp_path)


@pytest.fixture
def answer():
    """Makes an answer from a reply and a target."""
    return submission
