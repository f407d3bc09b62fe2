"""Every verdict is one sentence that a person can act on."""

import pytest

from escalera.core.finetuning import data_words
from escalera.core.finetuning.data_need import Forecast, Need, Predicted, Question


def forecast(verdict, *, need: Need, cost: float | None = 0.4, point: int | None = 95) -> Forecast:
    """A forecast with these answers."""
    told = tuple(
        Predicted(
            examples=n,
            score=score,
            intervals=((score - 0.01, score + 0.01), (score - 0.02, score + 0.02), (0.0, 1.0)),
        )
        for n, score in ((375, 0.81), (5000, 0.87))
    )
    return Forecast(
        question=Question(bar=0.85, most=5000, cost_per_example=cost),
        at_hand=375,
        predicted=told,
        need=need,
        point=point,
        families=(("power", 0.5), ("stretched", 0.2), ("hill", 0.3)),
        verdict=verdict,
    )


NEED = Need(examples=791, lower=651, upper=1271, now=0.1, ever=0.93)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (
            forecast("more data", need=NEED),
            "To reach 0.85 on order changes: about 420 more examples (280 to 900), at 0.40 each "
            "about 168 (112 to 360).",
        ),
        (
            forecast("more data", need=NEED, cost=None),
            "To reach 0.85 on order changes: about 420 more examples (280 to 900).",
        ),
        (
            forecast(
                "more data",
                need=Need(examples=791, lower=375, upper=None, now=0.1, ever=0.75),
            ),
            "To reach 0.85 on order changes: about 420 more examples (0 to more than 4,700), at "
            "0.40 each about 168 (0.00 to more than 1,880). The chance that 5,000 examples do not "
            "get there is 25 %.",
        ),
        (
            forecast(
                "not by data", need=Need(examples=None, lower=None, upper=None, now=0.0, ever=0.004)
            ),
            "More data will not get order changes to 0.85: with 5,000 examples the score would be "
            "0.870 (0.850 to 0.890), and the chance of 0.85 is below 1 %.",
        ),
        (
            forecast(
                "undecided", need=Need(examples=None, lower=3000, upper=None, now=0.0, ever=0.4)
            ),
            "Whether data alone gets order changes to 0.85 cannot be told yet: with 5,000 examples "
            "the score would be 0.870 (0.850 to 0.890), and the chance of 0.85 is 40 %.",
        ),
        (
            forecast("enough", need=Need(examples=375, lower=375, upper=375, now=0.995, ever=1.0)),
            "375 examples are enough for 0.85 on order changes: the score is 0.810 (0.790 to "
            "0.830).",
        ),
    ],
    ids=["more", "no price", "open end", "plateau", "undecided", "enough"],
)
def test_sentences(found: Forecast, says: str) -> None:
    """With figures, interval and price."""
    assert data_words.sentence(found, "order changes") == says


def test_one_more_point_in_words() -> None:
    """With its price, without one, and where there is none."""
    assert data_words.gain(forecast("more data", need=NEED)) == (
        "One more point: about 95 more examples, about 38."
    )
    assert data_words.gain(forecast("more data", need=NEED, cost=None)) == (
        "One more point: about 95 more examples."
    )
    assert data_words.gain(forecast("more data", need=NEED, point=None)) == (
        "No further point is to be expected up to 5,000 examples."
    )


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, 0), (0.2, 1), (9, 9), (10, 10), (101, 110), (416, 420), (99_001, 100_000)],
)
def test_counts_have_two_digits_and_are_never_too_small(count: float, said: int) -> None:
    """Rounded upwards."""
    assert data_words.rounded(count) == said
