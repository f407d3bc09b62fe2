"""Drift of what comes in, told by familiarities alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from escalera.apps.gateway.drifting import MOST, DriftWatch
from escalera.apps.gateway.metrics import Metrics
from escalera.core.routing import abstention, fitting
from escalera.core.routing.abstention import Rule

TEXTS = [f"add {n} lamps to my order" for n in range(60)]
TEXTS += [f"great service, {n} times thank you" for n in range(60)]


@pytest.fixture(scope="module")
def router():
    """Two types, with the familiarity of a hundred held-out messages."""
    found = fitting.fit(("orders", "praise"), TEXTS, ["orders"] * 60 + ["praise"] * 60)
    held = [f"add {n} lamps to the order" for n in range(60, 160)]
    reference = sorted(found.choose(text).familiarity for text in held)
    kept = abstention.threshold(reference, coverage=0.95)
    return replace(
        found,
        rule=Rule(familiarity=kept.value),
        reference=np.array(reference, dtype=np.float32),
    )


def test_messages_like_those_that_were_taught_raise_no_alarm(router) -> None:
    """And what the router says of them is what it always says."""
    watch, metrics = DriftWatch(router, alpha=0.01), Metrics()
    for n in range(200):
        text = f"add {60 + n * 37 % 100} lamps to the order"
        assert watch.choose(text) == router.choose(text)
        if n % 20 == 0:
            assert watch.tell(metrics, "support") == ""
    assert metrics.cell("drifted", ("support",)).value == 0


def test_other_messages_raise_it_once(router) -> None:
    """The words say how many, beside how many there may be; the gauge stays up."""
    watch, metrics = DriftWatch(router, alpha=0.01), Metrics()
    told = []
    for n in range(200):
        watch.choose(f"how far is star {n} from here")
        if n % 20 == 19:
            told.append(watch.tell(metrics, "support"))
    (words,) = [one for one in told if one]
    assert "messages to 'support' have drifted" in words
    assert "100% of" in words
    assert metrics.cell("drifted", ("support",)).value == 1
    assert metrics.cell("messages_judged_total", ("support",)).value == 200


def test_no_more_is_kept_than_is_judged_and_no_text(router) -> None:
    """Whatever comes between two looks."""
    watch = DriftWatch(router, alpha=0.01)
    for n in range(10 * MOST):
        watch.choose(f"secret number {n}")
    assert len(watch._seen) == MOST
    assert all(isinstance(one, float) for one in watch._seen)
    watch.look()
    assert watch._state.seen == MOST


def test_a_message_that_could_not_be_read_says_nothing_of_drift(router) -> None:
    """Its familiarity is that of its words alone."""
    watch, metrics = DriftWatch(router, alpha=0.01), Metrics()
    choice = replace(router.choose("how far is the moon"), refusal="unread")
    for _ in range(50):
        watch.see(choice)
    assert watch.tell(metrics, "support") == ""
    assert metrics.cell("messages_judged_total", ("support",)).value == 0
