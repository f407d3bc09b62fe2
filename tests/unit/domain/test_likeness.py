"""Comparisons of meaning: what they are filed under."""

from __future__ import annotations

from dataclasses import replace

from escalera.domain import likeness
from escalera.domain.likeness import Likeness

ONE = Likeness(scorer='semantic {"model":"e"}', model="e", weights="abc")


def test_another_version_shares_no_embedding():
    """Without one, what was embedded for another purpose is used."""
    assert ONE.revision == "abc"
    versions = {replace(ONE, version=version).revision for version in ("", "1", "2")}
    assert len(versions) == 3


def test_only_its_own_scorers_wait():
    """A task's scorer is known by its identity."""
    assert likeness.waits(ONE.scorer)
    assert not any(map(likeness.waits, ("exact", "semantics", 'regex {"pattern":"semantic "}')))
