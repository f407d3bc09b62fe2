"""The choice of a base in words."""

from __future__ import annotations

from dataclasses import replace

from escalera.core.finetuning import pilots_words
from escalera.core.finetuning.pilots import STAY, NextPilot, Option

BEST = Option(
    name="large",
    score=0.9,
    deviation=0.02,
    interval=(0.87, 0.93),
    price=20.0,
    utility=880.0,
    best=0.9,
)
SMALL = replace(
    BEST, name="small", score=0.8, interval=(0.7, 0.88), price=5.0, utility=795.0, best=0.1
)
STAYING = replace(
    BEST, name=STAY, score=0.7, interval=(0.66, 0.74), price=0.0, utility=700.0, best=0.0
)
FOUND = (BEST, SMALL, STAYING)
ENDED = NextPilot(base=None, plan=None, reason="budget", worth=0.0, price=0.0)


def test_what_to_do_is_said_first_with_its_chance() -> None:
    """A base, the base in use, or nothing; and what else it may be where it is not sure."""
    said = pilots_words.recommendation(FOUND, "small")
    assert said == (
        "Finetune large: 0.900 is expected on all examples (80 %: 0.870 to 0.930). "
        "The chance that it is the best choice is 90 %."
    )
    unsure = (replace(BEST, best=0.6), replace(SMALL, best=0.4), STAYING)
    said = pilots_words.recommendation(unsure, "small")
    assert said.endswith("choice is 60 %, and that finetuning small is, 40 %.")
    assert pilots_words.recommendation((SMALL, STAYING), "small").startswith(
        "Finetune small, the base in"
    )
    said = pilots_words.recommendation((replace(STAYING, best=0.95), SMALL), "small")
    assert said.startswith("Stay with small as it is")


def test_what_would_reverse_it() -> None:
    """A score of another answer, a lower worth of a point, or nothing that can be."""
    said = pilots_words.reversals(FOUND, "small", 1000.0)
    assert said[0] == "finetuning small would with a score of 0.885 (expected 0.800)"
    assert said[1].startswith("staying with small as it is would with a score of 0.880")
    assert said[2] == "finetuning small would if a point were worth less than 1.50 (now 10.00)"
    assert said[3].endswith("were worth less than 1.00 (now 10.00)")
    near = replace(SMALL, price=BEST.price - 0.0002)
    said = pilots_words.reversals((BEST, near), "small", 1000.0)
    assert said[1] == "finetuning small would if a point were worth less than 2e-05 (now 10.00)"
    out = replace(SMALL, price=500.0)
    assert pilots_words.reversals((BEST, out), "small", 1000.0)[0] == (
        "no score of finetuning small would"
    )
    assert len(pilots_words.reversals(FOUND, "small", None)) == 2


def test_why_there_is_no_further_pilot() -> None:
    """Not worth its price, no more allowed, or cut short; in money or in points."""
    assert "raise --share" in pilots_words.ending(ENDED, 12.0, 1000.0)
    assert "12.00" in pilots_words.ending(ENDED, 12.0, 1000.0)
    enough = replace(ENDED, reason="nothing is worth its price")
    assert "0.5 points" in pilots_words.ending(enough, 0.005, None)
    cut = replace(ENDED, reason=None, base="large", worth=3.0)
    assert pilots_words.ending(cut, 1.0, 1000.0) == (
        "The pilots were cut short: the next one, of large, would be worth 3.00"
    )
