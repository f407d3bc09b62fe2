"""What a lever may be, and which trials are different ones."""

from __future__ import annotations

from escalera.domain.sweep import LeverRange, Sweep


def test_wide_ranges_are_drawn_by_their_logarithm() -> None:
    """A rate from 1e-5 to 1e-1 is; a share that may be 0, or a narrow one, is not."""
    assert LeverRange(name="learning_rate", lowest=1e-5, highest=1e-1).logarithmic
    assert not LeverRange(name="warm_up", lowest=0.0, highest=0.3).logarithmic
    assert not LeverRange(name="clip", lowest=0.5, highest=2.0).logarithmic
    assert not LeverRange(name="rank", choices=(4, 16)).logarithmic


METHOD = LeverRange(name="method", choices=("lora", "full", "partial"))
RANK = LeverRange(name="rank", choices=(4, 16, 64))
DROPOUT = LeverRange(name="dropout", lowest=0.0, highest=0.2)
EPOCHS = LeverRange(name="epochs", choices=(1, 3))


def test_levers_that_a_method_does_not_read_make_no_other_trial() -> None:
    """Where all weights learn there are no ranks: three ranks of one method, one each of others."""
    sweep = Sweep(levers=(METHOD, RANK, EPOCHS), trials=9)
    assert sweep.combinations == (3 + 1 + 1) * 2
    assert sweep.distinct(("full", 64, 3)) == sweep.distinct(("full", 16, 3)) == ("full", 4, 3)
    assert sweep.distinct(("lora", 64, 3)) == ("lora", 64, 3)
    assert sweep.idle(("full", 64, 3)) == {"rank"}
    assert sweep.idle(("lora", 64, 3)) == frozenset()
    ranged = Sweep(levers=(METHOD, DROPOUT), trials=9)
    assert ranged.combinations is None
    assert ranged.distinct(("partial", 0.1)) == ("partial", 0.0)


def test_where_no_method_is_swept_every_lever_counts() -> None:
    """Those of an adapter are refused with the project file where none is trained."""
    sweep = Sweep(levers=(RANK, EPOCHS), trials=9)
    assert sweep.combinations == 6
    assert sweep.distinct((64, 3)) == (64, 3)
