"""What spoke for a choice."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from tests.unit.core.routing.messages import TYPES, learned, near, sensing

from escalera.core.routing import explaining

ROUTER = learned()


@pytest.mark.parametrize(
    "text", ["please add a lamp to my order", "thanks, great app!", "zzqx", "", "a a a order a"]
)
def test_words_and_bias_add_up_to_the_difference_of_the_margins(text):
    """Nothing that counted is left out, and nothing counts twice."""
    found = explaining.explain(ROUTER, text)
    margins, _ = ROUTER.scores(text)
    total = math.fsum(one.weight for one in found.reasons) + found.bias
    assert total == pytest.approx(float(margins.max() - margins.min()), abs=1e-5)
    assert {found.choice.type, found.runner_up} == set(TYPES)


def test_the_word_that_tells_the_type_comes_first():
    """And a word of which nothing was ever seen is named."""
    found = explaining.explain(ROUTER, "my order qqq")
    assert found.reasons[0].word == "order"
    assert found.unknown == ("qqq",)
    assert found.words().startswith("orders rather than praise, for 'order' (+")
    assert found.words().endswith("; never seen: qqq")


def test_where_no_word_speaks_for_the_choice_it_says_so():
    """The bias alone decides."""
    assert "for no word" in explaining.explain(ROUTER, "zzqx").words()


def test_one_type_is_no_choice():
    """There is no runner-up to compare with."""
    alone = replace(ROUTER, types=("orders",))
    with pytest.raises(ValueError, match="one type, 'orders'"):
        explaining.explain(alone, "my order")


def test_what_a_message_means_is_told_beside_its_words():
    """All together are the difference of the margins, as they are without an embedding."""
    router, text = sensing(), "add a lamp"
    margins, _ = router.scores(text, near("praise"))
    found = explaining.explain(router, text, near("praise"))
    told = math.fsum(one.weight for one in found.reasons) + found.bias + found.meaning
    assert told == pytest.approx(float(abs(margins[1] - margins[0])), abs=1e-4)
    assert found.choice.type == "praise"
    assert "its meaning (+" in found.words()
    assert explaining.explain(router, text).meaning == 0.0
    assert "its meaning" not in explaining.explain(learned(), text, near("praise")).words()
