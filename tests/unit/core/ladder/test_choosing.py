"""The last decision: the cheapest candidate that passes every gate, and the words for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.ladder import choosing
from escalera.core.ladder.case import Case
from escalera.core.ladder.choosing import Candidate
from escalera.core.ladder.confirm import Standing
from escalera.domain.system import Route
from escalera.testing import playbook
from escalera.testing.playbook import DECLARED, luck, simulate

A, B = playbook.task("a"), playbook.task("b")


def candidate(rung, *, served=1, kept=1, money=None, score=0.9, standings=()):
    return Candidate(
        rung=rung,
        title=rung,
        route=Route(branches=(), router=rung),
        standings=standings,
        micro_dollars_per_call=money,
        served=served,
        kept=kept,
        score=score,
    )


@pytest.mark.parametrize(
    ("first", "second", "winner"),
    [
        (candidate("route", served=2, money=1.0), candidate("merge", money=2.0), "route"),
        (candidate("route", served=2, money=1.0), candidate("merge", money=None), "merge"),
        (candidate("route", served=2, kept=1), candidate("merge", kept=3), "merge"),
        (candidate("merge", kept=3, score=0.99), candidate("mixture", kept=1), "mixture"),
        (candidate("merge", score=0.95), candidate("mixture", score=0.9), "merge"),
        (candidate("mixture"), candidate("merge"), "mixture"),
    ],
)
def test_the_cheapest_is_read_off_in_order(first, second, winner):
    """Money where every price is known, then models to serve, then parts to keep, then score."""
    chosen = choosing.choose([first, second])
    assert chosen is not None
    assert chosen.rung == winner


def test_a_tie_goes_to_the_lower_rung():
    """Candidates come bottom rung first, and the first of equals stands."""
    pair = [candidate("mixture"), candidate("merge")]
    assert choosing.choose(pair) is pair[0]


def rates(a, b):
    return {"a": a, "b": b}


def climb(by_adapter, project=None):
    """A climb of two types; rates by what the adapter's name begins with, else 0.3 and 0.96."""

    def answers(system, item):
        found = [r for start, r in by_adapter.items() if (system.adapter or "").startswith(start)]
        return float(luck(item) < (found[0] if found else rates(0.3, 0.96))[item.task])

    return simulate(project or playbook.project(A, B), answers)


BROKEN = {
    "adapter(a 12, b": rates(0.96, 0.7),
    "adapter(a": rates(0.96, 0.3),
    "adapter(b": rates(0.3, 0.96),
    "merge": rates(0.96, 0.96),
}


def test_a_candidate_that_failed_a_gate_is_never_chosen():
    """However cheap: an open or failed gate is not eligible."""
    climbed = climb(BROKEN)
    case = Case(project=playbook.project(A, B), evidence=climbed.evidence)
    found = choosing.candidates(case)
    assert [c.rung for c in found] == ["prompt", "examples", "lora", "mixture", "merge", "route"]
    assert {c.rung for c in found if c.outcome == "adequate"} == {"merge", "route"}
    free = replace(found[3], served=0, kept=0, micro_dollars_per_call=0.0)
    chosen = choosing.choose([free, *found[4:]])
    assert chosen is not None
    assert chosen.rung == "merge"


def test_keeping_counts_the_parts_of_a_merge():
    """A merge keeps its own adapter and one per type; a route keeps one beside the base model."""
    case = Case(project=playbook.project(A, B), evidence=climb(BROKEN).evidence)
    counted = {c.rung: (c.served, c.kept) for c in choosing.candidates(case)}
    assert counted == {
        "prompt": (1, 0),
        "examples": (1, 0),
        "lora": (1, 1),
        "mixture": (1, 1),
        "merge": (1, 3),
        "route": (2, 1),
    }


def test_every_candidate_is_spoken_of():
    """Why the chosen one stands, and for each other one why it does not."""
    (stopped,) = climb(BROKEN).evidence.stopped
    assert stopped.words.startswith("Merged adapters meets every bar: a 0.97")
    said = "\n".join(stopped.reasons)
    for title in ("Prompt wording", "Examples and context", "LoRA on the failing types",
                  "LoRA on a mixture"):  # fmt: skip
        assert f"{title}: not enough" in said
    assert "Route over separate models: would do too, but it serves 2 models instead of 1" in said


def test_what_would_reverse_it_names_bars_margins_and_the_base_model():
    """The wider margin that would admit a cheaper candidate is told in figures."""
    (stopped,) = climb(BROKEN | {"adapter(a 12, b": rates(0.96, 0.88)}).evidence.stopped
    assert stopped.rung == "merge"
    said = "\n".join(stopped.reversal)
    assert "a bar for a above 0." in said
    assert "LoRA on a mixture, which is cheaper to keep" in said
    assert "b may fall by up to 0.2" in said
    assert "a base model that meets the bar for a by prompting" in said


def test_the_sentence_of_an_open_climb_names_rung_and_types():
    """Not enough evidence, for what, and how many items are needed."""
    project = playbook.project(A, B, policy=replace(DECLARED, rungs=("prompt",)))
    (stopped,) = simulate(
        project, lambda _, i: float(luck(i) < rates(0.73, 0.96)[i.task])
    ).evidence.stopped
    assert stopped.words == "Not enough evidence: Prompt wording is open for a"
    assert stopped.reasons[0].startswith("Prompt wording: a 0.7")
    assert stopped.reversal[0].startswith("a: about ")


def test_a_standing_says_one_word():
    """Shown fall, shown shortfall, open gate, adequate: in this order."""
    case = Case(project=playbook.project(A, B), evidence=climb(BROKEN).evidence)
    lora = next(c for c in choosing.candidates(case) if c.rung == "lora")
    good, fallen = lora.standings
    assert (good.outcome, good.gate) == ("adequate", True)
    assert (fallen.outcome, fallen.gate) == ("regressed", False)
    assert fallen.adequacy.verdict == "inadequate"
    assert good.regression is not None
    opened = replace(good.regression, passed=False, verdict="undecided")
    cases = {
        ("adequate", False): "undecided",
        ("inadequate", False): "inadequate",
        ("undecided", False): "undecided",
        ("undecided", True): "undecided",
        ("inadequate", True): "inadequate",
    }
    for (verdict, passed), word in cases.items():
        standing = Standing(
            task=A,
            adequacy=replace(good.adequacy, verdict=verdict),
            regression=replace(opened, passed=passed),
            identical=False,
        )
        assert standing.outcome == word
