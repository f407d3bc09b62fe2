"""One dial: every lever has a value and a reason, and what was said is kept."""

from __future__ import annotations

from dataclasses import fields

import pytest

from escalera.core.finetuning import effort
from escalera.domain.levers import Levers, Trainable


@pytest.mark.parametrize("dial", ["pilot", "normal", "thorough"])
def test_every_lever_has_a_value_and_a_reason(dial: str) -> None:
    """All but the seed and what stands in for another, each once; the values make a recipe."""
    found = effort.settings(dial, {})
    names = [one.lever for one in found]
    every = {field.name for kind in (Trainable, Levers) for field in fields(kind)}
    wanted = every - {"seed", "batch_examples"}
    assert len(names) == len(set(names))
    assert set(names) == wanted
    assert all(one.reason for one in found)
    assert effort.trainable(found).rank == {"pilot": 8, "normal": 16, "thorough": 32}[dial]
    assert effort.levers(found, seed=3).seed == 3


def test_what_was_said_is_kept_and_moves_what_depends_on_it() -> None:
    """Alpha follows the rank, the weight decay the method; None is not said."""
    found = effort.settings("normal", {"rank": 4, "method": "full", "clip": None})
    said = {one.lever: one.reason for one in found if "project file" in one.reason}
    assert set(said) == {"rank", "method"}
    assert (effort.trainable(found).rank, effort.trainable(found).alpha) == (4, 8)
    assert effort.levers(found, seed=0).weight_decay == 0.01
    assert effort.levers(effort.settings("normal", {}), seed=0).weight_decay == 0.0


def test_small_batches_only_where_their_size_is_not_said() -> None:
    """Who says how large a batch is gets it, however few steps that makes."""
    assert effort.levers(effort.settings("normal", {}), seed=0).fewest_steps == 100
    assert effort.levers(effort.settings("normal", {"batch_tokens": 64}), seed=0).fewest_steps == 0
    both = {"batch_tokens": 64, "fewest_steps": 7}
    assert effort.levers(effort.settings("normal", both), seed=0).fewest_steps == 7


def test_the_rate_is_to_be_found_unless_it_is_said() -> None:
    """None is what a search is asked for."""
    assert effort.levers(effort.settings("normal", {}), seed=0).learning_rate is None
    given = effort.settings("normal", {"learning_rate": 1e-3})
    assert effort.levers(given, seed=0).learning_rate == 1e-3
