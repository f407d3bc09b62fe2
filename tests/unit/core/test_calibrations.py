"""Calibrations that are kept, by panel."""

from __future__ import annotations

from escalera.core.calibrations import Calibrations
from escalera.domain.calibration import Anchored, Rechecked


def kept(number, scorer="s1", panel="p"):
    return Anchored(
        panel=panel, scorer=scorer, number=number, judges=(), repeats=1, revisions=(), anchors=()
    )


def read(number, source, look=1, panel="p"):
    return Rechecked(
        panel=panel,
        scorer="s1",
        number=number,
        source=source,
        look=look,
        share=0.5,
        margin=0.1,
        answers=3,
        shifts=(),
        word="too few labels",
        needed=None,
        changed=None,
        anchors=(),
        revisions=(),
    )


def test_the_latest_is_that_of_the_same_judges():
    """Others under the name are kept, and are not its."""
    found = Calibrations()
    assert found.of("p") == ()
    assert found.latest("p", "s1") is None
    for one in (kept(1), kept(2), kept(3, scorer="s2"), kept(1, panel="q")):
        found.add(one)
    assert found.of("p") == (kept(1), kept(2), kept(3, scorer="s2"))
    assert found.latest("p", "s1") == kept(2)
    assert found.latest("p", "s3") is None


def test_readings_are_of_one_calibration_and_one_source():
    """Rounds count over all calibrations of the name."""
    found = Calibrations()
    for one in (kept(1), kept(2), read(1, "again"), read(2, "labels"), read(2, "again", look=2)):
        found.add(one)
    found.add(read(1, "again", panel="q"))
    assert found.readings(kept(2), "again") == (read(2, "again", look=2),)
    assert found.readings(kept(1), "labels") == ()
    assert (found.rounds("p"), found.rounds("q")) == (2, 0)
