"""The registry of kinds."""

from __future__ import annotations

import dataclasses

from escalera.core.evaluation.scorers import SCORERS
from escalera.edges.scoring.desk import OPTIONS
from escalera.edges.scoring.kinds import KINDS


def test_no_name_is_taken_twice():
    """Kinds of the core and of the outside are one list to the user."""
    assert not KINDS.keys() & SCORERS.keys()
    assert list(OPTIONS) == [*SCORERS, *KINDS]


def test_options_are_frozen_dataclasses_that_say_what_they_mean():
    """Their fields are keys of the project file."""
    for name, options in OPTIONS.items():
        assert dataclasses.is_dataclass(options), name
        assert options.__dataclass_params__.frozen, name
        said = options.__doc__ or ""
        for field in dataclasses.fields(options):
            assert f"`{field.name}`" in said, f"{name}: {field.name}"
