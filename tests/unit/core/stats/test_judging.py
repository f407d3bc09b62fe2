"""Both orders: real judges' position bias and flips, and a score that their bias cannot move."""

import numpy as np
import pytest

from escalera.core.stats import judging, mean

# Verdicts of two judges with the plain prompt on the 419 pairs of LLMBar (Zeng et al. 2024, MIT),
# as counts of (winner when shown as given, winner when swapped), both named in the given order.
GPT4 = {"aa": 196, "ab": 20, "ba": 10, "bb": 193}
FALCON = {"aa": 88, "ab": 238, "ba": 7, "bb": 86}


def passes(counts: dict[str, int]) -> tuple[list[float], list[float | None]]:
    """Scores of a in both orders."""
    rows = [key for key, n in counts.items() for _ in range(n)]
    return [float(k[0] == "a") for k in rows], [float(k[1] == "a") for k in rows]


def test_real_judges() -> None:
    """GPT-4 agrees with itself in 92.8 %, Falcon in 41.5 % and names the first answer in 78 %."""
    steady = judging.read(*passes(GPT4))
    assert round(1 - steady.flip_rate.estimate, 3) == 0.928
    assert steady.position_bias.estimate == pytest.approx((20 - 10) / 419 / 2)
    assert steady.position_bias.lower < 0 < steady.position_bias.upper
    swayed = judging.read(*passes(FALCON))
    assert round(1 - swayed.flip_rate.estimate, 3) == 0.415
    assert round(0.5 + swayed.position_bias.estimate, 2) == 0.78
    assert swayed.position_bias.lower > 0.24
    assert swayed.score.estimate == pytest.approx((88 + 0.5 * 245) / 419)
    assert judging.bias_is_bounded(steady, tolerance=0.05)
    assert not judging.bias_is_bounded(swayed, tolerance=0.3)
    assert judging.bias_is_bounded(swayed, tolerance=0.5)


def test_exchanging_the_answers_mirrors_the_score_and_keeps_the_bias() -> None:
    """Calling a b: the score mirrors at one half, bias and flips stay."""
    first, second = passes(FALCON)
    labels = [i % 50 for i in range(419)]
    found = judging.read(first, second, labels)
    mirrored = judging.read([1 - x for x in second], [1 - x for x in first], labels)
    assert mirrored.score.lower == pytest.approx(1 - found.score.upper)
    assert mirrored.position_bias == found.position_bias
    assert mirrored.flip_rate == found.flip_rate


def test_ties_count_half_and_flips_are_changes() -> None:
    """From win to tie is a flip that moves the score by a quarter."""
    found = judging.read([1.0, 0.5, 0.0, 1.0], [0.5, 0.5, 0.0, 1.0])
    assert found.score.estimate == pytest.approx((0.75 + 0.5 + 0 + 1) / 4)
    assert found.flip_rate.estimate == 0.25
    assert found.position_bias.estimate == pytest.approx(0.5 / 4 / 2)


def test_a_random_share_of_second_passes_still_corrects() -> None:
    """Equal answers and a judge that adds 0.3 to the first: every pair once and 60 pairs twice. The
    mean of first passes is never near one half; the corrected score covers it in 95 %, in less
    than the width that the 60 pairs alone would give (seeded, 200 runs).
    """
    rng = np.random.default_rng(91)
    covered, narrower, naive = 0, 0, 0
    for _ in range(200):
        taste = rng.normal(0.0, 0.4, 600)
        first = (taste + 0.3 + rng.normal(0.0, 0.1, 600) > 0).astype(float)
        second = (taste - 0.3 + rng.normal(0.0, 0.1, 600) > 0).astype(float)
        drawn = set(rng.choice(600, 60, replace=False).tolist())
        some = [float(second[i]) if i in drawn else None for i in range(600)]
        found = judging.read(first, some)
        covered += found.score.lower <= 0.5 <= found.score.upper
        alone = mean.interval([(first[i] + second[i]) / 2 for i in drawn])
        narrower += found.score.upper - found.score.lower < alone.upper - alone.lower
        plain = mean.interval(first)
        naive += plain.lower <= 0.5 <= plain.upper
        assert (found.pairs, found.second_passes) == (600, 60)
    assert covered >= 181
    assert narrower > 190
    assert naive == 0


def test_what_cannot_be_told_is_refused() -> None:
    """No second pass, unequal lengths, impossible scores and tolerances."""
    with pytest.raises(ValueError, match="no pair was judged in both orders"):
        judging.read([1.0, 0.0], [None, None])
    with pytest.raises(ValueError, match="2 first and 1 second"):
        judging.read([1.0, 0.0], [1.0])
    with pytest.raises(ValueError, match="outside"):
        judging.read([2.0], [1.0])
    with pytest.raises(ValueError, match=r"tolerance 0\.0"):
        judging.bias_is_bounded(judging.read([1.0], [1.0]), tolerance=0.0)
